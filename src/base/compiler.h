/*
 * base/compiler.h - the compiler's attributes under readable names.
 *
 * Only what gcc 12 and clang 14 both understand; nothing here has a run-time effect of its own.
 */
#ifndef METE_BASE_COMPILER_H
#define METE_BASE_COMPILER_H

#include <stddef.h>
#include <stdint.h>

#define METE_LIKELY(condition)   __builtin_expect(!!(condition), 1)
#define METE_UNLIKELY(condition) __builtin_expect(!!(condition), 0)

#define METE_HIDDEN     __attribute__((visibility("hidden")))
#define METE_EXPORT     __attribute__((visibility("default")))
#define METE_NOINLINE   __attribute__((noinline))
#define METE_INLINE     static inline __attribute__((always_inline))
#define METE_COLD       __attribute__((cold, noinline))
#define METE_NORETURN   __attribute__((noreturn))
#define METE_MUST_USE   __attribute__((warn_unused_result))
#define METE_ALIGNED(n) __attribute__((aligned(n)))
/* Whether this very code is built with AddressSanitizer: a test of mete, not a program's. */
#if defined(__SANITIZE_ADDRESS__)
#define METE__SANITIZED 1
#elif defined(__has_feature)
#define METE__SANITIZED __has_feature(address_sanitizer)
#else
#define METE__SANITIZED 0
#endif
/* Reads words that their owners may be changing, and lives with what it gets: no race to report. */
#define METE_RACY __attribute__((no_sanitize("thread")))
#define METE_PRINTF(format_index, first_index) \
    __attribute__((format(printf, format_index, first_index)))

/* The size of a cache line on every machine mete knows: the unit in which cores fight. */
#define METE_CACHE_LINE 64

#define METE_COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* The `type`, const or not, whose `member` is what the pointer points to. */
#define METE_CONTAINER_OF(pointer, type, member) \
    ((type *)(void *)((char *)(uintptr_t)(pointer)-offsetof(type, member)))

#endif
