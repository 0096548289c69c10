/*
 * track/stack.c: captures against glibc's backtrace(), and against themselves without a memo.
 *
 * Every program under test calls here() where a real one would call malloc.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <alloca.h>
#include <execinfo.h>

#include "profile/writer.h"
#include "track/stack.h"
#include "track/tree.h"

enum { DEPTH_LIMIT = METE__STACK_DEPTH_MAX };

static struct mete__stack_memo *memo;  /* as a thread has it */
static struct mete__stack_memo *blank; /* for captures that remember nothing */

/* The frames of a node, innermost first; the flags of all of them together. */
static size_t frames_of(uint32_t node, void **out, uint32_t *flags) {
    size_t count = 0;
    *flags = 0;
    while (node != 0) {
        const struct mete_profile_node *record = mete__writer_record(METE_SECTION_NODES, node);
        out[count++] = (void *)record->pc;
        *flags |= record->flags;
        node = record->parent;
    }
    return count;
}

/* What backtrace() sees from `pc` on. */
static size_t expected_frames(uintptr_t pc, void **out) {
    static void *all[DEPTH_LIMIT * 4];
    int count = backtrace(all, DEPTH_LIMIT * 4);
    int first = 0;
    while (first < count && (uintptr_t)all[first] != pc) first++;
    size_t frames = (size_t)(count - first);
    for (size_t i = 0; i < frames; i++) out[i] = all[(size_t)first + i];
    return frames;
}

/* The call that captures: three ways, which must agree. */
static METE_NOINLINE void here(void) {
    static void *got[DEPTH_LIMIT + 1], *expected[DEPTH_LIMIT * 4];
    struct mete__caller caller = METE__CALLER;
    uint32_t flags;
    uint32_t node = mete__stack_capture(memo, &caller);

    assert_int_not_equal(node, 0);
    assert_int_equal(node, mete__stack_capture_anew(blank, &caller));
    size_t count = frames_of(node, got, &flags);
    size_t total = expected_frames(caller.pc, expected);
    assert_true(total > 0);
    assert_int_equal(count, total < DEPTH_LIMIT ? total : DEPTH_LIMIT);
    assert_int_equal(flags & METE_NODE_TRUNCATED, total > DEPTH_LIMIT ? METE_NODE_TRUNCATED : 0);
    assert_memory_equal(got, expected, count * sizeof *got);
}

static METE_NOINLINE void recurse(int depth) {
    here();
    if (depth > 0) recurse(depth - 1);
    if (depth % 7 == 0) here();
}

static void recursion_is_captured_on_the_way_down_and_up(void **state) {
    (void)state;
    recurse(60);
    recurse(60);
}

static void a_stack_deeper_than_the_limit_keeps_its_innermost_frames(void **state) {
    (void)state;
    recurse(600);
}

static METE_NOINLINE void call_from_one_place(void) {
    here();
}

static METE_NOINLINE void call_from_another_place(void) {
    call_from_one_place();
    here();
}

static void the_same_inner_frames_under_another_outer_one_are_another_stack(void **state) {
    (void)state;
    for (int i = 0; i < 3; i++) {
        call_from_one_place();
        call_from_another_place();
        call_from_one_place();
    }
}

static METE_NOINLINE void with_alloca(size_t size) {
    volatile char *memory = alloca(size);
    memory[0] = 1;
    here();
    memory[size - 1] = 1;
}

static void frames_of_changing_size_are_followed(void **state) {
    (void)state;
    for (size_t size = 16; size < 200000; size += size / 3) with_alloca(size);
    for (size_t size = 16; size < 4000; size += 16) with_alloca(size);
}

static int set_up(void **state) {
    (void)state;
    struct mete__writer_options options = {0};
    if (mete__writer_open(&options) != 0) return -1;
    memo = mete__stack_memo_create();
    blank = mete__stack_memo_create();
    return memo != NULL && blank != NULL ? 0 : -1;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recursion_is_captured_on_the_way_down_and_up),
        cmocka_unit_test(a_stack_deeper_than_the_limit_keeps_its_innermost_frames),
        cmocka_unit_test(the_same_inner_frames_under_another_outer_one_are_another_stack),
        cmocka_unit_test(frames_of_changing_size_are_followed),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
