/*
 * conformance/family.h - the members of the malloc family that older C libraries do not declare.
 *
 * All weak: a program still starts where the library under test lacks one, and the fact that
 * needs it says so.
 */
#ifndef METE_CONFORMANCE_FAMILY_H
#define METE_CONFORMANCE_FAMILY_H

#include <malloc.h>
#include <stddef.h>
#include <stdlib.h>

#ifdef __cplusplus
extern "C" {
#endif

extern void free_sized(void *block, size_t size) __attribute__((weak));
extern void free_aligned_sized(void *block, size_t align, size_t size) __attribute__((weak));
extern void *__libc_malloc(size_t size) __attribute__((weak));
extern void *__libc_calloc(size_t count, size_t size) __attribute__((weak));
extern void *__libc_realloc(void *block, size_t size) __attribute__((weak));
extern void *__libc_memalign(size_t align, size_t size) __attribute__((weak));
extern void *__libc_valloc(size_t size) __attribute__((weak));
extern void *__libc_pvalloc(size_t size) __attribute__((weak));
extern void __libc_free(void *block) __attribute__((weak));

#ifdef __cplusplus
}
#endif
#endif
