/* mete/map.h: what may be done with pages, and what the kernel is told of them. */
#include <errno.h>
#include <mete/map.h>

#include "base/bits.h"
#include "map/extent.h"
#include "map/map_options.h"
#include "os/backing.h"
#include "os/mapping.h"

#define STORES (METE_MAP_WRITE | METE_MAP_COPY)

int mete_map_protect(mete_map *map, unsigned given) {
    struct mete__extent *extent = map->extent;
    unsigned access;
    int status = mete__map_options_access(given, METE_MAP_READ, &access);

    if (status != 0) return status;
    bool is_own = extent->file < 0 && !extent->is_shared;
    if (is_own && (access & METE_MAP_COPY) != 0) access ^= STORES;
    if (!is_own && (access & (extent->is_shared ? METE_MAP_COPY : METE_MAP_WRITE)) != 0)
        return -EINVAL;
    if (mete__extent_is_shared_by_views(extent)) return -EBUSY;
    unsigned flags = mete__extent_protection(access);
    if (extent->size != 0) status = mete__mapping_protect(extent->start, extent->size, flags);
    if (status != 0) return status;
    if ((access & METE_MAP_EXEC) != 0 && extent->size != 0)
        mete__mapping_ready_code(extent->start, extent->size);
    extent->access = access;
    if ((access & METE_MAP_WRITE) != 0) extent->was_writable = true;
    return 0;
}

/* ---- advice ---- */

static const enum mete__mapping_advice kernels[] = {
    [METE_MAP_ADVICE_NORMAL] = METE__MAPPING_NORMAL,
    [METE_MAP_ADVICE_RANDOM] = METE__MAPPING_RANDOM,
    [METE_MAP_ADVICE_SEQUENTIAL] = METE__MAPPING_SEQUENTIAL,
    [METE_MAP_ADVICE_WILL_NEED] = METE__MAPPING_WILL_NEED,
    [METE_MAP_ADVICE_COLD] = METE__MAPPING_COLD,
    [METE_MAP_ADVICE_PAGE_OUT] = METE__MAPPING_PAGE_OUT,
    [METE_MAP_ADVICE_HUGE] = METE__MAPPING_WANTS_HUGE,
    [METE_MAP_ADVICE_NO_HUGE] = METE__MAPPING_NO_HUGE,
    [METE_MAP_ADVICE_COLLAPSE] = METE__MAPPING_COLLAPSE,
    [METE_MAP_ADVICE_MERGEABLE] = METE__MAPPING_MERGEABLE,
    [METE_MAP_ADVICE_UNMERGEABLE] = METE__MAPPING_UNMERGEABLE,
    [METE_MAP_ADVICE_DONT_FORK] = METE__MAPPING_DONT_FORK,
    [METE_MAP_ADVICE_DO_FORK] = METE__MAPPING_DO_FORK,
    [METE_MAP_ADVICE_WIPE_ON_FORK] = METE__MAPPING_WIPE_ON_FORK,
    [METE_MAP_ADVICE_KEEP_ON_FORK] = METE__MAPPING_KEEP_ON_FORK,
    [METE_MAP_ADVICE_DONT_DUMP] = METE__MAPPING_DONT_DUMP,
    [METE_MAP_ADVICE_DO_DUMP] = METE__MAPPING_DO_DUMP,
    [METE_MAP_ADVICE_HW_POISON] = METE__MAPPING_HW_POISON,
    [METE_MAP_ADVICE_DONT_NEED] = METE__MAPPING_DONT_NEED,
    [METE_MAP_ADVICE_FREE] = METE__MAPPING_FREE,
    [METE_MAP_ADVICE_REMOVE] = METE__MAPPING_REMOVE,
};

/* Pages that lie in the range as a whole; empty where from >= to. */
static struct mete__extent_range whole_pages(const mete_map *map, struct mete__extent_range range) {
    size_t page = map->extent->page;
    return (struct mete__extent_range){mete__round_up(range.from, page),
                                       mete__round_down(range.to, page)};
}

static int populate(const mete_map *map, struct mete__extent_range pages, bool writable) {
    struct mete__extent *extent = map->extent;
    int status = mete__mapping_populate((void *)pages.from, pages.to - pages.from, writable);

    if (status == -ENOSYS) return -EINVAL; /* as for every advice that the kernel does not know */
    if (status != -EFAULT || extent->file < 0) return status;
    uintptr_t end = (uintptr_t)mete__extent_data(map) + mete__extent_view_size(map);
    uintptr_t last = pages.to < end ? pages.to : end;
    mete__loss_look(extent, last);
    int lost = mete__loss_error(extent, pages.from, last);
    if (lost != 0) return lost;
    while (pages.from < pages.to &&
           mete__mapping_populate((void *)pages.from, extent->page, writable) == 0)
        pages.from += extent->page;
    return pages.from == pages.to ? 0 : mete__loss_reason(extent, pages.from);
}

int mete_map_advise(mete_map *map, size_t offset, size_t length, mete_map_advice advice) {
    struct mete__extent_range range, pages;
    bool destroys = advice >= METE_MAP_ADVICE_DONT_NEED;
    int status = mete__extent_range(map, offset, length, &range);

    if (status != 0) return status;
    if (advice < METE_MAP_ADVICE_NORMAL || advice > METE_MAP_ADVICE_REMOVE) return -EINVAL;
    if (destroys && length == 0) return -EINVAL;
    pages = destroys ? whole_pages(map, range) : mete__extent_pages(map, range);
    if (pages.from >= pages.to) return 0;
    if (advice == METE_MAP_ADVICE_POPULATE_READ || advice == METE_MAP_ADVICE_POPULATE_WRITE)
        return populate(map, pages, advice == METE_MAP_ADVICE_POPULATE_WRITE);
    return mete__mapping_advise((void *)pages.from, pages.to - pages.from, kernels[advice]);
}

/* ---- locks, residency ---- */

static int on_pages(mete_map *map, size_t offset, size_t length,
                    int (*act)(void *start, size_t size)) {
    struct mete__extent_range range;
    int status = mete__extent_range(map, offset, length, &range);

    if (status != 0 || range.from == range.to) return status;
    range = mete__extent_pages(map, range);
    return act((void *)range.from, range.to - range.from);
}

int mete_map_lock(mete_map *map, size_t offset, size_t length) {
    return on_pages(map, offset, length, mete__mapping_lock);
}

int mete_map_unlock(mete_map *map, size_t offset, size_t length) {
    return on_pages(map, offset, length, mete__mapping_unlock);
}

int mete_map_residency(const mete_map *map, size_t offset, size_t length, size_t *resident_bytes) {
    struct mete__extent_range range;
    int status = mete__extent_range(map, offset, length, &range);

    if (status != 0) return status;
    if (range.from == range.to) {
        *resident_bytes = 0;
        return 0;
    }
    range = mete__extent_pages(map, range);
    return mete__mapping_resident((void *)range.from, range.to - range.from, resident_bytes);
}

/* ---- seals ---- */

#define ALL_SEALS                                                                           \
    (METE_MAP_SEAL_SEAL | METE_MAP_SEAL_SHRINK | METE_MAP_SEAL_GROW | METE_MAP_SEAL_WRITE | \
     METE_MAP_SEAL_FUTURE_WRITE)

/* The kernel seals no file that is mapped so that it could be written: for a moment, and then for
 * good, the memory shows the same pages as a private mapping that is never stored into. */
static int seal_against_writing(struct mete__extent *extent, unsigned seals) {
    bool was_shared = extent->is_shared;
    unsigned access = extent->access;
    int status;

    extent->is_shared = false;
    extent->access = access & ~STORES;
    status = mete__extent_remap(extent);
    if (status == 0) status = mete__backing_seal(extent->file, seals);
    if (status == 0) return 0;
    extent->is_shared = was_shared;
    extent->access = access;
    /* The same mapping as a moment ago; where it is refused now, the map is read-only. */
    if (mete__extent_remap(extent) != 0) extent->access = access & ~STORES;
    return status;
}

int mete_map_seal(mete_map *map, unsigned seals) {
    struct mete__extent *extent = map->extent;

    if ((seals & ~ALL_SEALS) != 0 || extent->file < 0) return -EINVAL;
    if ((seals & METE_MAP_SEAL_WRITE) == 0 || !extent->is_shared)
        return mete__backing_seal(extent->file, seals);
    if (mete__extent_is_shared_by_views(extent)) return -EBUSY;
    if (!mete__backing_is(extent->file, &extent->identity)) return -EBADF;
    return seal_against_writing(extent, seals);
}
