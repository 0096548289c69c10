/* heap/large.h: blocks of whole slices, from birth to resizing. */
#include <string.h>
#include <unistd.h>

#include "heap/large.h"
#include "heap/slices.h"
#include "support/apart.h"
#include "support/whole.h"

static const size_t slice = METE__SLICE_SIZE;

static char *take(size_t size) {
    bool zeroed;
    return mete__large_take(size, 1, NULL, &zeroed);
}

static struct mete__span *span_of(const void *block) {
    char *memory;
    return mete__slices_find(block, &memory);
}

static char *resize(char *block, size_t size) {
    return mete__large_resize(span_of(block), block, size);
}

static size_t used_slices(void) {
    struct mete__slices_stats stats;
    mete__slices_read_stats(&stats);
    return stats.used_bytes / slice;
}

/* Each byte says where it is. */
static void fill(char *block, size_t from, size_t to) {
    for (size_t i = from; i < to; i++) block[i] = (char)(i * 31 >> 4);
}

static bool is_filled(const char *block, size_t from, size_t to) {
    for (size_t i = from; i < to; i++)
        if (block[i] != (char)(i * 31 >> 4)) return false;
    return true;
}

static void a_block_has_whole_slices_of_its_own(void) {
    for (size_t size = 1; size < 5 * slice; size += 30000) {
        char *block = take(size);
        struct mete__span *span = span_of(block);
        CHECK(block != NULL && (uintptr_t)block % slice == 0);
        CHECK(span->slices == (size + slice - 1) / slice);
        CHECK(span->block_bytes == span->slices * slice);
        CHECK(mete__span_owner(span) == METE__OWNER_LARGE);
        memset(block, 1, span->block_bytes);
    }
    CHECK(whole());
}

static void no_bytes_are_one_slice(void) {
    CHECK(span_of(take(0))->slices == 1);
}

static void blocks_are_aligned_as_asked(void) {
    bool zeroed;
    for (size_t align = slice; align <= slice << 12; align *= 2) {
        char *block = mete__large_take(100, align, NULL, &zeroed);
        CHECK(block != NULL && (uintptr_t)block % align == 0);
        block[99] = 1;
        CHECK(take(slice) != NULL); /* moves what follows off the alignment */
    }
    CHECK(whole());
}

static void what_cannot_be_had_is_null_and_leaves_the_heap_whole(void) {
    bool zeroed;
    struct mete__record *record;
    CHECK(take(slice) != NULL);
    CHECK(take((size_t)PTRDIFF_MAX) == NULL);
    CHECK(take((size_t)1 << 46) == NULL);
    CHECK(mete__large_take(1, (size_t)1 << 62, NULL, &zeroed) == NULL);
    CHECK(mete__large_take((size_t)1 << 46, 1, &record, &zeroed) == NULL);
    CHECK(used_slices() == 1);
    CHECK(whole());
}

static void a_block_given_back_is_at_once_anybodys(void) {
    char *block = take(3 * slice);
    mete__large_return(span_of(block));
    CHECK(used_slices() == 0 && span_of(block) == NULL);
    CHECK(take(2 * slice) == block);
    CHECK(whole());
}

static void fresh_and_purged_slices_are_known_to_be_zero_and_reused_ones_not(void) {
    bool zeroed = false;
    char *block = mete__large_take(3 * slice, 1, NULL, &zeroed);
    CHECK(zeroed);
    memset(block, 1, 3 * slice);
    mete__large_return(span_of(block));
    CHECK(mete__large_take(slice, 1, NULL, &zeroed) == block && !zeroed);
    mete__large_return(span_of(block));
    mete__slices_purge();
    CHECK(mete__large_take(3 * slice, 1, NULL, &zeroed) == block && zeroed);
    CHECK(block[0] == 0 && block[3 * slice - 1] == 0);
}

static void a_watched_block_has_an_empty_record(void) {
    struct mete__record *record = NULL;
    bool zeroed;
    char *block = mete__large_take(3 * slice, 1, &record, &zeroed);
    CHECK(record != NULL && record->word == 0 && record->stack == 0);
    CHECK(span_of(block)->records == record);
    CHECK(mete__span_owner(span_of(block)) == (METE__OWNER_LARGE | METE__OWNER_WATCHED));
    mete__large_return(span_of(block));
    CHECK(whole());
}

static void a_block_grows_where_it_stands_while_there_is_room(void) {
    char *block = take(4 * slice);
    fill(block, 0, 4 * slice);
    CHECK(resize(block, 9 * slice + 1) == block);
    CHECK(span_of(block)->slices == 10 && span_of(block)->block_bytes == 10 * slice);
    CHECK(is_filled(block, 0, 4 * slice));
    memset(block + 4 * slice, 1, 6 * slice);
    CHECK(whole());
}

static void a_block_gives_up_the_tail_it_does_not_need(void) {
    char *block = take(8 * slice);
    fill(block, 0, 8 * slice);
    CHECK(resize(block, 2 * slice) == block);
    CHECK(used_slices() == 2 && is_filled(block, 0, 2 * slice));
    CHECK(take(6 * slice) == block + 2 * slice);
    CHECK(resize(block, 2 * slice - 5) == block); /* the same slices */
    CHECK(whole());
}

static void what_a_smaller_class_serves_better_is_left_to_a_copy(void) {
    char *block = take(2 * slice);
    CHECK(resize(block, METE__MEDIUM_MAX) == NULL);
    CHECK(resize(block, METE__MEDIUM_MAX + 1) == block);
    CHECK(span_of(block)->slices == 2);
}

static void a_small_block_in_the_way_of_another_is_left_to_a_copy(void) {
    char *block = take(2 * slice);
    CHECK(take(slice) == block + 2 * slice);
    CHECK(resize(block, 3 * slice) == NULL);
    CHECK(span_of(block)->slices == 2);
    CHECK(whole());
}

static void a_larger_block_in_the_way_moves_with_its_pages(void) {
    char *block = take(8 * slice);
    fill(block, 0, 8 * slice);
    CHECK(take(slice) == block + 8 * slice);
    char *moved = resize(block, 16 * slice);
    if (moved == NULL) apart_skip("Linux before 5.7");
    CHECK(moved != block && span_of(block) == NULL);
    CHECK(span_of(moved)->slices == 18); /* an eighth more */
    CHECK(is_filled(moved, 0, 8 * slice));
    for (size_t i = 8 * slice; i < 18 * slice; i++) CHECK(moved[i] == 0);
    fill(moved, 8 * slice, 18 * slice);
    CHECK(whole_deeply());
    char *after = take(8 * slice); /* where it was */
    CHECK(after == block);
    memset(after, 1, 8 * slice);
    CHECK(is_filled(moved, 0, 18 * slice));
}

static void a_moved_block_keeps_its_record(void) {
    struct mete__record *record;
    bool zeroed;
    char *block = mete__large_take(8 * slice, 1, &record, &zeroed);
    record->stack = 77;
    take(slice);
    char *moved = resize(block, 16 * slice);
    if (moved == NULL) apart_skip("Linux before 5.7");
    CHECK(span_of(moved)->records == record && record->stack == 77);
    CHECK((mete__span_owner(span_of(moved)) & METE__OWNER_WATCHED) != 0);
    CHECK(whole());
    mete__large_return(span_of(moved));
    CHECK(whole());
}

static void a_moved_block_shrinks_grows_and_moves_again(void) {
    char *block = take(8 * slice);
    fill(block, 0, 8 * slice);
    take(slice);
    block = resize(block, 16 * slice);
    if (block == NULL) apart_skip("Linux before 5.7");
    CHECK(resize(block, 6 * slice) == block && is_filled(block, 0, 6 * slice));
    CHECK(whole_deeply());
    fill(block, 0, 6 * slice);
    for (size_t slices = 7; slices < 64; slices += 3) {
        fill(block, 0, span_of(block)->block_bytes);
        size_t had = span_of(block)->block_bytes;
        block = resize(block, slices * slice);
        CHECK(block != NULL && is_filled(block, 0, had < slices * slice ? had : slices * slice));
        take(slice);
    }
    CHECK(whole_deeply());
}

/* A process may have 65530 mappings, and pages that were moved never merge with others. */
static void many_moves_leave_few_mappings(void) {
    enum { BLOCKS = 16, ROUNDS = 1000 };
    char *blocks[BLOCKS];
    uint32_t seed = 1;

    for (size_t i = 0; i < BLOCKS; i++) blocks[i] = take(5 * slice);
    size_t before = apart_mappings();
    for (size_t round = 0; round < ROUNDS; round++) {
        seed = seed * 1103515245 + 12345;
        char **block = &blocks[seed >> 16 & (BLOCKS - 1)];
        size_t slices = span_of(*block)->slices;
        char *resized = resize(*block, (slices > 60 ? 5 : slices + (seed >> 20 & 7)) * slice);
        if (resized != NULL) *block = resized;
        (*block)[(seed >> 20 & 3) * slice] = 1;
    }
    /* One for each that has been moved, and one for what lies between two of them. */
    CHECK(apart_mappings() <= before + 3 * BLOCKS);
    for (size_t i = 0; i < BLOCKS; i++) mete__large_return(span_of(blocks[i]));
    CHECK(whole());
    CHECK(apart_mappings() <= before + 4);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FACT(a_block_has_whole_slices_of_its_own),
        FACT(no_bytes_are_one_slice),
        FACT(blocks_are_aligned_as_asked),
        FACT(what_cannot_be_had_is_null_and_leaves_the_heap_whole),
        FACT(a_block_given_back_is_at_once_anybodys),
        FACT(fresh_and_purged_slices_are_known_to_be_zero_and_reused_ones_not),
        FACT(a_watched_block_has_an_empty_record),
        FACT(a_block_grows_where_it_stands_while_there_is_room),
        FACT(a_block_gives_up_the_tail_it_does_not_need),
        FACT(what_a_smaller_class_serves_better_is_left_to_a_copy),
        FACT(a_small_block_in_the_way_of_another_is_left_to_a_copy),
        FACT(a_larger_block_in_the_way_moves_with_its_pages),
        FACT(a_moved_block_keeps_its_record),
        FACT(a_moved_block_shrinks_grows_and_moves_again),
        FACT(many_moves_leave_few_mappings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
