/*
 * mete/map.h: opening, closing, and what a map says of itself.
 *
 * The public functions stand in files by topic: map.c, map_replace.c, map_copy.c, map_flush.c,
 * map_size.c, map_pages.c. Under them map/extent.h (memory and what is behind it) and map/loss.h
 * (what was lost of it).
 */
#include <errno.h>
#include <mete/map.h>
#include <string.h>

#include "base/bits.h"
#include "base/text.h"
#include "map/extent.h"
#include "map/map_options.h"
#include "os/backing.h"
#include "os/mapping.h"
#include "os/memory.h"

/* ---- opening ---- */

/* A file as opening has found or made it. */
struct opened {
    int file;
    int directory; /* to be written to the disk with the first flush; -1: none */
    bool is_new;
    uint64_t old_size; /* bytes, before it was grown */
    uint64_t size;
};

/* Takes back what opening has done to the file. */
static void undo(const struct opened *opened, const char *path) {
    if (opened->is_new)
        (void)mete__backing_remove(METE__BACKING_HERE, path);
    else if (opened->size > opened->old_size)
        (void)mete__backing_cut(opened->file, opened->old_size);
    if (opened->directory >= 0) mete__backing_close(opened->directory);
    mete__backing_close(opened->file);
}

static int create(const char *path, const mete_map_options *options, struct opened *opened) {
    unsigned mode = options->create_mode != 0 ? options->create_mode : 0666;
    int file =
        mete__backing_open(METE__BACKING_HERE, path, METE__BACKING_WRITE | METE__BACKING_NEW, mode);
    if (file < 0) return file;
    /* A directory that may not be read cannot be written to the disk by us either. */
    int directory = mete__backing_open_directory(path);
    *opened = (struct opened){.file = file, .directory = directory, .is_new = true};
    return 0;
}

static int open_existing(const char *path, const mete_map_options *options, unsigned access) {
    unsigned flags = (options->flags & METE_MAP_NO_FOLLOW) != 0 ? METE__BACKING_NO_FOLLOW : 0;
    bool must_write = (access & METE_MAP_WRITE) != 0;
    int file = -EACCES;

    if (must_write || options->create_size != 0)
        file = mete__backing_open(METE__BACKING_HERE, path, flags | METE__BACKING_WRITE, 0);
    /* A file that need not grow need not be writable. */
    if (!must_write && (file == -EACCES || file == -EROFS || file == -ETXTBSY || file == -EPERM))
        file = mete__backing_open(METE__BACKING_HERE, path, flags, 0);
    return file;
}

static int open_or_create(const char *path, const mete_map_options *options, unsigned access,
                          struct opened *opened) {
    enum { TRIES = 8 }; /* others may create and remove it meanwhile */
    int status = -ENOENT;

    *opened = (struct opened){.file = -1, .directory = -1};
    for (int i = 0; i < TRIES; i++) {
        status = -ENOENT;
        if ((options->flags & METE_MAP_NEW) == 0) status = open_existing(path, options, access);
        if (status >= 0) opened->file = status;
        if (status != -ENOENT || options->create_size == 0) break;
        status = create(path, options, opened);
        if (status != -EEXIST || (options->flags & METE_MAP_NEW) != 0) break;
    }
    return status < 0 ? status : 0;
}

/* Makes the file as long as it is to be. */
static int prepare(struct opened *opened, const mete_map_options *options) {
    struct mete__backing_facts facts;
    int status = mete__backing_look(opened->file, &facts);

    if (status != 0) return status;
    if (!facts.mappable) return -ENODEV;
    opened->old_size = opened->size = facts.size;
    if (options->create_size <= facts.size) return 0;
    if (!mete__backing_is_writable(opened->file)) return -EACCES;
    status = mete__backing_grow(opened->file, facts.size, options->create_size,
                                (options->flags & METE_MAP_SPARSE) == 0);
    if (status == 0) opened->size = options->create_size;
    return status;
}

static int map_file(const struct opened *opened, const mete_map_options *options, unsigned access,
                    const char *name, const struct mete__caller *caller, mete_map **out) {
    struct mete__extent_plan plan = {
        .file = opened->file,
        .directory = opened->directory,
        .offset = options->offset,
        .reserve = options->reserve,
        .page = mete__backing_huge_page(opened->file),
        .access = access,
        .flags = options->flags,
        .name = name,
    };
    int status = mete__map_options_range(options, opened->size, &plan.size);
    if (status == 0) status = mete__extent_make(&plan, caller, out);
    return status;
}

/* A path that does not fit shows by its last part. */
static const char *name_of(const char *path, const mete_map_options *options) {
    if (options->name != NULL) return options->name;
    return strlen(path) <= METE__HOLDER_NAME_MAX ? path : mete__backing_last_part(path);
}

int mete_map_open(mete_map **out, const char *path, const mete_map_options *given) {
    const struct mete__caller caller = METE__CALLER;
    const mete_map_options *options = mete__map_options_or_default(given);
    struct opened opened;
    unsigned access;

    if (out == NULL || path == NULL) return -EINVAL;
    int status = mete__map_options_check(options, METE__MAP_OPEN, &access);
    if (status != 0) return status;
    status = open_or_create(path, options, access, &opened);
    if (status != 0) return status;
    status = prepare(&opened, options);
    if (status == 0)
        status = map_file(&opened, options, access, name_of(path, options), &caller, out);
    if (status != 0) undo(&opened, path);
    return status;
}

int mete_map_open_file(mete_map **out, int file, const mete_map_options *given) {
    const struct mete__caller caller = METE__CALLER;
    const mete_map_options *options = mete__map_options_or_default(given);
    struct opened opened = {.directory = -1};
    unsigned access;

    if (out == NULL) return -EINVAL;
    int status = mete__map_options_check(options, METE__MAP_OPEN_FILE, &access);
    if (status != 0) return status;
    opened.file = mete__backing_duplicate(file);
    if (opened.file < 0) return opened.file;
    status = prepare(&opened, options);
    if (status == 0) status = map_file(&opened, options, access, options->name, &caller, out);
    if (status != 0) undo(&opened, NULL);
    return status;
}

int mete_map_anonymous(mete_map **out, size_t size, const mete_map_options *given) {
    const struct mete__caller caller = METE__CALLER;
    const mete_map_options *options = mete__map_options_or_default(given);
    struct mete__extent_plan plan = {
        .file = -1, .directory = -1, .size = size, .flags = options->flags};

    if (out == NULL) return -EINVAL;
    int status = mete__map_options_check(options, METE__MAP_ANONYMOUS, &plan.access);
    if (status != 0) return status;
    if ((plan.access & METE_MAP_COPY) != 0) {
        if ((plan.flags & METE_MAP_SHARED) != 0) return -EINVAL;
        plan.access ^= METE_MAP_COPY | METE_MAP_WRITE;
    }
    plan.reserve = options->reserve;
    plan.huge_page = options->page_size;
    plan.name = options->name;
    return mete__extent_make(&plan, &caller, out);
}

/* Space is not taken beforehand: memory that is missing is not the file's fault, and ends in the
 * kernel choosing a process. */
static int make_memory(size_t size, const mete_map_options *options, size_t huge_page, int *out) {
    char name[METE__HOLDER_NAME_MAX + 1]; /* the kernel refuses long ones */
    struct mete__text text = mete__text_in(name, sizeof name);
    mete__text_add(&text, "%s", options->name != NULL ? options->name : "mete map");
    int file = mete__backing_create_memory(name, huge_page);
    size_t whole = huge_page != 0 ? mete__round_up(size, huge_page) : size;

    if (file < 0) return file;
    int status = whole == 0 ? 0 : mete__backing_grow(file, 0, whole, false);
    if (status == 0)
        *out = file;
    else
        mete__backing_close(file);
    return status;
}

static int map_memory(struct mete__extent_plan *plan, const mete_map_options *options,
                      const struct mete__caller *caller, mete_map **out) {
    int status = make_memory(plan->size, options, plan->page, &plan->file);

    if (status != 0) return status;
    status = mete__extent_make(plan, caller, out);
    if (status != 0) mete__backing_close(plan->file);
    return status;
}

int mete_map_memory(mete_map **out, size_t size, const mete_map_options *given) {
    const struct mete__caller caller = METE__CALLER;
    const mete_map_options *options = mete__map_options_or_default(given);
    struct mete__extent_plan plan = {
        .directory = -1, .size = size, .flags = options->flags, .is_memory = true};

    if (out == NULL) return -EINVAL;
    int status = mete__map_options_check(options, METE__MAP_MEMORY, &plan.access);
    if (status == 0 && size > PTRDIFF_MAX) status = -EOVERFLOW;
    if (status != 0) return status;
    plan.reserve = options->reserve;
    plan.name = options->name;
    if ((options->flags & METE_MAP_HUGE) != 0 && size != 0) {
        plan.page = options->page_size != 0 ? options->page_size : mete__mapping_huge_page();
        if (plan.page != 0 && map_memory(&plan, options, &caller, out) == 0) return 0;
        plan.page = 0;
    }
    return map_memory(&plan, options, &caller, out);
}

int mete_map_close(mete_map *map) {
    if (map == NULL) return 0;
    int status = __atomic_load_n(&map->extent->write_error, __ATOMIC_ACQUIRE);
    mete__extent_leave(map);
    return status;
}

/* ---- what it is ---- */

void *mete_map_data(const mete_map *map) {
    return mete__extent_data(map);
}

size_t mete_map_size(const mete_map *map) {
    return mete__extent_view_size(map);
}

int mete_map_file(const mete_map *map) {
    return map->extent->file;
}

int mete_map_error(const mete_map *map) {
    struct mete__extent *extent = map->extent;
    uintptr_t from = (uintptr_t)mete__extent_data(map);
    uintptr_t to = from + mete__extent_view_size(map);

    mete__loss_look(extent, to);
    int error = mete__loss_error(extent, from, to);
    return error != 0 ? error : __atomic_exchange_n(&extent->write_error, 0, __ATOMIC_ACQ_REL);
}

bool mete_map_repair(const void *address) {
    return mete__loss_repair((uintptr_t)address);
}

int mete_map_info_read(const mete_map *map, mete_map_info *out) {
    struct mete__extent *extent = map->extent;
    struct mete__extent_range range, pages;
    size_t resident = 0;

    int status = mete__extent_range(map, 0, 0, &range);
    if (status != 0) return status;
    pages = mete__extent_pages(map, range);
    void *start = (void *)pages.from;
    if (range.from != range.to)
        status = mete__mapping_resident(start, pages.to - pages.from, &resident);
    if (status != 0) return status;
    *out = (mete_map_info){
        .data = mete__extent_data(map),
        .size = mete__extent_view_size(map),
        .file_offset = extent->file < 0 ? 0 : extent->offset + map->offset,
        .device = extent->identity.device,
        .inode = extent->identity.inode,
        .page_size = extent->page,
        .reserved_bytes = extent->room,
        .resident_bytes = resident,
        .huge_bytes = resident == 0 ? 0 : mete__mapping_huge(start, pages.to - pages.from),
        .access = extent->access,
        .obtained = extent->obtained,
        .seals = extent->file < 0 ? 0 : mete__backing_seals(extent->file),
        .views = __atomic_load_n(&extent->views, __ATOMIC_RELAXED),
    };
    return 0;
}
