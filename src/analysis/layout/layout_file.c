#include "analysis/layout/layout_file.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/debug_types/btf.h"
#include "analysis/debug_types/btf_base.h"
#include "analysis/debug_types/btf_file.h"
#include "analysis/debug_types/dwarf_types.h"
#include "analysis/dwarf/dwarf_file.h"
#include "analysis/names.h"
#include "analysis/types/type_complete.h"
#include "analysis/types/type_table.h"

struct mete__layout_file {
    char *path;
    struct mete__names *names;
    struct mete__type_table *table;
    const struct mete__type **listed;
    size_t listed_count;
    struct mete__dwarf_types_unit *units; /* by number */
    size_t unit_count, known_units, unit_capacity;
    int machine;
    char **notes;
    size_t note_count;
};

static void add_note(void *context, const char *text) {
    struct mete__layout_file *file = context;
    char **notes = reallocarray(file->notes, file->note_count + 1, sizeof(char *));

    if (notes == NULL) return; /* without memory there are more pressing failures than this */
    file->notes = notes;
    notes[file->note_count] = strdup(text);
    if (notes[file->note_count] != NULL) file->note_count++;
}

/* NULL: nothing is missing. */
static void note_missing(struct mete__layout_file *file, const char *missing) {
    char *text;

    if (missing == NULL ||
        asprintf(&text, "%s is not here as it was: its types are left out", missing) < 0)
        return;
    add_note(file, text);
    free(text);
}

/* A copy that is kept; NULL of NULL. false: memory ran out. */
static bool keep_text(struct mete__layout_file *file, const char *text, const char **kept) {
    *kept = text == NULL ? NULL : mete__names_keep(file->names, text);
    return text == NULL || *kept != NULL;
}

static int add_unit(void *context, size_t number, const struct mete__dwarf_types_unit *unit) {
    struct mete__layout_file *file = context;
    struct mete__dwarf_types_unit kept;

    if (!keep_text(file, unit->producer, &kept.producer) ||
        !keep_text(file, unit->directory, &kept.directory))
        return -ENOMEM;
    if (number >= file->unit_capacity) {
        size_t capacity = number < 64 ? 128 : number * 2;
        struct mete__dwarf_types_unit *units = reallocarray(file->units, capacity, sizeof *units);
        if (units == NULL) return -ENOMEM;
        file->units = units;
        file->unit_capacity = capacity;
    }
    for (; file->known_units <= number; file->known_units++)
        file->units[file->known_units] = (struct mete__dwarf_types_unit){0};
    file->units[number] = kept;
    return 0;
}

/* By name, then as they came. */
static int in_order(const void *left, const void *right) {
    const struct mete__type *const *a = left, *const *b = right;
    int order = strcmp(mete__type_plain_name(*a), mete__type_plain_name(*b));

    if (order == 0) order = strcmp((*a)->name, (*b)->name);
    if (order != 0) return order;
    if ((*a)->unit != (*b)->unit) return (*a)->unit < (*b)->unit ? -1 : 1;
    if ((*a)->line != (*b)->line) return (*a)->line < (*b)->line ? -1 : 1;
    return (*a)->size < (*b)->size ? -1 : (*a)->size > (*b)->size;
}

static int list_types(struct mete__layout_file *file) {
    size_t before = mete__type_table_count(file->table);
    bool *replaced;

    if (mete__type_complete(file->table, &replaced) != 0) return -ENOMEM;
    size_t count = mete__type_table_count(file->table);
    file->listed = calloc(count + 1, sizeof(struct mete__type *));
    for (size_t i = 0; i < count && file->listed != NULL; i++) {
        const struct mete__type *type = mete__type_table_at(file->table, i);
        if (type->flags & METE__TYPE_ANONYMOUS || (i < before && replaced[i])) continue;
        file->listed[file->listed_count++] = type;
    }
    free(replaced);
    if (file->listed == NULL) return -ENOMEM;
    if (file->listed_count > 0)
        qsort(file->listed, file->listed_count, sizeof(struct mete__type *), in_order);
    return 0;
}

static int read_dwarf(struct mete__layout_file *file, struct mete__dwarf_file *dwarf,
                      const struct mete__layout_file_options *options) {
    struct mete__dwarf_types_options reading = {
        .machine = mete__dwarf_file_machine(dwarf),
        .progress = options->progress,
        .progress_context = options->progress_context,
        .note = add_note,
        .note_context = file,
        .unit = add_unit,
        .unit_context = file,
    };
    int status = 0;

    file->machine = reading.machine;
    for (size_t i = 0; i < mete__dwarf_file_parts(dwarf) && status == 0; i++)
        status = mete__dwarf_types_read(mete__dwarf_file_part(dwarf, i), &reading, file->names,
                                        file->table, &file->unit_count);
    return status;
}

/* -ENODATA where the file has no BTF either: then `why` stays what it was. */
static int read_btf(struct mete__layout_file *file, char *why, size_t why_size) {
    struct mete__btf_file btf = {0};
    uint32_t first;

    if (mete__btf_file_read(file->path, &btf) != 0) return -ENODATA;
    int status = mete__btf_base_join(file->path, &btf, &first);
    if (status == 0)
        status = mete__btf_read(btf.data, btf.size, first, btf.machine, btf.address_size,
                                file->names, file->table);
    file->machine = btf.machine;
    mete__btf_file_free(&btf);
    file->unit_count = 1;
    if (status == -EBADMSG)
        snprintf(why, why_size, "%s has damaged BTF, or some of a kind that is not known",
                 file->path);
    if (status == -ENOENT)
        snprintf(why, why_size,
                 "%s has a kernel module's BTF, which only continues the kernel's: put that beside "
                 "it as vmlinux",
                 file->path);
    return status;
}

static int read_types(struct mete__layout_file *file,
                      const struct mete__layout_file_options *options, char *why, size_t why_size) {
    struct mete__dwarf_file *dwarf;

    /* libdwfl would look for each kind of compression there is, with a megabyte for each. */
    if (mete__btf_file_is(file->path)) return read_btf(file, why, why_size);
    const struct mete__debug_watch watch = {options->progress, options->progress_context};
    int status =
        mete__dwarf_file_open(file->path, options->debug_directory, &watch, &dwarf, why, why_size);

    if (status == 0) {
        status = read_dwarf(file, dwarf, options);
        note_missing(file, mete__dwarf_file_missing(dwarf));
        mete__dwarf_file_close(dwarf);
        if (status == -ESTALE) {
            snprintf(why, why_size,
                     "%s: the file in which dwz has put types of it is another build's",
                     file->path);
        } else if (status != 0) {
            snprintf(why, why_size, "%s: %s", file->path, strerror(-status));
        } else if (file->unit_count == 0) {
            status = -ENODATA;
            snprintf(why, why_size, "%s has no debug information that can be read%s%s", file->path,
                     file->note_count == 0 ? "" : ": ",
                     file->note_count == 0 ? "" : file->notes[0]);
        }
    }
    if (status != -ENODATA && status != -ENOEXEC) return status;
    int found = read_btf(file, why, why_size);
    return found == -ENODATA ? status : found;
}

static int read_file(struct mete__layout_file *file,
                     const struct mete__layout_file_options *options, char *why, size_t why_size) {
    int status = read_types(file, options, why, why_size);

    if (status == 0) status = list_types(file);
    if (status == -ENOMEM) snprintf(why, why_size, "%s: %s", file->path, strerror(ENOMEM));
    return status;
}

int mete__layout_file_open(const char *path, const struct mete__layout_file_options *options,
                           struct mete__layout_file **out, char *why, size_t why_size) {
    struct mete__layout_file *file = calloc(1, sizeof *file);
    int status = -ENOMEM;

    snprintf(why, why_size, "out of memory");
    if (file == NULL) return -ENOMEM;
    file->path = strdup(path);
    file->names = mete__names_open();
    file->table = mete__type_table_open();
    if (file->path != NULL && file->names != NULL && file->table != NULL)
        status = read_file(file, options, why, why_size);
    if (status == 0)
        *out = file;
    else
        mete__layout_file_close(file);
    return status;
}

void mete__layout_file_close(struct mete__layout_file *file) {
    if (file == NULL) return;
    for (size_t i = 0; i < file->note_count; i++) free(file->notes[i]);
    free(file->notes);
    free(file->listed);
    free(file->units);
    mete__type_table_close(file->table);
    mete__names_close(file->names);
    free(file->path);
    free(file);
}

const char *mete__layout_file_path(const struct mete__layout_file *file) {
    return file->path;
}

size_t mete__layout_file_count(const struct mete__layout_file *file) {
    return file->listed_count;
}

const struct mete__type *mete__layout_file_type(const struct mete__layout_file *file,
                                                size_t number) {
    return file->listed[number];
}

const char *mete__layout_file_resolve(const struct mete__layout_file *file, const char *name) {
    const char *found =
        name == NULL ? NULL
                     : mete__type_synonyms_find(mete__type_table_synonyms(file->table), name);

    for (size_t i = 0; found != NULL && i < file->listed_count; i++)
        if (strcmp(mete__type_plain_name(file->listed[i]), name) == 0) return name;
    return found == NULL ? name : found;
}

size_t mete__layout_file_units(const struct mete__layout_file *file) {
    return file->unit_count;
}

int mete__layout_file_machine(const struct mete__layout_file *file) {
    return file->machine;
}

const char *mete__layout_file_producer(const struct mete__layout_file *file,
                                       const struct mete__type *type) {
    return type->unit < file->known_units ? file->units[type->unit].producer : NULL;
}

const char *mete__layout_file_directory(const struct mete__layout_file *file,
                                        const struct mete__type *type) {
    return type->unit < file->known_units ? file->units[type->unit].directory : NULL;
}

size_t mete__layout_file_notes(const struct mete__layout_file *file) {
    return file->note_count;
}

const char *mete__layout_file_note(const struct mete__layout_file *file, size_t number) {
    return file->notes[number];
}
