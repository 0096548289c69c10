/* profile/space.c - see space.h. */
#include "profile/space.h"

#include <errno.h>
#include <string.h>

#include "base/bits.h"
#include "os/file.h"
#include "os/memory.h"

enum {
    SMALLEST = 1 << 20,       /* bytes; with less a profile is of no use */
    ADDRESS_SPACE_SHARE = 16, /* a space takes at most this part of what RLIMIT_AS leaves */
    TAKEN_AT_ONCE = 16 << 20, /* bytes, where pages cannot be populated one by one */
};

/* What is allowed of `limit`, in whole pages; 0 where that is too little. */
static size_t allowed(uint64_t limit, bool in_file) {
    size_t address_space = mete__memory_left();
    uint64_t size = limit;

    if (in_file && size > mete__file_size_limit()) size = mete__file_size_limit();
    if (address_space != SIZE_MAX && size > address_space / ADDRESS_SPACE_SHARE)
        size = address_space / ADDRESS_SPACE_SHARE;
    return size < SMALLEST ? 0 : mete__round_down((size_t)size, mete__memory_page_size());
}

/* The largest size the file system takes, halving from *size. */
static int size_file(int file, size_t *size) {
    int status = mete__file_set_size(file, *size);
    while ((status == -EFBIG || status == -ENOSPC) && *size / 2 >= SMALLEST) {
        *size = mete__round_down(*size / 2, mete__memory_page_size());
        status = mete__file_set_size(file, *size);
    }
    return status;
}

/* Makes the front present; learns there how this kernel and file system give space. */
static int open_front(struct mete__space *space, int file, size_t front) {
    int status = mete__memory_commit(space->base, front);
    if (status != 0) return status;
    space->used = front;
    if (!space->has_file) return 0;
    status = mete__file_populate(space->base, front);
    if (status != -ENOSYS) return status;
    space->all_present = true;
    if (space->size > TAKEN_AT_ONCE) space->size = TAKEN_AT_ONCE;
    return mete__file_take_space(file, space->size);
}

static int map_file(struct mete__space *space, int file, size_t size, size_t front) {
    void *base;
    int status = size_file(file, &size);
    if (status == 0) status = mete__file_identify(file, &space->file);
    if (status == 0) status = mete__file_map(file, size, &base);
    if (status != 0) return status;
    space->base = base;
    space->mapped = space->size = size;
    space->has_file = true;
    status = open_front(space, file, front);
    if (status == 0) return 0;
    mete__space_close(space);
    return status;
}

static int open_named(struct mete__space *space, const char *path, size_t size, size_t front) {
    int file = mete__file_create(path);
    if (file < 0) return file;
    int status = map_file(space, file, size, front);
    mete__file_close(file);
    if (status != 0) mete__file_remove(path);
    return status;
}

static int open_nameless(struct mete__space *space, size_t size, size_t front) {
    int file = mete__file_create_memory();
    if (file < 0) return file;
    int status = map_file(space, file, size, front);
    mete__file_close(file);
    space->unsaved = status == 0;
    return status;
}

static int open_private(struct mete__space *space, size_t size, size_t front) {
    space->base = mete__memory_reserve(size, mete__memory_page_size());
    if (space->base == NULL) return -ENOMEM;
    space->mapped = space->size = size;
    int status = open_front(space, -1, front);
    if (status != 0) mete__space_close(space);
    return status;
}

int mete__space_open(struct mete__space *space, const char *path, uint64_t limit, size_t front) {
    size_t size = allowed(limit, path != NULL);

    if (size == 0) return -EFBIG;
    memset(space, 0, sizeof *space);
    if (path == NULL) return open_private(space, size, front);
    int status = open_named(space, path, size, front);
    /* What file systems answer that cannot map shared: network ones, FUSE with direct I/O, /proc.
     */
    if (status == -ENODEV || status == -EINVAL || status == -EOPNOTSUPP)
        status = open_nameless(space, size, front);
    return status;
}

void mete__space_close(struct mete__space *space) {
    if (space->base != NULL) mete__memory_release(space->base, space->mapped);
    memset(space, 0, sizeof *space);
}

int64_t mete__space_take(struct mete__space *space, size_t size, unsigned share) {
    uint64_t limit = __atomic_load_n(&space->size, __ATOMIC_ACQUIRE) / 8 * share;
    uint64_t offset = __atomic_load_n(&space->used, __ATOMIC_RELAXED);

    do {
        if (offset >= limit || size > limit - offset) return -ENOSPC;
    } while (!__atomic_compare_exchange_n(&space->used, &offset, offset + size, false,
                                          __ATOMIC_RELAXED, __ATOMIC_RELAXED));
    int status = mete__memory_commit(space->base + offset, size);
    return status == 0 ? (int64_t)offset : -ENOSPC;
}

int mete__space_populate(struct mete__space *space, uint64_t offset, size_t size) {
    if (!space->has_file || space->all_present) return 0;
    return mete__file_populate(space->base + offset, size);
}

int mete__space_seal(struct mete__space *space, const char *path) {
    /* Whoever takes meanwhile gets a range below the end found here, or none. */
    uint64_t end = __atomic_exchange_n(&space->used, space->mapped, __ATOMIC_ACQ_REL);

    __atomic_store_n(&space->size, end, __ATOMIC_RELEASE);
    __atomic_store_n(&space->used, end, __ATOMIC_RELEASE);
    return mete__file_trim(path, &space->file, end);
}

/* ---- a forked child's own ---- */

/* A file of the child's, holding the image, mapped over the parent's. */
static int replace_by_file(struct mete__space *space, const char *path, const void *image) {
    void *map;
    int file = mete__file_create(path);
    if (file < 0) return file;

    int status = mete__file_set_size(file, space->mapped);
    if (status == 0 && space->all_present) status = mete__file_take_space(file, space->mapped);
    if (status == 0) status = mete__file_write(file, image, space->used, 0);
    if (status == 0) status = mete__file_identify(file, &space->file);
    if (status == 0) status = mete__file_map(file, space->mapped, &map);
    mete__file_close(file);
    if (status != 0) goto fail_file;
    status = mete__file_move_map(map, space->mapped, space->base);
    if (status != 0) goto fail_map;
    return mete__memory_commit(space->base, space->used);

fail_map:
    mete__memory_release(map, space->mapped);
fail_file:
    mete__file_remove(path);
    return status;
}

/* Private memory, holding the image, in the place of the parent's file. */
static int replace_by_memory(struct mete__space *space, const void *image) {
    void *fresh = mete__memory_reserve(space->mapped, mete__memory_page_size());
    if (fresh == NULL) return -ENOMEM;
    int status = mete__file_move_map(fresh, space->mapped, space->base);
    if (status != 0) {
        mete__memory_release(fresh, space->mapped);
        return status;
    }
    status = mete__memory_commit(space->base, space->used);
    if (status == 0) memcpy(space->base, image, space->used);
    return status;
}

int mete__space_replace(struct mete__space *space, const char *path, void *image) {
    size_t used = space->used;
    int status = path != NULL ? replace_by_file(space, path, image) : -ENOENT;

    space->unsaved = false;
    if (status != 0) {
        space->has_file = false;
        if (replace_by_memory(space, image) != 0) mete__space_close(space);
    }
    mete__memory_release(image, used);
    return status;
}
