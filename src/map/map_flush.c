/* mete/map.h: writing back. */
#include <errno.h>
#include <mete/map.h>

#include "map/extent.h"
#include "os/backing.h"
#include "os/mapping.h"

/* Keeps the error of a write-back, until somebody has been told: the kernel tells it once, and
 * takes the pages for clean from then on. */
static int keep(struct mete__extent *extent, int status) {
    int kept = 0;

    if (status == -EINVAL || status == -ENOMEM || status == -EBADF) return status;
    if (__atomic_compare_exchange_n(&extent->write_error, &kept, status, false, __ATOMIC_ACQ_REL,
                                    __ATOMIC_ACQUIRE))
        return status;
    return kept;
}

/* The range, where the map can be flushed at all. */
static int begin(const mete_map *map, size_t offset, size_t length,
                 struct mete__extent_range *range) {
    const struct mete__extent *extent = map->extent;

    if (extent->file < 0 || !extent->is_shared || !extent->was_writable) return -EINVAL;
    return mete__extent_range(map, offset, length, range);
}

/* A file's name is in its directory: one that is new lasts only with that. */
static int flush_directory(struct mete__extent *extent) {
    const struct mete__backing_identity *identity = &extent->directory_identity;
    struct mete__backing_facts now;

    if (extent->replacement != NULL) return 0; /* it has no name yet */
    int directory = __atomic_exchange_n(&extent->directory, -1, __ATOMIC_ACQ_REL);
    if (directory < 0) return 0;
    int status = mete__backing_look(directory, &now);
    /* A number that was closed behind the map's back, and may have come to stand for another. */
    if (status == -EBADF || (status == 0 && (now.identity.device != identity->device ||
                                             now.identity.inode != identity->inode)))
        return 0;
    if (status == 0) status = mete__backing_sync(directory);
    if (status == -EINVAL) status = 0; /* a file system whose directories need none */
    if (status == 0)
        mete__backing_close(directory);
    else
        __atomic_store_n(&extent->directory, directory, __ATOMIC_RELEASE);
    return status;
}

int mete_map_flush(mete_map *map, size_t offset, size_t length) {
    struct mete__extent *extent = map->extent;
    struct mete__extent_range range, pages;
    int status = begin(map, offset, length, &range);

    if (status != 0) return status;
    pages = mete__extent_pages(map, range);
    if (pages.from != pages.to)
        status = mete__mapping_sync((void *)pages.from, pages.to - pages.from);
    if (status == 0) status = flush_directory(extent);
    status = keep(extent, status);
    mete__loss_look(extent, range.to);
    int lost = mete__loss_error(extent, range.from, range.to);
    return lost != 0 ? lost : status;
}

int mete_map_flush_async(mete_map *map, size_t offset, size_t length) {
    struct mete__extent *extent = map->extent;
    struct mete__extent_range range;
    uint64_t file_size;
    int status = begin(map, offset, length, &range);

    if (status != 0) return status;
    int lost = mete__loss_error(extent, range.from, range.to);
    if (lost != 0) return lost;
    status = mete__extent_file_size(extent, &file_size);
    if (status == 0 && range.from != range.to)
        status = mete__backing_start_writing(
            extent->file, extent->offset + (range.from - (uintptr_t)extent->start),
            range.to - range.from);
    return keep(extent, status);
}
