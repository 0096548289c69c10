/* mete/map.h: other sizes, and parts. */
#include <errno.h>
#include <mete/map.h>

#include "base/bits.h"
#include "map/extent.h"
#include "os/backing.h"
#include "os/memory.h"

static bool writes_through(const struct mete__extent *extent) {
    return extent->file >= 0 && extent->is_shared && extent->writes_file &&
           (extent->access & METE_MAP_WRITE) != 0;
}

/* Memory files have no disk to fill, and so no name on one. */
static bool takes_space(const struct mete__extent *extent) {
    return (extent->flags & METE_MAP_SPARSE) == 0 && extent->page == mete__memory_page_size() &&
           !extent->is_memory;
}

/* Sees to it that the file has `end` bytes; *old_size is what it had. */
static int reach(const struct mete__extent *extent, uint64_t end, uint64_t *old_size) {
    int status = mete__extent_file_size(extent, old_size);

    if (status != 0 || end <= *old_size) return status;
    if (!writes_through(extent)) return -ENXIO;
    return mete__backing_grow(extent->file, *old_size, end, takes_space(extent));
}

int mete_map_resize(mete_map *map, size_t size) {
    struct mete__extent *extent = map->extent;
    uint64_t old_file_size = UINT64_MAX, file_end;
    size_t end;
    int status = 0;

    if (size > PTRDIFF_MAX || mete__add_overflows(map->offset, size, &end) ||
        end > (size_t)PTRDIFF_MAX - extent->page)
        return -EOVERFLOW;
    if (mete__extent_is_shared_by_views(extent)) return -EBUSY;
    if (extent->is_reserved && end > extent->room) return -ENOMEM;
    if (size == 0) end = 0;
    if (extent->file >= 0 && size != 0) {
        file_end = extent->offset + mete__round_up(end, extent->page);
        if (extent->page == mete__memory_page_size()) file_end = extent->offset + end;
        status = reach(extent, file_end, &old_file_size);
        if (status != 0) return status;
        if (file_end <= old_file_size) old_file_size = UINT64_MAX;
    }
    status = mete__extent_resize(extent, end);
    if (status == 0) {
        __atomic_store_n(&map->size, size, __ATOMIC_RELEASE);
        mete__extent_show(map);
    } else if (old_file_size != UINT64_MAX) {
        (void)mete__backing_cut(extent->file, old_file_size);
    }
    return status;
}

int mete_map_cut(mete_map *map) {
    struct mete__extent *extent = map->extent;
    uint64_t file_size, end = extent->offset + map->offset + map->size;

    if (!writes_through(extent)) return -EINVAL;
    if (mete__extent_is_shared_by_views(extent)) return -EBUSY;
    int status = mete__extent_file_size(extent, &file_size);
    if (status != 0 || file_size <= end) return status;
    return mete__backing_cut(extent->file, end);
}

int mete_map_view(mete_map **out, const mete_map *map, size_t offset, size_t length) {
    struct mete__extent_range range;

    int status = mete__extent_range(map, offset, length, &range);
    if (status != 0) return status;
    mete_map *view = mete__extent_view(map->extent, map->offset + offset, range.to - range.from);
    if (view == NULL) return -ENOMEM;
    *out = view;
    return 0;
}

int mete_map_split(mete_map *map, size_t offset, mete_map **out) {
    int status = mete_map_view(out, map, offset, 0);
    if (status == 0) __atomic_store_n(&map->size, offset, __ATOMIC_RELEASE);
    return status;
}
