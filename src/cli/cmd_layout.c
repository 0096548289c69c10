/*
 * cli/cmd_layout.c - `mete layout FILE`: where the members of structs lie, and what lies between.
 */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/blocks/instruction.h"
#include "analysis/layout/layout_diff.h"
#include "analysis/layout/layout_facts.h"
#include "analysis/layout/layout_file.h"
#include "analysis/layout/layout_filter.h"
#include "analysis/layout/layout_reorder.h"
#include "base/compiler.h"
#include "cli/command.h"
#include "cli/debug_directory.h"
#include "cli/document.h"
#include "cli/layout_names.h"
#include "cli/layout_options.h"
#include "cli/message.h"
#include "cli/options.h"
#include "report/layout_changes.h"
#include "report/layout_heap.h"
#include "report/layout_json.h"
#include "report/layout_sarif.h"
#include "report/layout_summary.h"
#include "report/layout_text.h"
#include "report/progress.h"

#define TOP            20 /* entries of tables */
#define COMPLAINTS_MAX 20 /* lines about types that exceed a limit */

/* What the command is about. */
struct request {
    const struct mete__layout_options *given;
    struct mete__layout_file *file;
    struct mete__layout_file *old; /* with --diff; else NULL */
    struct mete__layout_filter filter;
    const struct mete__type **types; /* those of `file` that were asked for */
    size_t count;
    struct mete__layout_reordered *reordered; /* an entry for each */
    struct mete__layout_heap *heap;           /* with --heap; else NULL */
};

static int complain(int status) {
    mete__message_say("layout: %s", strerror(-status));
    return METE__EXIT_FAILED;
}

/* The types of a file that pass, for the caller to free. NULL where memory ran out. */
static const struct mete__type **pass(const struct mete__layout_filter *filter,
                                      const struct mete__layout_file *file, size_t *passed) {
    size_t count = mete__layout_file_count(file);
    const struct mete__type **types = calloc(count + 1, sizeof(struct mete__type *));

    *passed = 0;
    for (size_t i = 0; types != NULL && i < count; i++) {
        const struct mete__type *type = mete__layout_file_type(file, i);
        if (mete__layout_filter_passes(filter, type)) types[(*passed)++] = type;
    }
    return types;
}

static int select_types(struct request *request) {
    request->types = pass(&request->filter, request->file, &request->count);
    if (request->types == NULL) return complain(-ENOMEM);
    return mete__layout_names_check(request->file, request->old, &request->filter);
}

/* The names of hot members: texts[] with each a comma-separated list, cut in place in `copy`. */
static size_t split_hot(const struct mete__option_texts *texts, char *copy, const char **names,
                        size_t most) {
    size_t count = 0;

    for (size_t i = 0; i < texts->count; i++) {
        char *rest = copy, *name;
        copy = stpcpy(copy, texts->text[i]) + 1;
        while ((name = strsep(&rest, ",")) != NULL && count < most)
            if (name[0] != '\0') names[count++] = name;
    }
    return count;
}

/* Those of the types that are asked for. All types of the file are looked at for what may be taken
 * for each other. 0 or -ENOMEM. */
static int find_orders(struct request *request, const struct mete__layout_order_options *options) {
    size_t count = mete__layout_file_count(request->file);
    const struct mete__type **types = calloc(count + 1, sizeof(struct mete__type *));
    int status = -ENOMEM;

    if (types == NULL) return status;
    for (size_t i = 0; i < count; i++) types[i] = mete__layout_file_type(request->file, i);
    struct mete__type_heads *heads = mete__type_heads_open(types, count);
    struct mete__type_unions *unions = mete__type_unions_open(types, count);
    if (heads != NULL && unions != NULL)
        status = mete__layout_reorder_all(request->types, request->count, options, heads, unions,
                                          &request->reordered);
    mete__type_heads_close(heads);
    mete__type_unions_close(unions);
    free(types);
    return status;
}

static int reorder_with(struct request *request, const char *const *hot, size_t hot_count) {
    const struct mete__layout_order_options order = {.line = request->given->line,
                                                     .hot = hot,
                                                     .hot_count = hot_count,
                                                     .size_only = !request->given->reorder &&
                                                                  request->given->heap == NULL &&
                                                                  request->given->json == NULL};
    int code = mete__layout_names_check_hot(request->file, request->types, request->count, hot,
                                            hot_count, request->filter.name_count == 0);
    if (code != METE__EXIT_OK) return code;
    int status = find_orders(request, &order);
    if (status == 0 && request->given->reorder)
        status = mete__layout_reorder_prove(request->file, request->types, request->reordered,
                                            request->count);
    return status == 0 ? METE__EXIT_OK : complain(status);
}

static int reorder(struct request *request) {
    const struct mete__option_texts *texts = &request->given->hot;
    size_t bytes = 1;

    for (size_t i = 0; i < texts->count; i++) bytes += strlen(texts->text[i]) + 1;
    char *copy = malloc(bytes);
    const char **names = calloc(bytes, sizeof(char *)); /* more than there can be */
    int code = METE__EXIT_FAILED;
    if (copy == NULL || names == NULL)
        code = complain(-ENOMEM);
    else
        code = reorder_with(request, names, split_hot(texts, copy, names, bytes));
    free(copy);
    free(names);
    return code;
}

static int print_json(void *context, FILE *out) {
    const struct request *request = context;

    return mete__layout_json_write(request->types, request->reordered, request->heap,
                                   request->count, request->given->line, out);
}

static uint64_t top_of(const struct mete__layout_options *given) {
    return given->top != 0 ? given->top : TOP;
}

static int print_text(void *context, FILE *out) {
    const struct request *request = context;
    const struct mete__layout_text_options text = {.line = request->given->line,
                                                   .expand = request->given->expand};
    const struct mete__layout_summary_options summary = {.line = request->given->line,
                                                         .top = top_of(request->given)};

    if (request->heap != NULL)
        return mete__layout_heap_write(request->heap, top_of(request->given), out);
    if (request->filter.name_count == 0)
        return mete__layout_summary_write(request->file, request->types, request->reordered,
                                          request->count, &summary, out);
    return request->given->reorder
               ? mete__layout_text_reordered(request->types, request->reordered, request->count,
                                             &text, out)
               : mete__layout_text_write(request->types, request->count, &text, out);
}

static int print_sarif(void *context, FILE *out) {
    const struct request *request = context;

    return mete__layout_sarif_write(request->file, request->types, request->reordered,
                                    request->heap, request->count, request->given->line, out);
}

/* Says that a type exceeds a limit; the first ones by name. */
static void complain_limit(size_t *complaints, const struct mete__type *type, const char *what,
                           uint64_t bytes, uint64_t limit) {
    if ((*complaints)++ < COMPLAINTS_MAX)
        mete__message_say("layout: %s %s %llu byte%s, more than %llu", type->name, what,
                          (unsigned long long)bytes, bytes == 1 ? "" : "s",
                          (unsigned long long)limit);
}

static int verdict(size_t complaints) {
    if (complaints > COMPLAINTS_MAX)
        mete__message_say("layout: %zu more types exceed the limit", complaints - COMPLAINTS_MAX);
    return complaints == 0 ? METE__EXIT_OK : METE__EXIT_LIMIT;
}

static int check_padding(const struct request *request) {
    size_t complaints = 0;

    for (size_t i = 0; i < request->count; i++) {
        struct mete__layout_facts facts;
        mete__layout_facts_find(request->types[i], request->given->line, &facts);
        uint64_t wasted = mete__layout_facts_wasted(&facts);
        if (request->types[i]->kind != METE__TYPE_UNION && wasted > request->given->max_padding)
            complain_limit(&complaints, request->types[i], "wastes", wasted,
                           request->given->max_padding);
    }
    return verdict(complaints);
}

/* `profile` NULL: there is nothing to do. */
static int open_heap(const struct request *request, const char *profile,
                     struct mete__layout_heap **heap) {
    char why[METE__WHY_SIZE];

    if (profile == NULL) return METE__EXIT_OK;
    int status = mete__layout_heap_open(profile, request->given->debug_dir, request->types,
                                        request->reordered, request->count, heap, why, sizeof why);
    if (status != 0) {
        mete__message_say("layout: %s", why);
        return METE__EXIT_FAILED;
    }
    if (mete__instruction_missing() != NULL)
        mete__message_say("layout: %s is not installed: without it few types of blocks are known",
                          mete__instruction_missing());
    return METE__EXIT_OK;
}

/* Leaves those of the types that have objects in the profile of --alive. */
static int select_alive(struct request *request) {
    struct mete__layout_heap *heap = NULL;
    size_t kept = 0;
    int code = open_heap(request, request->given->alive, &heap);

    if (code != METE__EXIT_OK || heap == NULL) return code;
    for (size_t i = 0; i < request->count; i++)
        if (mete__layout_heap_objects(heap, i) != 0) request->types[kept++] = request->types[i];
    request->count = kept;
    mete__layout_heap_close(heap);
    return METE__EXIT_OK;
}

/* Whether the best orders of the types are asked for: of named ones that are shown as they are,
 * nobody looks at them. */
static bool needs_orders(const struct request *request) {
    const struct mete__layout_options *given = request->given;

    return request->filter.name_count == 0 || given->reorder || given->heap != NULL ||
           given->json != NULL || given->sarif != NULL || given->hot.count != 0;
}

/* Says so where a profile has nothing to do with the types: it may be another program's. */
static void doubt_heap(const struct request *request) {
    for (size_t i = 0; i < request->count; i++)
        if (mete__layout_heap_objects(request->heap, i) != 0) return;
    if (request->count != 0 && request->count == mete__layout_file_count(request->file))
        mete__message_say("layout: no block in %s is known to be of a type of %s: is it another "
                          "program's?",
                          request->given->heap, mete__layout_file_path(request->file));
}

static int print_types(struct request *request) {
    const struct mete__layout_options *given = request->given;
    int code = select_alive(request);

    if (code == METE__EXIT_OK && request->count == 0 && request->filter.name_count > 0)
        mete__message_say("layout: what was named in %s is left out by the other options",
                          mete__layout_file_path(request->file));
    if (code == METE__EXIT_OK && needs_orders(request)) code = reorder(request);
    if (code == METE__EXIT_OK) code = open_heap(request, given->heap, &request->heap);
    if (request->heap != NULL) doubt_heap(request);
    if (code == METE__EXIT_OK)
        code = given->json != NULL
                   ? mete__document_write(print_json, request, given->json, "layout")
               : given->sarif != NULL
                   ? mete__document_write(print_sarif, request, given->sarif, "layout")
                   : mete__document_write(print_text, request, "-", "layout");
    return code;
}

static int print_changes_text(void *changes, FILE *out) {
    return mete__layout_changes_text(changes, out);
}

static int print_changes_json(void *changes, FILE *out) {
    return mete__layout_changes_json(changes, out);
}

static int check_growth(const struct request *request, const struct mete__layout_changes *changes) {
    size_t complaints = 0;

    for (size_t i = 0; i < changes->count; i++) {
        const struct mete__layout_change *change = &changes->changes[i];
        int64_t growth = mete__layout_diff_growth(change);
        if (change->before != NULL && change->after != NULL && growth > 0 &&
            (uint64_t)growth > request->given->max_growth)
            complain_limit(&complaints, change->after, "grew by", (uint64_t)growth,
                           request->given->max_growth);
    }
    return verdict(complaints);
}

static int print_diff(struct request *request) {
    const char *json = request->given->json;
    struct mete__layout_change *found;
    size_t old_count, count;

    const struct mete__type **olds = pass(&request->filter, request->old, &old_count);
    int status = olds == NULL ? -ENOMEM
                              : mete__layout_diff_types(olds, old_count, request->types,
                                                        request->count, &found, &count);
    free(olds);
    if (status != 0) return complain(status);
    struct mete__layout_changes changes = {
        .old_path = mete__layout_file_path(request->old),
        .new_path = mete__layout_file_path(request->file),
        .changes = found,
        .count = count,
        .line = request->given->line,
    };
    int code = mete__document_write(json != NULL ? print_changes_json : print_changes_text,
                                    &changes, json != NULL ? json : "-", "layout");
    if (code == METE__EXIT_OK) code = check_growth(request, &changes);
    free(found);
    return code;
}

/* What could not be read; with two files, of which. */
static void say_notes(const struct request *request, const struct mete__layout_file *file) {
    const char *path = request->old == NULL ? "" : mete__layout_file_path(file);

    for (size_t i = 0; i < mete__layout_file_notes(file); i++)
        mete__message_say("layout: %s%s%s", path, path[0] == '\0' ? "" : ": ",
                          mete__layout_file_note(file, i));
}

/* Both limits are looked at, so that nobody has to mend one to hear of the other. That they hold
 * cannot be said of types that nobody has seen. */
static int check_limits(const struct request *request, int code) {
    const struct mete__layout_options *given = request->given;
    bool has_limit = given->max_padding != METE__LAYOUT_OPTIONS_NO_LIMIT ||
                     given->max_growth != METE__LAYOUT_OPTIONS_NO_LIMIT;
    int padding = check_padding(request);

    if (code == METE__EXIT_OK) code = padding;
    if (code != METE__EXIT_OK || !has_limit) return code;
    if (mete__layout_file_notes(request->file) == 0 &&
        (request->old == NULL || mete__layout_file_notes(request->old) == 0))
        return code;
    mete__message_say("layout: whether the limits hold is not known, since types were left out");
    return METE__EXIT_FAILED;
}

static int print(struct request *request) {
    if (request->old != NULL) say_notes(request, request->old);
    say_notes(request, request->file);
    int code = select_types(request);
    if (code == METE__EXIT_OK)
        code = request->given->diff ? print_diff(request) : print_types(request);
    if (code == METE__EXIT_OK || code == METE__EXIT_LIMIT) code = check_limits(request, code);
    mete__layout_heap_close(request->heap);
    mete__layout_reorder_free(request->reordered, request->count);
    free(request->types);
    return code;
}

static int open_file(const char *path, const struct mete__layout_options *given,
                     struct mete__layout_file **file) {
    struct mete__progress progress;
    struct mete__layout_file_options file_options = {
        .debug_directory = given->debug_dir,
        .progress = mete__progress_show,
        .progress_context = &progress,
    };
    char why[METE__WHY_SIZE];

    mete__progress_begin(&progress, true);
    progress.work = "reading types";
    int status = mete__layout_file_open(path, &file_options, file, why, sizeof why);
    mete__progress_end(&progress);
    if (status == 0) return METE__EXIT_OK;
    mete__message_say("layout: %s", why);
    return METE__EXIT_FAILED;
}

int mete__cmd_layout(int argc, char **argv) {
    struct mete__layout_options given;
    struct request request = {.given = &given};
    char **operands;

    int count = mete__layout_options_parse(argc, argv, &given, &operands);
    if (count == METE__OPTIONS_HELPED) return METE__EXIT_OK;
    if (count == METE__OPTIONS_BAD) return METE__EXIT_USAGE;

    if (!mete__debug_directory_find(given.debug_dir, false, &given.debug_dir))
        return METE__EXIT_FAILED;
    int files = given.diff ? 2 : 1;
    const char **names = (const char **)operands;
    request.filter = (struct mete__layout_filter){
        .names = names + files,
        .name_count = (size_t)(count - files),
        .file = given.file,
        .min_size = given.min_size,
        .min_holes = given.holes,
        .line = given.line,
    };
    int code = given.diff ? open_file(operands[0], &given, &request.old) : METE__EXIT_OK;
    if (code == METE__EXIT_OK) code = open_file(operands[files - 1], &given, &request.file);
    if (code == METE__EXIT_OK) {
        for (int i = files; i < count; i++)
            names[i] = mete__layout_file_resolve(request.file, names[i]);
        request.filter.contains = mete__layout_file_resolve(request.file, given.contains);
        request.filter.points_to = mete__layout_file_resolve(request.file, given.points_to);
        code = print(&request);
    }
    mete__layout_file_close(request.old);
    mete__layout_file_close(request.file);
    return code;
}
