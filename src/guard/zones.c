/* guard/zones.h */
#include "guard/zones.h"

#include "guard/filling.h"
#include "guard/finding.h"
#include "os/memory.h"

/* Of freed blocks from this size on the pages are dropped rather than filled: they read as zero. */
static const size_t drop_min = (size_t)256 << 10;

static char *end_of(const struct mete__cushion *cushion) {
    return cushion->block + cushion->size;
}

void mete__zones_begin(const struct mete__cushion *cushion) {
    mete__filling_write(cushion->from, cushion->block, METE__FILLING_ZONE);
    mete__filling_write(end_of(cushion), cushion->to, METE__FILLING_ZONE);
}

/* The zone behind is damaged to its end: what the overflow did to the neighbour's is part of it. */
static void mend_next(const struct mete__cushion *cushion) {
    struct mete__cushion next;

    if (cushion->fenced || !mete__cushion_find(cushion->memory + cushion->bytes, &next)) return;
    if (next.from == next.memory &&
        mete__filling_wrong(next.from, next.block, METE__FILLING_ZONE) == next.from)
        mete__filling_write(next.from, next.block, METE__FILLING_ZONE);
}

static void check_behind(const struct mete__cushion *cushion, enum mete__misuse kind,
                         const struct mete__caller *caller) {
    char *wrong = mete__filling_wrong(end_of(cushion), cushion->to, METE__FILLING_ZONE);

    if (METE_LIKELY(wrong == NULL)) return;
    bool to_the_end = (uint8_t)cushion->to[-1] != METE__FILLING_ZONE;
    mete__finding_tell(kind, wrong, cushion, caller);
    mete__filling_write(wrong, cushion->to, METE__FILLING_ZONE);
    if (to_the_end) mend_next(cushion);
}

/* The zone in front is damaged from its start on: that may be the end of what began in the block
 * before. */
static void blame_previous(const struct mete__cushion *cushion, const struct mete__caller *caller) {
    struct mete__cushion previous;

    if (cushion->fenced || !mete__cushion_find(cushion->memory - 1, &previous)) return;
    if (previous.to == cushion->memory && (uint8_t)previous.to[-1] != METE__FILLING_ZONE)
        check_behind(&previous,
                     previous.record->live ? METE__HEAP_OVERFLOW : METE__WRITE_AFTER_FREE, caller);
}

static void check_before(const struct mete__cushion *cushion, enum mete__misuse kind,
                         const struct mete__caller *caller) {
    char *wrong = mete__filling_wrong(cushion->from, cushion->block, METE__FILLING_ZONE);

    if (METE_LIKELY(wrong == NULL)) return;
    if (wrong == cushion->memory) {
        blame_previous(cushion, caller);
        wrong = mete__filling_wrong(cushion->from, cushion->block, METE__FILLING_ZONE);
        if (wrong == NULL) return;
    }
    mete__finding_tell(kind, wrong, cushion, caller);
    mete__filling_write(wrong, cushion->block, METE__FILLING_ZONE);
}

void mete__zones_check(const struct mete__cushion *cushion, const struct mete__caller *caller) {
    check_before(cushion, METE__HEAP_UNDERFLOW, caller);
    check_behind(cushion, METE__HEAP_OVERFLOW, caller);
}

/* ---- in freed blocks ---- */

/* The pages inside of a block that would be dropped rather than filled; none where to <= from. */
struct middle {
    char *from, *to;
};

static struct middle middle_of(const struct mete__cushion *cushion) {
    size_t page = mete__memory_page_size();

    if (cushion->size < drop_min) return (struct middle){end_of(cushion), end_of(cushion)};
    return (struct middle){(char *)mete__round_up((uintptr_t)cushion->block, page),
                           (char *)mete__round_down((uintptr_t)end_of(cushion), page)};
}

/* The record's mark is the leak check's only while the block is live. */
void mete__zones_bury(const struct mete__cushion *cushion) {
    struct middle middle = middle_of(cushion);

    cushion->record->mark = middle.from < middle.to &&
                            mete__memory_purge(middle.from, (size_t)(middle.to - middle.from)) == 0;
    if (cushion->record->mark == 0) middle.from = middle.to;
    mete__filling_write(cushion->block, middle.from, METE__FILLING_FREED);
    mete__filling_write(middle.to, end_of(cushion), METE__FILLING_FREED);
}

static char *wrong_inside(const struct mete__cushion *cushion) {
    struct middle middle = middle_of(cushion);

    if (cushion->record->mark == 0) middle.from = middle.to;
    char *wrong = mete__filling_wrong(cushion->block, middle.from, METE__FILLING_FREED);
    if (wrong == NULL) wrong = mete__filling_wrong(middle.from, middle.to, METE__FILLING_ZERO);
    if (wrong == NULL) wrong = mete__filling_wrong(middle.to, end_of(cushion), METE__FILLING_FREED);
    return wrong;
}

void mete__zones_exhume(const struct mete__cushion *cushion) {
    check_before(cushion, METE__WRITE_AFTER_FREE, NULL);
    char *wrong = wrong_inside(cushion);
    if (METE_UNLIKELY(wrong != NULL)) {
        mete__finding_tell(METE__WRITE_AFTER_FREE, wrong, cushion, NULL);
        mete__zones_bury(cushion);
    }
    check_behind(cushion, METE__WRITE_AFTER_FREE, NULL);
}
