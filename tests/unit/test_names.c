/* analysis/names.h: texts that are kept once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/names.h"
#include "support/fresh.h"

#define MANY 20000

static int set_up(void **state) {
    *state = mete__names_open();
    return *state == NULL ? -1 : 0;
}

static int tear_down(void **state) {
    mete__names_close(*state);
    return 0;
}

static void equal_texts_have_equal_addresses(void **state) {
    struct mete__names *names = *state;
    char again[] = "struct conn";
    const char *kept = mete__names_keep(names, "struct conn");

    assert_string_equal(kept, "struct conn");
    assert_ptr_not_equal(kept, again);
    assert_ptr_equal(mete__names_keep(names, again), kept);
    assert_ptr_not_equal(mete__names_keep(names, "struct con"), kept);
    assert_string_equal(mete__names_keep(names, ""), "");
}

static void names_stay_where_they_are_however_many_follow(void **state) {
    struct mete__names *names = *state;
    const char **kept = calloc(MANY, sizeof(char *));
    char text[32];

    assert_non_null(kept);
    for (int i = 0; i < MANY; i++) {
        snprintf(text, sizeof text, "name_%d", i);
        kept[i] = mete__names_keep(names, text);
        assert_non_null(kept[i]);
    }
    for (int i = 0; i < MANY; i++) {
        snprintf(text, sizeof text, "name_%d", i);
        assert_string_equal(kept[i], text);
        assert_ptr_equal(mete__names_keep(names, text), kept[i]);
    }
    free(kept);
}

static void numbers_count_from_zero_in_order_of_arrival(void **state) {
    struct mete__names *names = *state;

    assert_int_equal(mete__names_number(names, "first"), 0);
    (void)mete__names_keep(names, "second");
    assert_int_equal(mete__names_number(names, "third"), 2);
    assert_int_equal(mete__names_number(names, "second"), 1);
    assert_int_equal(mete__names_number(names, "first"), 0);
}

/* Lengths about the size of what is allocated at once, 64 KiB. */
static void a_name_may_be_as_long_as_it_likes(void **state) {
    static const size_t lengths[] = {65520, 65526, 65527, 65528, 65529, 65536, 1000000};
    struct mete__names *names = *state;

    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        char *text = malloc(lengths[i] + 1);
        assert_non_null(text);
        memset(text, 'x', lengths[i]);
        text[lengths[i]] = '\0';
        const char *before = mete__names_keep(names, "short one");
        const char *kept = mete__names_keep(names, text);
        assert_string_equal(kept, text);
        assert_ptr_equal(mete__names_keep(names, text), kept);
        text[lengths[i] - 1] = 'y'; /* the end counts too */
        assert_ptr_not_equal(mete__names_keep(names, text), kept);
        assert_string_equal(before, "short one");
        assert_ptr_equal(mete__names_keep(names, "short one"), before);
        free(text);
    }
}

static void mangled_symbols_are_readable_and_others_are_themselves(void **state) {
    struct mete__names *names = *state;
    const char *readable = mete__names_readable(names, "_ZN4conn4openEv");

    assert_string_equal(readable, "conn::open()");
    assert_ptr_equal(mete__names_readable(names, "_ZN4conn4openEv"), readable);
    assert_ptr_equal(mete__names_keep(names, "conn::open()"), readable);
    assert_ptr_equal(mete__names_readable(names, "open"), mete__names_keep(names, "open"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FACT(equal_texts_have_equal_addresses),
        FACT(names_stay_where_they_are_however_many_follow),
        FACT(numbers_count_from_zero_in_order_of_arrival),
        FACT(a_name_may_be_as_long_as_it_likes),
        FACT(mangled_symbols_are_readable_and_others_are_themselves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
