/*
 * conformance/fact.h - facts about a C library's malloc, each shown in a process of its own.
 *
 * A program lists its facts in a table and gives it to fact_main(), which prints TAP. Every fact is
 * started anew by exec, with the library of $FACT_PRELOAD in LD_PRELOAD: a crash, a leak or a
 * deadlock in one fact never reaches the next, and the process that reports stays on the C
 * library's own malloc. Without $FACT_PRELOAD the facts are about the C library itself, which is
 * how the tests are tested.
 *
 * In a fact, CHECK and CHECK_EQUAL report and end it; returning is success. They may be used from
 * any thread, from a forked child (whose failure is the fact's, so long as it is waited for by
 * await_child) and from signal handlers: nothing here allocates. Facts are compiled with
 * -fno-builtin, so that every allocation written is one made.
 */
#ifndef METE_CONFORMANCE_FACT_H
#define METE_CONFORMANCE_FACT_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct fact {
    const char *name;
    void (*run)(void);
    /* Runs in the child just before exec, on the C library's malloc; NULL for none. Returns NULL,
     * or why the fact can't be shown on this machine. */
    const char *(*prepare)(void);
    /* Runs in the reporting process after the fact has ended, however it ended; NULL for none. */
    void (*restore)(void);
    unsigned seconds; /* after which the fact is killed and has failed; 0: 60 */
    /* Why the fact is known not to hold yet: its failure is then expected. NULL: it holds. */
    const char *todo;
} fact;

#define FACT_WITH(name, prepare, restore, todo) \
    { #name, name, prepare, restore, 0, todo }
#define FACT(name)                   FACT_WITH(name, NULL, NULL, NULL)
#define FACT_PREPARED(name, prepare) FACT_WITH(name, prepare, NULL, NULL)
#define FACT_TODO(name, why)         FACT_WITH(name, NULL, NULL, why)

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

int fact_main(const fact *facts, size_t count, int argc, char **argv);

__attribute__((noreturn, format(printf, 3, 4))) void fact_fail(const char *file, int line,
                                                               const char *format, ...);
__attribute__((noreturn)) void fact_skip(const char *reason);
/* A line in the report that decides nothing: a measured figure. */
__attribute__((format(printf, 1, 2))) void fact_note(const char *format, ...);

#define CHECK(condition) \
    ((condition) ? (void)0 : fact_fail(__FILE__, __LINE__, "not true: %s", #condition))
#define CHECK_EQUAL(actual, expected) \
    fact_check_equal(__FILE__, __LINE__, #actual, (uintmax_t)(actual), (uintmax_t)(expected))

/* A request that is too large: NULL, and errno says so. */
#define CHECK_ENOMEM(request)       \
    do {                            \
        errno = 0;                  \
        CHECK((request) == NULL);   \
        CHECK_EQUAL(errno, ENOMEM); \
    } while (0)

void fact_check_equal(const char *file, int line, const char *what, uintmax_t actual,
                      uintmax_t expected);

/* Where the malloc under test comes from. */
bool malloc_is_mete(void);

/* Fills a block with bytes that depend on `seed` and their position; verify finds any change. */
void pattern_fill(void *block, size_t size, unsigned seed);
void pattern_verify(const void *block, size_t size, unsigned seed);
/* Every byte of the block is zero. */
void zero_verify(const void *block, size_t size);

/* xorshift64*: reproducible, and no lock of the C library. The state must not be 0. */
uint64_t random_next(uint64_t *state);
/* 1 to limit, small sizes as likely as large ones (logarithmic). */
size_t random_size(uint64_t *state, size_t limit);

/* A field of /proc/self/status in bytes ("VmRSS:", "VmHWM:", "VmSize:", "VmLck:"). */
size_t process_bytes(const char *field);
/* Calls condition() up to `seconds` long, with a light malloc and free between the calls when
 * `active`; true as soon as it holds. */
bool becomes_true(bool (*condition)(void), double seconds, bool active);

/* Waits for a forked child; fails the fact if it did not exit with 0. */
void await_child(pid_t child);

#ifdef __cplusplus
}
#endif
#endif
