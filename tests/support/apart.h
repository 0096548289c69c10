/*
 * tests/support/apart.h - a test as one statement about the code, proved in a process of its own.
 *
 * The heap, its locks and its settings exist once in a process, and live from the first call on. So
 * each fact is a function without arguments that runs in a forked child, where everything is still
 * as it was born; the test program itself never touches them. In the child a broken CHECK ends the
 * child at once, and so does a hang (after APART_SECONDS).
 */
#ifndef METE_TESTS_APART_H
#define METE_TESTS_APART_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { APART_SECONDS = 60 };

/* Entries of a cmocka group: a function that ends well, and one that ends by SIGABRT with exactly
 * what it promised by apart_expect on standard error. */
#define FACT(function) \
    { #function, apart_holds, NULL, NULL, (void *)(function) }
#define DEATH(function) \
    { #function, apart_dies, NULL, NULL, (void *)(function) }

void apart_holds(void **function);
void apart_dies(void **function);

/* In the child: the condition holds, or the fact is none. */
#define CHECK(condition)                                                \
    do {                                                                \
        if (!(condition)) apart_broken(__FILE__, __LINE__, #condition); \
    } while (0)

_Noreturn void apart_broken(const char *file, int line, const char *condition);

/* In the child: the fact cannot be looked at on this machine. */
_Noreturn void apart_skip(const char *reason);

/* In the child: how many mappings it has, which count against vm.max_map_count. Skips the fact
 * where there is no /proc to say it. */
size_t apart_mappings(void);

/* In the child: adds to what standard error must have when it dies. */
__attribute__((format(printf, 1, 2))) void apart_expect(const char *format, ...);

/* Runs `body` in a forked child, and checks in the caller, itself a child, that it ended well. */
void apart_in_child(void (*body)(void *context), void *context);

/* Whether a sanitizer owns this process: no limits on address space then, and no signals at any
 * instruction. */
#if defined(__has_feature)
#define APART_HAS(feature) __has_feature(feature)
#else
#define APART_HAS(feature) 0
#endif
#if defined(__SANITIZE_THREAD__) || APART_HAS(thread_sanitizer)
#define APART_UNDER_TSAN 1
#else
#define APART_UNDER_TSAN 0
#endif
#if defined(__SANITIZE_ADDRESS__) || APART_HAS(address_sanitizer)
#define APART_SANITIZED 1
#else
#define APART_SANITIZED APART_UNDER_TSAN
#endif

#endif
