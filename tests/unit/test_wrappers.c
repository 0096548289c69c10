/* analysis/findings/wrappers.c: a function is a wrapper by what it does, in profiles without any
 * names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "analysis/findings/wrappers.h"
#include "analysis/symbols/backtrace.h"
#include "base/compiler.h"
#include "profile/reader.h"
#include "profile/writer.h"
#include "support/fresh.h"

#define CALLERS 12
#define ALLOC   0x401000u /* every stack's innermost address */
#define INNER   0x400800u /* the one inside of it, where there is one */
#define CALLER  0x402000u /* … + 16 * number: what calls it */

static char path[FRESH_PATH];
static struct mete__profile *profile;
static struct mete__symbols *symbols;
static struct mete__summary *summary;

static int set_up(void **state) {
    struct mete__writer_options options = {.path = path, .limit_bytes = 4 << 20};

    (void)state;
    if (fresh_file(path, "wrappers") != 0) return -1;
    if (mete__writer_open(&options) != 0) return -1;
    mete__writer_header()->mode = METE_PROFILE_EXACT;
    struct mete_profile_module module = {.start = 0x400000,
                                         .end = 0x500000,
                                         .bias = 0x400000,
                                         .path = mete__writer_string("/opt/app", 8)};
    mete__writer_append(METE_SECTION_MODULES, &module);
    mete__writer_append(METE_SECTION_NODES, &(struct mete_profile_node){0});
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    mete__summary_free(summary);
    mete__symbols_close(symbols);
    mete__profile_close(profile);
    mete__writer_close();
    return unlink(path);
}

static uint32_t add_node(uint64_t pc, uint32_t parent) {
    struct mete_profile_node node = {.pc = pc, .parent = parent};
    int64_t index = mete__writer_append(METE_SECTION_NODES, &node);

    assert_true(index > 0);
    return (uint32_t)index;
}

/* A site that allocates so many bytes a hundred times. */
static uint32_t add_site(uint32_t stack, uint64_t size) {
    struct mete_profile_site site = {
        .stack = stack, .allocations = 100, .allocated_bytes = 100 * size};

    assert_true(mete__writer_append(METE_SECTION_SITES, &site) >= 0);
    return stack;
}

static void find(void) {
    static const struct mete__symbols_options options = {0};
    char why[256];

    assert_int_equal(mete__profile_open(path, &profile, why, sizeof why), 0);
    assert_int_equal(mete__summary_make(profile, &summary), 0);
    assert_int_equal(mete__symbols_open(profile, &options, &symbols), 0);
    assert_int_equal(mete__wrappers_find(profile, symbols, summary), 0);
}

/* The address that the site of this stack is named after. */
static uint64_t named_after(uint32_t stack) {
    struct mete__backtrace_cursor cursor;
    struct mete__backtrace backtrace = {0};
    const struct mete__frame *frame;

    mete__symbols_want(symbols, stack);
    assert_int_equal(mete__symbols_resolve(symbols), 0);
    frame = mete__backtrace_headline(profile, symbols, stack, &cursor);
    assert_non_null(frame);
    /* Whole stacks say the same. */
    assert_int_equal(mete__backtrace_read(&backtrace, profile, symbols, stack), 0);
    assert_ptr_equal(backtrace.frames[backtrace.shown_from], frame);
    mete__backtrace_free(&backtrace);
    return frame->address;
}

/* Stacks of one function that is called by `callers` others, for sizes first, first + step…; the
 * last stack. */
static uint32_t add_callers(size_t callers, uint64_t first, uint64_t step) {
    uint32_t outer = add_node(0x403000, 0), stack = 0;

    for (size_t i = 0; i < callers; i++)
        stack = add_site(add_node(ALLOC, add_node(CALLER + 16 * i, outer)), first + step * i);
    return stack;
}

static void sizes_of_the_callers_make_a_wrapper(void **state) {
    (void)state;
    uint32_t stack = add_callers(CALLERS, 16, 8);
    find();
    assert_int_equal(named_after(stack), CALLER + 16 * (CALLERS - 1));
}

static void one_size_makes_a_constructor(void **state) {
    (void)state;
    uint32_t stack = add_callers(CALLERS, 48, 0);
    find();
    assert_int_equal(named_after(stack), ALLOC);
}

static void a_few_callers_make_no_wrapper(void **state) {
    (void)state;
    uint32_t stack = add_callers(7, 16, 8);
    find();
    assert_int_equal(named_after(stack), ALLOC);
}

static void what_a_wrapper_calls_is_hidden_with_it(void **state) {
    (void)state;
    uint32_t outer = add_node(0x403000, 0), stack = 0;
    for (uint64_t i = 0; i < CALLERS; i++)
        stack = add_site(add_node(INNER, add_node(ALLOC, add_node(CALLER + 16 * i, outer))), i * 9);
    find();
    assert_int_equal(named_after(stack), CALLER + 16 * (CALLERS - 1));
}

static void what_is_called_by_itself_is_no_wrapper(void **state) {
    (void)state;
    uint32_t outer = add_node(0x403000, 0), stack = 0;
    for (uint64_t i = 0; i < CALLERS; i++) {
        uint32_t again = add_node(ALLOC, add_node(CALLER + 16 * i, outer));
        stack = add_site(add_node(ALLOC, add_node(CALLER + 16 * i + 4, again)), 16 + 8 * i);
    }
    find();
    assert_int_equal(named_after(stack), ALLOC);
}

/* The one function that calls all of these is called by nobody else. */
static void the_only_caller_of_many_is_no_wrapper(void **state) {
    (void)state;
    uint32_t outer = add_node(0x403000, 0), stack = 0;
    for (uint64_t i = 0; i < CALLERS; i++)
        stack = add_site(add_node(CALLER + 16 * i, outer), 100 + i);
    find();
    assert_int_equal(named_after(stack), CALLER + 16 * (CALLERS - 1));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FACT(sizes_of_the_callers_make_a_wrapper),    FACT(one_size_makes_a_constructor),
        FACT(a_few_callers_make_no_wrapper),          FACT(what_a_wrapper_calls_is_hidden_with_it),
        FACT(what_is_called_by_itself_is_no_wrapper), FACT(the_only_caller_of_many_is_no_wrapper),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
