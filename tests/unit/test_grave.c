/* heap/grave.h: records of released spans are found until enough others have come. */
#include "heap/grave.h"
#include "os/meta.h"
#include "support/apart.h"

static char ground[1 << 20]; /* never read: only addresses count */

static struct mete__grave dig(size_t offset, size_t block_bytes, size_t blocks) {
    struct mete__grave grave = {.memory = ground + offset,
                                .block_bytes = block_bytes,
                                .blocks = blocks,
                                .records = mete__meta_alloc(blocks * sizeof(struct mete__record)),
                                .record_count = blocks};
    CHECK(grave.records != NULL);
    for (size_t i = 0; i < blocks; i++) grave.records[i].stack = (uint32_t)(offset + i);
    mete__grave_bury(&grave);
    return grave;
}

static void nothing_is_found_before_anything_is_buried(void) {
    struct mete__found found;
    CHECK(!mete__grave_find(ground, &found));
    CHECK(!mete__grave_find(NULL, &found));
}

static void each_block_is_found_by_its_start(void) {
    struct mete__grave grave = dig(4096, 96, 10);
    struct mete__found found;
    for (size_t i = 0; i < 10; i++) {
        CHECK(mete__grave_find(ground + 4096 + i * 96, &found));
        CHECK(found.block == ground + 4096 + i * 96 && found.block_bytes == 96);
        CHECK(found.record == &grave.records[i] && found.record->stack == 4096 + i);
        CHECK(!found.live);
    }
}

static void what_is_no_start_of_a_block_is_not_found(void) {
    struct mete__found found;
    dig(4096, 96, 10);
    CHECK(!mete__grave_find(ground + 4096 - 96, &found));
    CHECK(!mete__grave_find(ground + 4095, &found));
    CHECK(!mete__grave_find(ground + 4097, &found));
    CHECK(!mete__grave_find(ground + 4096 + 95, &found));
    CHECK(!mete__grave_find(ground + 4096 + 10 * 96, &found)); /* never handed out */
}

static void the_latest_of_two_at_one_place_is_found(void) {
    struct mete__found found;
    dig(0, 64, 4);
    struct mete__grave later = dig(0, 32, 4);
    CHECK(mete__grave_find(ground + 64, &found) && found.record == &later.records[2]);
    struct mete__grave again = dig(0, 64, 2);
    CHECK(mete__grave_find(ground + 64, &found) && found.record == &again.records[1]);
}

static void the_oldest_make_room_and_their_records_are_used_again(void) {
    struct mete__found found;
    for (size_t i = 0; i < 65; i++) dig(i * 1024, 1024, 1);
    CHECK(!mete__grave_find(ground, &found));
    CHECK(mete__grave_find(ground + 1024, &found) && mete__grave_find(ground + 64 * 1024, &found));
    size_t before = mete__meta_bytes();
    for (size_t i = 0; i < 10000; i++) dig(i % 1000 * 1024, 1024, 1);
    CHECK(mete__meta_bytes() == before);
}

static void large_ones_make_room_sooner(void) {
    struct mete__found found;
    for (size_t i = 0; i < 4; i++) dig(i * 65536, 16, 4096); /* 64 KiB of records each */
    CHECK(mete__grave_find(ground, &found));
    dig(4 * 65536, 16, 1);
    CHECK(!mete__grave_find(ground, &found));
    CHECK(mete__grave_find(ground + 65536, &found) && mete__grave_find(ground + 4 * 65536, &found));
}

static void a_childs_graves_are_its_own(void) {
    struct mete__found found;
    dig(0, 64, 4);
    mete__grave_after_fork(); /* with nobody in the middle of it: all is kept */
    CHECK(mete__grave_find(ground, &found));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FACT(nothing_is_found_before_anything_is_buried),
        FACT(each_block_is_found_by_its_start),
        FACT(what_is_no_start_of_a_block_is_not_found),
        FACT(the_latest_of_two_at_one_place_is_found),
        FACT(the_oldest_make_room_and_their_records_are_used_again),
        FACT(large_ones_make_room_sooner),
        FACT(a_childs_graves_are_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
