/*
 * analysis/types/type_heads.h: types that begin with the same members are found, those of one name
 * and those that share one member only are not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "analysis/types/type_heads.h"

/* A struct of 8-byte members, named by the letters; to be freed. */
static struct mete__type *make(const char *name, const char *letters) {
    static const char *const names[] = {"a", "b", "c", "d", "e"};
    size_t count = strlen(letters);
    struct mete__type *type = calloc(1, sizeof *type + count * sizeof type->members[0]);

    assert_non_null(type);
    type->name = name;
    type->member_count = (uint32_t)count;
    for (uint32_t i = 0; i < count; i++)
        type->members[i] = (struct mete__member){
            .name = names[letters[i] - 'a'], .offset = 8 * (uint64_t)i, .size = 8};
    return type;
}

static void the_longest_common_head_is_found(void **state) {
    (void)state;
    struct mete__type *types[] = {make("struct node", "abcd"), make("struct attribute", "abce"),
                                  make("struct other", "abed"), make("struct loner", "eabc"),
                                  make("struct base", "ab")};
    const struct mete__type *other = NULL;
    struct mete__type_heads *heads =
        mete__type_heads_open((const struct mete__type *const *)types, 5);

    assert_non_null(heads);
    assert_int_equal(mete__type_heads_find(heads, types[0], &other), 3);
    assert_ptr_equal(other, types[1]);
    assert_int_equal(mete__type_heads_find(heads, types[1], &other), 3);
    assert_ptr_equal(other, types[0]);
    assert_int_equal(mete__type_heads_find(heads, types[2], &other), 2);
    assert_int_equal(mete__type_heads_find(heads, types[4], &other), 2);
    other = NULL;
    assert_int_equal(mete__type_heads_find(heads, types[3], &other), 0);
    assert_null(other);
    mete__type_heads_close(heads);
    for (int i = 0; i < 5; i++) free(types[i]);
}

static void a_member_elsewhere_ends_the_head(void **state) {
    (void)state;
    struct mete__type *types[] = {make("struct one", "abc"), make("struct two", "abc")};
    const struct mete__type *other = NULL;

    types[1]->members[1].offset = 16;
    struct mete__type_heads *heads =
        mete__type_heads_open((const struct mete__type *const *)types, 2);
    assert_non_null(heads);
    assert_int_equal(mete__type_heads_find(heads, types[0], &other), 0);
    assert_null(other);
    mete__type_heads_close(heads);
    free(types[0]);
    free(types[1]);
}

static void two_of_one_name_are_no_relatives(void **state) {
    (void)state;
    struct mete__type *types[] = {make("struct same", "abcd"), make("struct same", "abce"),
                                  make("struct far", "abd")};
    const struct mete__type *other = NULL;
    struct mete__type_heads *heads =
        mete__type_heads_open((const struct mete__type *const *)types, 3);

    assert_non_null(heads);
    assert_int_equal(mete__type_heads_find(heads, types[0], &other), 2);
    assert_ptr_equal(other, types[2]);
    mete__type_heads_close(heads);
    for (int i = 0; i < 3; i++) free(types[i]);
}

static void none_are_no_trouble(void **state) {
    (void)state;
    struct mete__type *type = make("struct lone", "ab");
    const struct mete__type *other = NULL;
    struct mete__type_heads *heads = mete__type_heads_open(NULL, 0);

    assert_non_null(heads);
    assert_int_equal(mete__type_heads_find(heads, type, &other), 0);
    mete__type_heads_close(heads);
    mete__type_heads_close(NULL);
    free(type);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_longest_common_head_is_found),
        cmocka_unit_test(a_member_elsewhere_ends_the_head),
        cmocka_unit_test(two_of_one_name_are_no_relatives),
        cmocka_unit_test(none_are_no_trouble),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
