/* mete/arena.h, scratch: each thread its own, and none that a result goes to. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <mete/arena.h>

#include "registry/registry.h"

static void a_scratch_avoids_its_callers_arena(void **state) {
    (void)state;
    mete_scratch outer = mete_scratch_begin(NULL, 0);
    mete_arena *avoid[] = {outer.arena, NULL};
    mete_scratch inner = mete_scratch_begin(avoid, 1);
    assert_non_null(outer.arena);
    assert_non_null(inner.arena);
    assert_ptr_not_equal(outer.arena, inner.arena);
    avoid[1] = inner.arena;
    mete_scratch third = mete_scratch_begin(avoid, 2);
    assert_ptr_not_equal(third.arena, outer.arena);
    assert_ptr_not_equal(third.arena, inner.arena);
    char *kept = mete_arena_strdup(outer.arena, "kept");
    char *lost = mete_arena_strdup(inner.arena, "lost");
    mete_scratch_end(third);
    mete_scratch_end(inner);
    assert_string_equal(kept, "kept");
    mete_scratch again = mete_scratch_begin(avoid, 1);
    assert_ptr_equal(mete_arena_strdup(again.arena, "next"), lost);
    mete_scratch_end(again);
    mete_scratch_end(outer);
}

static void the_same_arena_nests(void **state) {
    (void)state;
    mete_scratch outer = mete_scratch_begin(NULL, 0);
    char *a = mete_arena_strdup(outer.arena, "a");
    mete_scratch inner = mete_scratch_begin(NULL, 0);
    assert_ptr_equal(inner.arena, outer.arena);
    char *b = mete_arena_strdup(inner.arena, "b");
    assert_non_null(b);
    mete_scratch_end(inner);
    assert_string_equal(a, "a");
    assert_ptr_equal(mete_arena_strdup(outer.arena, "c"), b);
    mete_scratch_end(outer);
}

static bool count_holder(void *context, struct mete__holder *holder) {
    *(size_t *)context += strcmp(holder->name, "scratch") == 0;
    return true;
}

static size_t scratch_arenas(void) {
    size_t count = 0;
    assert_true(mete__registry_each(count_holder, &count));
    return count;
}

static void *use_scratch(void *result) {
    mete_scratch scratch = mete_scratch_begin(NULL, 0);
    for (int i = 0; i < 1000; i++) memset(mete_arena_alloc(scratch.arena, 1000, 1), i, 1000);
    *(mete_arena **)result = scratch.arena;
    mete_scratch_end(scratch);
    return NULL;
}

static void a_threads_end_gives_them_back(void **state) {
    enum { THREADS = 4 };
    pthread_t threads[THREADS];
    mete_arena *arenas[THREADS];
    size_t before = scratch_arenas();

    (void)state;
    for (int round = 0; round < 10; round++) {
        for (int i = 0; i < THREADS; i++)
            assert_int_equal(pthread_create(&threads[i], NULL, use_scratch, &arenas[i]), 0);
        for (int i = 0; i < THREADS; i++) assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(scratch_arenas(), before);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_scratch_avoids_its_callers_arena),
        cmocka_unit_test(the_same_arena_nests),
        cmocka_unit_test(a_threads_end_gives_them_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
