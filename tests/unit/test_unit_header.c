/*
 * analysis/dwarf/unit_header.h: headers of every version and form, whole, cut and damaged.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dwarf.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/dwarf/unit_header.h"
#include "base/compiler.h"

#define ABBREVIATIONS 100

/* A header that is being written. */
struct image {
    uint8_t bytes[128];
    size_t size;
    bool is_big_endian;
};

static void add(struct image *image, uint64_t number, size_t bytes) {
    mete__unit_header_put(image->bytes + image->size, number, bytes, image->is_big_endian);
    image->size += bytes;
}

struct form {
    uint16_t version;
    uint8_t type;
    size_t offset_size;
    bool has_types, has_id;
    size_t root;
};

static const struct form forms[] = {
    {2, DW_UT_compile, 4, false, false, 11}, {3, DW_UT_compile, 8, false, false, 23},
    {4, DW_UT_compile, 4, false, false, 11}, {4, DW_UT_type, 4, true, true, 23},
    {4, DW_UT_type, 8, true, true, 39},      {5, DW_UT_compile, 4, false, false, 12},
    {5, DW_UT_partial, 4, false, false, 12}, {5, DW_UT_compile, 8, false, false, 24},
    {5, DW_UT_skeleton, 4, false, true, 20}, {5, DW_UT_split_compile, 4, false, true, 20},
    {5, DW_UT_type, 4, false, true, 24},     {5, DW_UT_split_type, 8, false, true, 40},
};

#define ID UINT64_C(0x1122334455667788)

/* A unit of that form with a DIE of three bytes. */
static struct image make(const struct form *form, bool is_big_endian) {
    struct image image = {.is_big_endian = is_big_endian};
    size_t length = form->root + 3 - (form->offset_size == 8 ? 12 : 4);

    if (form->offset_size == 8) add(&image, 0xffffffff, 4);
    add(&image, length, form->offset_size);
    add(&image, form->version, 2);
    if (form->version == 5) {
        add(&image, form->type, 1);
        add(&image, 8, 1);
    }
    add(&image, 42, form->offset_size);
    if (form->version < 5) add(&image, 8, 1);
    if (form->has_id) add(&image, ID, 8);
    if (form->type == DW_UT_type || form->type == DW_UT_split_type)
        add(&image, form->root, form->offset_size);
    assert_int_equal(image.size, form->root);
    add(&image, 0, 3);
    return image;
}

static struct mete__unit_section section_of(const struct image *image, const struct form *form) {
    return (struct mete__unit_section){.data = image->bytes,
                                       .size = image->size,
                                       .abbreviations_size = ABBREVIATIONS,
                                       .is_big_endian = image->is_big_endian,
                                       .has_types = form->has_types};
}

static void headers_of_all_forms_are_read(void **state) {
    struct mete__unit_header header;

    (void)state;
    for (size_t i = 0; i < METE_COUNT_OF(forms) * 2; i++) {
        const struct form *form = &forms[i / 2];
        struct image image = make(form, i % 2 != 0);
        struct mete__unit_section section = section_of(&image, form);
        assert_int_equal(mete__unit_header_read(&section, 0, &header), 0);
        assert_int_equal(header.size, image.size);
        assert_int_equal(header.root, form->root);
        assert_int_equal(header.version, form->version);
        assert_int_equal(header.type, form->type);
        assert_int_equal(header.address_size, 8);
        assert_int_equal(header.offset_size, form->offset_size);
        assert_int_equal(header.abbreviations, 42);
        assert_int_equal(header.id, form->has_id ? ID : 0);
        assert_int_equal(mete__unit_header_read(&section, image.size, &header), -ENODATA);
    }
}

static void no_byte_behind_the_end_is_read(void **state) {
    struct mete__unit_header header;

    (void)state;
    for (size_t i = 0; i < METE_COUNT_OF(forms); i++) {
        struct image image = make(&forms[i], false);
        for (size_t size = 1; size < image.size; size++) {
            uint8_t *exact = malloc(size); /* the sanitizers watch its end */
            assert_non_null(exact);
            memcpy(exact, image.bytes, size);
            struct mete__unit_section section = section_of(&image, &forms[i]);
            section.data = exact;
            section.size = size;
            assert_int_equal(mete__unit_header_read(&section, 0, &header), -EBADMSG);
            assert_int_equal(header.size, 0);
            free(exact);
        }
    }
}

/* A byte of a unit of DWARF 5 that is changed, and whether its length still holds. */
static void what_is_damaged_is_not_believed(void **state) {
    static const struct {
        size_t at;
        uint8_t value;
        bool has_length;
    } damages[] = {
        {4, 99, true}, {4, 1, true},   {6, 0x77, true},  {6, 0, true},
        {7, 3, true},  {8, 200, true}, {3, 0xff, false}, {0, 0xff, false},
    };
    struct mete__unit_header header;

    (void)state;
    for (size_t i = 0; i < METE_COUNT_OF(damages); i++) {
        const struct form form = {5, DW_UT_compile, 4, false, false, 12};
        struct image image = make(&form, false);
        struct mete__unit_section section = section_of(&image, &form);
        image.bytes[damages[i].at] = damages[i].value;
        assert_int_equal(mete__unit_header_read(&section, 0, &header), -EBADMSG);
        assert_int_equal(header.size, damages[i].has_length ? image.size : 0);
    }
}

static void a_length_that_is_too_short_for_a_header_is_damaged(void **state) {
    struct mete__unit_header header;

    (void)state;
    for (size_t i = 0; i < METE_COUNT_OF(forms); i++) {
        if (forms[i].offset_size == 8) continue;
        struct image image = make(&forms[i], false);
        struct mete__unit_section section = section_of(&image, &forms[i]);
        for (uint64_t length = 0; length + 4 < forms[i].root; length++) {
            mete__unit_header_put(image.bytes, length, 4, false);
            assert_int_equal(mete__unit_header_read(&section, 0, &header), -EBADMSG);
            assert_int_equal(header.size, length + 4);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headers_of_all_forms_are_read),
        cmocka_unit_test(no_byte_behind_the_end_is_read),
        cmocka_unit_test(what_is_damaged_is_not_believed),
        cmocka_unit_test(a_length_that_is_too_short_for_a_header_is_damaged),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
