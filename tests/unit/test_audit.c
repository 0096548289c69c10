/* heap/audit.h: a whole heap passes, and each broken invariant is told by its number. */
#include <stdio.h>
#include <string.h>

#include "heap/alloc.h"
#include "heap/audit.h"
#include "heap/slices.h"
#include "os/checkers.h"
#include "os/memory.h"
#include "support/apart.h"
#include "support/hooks.h"
#include "support/whole.h"

static const struct mete__caller nobody;

/* A heap with a bit of everything in it. */
static struct {
    char *small; /* with blocks freed beside it */
    char *full;  /* in a span without a free block */
    char *large;
    char *watched; /* with freed records beside it */
    char *watched_large;
    char *freed; /* a large block that was: dirty slices */
} have;

static struct mete__span *span_of(const void *block) {
    char *memory;
    return mete__slices_find(block, &memory);
}

static void furnish(void) {
    void *beside[4];

    for (size_t i = 0; i < 4; i++) beside[i] = mete__alloc_for(100, &nobody);
    have.small = mete__alloc_for(100, &nobody);
    for (size_t i = 0; i < 4; i++) mete__alloc_free_for(beside[i], &nobody);
    for (size_t i = 0; i < 8; i++) have.full = mete__alloc_for(8192, &nobody);
    mete__alloc_for(8192, &nobody); /* notices that the span is full */
    have.large = mete__alloc_for(200000, &nobody);
    hooks_watch_all();
    for (size_t i = 0; i < 4; i++) beside[i] = mete__alloc_for(100, &nobody);
    have.watched = mete__alloc_for(100, &nobody);
    for (size_t i = 0; i < 4; i++) mete__alloc_free_for(beside[i], &nobody);
    have.watched_large = mete__alloc_for(200000, &nobody);
    hooks_watch_none();
    mete__alloc_free_for(mete__alloc_for(3000, &nobody), &nobody);
    have.freed = mete__alloc_for(300000, &nobody);
    mete__alloc_free_for(have.freed, &nobody);
    CHECK(have.small && have.full && have.large && have.watched && have.watched_large);
}

/* What the audit says after `plant` has broken something. */
static void check_told(const char *invariant, void (*plant)(void)) {
    struct mete__audit_fault fault;

    CHECK(whole());
    plant();
    CHECK(!mete__audit_heap(&fault));
    if (strcmp(fault.invariant, invariant) != 0) whole(); /* says which instead */
    CHECK(strcmp(fault.invariant, invariant) == 0);
}

#define BREAKS(number, invariant, statement)              \
    static void plant_##number(void) {                    \
        struct mete__region *region = mete__region_at(0); \
        (void)region;                                     \
        statement;                                        \
    }                                                     \
    static void a_broken_##number##_is_told(void) {       \
        furnish();                                        \
        check_told(invariant, plant_##number);            \
    }

static struct mete__slice_word *word_of(const void *block) {
    struct mete__region *region = mete__region_of(block);
    return &region->words[mete__region_slice(region, block) / 64];
}

static uint64_t bit_of(const void *block) {
    return (uint64_t)1 << mete__region_slice(mete__region_of(block), block) % 64;
}

BREAKS(r1_order, "R1", region->top = region->ready + 1)
BREAKS(r2_layout, "R2", region->words--)
BREAKS(r4_extent, "R4", mete__region_home.extent += METE__SLICE_SIZE)
BREAKS(s1_lost_slice, "S1", word_of(have.large)->used &= ~bit_of(have.large + METE__SLICE_SIZE))
BREAKS(s1_overlap, "S1", span_of(have.large)->slices += 64)
BREAKS(s2_dirty, "S2", word_of(have.large)->dirty |= bit_of(have.large))
BREAKS(s3_uncommitted, "S3", word_of(have.large)->committed &= ~bit_of(have.large))
BREAKS(s3_beyond, "S3", region->words[(region->ready - 1) / 64].dirty |= (uint64_t)1 << 63)
BREAKS(s4_summary, "S4",
       region->full[region->first / 4096] |= (uint64_t)1 << region->first / 64 % 64)
BREAKS(s5_lowest, "S5", region->lowest = region->top)
BREAKS(s6_dirty, "S6", word_of(have.freed)->dirty &= ~bit_of(have.freed))
BREAKS(i1_owner, "I1", span_of(have.large)[1].owner = (uintptr_t)mete__cache_self)
BREAKS(i2_kind, "I2", span_of(have.large)[1].kind = METE__SPAN_BLOCKS)
BREAKS(i3_used, "I3", span_of(have.small)->used++)
BREAKS(i4_loop, "I4", span_of(have.small)->local_free->next = span_of(have.small)->local_free)
BREAKS(i4_stray, "I4", {
    struct mete__block *stray = (struct mete__block *)(have.small + 8);
    stray->next = span_of(have.small)->local_free;
    span_of(have.small)->local_free = stray;
})
BREAKS(i5_unlisted, "I5", {
    struct mete__span *span = span_of(have.small);
    mete__cache_self->bins[span->size_class].first = NULL;
    mete__cache_self->bins[span->size_class].last = NULL;
    mete__cache_point(mete__cache_self, span->size_class);
})
BREAKS(i6_not_full, "I6", span_of(have.small)->owner |= METE__OWNER_FULL)
BREAKS(i7_link, "I7", span_of(have.watched)->free_index = 4096)
BREAKS(i7_live, "I7", {
    struct mete__span *span = span_of(have.watched);
    span->records[span->free_index - 1].live = 1;
})
BREAKS(i8_owner, "I8", span_of(have.large)->owner |= METE__OWNER_WATCHED)
BREAKS(c1_direct, "C1", mete__cache_self->direct[3] = span_of(have.small))
BREAKS(c1_serving, "C1", mete__cache_self->serving[70] = span_of(have.small))
BREAKS(c2_link, "C2", span_of(have.small)->previous = span_of(have.large))
BREAKS(c2_last, "C2", mete__cache_self->watched[3].last = span_of(have.small))
BREAKS(c3_owner, "C3", span_of(have.full)->owner = (uintptr_t)&mete__cache_empty | METE__OWNER_FULL)
BREAKS(c4_inbox, "C4", {
    struct mete__block *stray = (struct mete__block *)(have.small + 8);
    stray->next = NULL;
    mete__cache_self->inbox = stray;
})
BREAKS(c4_outbox, "C4", {
    struct mete__outbox *outbox = &mete__cache_self->outbox;
    outbox->chains[0].blocks = 1;
})
BREAKS(c5_busy, "C5", mete__cache_self->busy = 1)
BREAKS(c5_empty, "C5", mete__cache_no_span.used = 1)

static void a_heap_before_its_first_block_is_whole(void) {
    CHECK(mete__region_count() == 0);
    CHECK(whole_deeply());
}

static void a_furnished_heap_is_whole(void) {
    furnish();
    CHECK(whole_deeply());
}

static void a_region_the_look_up_misses_is_told(void) {
    struct mete__audit_fault fault;

    furnish();
    *mete__region_at(1) = *mete__region_at(0);
    mete__region_home.base += METE__SLICE_SIZE; /* now every look-up of the first slice misses */
    CHECK(!mete__audit_heap(&fault));
    CHECK(strcmp(fault.invariant, "R3") == 0);
}

static void a_clean_slice_that_is_not_zero_is_told(void) {
    struct mete__audit_fault fault;

    furnish();
    mete__checkers_open(have.freed, 2);
    have.freed[1] = 1; /* dirty slices may hold anything */
    CHECK(whole_deeply());
    CHECK(mete__slices_purge() > 0);
    CHECK(whole_deeply());
    mete__checkers_open(have.freed, 2);
    have.freed[1] = 1;
    CHECK(!mete__audit_zeros(&fault));
    CHECK(strcmp(fault.invariant, "S7") == 0 && fault.address == have.freed);
}

static void a_fault_is_explained_in_one_line(void) {
    char buffer[256];
    struct mete__text text = mete__text_in(buffer, sizeof buffer);
    struct mete__span span = {.kind = METE__SPAN_BLOCKS, .size_class = 3, .used = 2, .carved = 5};
    struct mete__audit_fault fault = {.invariant = "I3", .text = "wrong", .span = &span};
    char expected[256];

    mete__audit_explain(&fault, &text);
    snprintf(expected, sizeof expected,
             "I3: wrong, span %p (kind 1, class 3, owner 0x0, used 2, carved 5)", (void *)&span);
    CHECK(strcmp(buffer, expected) == 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FACT(a_heap_before_its_first_block_is_whole),
        FACT(a_furnished_heap_is_whole),
        FACT(a_broken_r1_order_is_told),
        FACT(a_broken_r2_layout_is_told),
        FACT(a_region_the_look_up_misses_is_told),
        FACT(a_broken_r4_extent_is_told),
        FACT(a_broken_s1_lost_slice_is_told),
        FACT(a_broken_s1_overlap_is_told),
        FACT(a_broken_s2_dirty_is_told),
        FACT(a_broken_s3_uncommitted_is_told),
        FACT(a_broken_s3_beyond_is_told),
        FACT(a_broken_s4_summary_is_told),
        FACT(a_broken_s5_lowest_is_told),
        FACT(a_broken_s6_dirty_is_told),
        FACT(a_broken_i1_owner_is_told),
        FACT(a_broken_i2_kind_is_told),
        FACT(a_broken_i3_used_is_told),
        FACT(a_broken_i4_loop_is_told),
        FACT(a_broken_i4_stray_is_told),
        FACT(a_broken_i5_unlisted_is_told),
        FACT(a_broken_i6_not_full_is_told),
        FACT(a_broken_i7_link_is_told),
        FACT(a_broken_i7_live_is_told),
        FACT(a_broken_i8_owner_is_told),
        FACT(a_broken_c1_direct_is_told),
        FACT(a_broken_c1_serving_is_told),
        FACT(a_broken_c2_link_is_told),
        FACT(a_broken_c2_last_is_told),
        FACT(a_broken_c3_owner_is_told),
        FACT(a_broken_c4_inbox_is_told),
        FACT(a_broken_c4_outbox_is_told),
        FACT(a_broken_c5_busy_is_told),
        FACT(a_broken_c5_empty_is_told),
        FACT(a_clean_slice_that_is_not_zero_is_told),
        FACT(a_fault_is_explained_in_one_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
