/* analysis/findings/suppressions.c and suppression_parser.c: both syntaxes, and what is wrong with
 * them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "analysis/findings/suppressions.h"
#include "base/compiler.h"

/* push_front at list.c:31, called by a C++ function, called by main; the last has no names. */
static const struct mete__frame frames[] = {
    {.function = "push_front",
     .symbol = "push_front",
     .file = "/src/list.c",
     .line = 31,
     .module = "/opt/app/bin/app"},
    {.function = "ns::build(int)",
     .symbol = "_ZN2ns5buildEi",
     .file = "/src/build.cpp",
     .line = 7,
     .module = "/opt/app/lib/libbuild.so.1"},
    {.function = "main",
     .symbol = "main",
     .file = "/src/main.c",
     .line = 4,
     .module = "/opt/app/bin/app"},
    {.module = "/lib/libc.so.6"},
};
static const struct mete__frame *const stack[] = {&frames[0], &frames[1], &frames[2], &frames[3]};

static char why[512];

static int parse(struct mete__suppressions *set, const char *text) {
    return mete__suppressions_parse(set, "test.supp", text, strlen(text), why, sizeof why);
}

static bool leak_matches(const char *text, enum mete_profile_leak_kind kind) {
    struct mete__suppressions *set = mete__suppressions_open();

    if (parse(set, text) != 0) fail_msg("%s", why);
    bool matches = mete__suppressions_match_leak(set, kind, stack, METE_COUNT_OF(stack));
    mete__suppressions_close(set);
    return matches;
}

static bool error_matches(const char *text, enum mete_profile_error_kind kind) {
    struct mete__suppressions *set = mete__suppressions_open();

    if (parse(set, text) != 0) fail_msg("%s", why);
    bool matches = mete__suppressions_match_error(set, kind, stack, METE_COUNT_OF(stack));
    mete__suppressions_close(set);
    return matches;
}

#define LEAK(frames)  "{\n  a name\n  Memcheck:Leak\n" frames "}\n"
#define HIDES(frames) leak_matches(LEAK(frames), METE_LEAK_DEFINITE)

static void frames_match_from_the_innermost(void **state) {
    (void)state;
    assert_true(HIDES("fun:push_front\n"));
    assert_true(HIDES("fun:push_front\nfun:_ZN2ns5build*\nfun:main\n"));
    assert_true(HIDES("fun:push_front\nfun:ns::build*\n"));
    assert_false(HIDES("fun:main\n"));
    assert_false(HIDES("fun:push_front\nfun:main\n"));
}

static void the_allocation_function_may_come_first(void **state) {
    (void)state;
    assert_true(HIDES("fun:malloc\nfun:push_front\n"));
    assert_true(HIDES("fun:*alloc\nfun:push_front\n"));
    assert_true(HIDES("fun:_Znwm\nfun:push_front\n"));
    assert_true(HIDES("fun:*\nfun:push_front\n"));
    assert_false(HIDES("fun:free\nfun:push_front\n"));
    assert_false(HIDES("fun:malloc\nfun:main\n"));
}

static void dots_stand_for_any_frames(void **state) {
    (void)state;
    assert_true(HIDES("...\nfun:main\n"));
    assert_true(HIDES("fun:malloc\n...\nfun:main\n"));
    assert_true(HIDES("fun:push_front\n...\nfun:main\n...\n"));
    assert_true(HIDES("...\nobj:*/libbuild.so*\n"));
    assert_false(HIDES("...\nfun:main\n...\nfun:push_front\n"));
}

static void objects_and_sources_match(void **state) {
    (void)state;
    assert_true(HIDES("obj:/opt/app/bin/app\n"));
    assert_true(HIDES("src:list.c\n"));
    assert_true(HIDES("src:list.c:31\n"));
    assert_true(HIDES("src:/src/li*\n"));
    assert_false(HIDES("src:list.c:32\n"));
    assert_false(HIDES("...\nfun:main\nsrc:*\n"));
}

static void leak_kinds_are_respected(void **state) {
    const char *text = LEAK("match-leak-kinds: definite, possible\nfun:push_front\n");

    (void)state;
    assert_true(leak_matches(text, METE_LEAK_DEFINITE));
    assert_true(leak_matches(text, METE_LEAK_POSSIBLE));
    assert_false(leak_matches(text, METE_LEAK_INDIRECT));
    assert_false(leak_matches(text, METE_LEAK_REACHABLE));
    assert_true(leak_matches(LEAK("match-leak-kinds:all\nfun:push_front\n"), METE_LEAK_REACHABLE));
    assert_false(error_matches(LEAK("fun:push_front\n"), METE_ERROR_DOUBLE_FREE));
}

static void error_kinds_are_respected(void **state) {
    const char *frees = "{\nn\nMemcheck:Free\nfun:free\nfun:push_front\n}\n";
    const char *writes = "{\nn\nMemcheck:Addr4\nfun:push_front\n}\n";
    const char *own = "{\nn\nmete:heap-overflow\nfun:push_front\n}\n";

    (void)state;
    assert_true(error_matches(frees, METE_ERROR_DOUBLE_FREE));
    assert_true(error_matches(frees, METE_ERROR_INTERIOR_FREE));
    assert_false(error_matches(frees, METE_ERROR_HEAP_OVERFLOW));
    assert_true(error_matches(writes, METE_ERROR_USE_AFTER_FREE));
    assert_false(error_matches(writes, METE_ERROR_DOUBLE_FREE));
    assert_true(error_matches(own, METE_ERROR_HEAP_OVERFLOW));
    assert_false(error_matches(own, METE_ERROR_HEAP_UNDERFLOW));
    assert_false(leak_matches(frees, METE_LEAK_DEFINITE));
}

static void lsan_lines_match_any_frame(void **state) {
    (void)state;
    assert_true(leak_matches("# known\nleak:push\n", METE_LEAK_DEFINITE));
    assert_true(leak_matches("leak:libbuild.so\n", METE_LEAK_INDIRECT));
    assert_true(leak_matches("leak:main.c\n", METE_LEAK_DEFINITE));
    assert_true(leak_matches("leak:^main$\r\n", METE_LEAK_DEFINITE));
    assert_false(leak_matches("leak:^ain\n", METE_LEAK_DEFINITE));
}

static void other_tools_are_passed_over(void **state) {
    const char *text = "{\n  cond\n  Memcheck:Cond\n  fun:x\n}\n"
                       "{\n  param\n  Memcheck:Param\n  write(buf)\n  fun:y\n}\n"
                       "{\n  race\n  Helgrind:Race\n  fun:z\n}\n"
                       "{\n  ours\n  Helgrind,Memcheck:Leak\n  fun:push_front\n}\n";
    struct mete__suppressions *set = mete__suppressions_open();
    struct mete__suppression_use use;

    (void)state;
    assert_int_equal(parse(set, text), 0);
    assert_true(mete__suppressions_match_leak(set, METE_LEAK_DEFINITE, stack, 4));
    assert_true(mete__suppressions_use(set, 0, &use));
    assert_false(use.for_leaks || use.for_errors);
    assert_true(mete__suppressions_use(set, 3, &use));
    assert_true(use.for_leaks);
    assert_int_equal(use.matches, 1);
    assert_int_equal(use.line, 17);
    assert_string_equal(use.name, "ours");
    assert_false(mete__suppressions_use(set, 4, &use));
    mete__suppressions_close(set);
}

static void mistakes_are_named_with_their_line(void **state) {
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"nonsense\n", "test.supp:1: expected { or leak:PATTERN, not 'nonsense'"},
        {"{\nname\n", "test.supp:2: the suppression has no TOOL:KIND line"},
        {"{\n}\n", "test.supp:2: the suppression has no name"},
        {"{\nname\nMemcheck\nfun:x\n}\n", "test.supp:3: expected TOOL:KIND, not 'Memcheck'"},
        {"{\nname\nMemcheck:Leak\nfun:x\n", "test.supp:4: the suppression has no closing }"},
        {"{\nname\nMemcheck:Leak\nfn:x\n}\n",
         "test.supp:4: expected fun:, obj:, src:, ... or }, not 'fn:x'"},
        {"{\nname\nMemcheck:Leak\n...\n}\n",
         "test.supp:5: the suppression needs a line that is not '...'"},
        {"{\nname\nMemcheck:Leak\n}\n",
         "test.supp:4: the suppression needs a line that is not '...'"},
        {"{\nname\nMemcheck:Leak\nmatch-leak-kinds: sure\nfun:x\n}\n",
         "test.supp:4: unknown leak kind 'sure'"},
        {"\n\nleak:\n", "test.supp:3: leak: without a pattern would hide everything"},
    };

    (void)state;
    for (size_t i = 0; i < METE_COUNT_OF(cases); i++) {
        struct mete__suppressions *set = mete__suppressions_open();
        assert_int_equal(parse(set, cases[i].text), -EINVAL);
        assert_string_equal(why, cases[i].why);
        mete__suppressions_close(set);
    }
}

static void what_came_before_a_mistake_stays(void **state) {
    struct mete__suppressions *set = mete__suppressions_open();
    struct mete__suppression_use use;

    (void)state;
    assert_int_equal(parse(set, "leak:one\n{\nbroken\n"), -EINVAL);
    assert_true(mete__suppressions_use(set, 0, &use));
    assert_false(mete__suppressions_use(set, 1, &use));
    mete__suppressions_close(set);
}

static void a_missing_file_is_named(void **state) {
    struct mete__suppressions *set = mete__suppressions_open();

    (void)state;
    assert_int_equal(mete__suppressions_read(set, "/no/such.supp", why, sizeof why), -ENOENT);
    assert_string_equal(why,
                        "cannot read the suppressions in /no/such.supp: No such file or directory");
    assert_int_equal(mete__suppressions_read(set, "/tmp", why, sizeof why), -EISDIR);
    mete__suppressions_close(set);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_match_from_the_innermost),
        cmocka_unit_test(the_allocation_function_may_come_first),
        cmocka_unit_test(dots_stand_for_any_frames),
        cmocka_unit_test(objects_and_sources_match),
        cmocka_unit_test(leak_kinds_are_respected),
        cmocka_unit_test(error_kinds_are_respected),
        cmocka_unit_test(lsan_lines_match_any_frame),
        cmocka_unit_test(other_tools_are_passed_over),
        cmocka_unit_test(mistakes_are_named_with_their_line),
        cmocka_unit_test(what_came_before_a_mistake_stays),
        cmocka_unit_test(a_missing_file_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
