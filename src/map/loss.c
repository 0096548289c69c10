/* map/loss.h: the table of extents, the repair, the notes. */
#include "map/loss.h"

#include <errno.h>

#include "base/bits.h"
#include "map/extent.h"
#include "os/backing.h"
#include "os/fault.h"
#include "os/mapping.h"
#include "os/meta.h"

/* A place in the table. Its owner changes it between two steps of `sequence`, which is odd
 * meanwhile; a reader who meets that, or a step, has met an extent that is not the one its thread
 * was using just now. */
struct place {
    struct mete__extent *extent; /* atomic; NULL: free */
    uintptr_t start, end;        /* atomic */
    uint32_t sequence;           /* atomic */
};

enum { PLACES = 128 };

struct chunk {
    struct place places[PLACES];
    struct chunk *next; /* atomic */
    uint32_t used;      /* atomic: places taken; a guess while others take some */
};

static struct chunk first_chunk; /* further ones are never freed */

void mete__loss_begin(struct mete__loss *loss) {
    __atomic_store_n(&loss->gone_from, UINTPTR_MAX, __ATOMIC_RELAXED);
    __atomic_store_n(&loss->covered_from, UINTPTR_MAX, __ATOMIC_RELAXED);
    __atomic_store_n(&loss->more_from, UINTPTR_MAX, __ATOMIC_RELAXED);
    __atomic_store_n(&loss->page_count, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&loss->page_error, 0, __ATOMIC_RELAXED);
    for (size_t i = 0; i < METE__LOSS_PAGES; i++)
        __atomic_store_n(&loss->pages[i], 0, __ATOMIC_RELAXED);
}

/* ---- the table ---- */

static void write_place(struct place *place, uintptr_t start, uintptr_t end) {
    __atomic_fetch_add(&place->sequence, 1, __ATOMIC_ACQ_REL);
    __atomic_store_n(&place->start, start, __ATOMIC_RELEASE);
    __atomic_store_n(&place->end, end, __ATOMIC_RELEASE);
    __atomic_fetch_add(&place->sequence, 1, __ATOMIC_RELEASE);
}

/* The extent of the place where the address is in it, else NULL. */
static struct mete__extent *read_place(const struct place *place, uintptr_t address) {
    uint32_t before = __atomic_load_n(&place->sequence, __ATOMIC_ACQUIRE);
    uintptr_t start = __atomic_load_n(&place->start, __ATOMIC_ACQUIRE);
    uintptr_t end = __atomic_load_n(&place->end, __ATOMIC_ACQUIRE);
    struct mete__extent *extent = __atomic_load_n(&place->extent, __ATOMIC_ACQUIRE);

    if (address < start || address >= end || (before & 1) != 0) return NULL;
    return __atomic_load_n(&place->sequence, __ATOMIC_RELAXED) == before ? extent : NULL;
}

static struct mete__extent *find(uintptr_t address) {
    for (struct chunk *chunk = &first_chunk; chunk != NULL;
         chunk = __atomic_load_n(&chunk->next, __ATOMIC_ACQUIRE)) {
        if (__atomic_load_n(&chunk->used, __ATOMIC_ACQUIRE) == 0) continue;
        for (size_t i = 0; i < PLACES; i++) {
            struct mete__extent *extent = read_place(&chunk->places[i], address);
            if (extent != NULL) return extent;
        }
    }
    return NULL;
}

static struct place *take_place_in(struct chunk *chunk, struct mete__extent *extent) {
    if (__atomic_load_n(&chunk->used, __ATOMIC_RELAXED) == PLACES) return NULL;
    for (size_t i = 0; i < PLACES; i++) {
        struct mete__extent *nobody = NULL;
        if (__atomic_compare_exchange_n(&chunk->places[i].extent, &nobody, extent, false,
                                        __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) {
            __atomic_fetch_add(&chunk->used, 1, __ATOMIC_RELEASE);
            return &chunk->places[i];
        }
    }
    return NULL;
}

static struct chunk *next_chunk(struct chunk *chunk) {
    struct chunk *next = __atomic_load_n(&chunk->next, __ATOMIC_ACQUIRE);
    if (next != NULL) return next;
    struct chunk *fresh = mete__meta_alloc(sizeof *fresh);
    if (fresh == NULL) return NULL;
    if (__atomic_compare_exchange_n(&chunk->next, &next, fresh, false, __ATOMIC_ACQ_REL,
                                    __ATOMIC_ACQUIRE))
        return fresh;
    mete__meta_free(fresh, sizeof *fresh);
    return next;
}

static bool take_fault(const struct mete__fault *fault) {
    return mete__loss_repair(fault->address);
}

int mete__loss_watch(struct mete__extent *extent) {
    struct place *place = NULL;
    int status = mete__fault_take(METE__FAULT_PAGE, take_fault);

    if (status != 0) return status;
    for (struct chunk *chunk = &first_chunk; chunk != NULL && place == NULL;
         chunk = next_chunk(chunk))
        place = take_place_in(chunk, extent);
    if (place == NULL) return -ENOMEM;
    extent->loss.place = place;
    mete__loss_follow(extent);
    return 0;
}

void mete__loss_follow(struct mete__extent *extent) {
    if (extent->loss.place == NULL) return;
    write_place(extent->loss.place, (uintptr_t)extent->start,
                (uintptr_t)extent->start + extent->room);
}

/* The chunk of a place is found again by looking: ends of maps are rare. */
void mete__loss_forget(struct mete__extent *extent) {
    struct place *place = extent->loss.place;

    if (place == NULL) return;
    extent->loss.place = NULL;
    write_place(place, 0, 0);
    for (struct chunk *chunk = &first_chunk; chunk != NULL;
         chunk = __atomic_load_n(&chunk->next, __ATOMIC_ACQUIRE))
        if (place >= chunk->places && place < chunk->places + PLACES)
            __atomic_fetch_sub(&chunk->used, 1, __ATOMIC_RELEASE);
    __atomic_store_n(&place->extent, NULL, __ATOMIC_RELEASE);
}

/* ---- notes ---- */

static void lower(uintptr_t *value, uintptr_t to) {
    uintptr_t now = __atomic_load_n(value, __ATOMIC_RELAXED);
    while (to < now &&
           !__atomic_compare_exchange_n(value, &now, to, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED))
        continue;
}

static uint32_t noted_pages(const struct mete__loss *loss) {
    uint32_t count = __atomic_load_n(&loss->page_count, __ATOMIC_ACQUIRE);
    return count < METE__LOSS_PAGES ? count : METE__LOSS_PAGES;
}

static void note_page(struct mete__loss *loss, uintptr_t page, int reason) {
    int none = 0;

    for (uint32_t i = 0; i < noted_pages(loss); i++)
        if (__atomic_load_n(&loss->pages[i], __ATOMIC_ACQUIRE) == page) return;
    (void)__atomic_compare_exchange_n(&loss->page_error, &none, reason, false, __ATOMIC_RELEASE,
                                      __ATOMIC_RELAXED);
    uint32_t index = __atomic_fetch_add(&loss->page_count, 1, __ATOMIC_ACQ_REL);
    if (index < METE__LOSS_PAGES)
        __atomic_store_n(&loss->pages[index], page, __ATOMIC_RELEASE);
    else
        lower(&loss->more_from, page);
}

/* The byte of the extent that is the first behind the file's end; UINTPTR_MAX where the file goes
 * on to the extent's end. */
static uintptr_t end_of_file(const struct mete__extent *extent, uint64_t file_size) {
    if (file_size <= extent->offset) return (uintptr_t)extent->start;
    if (file_size - extent->offset >= mete__extent_size(extent)) return UINTPTR_MAX;
    return (uintptr_t)extent->start + (uintptr_t)(file_size - extent->offset);
}

int mete__loss_reason(const struct mete__extent *extent, uintptr_t page) {
    uint64_t offset = extent->offset + (page - (uintptr_t)extent->start);
    int status = 0;

    if (extent->writes_file && mete__backing_is(extent->file, &extent->identity))
        status = mete__backing_take(extent->file, offset, extent->page);
    return status == -ENOSPC || status == -EDQUOT ? status : -EIO;
}

/* ---- the repair ---- */

static int cover(const struct mete__extent *extent, uintptr_t from, uintptr_t to) {
    return mete__mapping_cover((void *)from, to - from, mete__extent_protection(extent->access));
}

/* The file ends before `page`: all that is left behind it is lost at once. What has been covered
 * before keeps what was stored into it. */
static bool lose_the_rest(struct mete__extent *extent, uintptr_t page, uintptr_t gone_from) {
    uintptr_t end = (uintptr_t)extent->start + mete__extent_size(extent);
    uintptr_t covered = __atomic_load_n(&extent->loss.covered_from, __ATOMIC_ACQUIRE);

    lower(&extent->loss.gone_from, gone_from);
    if (covered <= page) covered = page + extent->page; /* met at the same time by two threads */
    if (cover(extent, page, covered < end ? covered : end) == 0) {
        lower(&extent->loss.covered_from, page);
        return true;
    }
    /* Where memory is promised only as far as there is some: less is enough for now. */
    return cover(extent, page, page + extent->page) == 0;
}

bool mete__loss_repair(uintptr_t address) {
    struct mete__extent *extent = find(address);
    uint64_t file_size;

    if (extent == NULL || address - (uintptr_t)extent->start >= mete__extent_size(extent))
        return false;
    uintptr_t page = mete__round_down(address, extent->page);
    int status = mete__extent_file_size(extent, &file_size);
    /* Whose file nobody can tell the size of has most likely been cut. */
    uintptr_t gone_from = status == 0 ? end_of_file(extent, file_size) : page;
    if (gone_from <= page) return lose_the_rest(extent, page, gone_from);
    note_page(&extent->loss, page, mete__loss_reason(extent, page));
    return cover(extent, page, page + extent->page) == 0;
}

/* ---- questions ---- */

void mete__loss_look(struct mete__extent *extent, uintptr_t end) {
    uint64_t file_size;

    if (extent->file < 0 || mete__extent_file_size(extent, &file_size) != 0) return;
    uintptr_t gone_from = end_of_file(extent, file_size);
    if (gone_from < end) lower(&extent->loss.gone_from, gone_from);
}

uintptr_t mete__loss_first(const struct mete__extent *extent, uintptr_t from, uintptr_t to) {
    const struct mete__loss *loss = &extent->loss;
    uintptr_t first = __atomic_load_n(&loss->gone_from, __ATOMIC_ACQUIRE);
    uintptr_t more = __atomic_load_n(&loss->more_from, __ATOMIC_ACQUIRE);

    if (more < first) first = more;
    for (uint32_t i = 0; i < noted_pages(loss); i++) {
        uintptr_t page = __atomic_load_n(&loss->pages[i], __ATOMIC_ACQUIRE);
        if (page != 0 && page < first && page + extent->page > from) first = page;
    }
    if (first >= to) return to;
    return first > from ? first : from;
}

int mete__loss_error(const struct mete__extent *extent, uintptr_t from, uintptr_t to) {
    if (__atomic_load_n(&extent->loss.gone_from, __ATOMIC_ACQUIRE) < to) return -ENXIO;
    if (mete__loss_first(extent, from, to) == to) return 0;
    return __atomic_load_n(&extent->loss.page_error, __ATOMIC_ACQUIRE);
}

int mete__loss_each_cover(const struct mete__extent *extent,
                          int (*visit)(struct mete__extent *extent, char *start, size_t size)) {
    uintptr_t end = (uintptr_t)extent->start + mete__extent_size(extent);
    uintptr_t covered = __atomic_load_n(&extent->loss.covered_from, __ATOMIC_ACQUIRE);
    uintptr_t more = __atomic_load_n(&extent->loss.more_from, __ATOMIC_ACQUIRE);
    int status = 0;

    if (more < covered) covered = more;
    for (uint32_t i = 0; i < noted_pages(&extent->loss) && status == 0; i++) {
        uintptr_t page = __atomic_load_n(&extent->loss.pages[i], __ATOMIC_ACQUIRE);
        if (page != 0) status = visit((struct mete__extent *)extent, (char *)page, extent->page);
    }
    if (covered < end && status == 0)
        status = visit((struct mete__extent *)extent, (char *)covered, end - covered);
    return status;
}
