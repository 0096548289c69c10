/* mete/map.h: copies out of and into maps that say how far they came, and probes. */
#include <errno.h>
#include <mete/map.h>
#include <string.h>

#include "base/bits.h"
#include "map/extent.h"
#include "os/mapping.h"

/* How much of [from, from + size) a copy may go over; 0 for the end of the map. */
static size_t clip(const mete_map *map, size_t offset, size_t size) {
    size_t rest = mete__extent_view_size(map) - offset;
    if (size > rest) size = rest;
    return size > PTRDIFF_MAX ? PTRDIFF_MAX : size;
}

/* What a copy of `size` bytes at `from` has come to, now that it is done. A fault on the way was
 * repaired and noted by a handler on this thread, or, earlier, on another. */
static ptrdiff_t outcome(const mete_map *map, uintptr_t from, size_t size) {
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    if (METE_LIKELY(mete__loss_is_none(&map->extent->loss))) return (ptrdiff_t)size;
    uintptr_t lost = mete__loss_first(map->extent, from, from + size);
    if (lost == from && size != 0) return mete__loss_error(map->extent, from, from + size);
    return (ptrdiff_t)(lost - from);
}

ptrdiff_t mete_map_read(const mete_map *map, size_t offset, void *to, size_t size) {
    if (offset > mete__extent_view_size(map) || (to == NULL && size != 0)) return -EINVAL;
    const char *from = mete__extent_data(map) + offset;
    size = clip(map, offset, size);
    if (size != 0) memcpy(to, from, size);
    return outcome(map, (uintptr_t)from, size);
}

ptrdiff_t mete_map_write(mete_map *map, size_t offset, const void *from, size_t size) {
    if (offset > mete__extent_view_size(map) || (from == NULL && size != 0)) return -EINVAL;
    if ((map->extent->access & (METE_MAP_WRITE | METE_MAP_COPY)) == 0) return -EACCES;
    char *to = mete__extent_data(map) + offset;
    size = clip(map, offset, size);
    if (size != 0) memcpy(to, from, size);
    return outcome(map, (uintptr_t)to, size);
}

/* The end of the pages that can be had, of the whole pages [from, to): found by halving, since
 * those that were had once are there at the second look. */
static uintptr_t populated_end(uintptr_t from, uintptr_t to, size_t page) {
    while (from < to) {
        uintptr_t middle = from + mete__round_down((to - from) / 2, page);
        if (middle == from) middle = from + page;
        if (mete__mapping_populate((void *)from, middle - from, false) == 0)
            from = middle;
        else
            to = middle - page;
    }
    return from;
}

ptrdiff_t mete_map_probe(const mete_map *map, size_t offset, size_t length) {
    const struct mete__extent *extent = map->extent;
    struct mete__extent_range range, pages;
    uint64_t file_size;
    int status = mete__extent_range(map, offset, length, &range);

    if (status != 0 || range.from == range.to) return status;
    uintptr_t end = mete__loss_first(extent, range.from, range.to);
    if (end == range.from) return mete__loss_error(extent, range.from, range.to);
    if (mete__extent_file_size(extent, &file_size) == 0) {
        uint64_t start = extent->offset + (range.from - (uintptr_t)extent->start);
        if (file_size <= start) return -ENXIO;
        if (file_size - start < end - range.from) end = range.from + (uintptr_t)(file_size - start);
    }
    pages = mete__extent_pages(map, (struct mete__extent_range){range.from, end});
    status = mete__mapping_populate((void *)pages.from, pages.to - pages.from, false);
    /* Before Linux 5.14 the file's length is all that can be known without a risk. */
    if (status == 0 || status == -ENOSYS) return (ptrdiff_t)(end - range.from);
    uintptr_t there = populated_end(pages.from, pages.to, extent->page);
    if (there <= range.from)
        return extent->file < 0 ? status : mete__loss_reason(extent, pages.from);
    return (ptrdiff_t)((there < end ? there : end) - range.from);
}
