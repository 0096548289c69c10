/* allocator/allocator_system.c: with a free in the C library's place that spoils errno. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <mete/allocator.h>

#include "base/compiler.h"

#if !METE__SANITIZED && defined(__GLIBC__) && !defined(__SANITIZE_THREAD__)
/* glibc's, under the name that is left to those who replace it. */
extern void __libc_free(void *block); /* NOLINT(bugprone-reserved-identifier) */

static int frees;

/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name): glibc's is reserved */
void free(void *block) {
    __libc_free(block);
    errno = EDOM;
    frees++;
}

static void freeing_keeps_errno_though_free_does_not(void **state) {
    const mete_layout layout = {100, 8};
    (void)state;
    void *block = mete_allocator_alloc(mete_allocator_system(), layout);
    assert_non_null(block);
    int before = frees;
    errno = 42;
    mete_allocator_free(mete_allocator_system(), block, layout);
    assert_int_equal(errno, 42);
    assert_int_equal(frees, before + 1);
}
#else
static void freeing_keeps_errno_though_free_does_not(void **state) {
    (void)state;
    skip(); /* the sanitizer's free is nobody's to replace */
}
#endif

static void it_is_the_same_each_time(void **state) {
    (void)state;
    assert_ptr_equal(mete_allocator_system(), mete_allocator_system());
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(freeing_keeps_errno_though_free_does_not),
        cmocka_unit_test(it_is_the_same_each_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
