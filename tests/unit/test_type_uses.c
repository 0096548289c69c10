/* analysis/blocks/type_uses.c: what smaller objects win in a heap of size classes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "analysis/blocks/type_uses.h"

static uint64_t peak, live;

static void save(const struct mete__type_use_site *site, uint64_t size, uint64_t smaller_by) {
    const struct mete__type_use use = {
        .name = "struct conn", .size = size, .sites = site, .site_count = 1};

    struct mete__type_saving saving =
        mete__type_uses_saving(&use, smaller_by, mete__type_uses_block);
    peak = saving.peak;
    live = saving.live;
}

static void blocks_are_of_size_classes(void **state) {
    (void)state;
    assert_int_equal(mete__type_uses_block(0), 16);
    assert_int_equal(mete__type_uses_block(40), 48);
    assert_int_equal(mete__type_uses_block(48), 48);
    assert_int_equal(mete__type_uses_block(65537), 69632);
    assert_true(mete__type_uses_block(UINT64_MAX) == UINT64_MAX);
}

/* As malloc_usable_size says with glibc, and its 8 bytes. */
static void glibc_has_chunks_of_its_own(void **state) {
    const struct mete__type_use_site site = {
        .form = METE__SITE_TYPE_ONE, .block_bytes = 24, .peak_blocks = 1000};
    const struct mete__type_use use = {.size = 24, .sites = &site, .site_count = 1};

    (void)state;
    assert_int_equal(mete__type_uses_glibc_block(0), 32);
    assert_int_equal(mete__type_uses_glibc_block(24), 32);
    assert_int_equal(mete__type_uses_glibc_block(25), 48);
    assert_int_equal(mete__type_uses_glibc_block(1000), 1008);
    assert_true(mete__type_uses_glibc_block(UINT64_MAX) == UINT64_MAX);
    assert_int_equal(mete__type_uses_saving(&use, 8, mete__type_uses_block).peak, 16000);
    assert_int_equal(mete__type_uses_saving(&use, 8, mete__type_uses_glibc_block).peak, 0);
}

static void what_stays_in_its_size_class_saves_nothing(void **state) {
    const struct mete__type_use_site site = {
        .form = METE__SITE_TYPE_ONE, .block_bytes = 48, .peak_blocks = 1000, .live_blocks = 10};

    (void)state;
    save(&site, 48, 8); /* 40 bytes take 48, too */
    assert_int_equal(peak, 0);
    assert_int_equal(live, 0);
    save(&site, 48, 16);
    assert_int_equal(peak, 16000);
    assert_int_equal(live, 160);
}

static void each_object_of_an_array_saves(void **state) {
    const struct mete__type_use_site site = {
        .form = METE__SITE_TYPE_ARRAY, .block_bytes = 4096, .peak_blocks = 2};

    (void)state;
    save(&site, 32, 8); /* 128 of them: 3072 bytes */
    assert_int_equal(peak, 2048);
}

static void a_header_saves_once(void **state) {
    const struct mete__type_use_site site = {
        .form = METE__SITE_TYPE_TAIL, .block_bytes = 4096, .peak_blocks = 2};

    (void)state;
    save(&site, 32, 8); /* 4088 bytes take 4096 */
    assert_int_equal(peak, 0);
}

static void nothing_becomes_smaller_than_nothing(void **state) {
    const struct mete__type_use_site site = {
        .form = METE__SITE_TYPE_ONE, .block_bytes = 16, .peak_blocks = UINT64_MAX};

    (void)state;
    save(&site, 100, 100);
    assert_int_equal(peak, 0);
    save(&(struct mete__type_use_site){.block_bytes = 48, .peak_blocks = UINT64_MAX}, 48, 48);
    assert_true(peak == UINT64_MAX);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_are_of_size_classes),
        cmocka_unit_test(glibc_has_chunks_of_its_own),
        cmocka_unit_test(what_stays_in_its_size_class_saves_nothing),
        cmocka_unit_test(each_object_of_an_array_saves),
        cmocka_unit_test(a_header_saves_once),
        cmocka_unit_test(nothing_becomes_smaller_than_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
