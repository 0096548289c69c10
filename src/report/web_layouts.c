#include "report/web_layouts.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/array.h"
#include "analysis/blocks/site_types.h"
#include "analysis/blocks/type_uses.h"
#include "analysis/layout/layout_facts.h"
#include "analysis/layout/layout_file.h"
#include "analysis/symbols/backtrace.h"
#include "report/layout_json.h"

#define TYPES_MAX 200 /* whose layouts are looked for */

/* Of one call of mete__web_layouts_write. */
struct search {
    struct mete__report *report;
    struct mete__json *json;
    bool any;                                       /* a layout is written */
    const struct mete__type_use *wanted[TYPES_MAX]; /* by name and size; not found yet */
    size_t wanted_count;
    const char **files; /* once each */
    size_t file_count, file_capacity;
};

/* Of bytes and of pointers there is nothing to draw; of other types without members nothing is
 * found. */
static bool may_have_members(const struct mete__type_use *use) {
    size_t length = use->name == NULL ? 0 : strlen(use->name);

    return length > 0 && use->size > 1 && use->name[length - 1] != '*';
}

static void want(struct search *search, const struct mete__type_uses *uses) {
    for (size_t i = 0; i < uses->count && search->wanted_count < TYPES_MAX; i++)
        if (may_have_members(&uses->items[i]))
            search->wanted[search->wanted_count++] = &uses->items[i];
    mete__type_uses_sort(search->wanted, search->wanted_count);
}

/* The wanted type of this name and size; NULL: there is none. */
static const struct mete__type_use **find_wanted(struct search *search, const char *name,
                                                 uint64_t size) {
    return mete__type_uses_find(search->wanted, search->wanted_count, name, size);
}

/* --- Files --- */

static int add_file(struct search *search, const char *path) {
    for (size_t i = 0; i < search->file_count; i++)
        if (strcmp(search->files[i], path) == 0) return 0;
    const char **files = mete__array_room(search->files, search->file_count, &search->file_capacity,
                                          sizeof(const char *));
    if (files == NULL) return -ENOMEM;
    search->files = files;
    files[search->file_count++] = path;
    return 0;
}

static int find_files(struct search *search) {
    const struct mete__report *report = search->report;
    int status = 0;

    for (size_t i = 0; i < report->summary->site_count && status == 0; i++) {
        const struct mete__summary_site *site = &report->summary->sites[i];
        struct mete__site_type type;
        status = mete__site_types_find(report->types, site, &type);
        if (status != 0 || type.name == NULL || find_wanted(search, type.name, type.bytes) == NULL)
            continue;
        const struct mete__frame *frame =
            mete__backtrace_headline(report->profile, report->symbols, site->stack,
                                     &(struct mete__backtrace_cursor){.node = site->stack});
        if (frame != NULL && frame->file != NULL) status = add_file(search, frame->module);
    }
    return status;
}

/* --- Layouts --- */

static void write_found(struct search *search, const struct mete__type *type) {
    const struct mete__type_use **found = find_wanted(search, type->name, type->size);

    if (found == NULL) return;
    mete__json_begin_entry(search->json, &search->any);
    mete__json_write(search->json, mete__layout_json_type(search->json, type, METE__LAYOUT_LINE));
    size_t behind = search->wanted_count - (size_t)(found - search->wanted) - 1;
    memmove(found, found + 1, behind * sizeof *found);
    search->wanted_count--;
}

/* A file that cannot be read is none that anybody has to know of here. */
static int search_file(struct search *search, const char *path) {
    const struct mete__layout_file_options options = {.debug_directory =
                                                          search->report->options.debug_directory};
    struct mete__layout_file *file;
    char why[256];

    int status = mete__layout_file_open(path, &options, &file, why, sizeof why);
    if (status != 0) return status == -ENOMEM ? status : 0;
    size_t count = mete__layout_file_count(file);
    for (size_t i = 0; i < count && search->wanted_count > 0; i++)
        write_found(search, mete__layout_file_type(file, i));
    mete__layout_file_close(file);
    return 0;
}

void mete__web_layouts_write(struct mete__report *report, struct mete__json *json) {
    struct search search = {.report = report, .json = json};
    struct mete__type_uses *uses;
    int status = mete__type_uses_make(report->types, report->summary, &uses);

    if (status != 0) {
        mete__json_fail(json, status);
        return;
    }
    want(&search, uses);
    status = find_files(&search);
    mete__json_begin_member(json, "layouts");
    putc('[', json->out);
    for (size_t i = 0; i < search.file_count && status == 0 && search.wanted_count > 0; i++)
        status = search_file(&search, search.files[i]);
    mete__json_end_entries(json, search.any);
    if (status != 0) mete__json_fail(json, status);
    mete__type_uses_free(uses);
    free(search.files);
}
