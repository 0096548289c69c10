/* heap/blocks.h: spans of equal blocks, their two lists, and when they come and go. */
#include <string.h>

#include "heap/blocks.h"
#include "heap/heap.h"
#include "heap/slices.h"
#include "support/apart.h"
#include "support/hooks.h"
#include "support/whole.h"

static struct mete__cache *cache;

static void enter(void) {
    cache = mete__cache_enter();
    CHECK(cache != NULL);
}

static struct mete__span *span_of(const void *block) {
    char *memory;
    return mete__slices_find(block, &memory);
}

static size_t used_bytes(void) {
    struct mete__slices_stats stats;
    mete__slices_read_stats(&stats);
    return stats.used_bytes;
}

static void a_span_is_carved_a_page_at_a_time_from_its_start(void) {
    enter();
    char *first = mete__blocks_take(cache, 0); /* blocks of 16 bytes */
    const struct mete__span *span = span_of(first);
    CHECK(first == mete__slices_memory(span) && mete__span_carved(span) == 4096 / 16);
    for (size_t i = 1; i < 4096 / 16; i++) CHECK(mete__blocks_take(cache, 0) == first + i * 16);
    CHECK(mete__span_carved(span) == 4096 / 16);
    CHECK(mete__blocks_take(cache, 0) == first + 4096);
    CHECK(mete__span_carved(span) == 2 * 4096 / 16);
}

static void every_class_fills_its_span_to_the_last_block(void) {
    enter();
    for (unsigned c = 0; c < METE__CLASSES; c++) {
        char *first = mete__blocks_take(cache, c);
        struct mete__span *span = span_of(first);
        size_t bytes = mete__size_class_bytes(c);
        CHECK(span->block_bytes == bytes);
        for (size_t i = 1; i < span->capacity; i++)
            CHECK(span_of(mete__blocks_take(cache, c)) == span);
        CHECK(((size_t)span->slices << METE__SLICE_SHIFT) - span->capacity * bytes < bytes);
        struct mete__span *second = span_of(mete__blocks_take(cache, c));
        CHECK(second != span && (mete__span_owner(span) & METE__OWNER_FULL) != 0);
        CHECK((mete__span_owner(second) & METE__OWNER_FULL) == 0);
    }
    mete__cache_leave(cache);
    CHECK(whole());
}

static void freed_blocks_wait_until_the_first_list_is_empty(void) {
    enter();
    char *blocks[256];
    for (size_t i = 0; i < 200; i++) blocks[i] = mete__blocks_take(cache, 0);
    for (size_t i = 0; i < 200; i++) mete__blocks_return(cache, (struct mete__block *)blocks[i]);
    for (size_t i = 200; i < 256; i++) { /* the rest of the page comes first */
        char *block = mete__blocks_take(cache, 0);
        CHECK(block == blocks[0] + i * 16);
    }
    char *again = mete__blocks_take(cache, 0);
    CHECK(again == blocks[199]); /* then what was freed last */
}

static void a_full_span_serves_again_when_a_block_comes_back(void) {
    enter();
    unsigned c = mete__size_class_of(8192);
    char *blocks[9];
    for (size_t i = 0; i < 9; i++) blocks[i] = mete__blocks_take(cache, c);
    struct mete__span *full = span_of(blocks[0]), *second = span_of(blocks[8]);
    CHECK((mete__span_owner(full) & METE__OWNER_FULL) != 0);
    mete__blocks_return(cache, (struct mete__block *)blocks[3]);
    CHECK((mete__span_owner(full) & METE__OWNER_FULL) == 0);
    CHECK(cache->bins[c].first == second && cache->bins[c].last == full);
    for (size_t i = 1; i < second->capacity; i++)
        CHECK(span_of(mete__blocks_take(cache, c)) == second);
    CHECK(mete__blocks_take(cache, c) == blocks[3]);
    mete__cache_leave(cache);
    CHECK(whole());
}

static void an_unused_span_goes_unless_it_is_the_only_one(void) {
    enter();
    unsigned c = mete__size_class_of(8192);
    char *blocks[16];
    size_t before = used_bytes();
    for (size_t i = 0; i < 16; i++) blocks[i] = mete__blocks_take(cache, c);
    CHECK(used_bytes() == before + 2 * METE__SLICE_SIZE);
    for (size_t i = 0; i < 8; i++) mete__blocks_return(cache, (struct mete__block *)blocks[i]);
    for (size_t i = 8; i < 16; i++) mete__blocks_return(cache, (struct mete__block *)blocks[i]);
    CHECK(used_bytes() == before + METE__SLICE_SIZE);
    CHECK(mete__blocks_trim(cache) == METE__SLICE_SIZE && used_bytes() == before);
    CHECK(mete__blocks_trim(cache) == 0);
    mete__cache_leave(cache);
    CHECK(whole());
}

static void watched_blocks_have_records_of_their_own(void) {
    struct mete__record *records[20];
    char *blocks[20];
    enter();
    for (size_t i = 0; i < 20; i++) {
        blocks[i] = mete__blocks_take_watched(cache, 2, &records[i]);
        CHECK(blocks[i] != NULL && !records[i]->live);
        CHECK((mete__span_owner(span_of(blocks[i])) & METE__OWNER_WATCHED) != 0);
        for (size_t j = 0; j < i; j++) CHECK(records[j] != records[i] && blocks[j] != blocks[i]);
    }
    /* The latest back is the next out, with its record, and its memory is as it was left. */
    memset(blocks[7], 0x5a, 48);
    mete__blocks_return(cache, (struct mete__block *)blocks[7]);
    for (size_t at = 0; at < 48; at++) CHECK(blocks[7][at] == 0x5a);
    struct mete__record *record;
    CHECK(mete__blocks_take_watched(cache, 2, &record) == blocks[7] && record == records[7]);
    mete__cache_leave(cache);
    CHECK(whole());
}

static void watched_and_plain_blocks_never_share_a_span(void) {
    struct mete__record *record;
    enter();
    for (unsigned c = 0; c < METE__CLASSES; c += 7)
        CHECK(span_of(mete__blocks_take(cache, c)) !=
              span_of(mete__blocks_take_watched(cache, c, &record)));
}

static void medium_blocks_share_eight_slices(void) {
    enter();
    const char *block = mete__blocks_take(cache, METE__CLASSES - 1);
    CHECK(span_of(block)->slices == METE__MEDIUM_SLICES && span_of(block)->capacity == 8);
    CHECK(span_of(mete__blocks_take(cache, 0))->slices == 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FACT(a_span_is_carved_a_page_at_a_time_from_its_start),
        FACT(every_class_fills_its_span_to_the_last_block),
        FACT(freed_blocks_wait_until_the_first_list_is_empty),
        FACT(a_full_span_serves_again_when_a_block_comes_back),
        FACT(an_unused_span_goes_unless_it_is_the_only_one),
        FACT(watched_blocks_have_records_of_their_own),
        FACT(watched_and_plain_blocks_never_share_a_span),
        FACT(medium_blocks_share_eight_slices),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
