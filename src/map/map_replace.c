/* mete/map.h: a file that takes another's place in one step. */
#include <errno.h>
#include <mete/map.h>
#include <string.h>

#include "map/extent.h"
#include "map/map_options.h"
#include "os/backing.h"
#include "os/meta.h"
#include "os/process.h"

/* Whose place the new file takes, and with which permissions. */
static int know_target(const char *path, const mete_map_options *options, int directory,
                       struct mete__replacement *replacement, unsigned *mode, bool *is_new) {
    const char *name = mete__backing_last_part(path);
    size_t length = strnlen(name, sizeof replacement->target);

    if (length == 0 || strcmp(name, ".") == 0 || strcmp(name, "..") == 0) return -EINVAL;
    if (length == sizeof replacement->target) return -ENAMETOOLONG;
    memcpy(replacement->target, name, length + 1);
    int status = mete__backing_mode_of(directory, name, mode);
    *is_new = status == -ENOENT;
    if (*is_new) *mode = options->create_mode != 0 ? options->create_mode : 0666;
    return *is_new ? 0 : status;
}

/* The new file, of its full size. */
static int make_file(const mete_map_options *options, int directory,
                     struct mete__replacement *replacement, unsigned mode, bool is_new) {
    int status = 0;
    int file = mete__backing_create_hidden(directory, mode, replacement->name);

    if (file < 0) return file;
    if (!is_new) status = mete__backing_set_mode(file, mode); /* the umask has no say there */
    if (status == 0 && options->create_size != 0)
        status = mete__backing_grow(file, 0, options->create_size,
                                    (options->flags & METE_MAP_SPARSE) == 0);
    if (status == 0) return file;
    if (replacement->name[0] != '\0') (void)mete__backing_remove(directory, replacement->name);
    mete__backing_close(file);
    return status;
}

static int make(struct mete__extent_plan *plan, const char *path, const mete_map_options *options,
                const struct mete__caller *caller, mete_map **out) {
    struct mete__replacement *replacement = mete__meta_alloc(sizeof *replacement);
    unsigned mode = 0;
    bool is_new = false;
    mete_map *map;

    if (replacement == NULL) return -ENOMEM;
    int directory = mete__backing_open_directory(path);
    int status = directory;
    if (status < 0) goto fail_directory;
    status = know_target(path, options, directory, replacement, &mode, &is_new);
    if (status != 0) goto fail_file;
    plan->file = make_file(options, directory, replacement, mode, is_new);
    plan->directory = directory;
    status = plan->file;
    if (status < 0) goto fail_file;
    status = mete__extent_make(plan, caller, &map);
    if (status != 0) goto fail_map;
    replacement->process = mete__process_id();
    map->extent->replacement = replacement;
    *out = map;
    return 0;

fail_map:
    if (replacement->name[0] != '\0') (void)mete__backing_remove(directory, replacement->name);
    mete__backing_close(plan->file);
fail_file:
    mete__backing_close(directory);
fail_directory:
    mete__meta_free(replacement, sizeof *replacement);
    return status;
}

int mete_map_replace(mete_map **out, const char *path, const mete_map_options *given) {
    const struct mete__caller caller = METE__CALLER;
    const mete_map_options *options = mete__map_options_or_default(given);
    struct mete__extent_plan plan = {.reserve = options->reserve, .flags = options->flags};

    if (out == NULL || path == NULL) return -EINVAL;
    int status = mete__map_options_check(options, METE__MAP_REPLACE, &plan.access);
    if (status == 0 && (plan.access & METE_MAP_WRITE) == 0) status = -EINVAL;
    if (status == 0 && options->create_size > PTRDIFF_MAX) status = -EOVERFLOW;
    if (status != 0) return status;
    plan.size = (size_t)options->create_size;
    plan.name = options->name != NULL ? options->name : mete__backing_last_part(path);
    return make(&plan, path, options, &caller, out);
}

int mete_map_commit(mete_map *map) {
    struct mete__extent *extent = map->extent;
    struct mete__replacement *replacement = extent->replacement;
    uintptr_t from = (uintptr_t)extent->start, to = from + extent->size;

    if (replacement == NULL) return -EINVAL;
    mete__loss_look(extent, (uintptr_t)mete__extent_data(map) + mete__extent_view_size(map));
    int status = mete__loss_error(extent, from, to);
    if (status == 0 && (!mete__backing_is(extent->file, &extent->identity) ||
                        !mete__backing_is(extent->directory, &extent->directory_identity)))
        status = -EBADF;
    if (status == 0) status = mete__backing_sync(extent->file);
    if (status == 0) status = __atomic_load_n(&extent->write_error, __ATOMIC_ACQUIRE);
    if (status == 0 && replacement->name[0] == '\0')
        status = mete__backing_give_name(extent->file, extent->directory, replacement->name);
    if (status == 0)
        status = mete__backing_rename(extent->directory, replacement->name, replacement->target);
    if (status != 0) return status;
    extent->replacement = NULL;
    mete__meta_free(replacement, sizeof *replacement);
    /* The directory, as after the creation of any file. */
    return mete_map_flush(map, 0, 0);
}
