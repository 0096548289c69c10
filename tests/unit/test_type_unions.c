/* analysis/types/type_unions.h: what may be read through another alternative of a union. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "analysis/types/type_unions.h"

#define MEMBERS_MAX 4

static struct mete__type *make(enum mete__type_kind kind, const char *name,
                               const struct mete__member *members, uint32_t count) {
    struct mete__type *type = calloc(1, sizeof *type + MEMBERS_MAX * sizeof *members);

    assert_non_null(type);
    assert_true(count <= MEMBERS_MAX);
    type->kind = (uint8_t)kind;
    type->name = name;
    type->member_count = count;
    memcpy(type->members, members, count * sizeof *members);
    return type;
}

#define MAKE(kind, name, ...)                                    \
    make(kind, name, (const struct mete__member[]){__VA_ARGS__}, \
         sizeof((const struct mete__member[]){__VA_ARGS__}) / sizeof(struct mete__member))
#define INT(name_, offset_) \
    { .name = (name_), .type = "int", .offset = (offset_), .size = 4 }
#define LONG(name_, offset_) \
    { .name = (name_), .type = "long", .offset = (offset_), .size = 8 }
#define HELD(name_, type_) \
    { .name = (name_), .type = (type_)->name, .nested = (type_), .size = 16 }

/* How many members of `one` a union of these shares. */
static uint32_t head_of(const struct mete__type *one, const struct mete__member *others,
                        uint32_t count) {
    struct mete__type *of = make(METE__TYPE_UNION, "union all", others, count);
    const struct mete__type *const types[] = {of}, *found = NULL;
    struct mete__type_unions *unions = mete__type_unions_open(types, 1);

    assert_non_null(unions);
    uint32_t head = mete__type_unions_head(unions, one, &found);
    assert_ptr_equal(found, head == 0 ? NULL : of);
    mete__type_unions_close(unions);
    free(of);
    return head;
}

static void structs_share_what_they_begin_with_alike(void **state) {
    (void)state;
    struct mete__type *one = MAKE(METE__TYPE_STRUCT, "struct one", INT("kind", 0), INT("a", 4),
                                  LONG("b", 8)),
                      *other = MAKE(METE__TYPE_STRUCT, "struct other", INT("type", 0), INT("x", 4),
                                    INT("y", 8)),
                      *foreign = MAKE(METE__TYPE_STRUCT, "struct foreign", LONG("z", 0));
    const struct mete__member all[] = {HELD("o", one), HELD("p", other), HELD("q", foreign)};

    assert_int_equal(head_of(one, all, 3), 2);
    assert_int_equal(head_of(other, all, 3), 2);
    assert_int_equal(head_of(foreign, all, 3), 0);
    assert_int_equal(head_of(one, all, 1), 0);
    free(one);
    free(other);
    free(foreign);
}

static void other_alternatives_cover_bytes(void **state) {
    (void)state;
    struct mete__type *one =
        MAKE(METE__TYPE_STRUCT, "struct one", INT("kind", 0), INT("a", 4), LONG("b", 8));
    const struct mete__member number[] = {HELD("o", one), INT("kind", 0)};
    const struct mete__member wide[] = {HELD("o", one), LONG("next", 0)};
    const struct mete__member raw[] = {
        HELD("o", one),
        {.name = "raw", .type = "char[16]", .size = 16, .flags = METE__MEMBER_ARRAY}};

    assert_int_equal(head_of(one, number, 2), 1);
    assert_int_equal(head_of(one, wide, 2), 2);
    assert_int_equal(head_of(one, raw, 2), 3);
    free(one);
}

static void unions_without_a_name_are_found_in_structs(void **state) {
    (void)state;
    struct mete__type *one = MAKE(METE__TYPE_STRUCT, "struct one", INT("kind", 0), LONG("b", 8));
    struct mete__type *of = MAKE(METE__TYPE_UNION, "union {...}", HELD("o", one), INT("k", 0));
    struct mete__type *around =
        MAKE(METE__TYPE_STRUCT, "struct around", INT("n", 0), HELD(NULL, of));
    const struct mete__type *const types[] = {around}, *found = NULL;

    of->flags = METE__TYPE_ANONYMOUS;
    struct mete__type_unions *unions = mete__type_unions_open(types, 1);
    assert_non_null(unions);
    assert_int_equal(mete__type_unions_head(unions, one, &found), 1);
    assert_ptr_equal(found, of);
    assert_int_equal(mete__type_unions_head(unions, around, &found), 0);
    mete__type_unions_close(unions);
    mete__type_unions_close(NULL);
    free(one);
    free(of);
    free(around);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(structs_share_what_they_begin_with_alike),
        cmocka_unit_test(other_alternatives_cover_bytes),
        cmocka_unit_test(unions_without_a_name_are_found_in_structs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
