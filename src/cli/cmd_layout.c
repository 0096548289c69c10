/*
 * cli/cmd_layout.c - `mete layout FILE`: where the members of structs lie, and what lies between.
 */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/layout_facts.h"
#include "analysis/layout_file.h"
#include "analysis/layout_filter.h"
#include "analysis/layout_reorder.h"
#include "base/compiler.h"
#include "cli/command.h"
#include "cli/document.h"
#include "cli/message.h"
#include "cli/nearest.h"
#include "cli/options.h"
#include "report/layout_json.h"
#include "report/layout_summary.h"
#include "report/layout_text.h"
#include "report/progress.h"

#define WHY_SIZE 8192 /* a sentence with a path or two in it */

struct layout_options {
    const char *json;
    bool expand, reorder;
    struct mete__option_texts hot; /* members, several in one text by commas */
    const char *file, *contains, *points_to;
    uint64_t min_size, holes;
    uint64_t line;
    uint64_t top;
    const char *debug_dir;
};

#define MEMBER(name) offsetof(struct layout_options, name)
static const struct mete__option options[] = {
    {.name = "json",
     .kind = METE__OPTION_TEXT,
     .value = "FILE",
     .offset = MEMBER(json),
     .help = "JSON instead of text ('-': standard output)"},
    {.name = "expand", .offset = MEMBER(expand), .help = "show the members of nested types too"},
    {.name = "reorder", .offset = MEMBER(reorder), .help = "show the best order of the members"},
    {.name = "hot",
     .kind = METE__OPTION_TEXTS,
     .value = "MEMBER",
     .offset = MEMBER(hot),
     .help = "members that come first; MEMBER,MEMBER too"},
    {.name = "file",
     .kind = METE__OPTION_TEXT,
     .value = "PATTERN",
     .offset = MEMBER(file),
     .help = "only types declared in such a file"},
    {.name = "min-size",
     .kind = METE__OPTION_BYTES,
     .value = "BYTES",
     .offset = MEMBER(min_size),
     .max = UINT64_MAX,
     .help = "only types at least so large"},
    {.name = "holes",
     .kind = METE__OPTION_NUMBER,
     .value = "N",
     .offset = MEMBER(holes),
     .min = 1,
     .max = UINT32_MAX,
     .help = "only types with so many holes"},
    {.name = "contains",
     .kind = METE__OPTION_TEXT,
     .value = "TYPE",
     .offset = MEMBER(contains),
     .help = "only types that hold such a type"},
    {.name = "points-to",
     .kind = METE__OPTION_TEXT,
     .value = "TYPE",
     .offset = MEMBER(points_to),
     .help = "only types that point to such a type"},
    {.name = "top",
     .kind = METE__OPTION_NUMBER,
     .value = "N",
     .offset = MEMBER(top),
     .min = 1,
     .max = UINT32_MAX,
     .help = "entries of the summary (20)"},
    {.name = "cache-line",
     .kind = METE__OPTION_NUMBER,
     .value = "BYTES",
     .offset = MEMBER(line),
     .min = 16,
     .max = 4096,
     .help = "bytes of a cache line (64)"},
    {.name = "debug-dir",
     .kind = METE__OPTION_TEXT,
     .value = "DIR",
     .offset = MEMBER(debug_dir),
     .help = "debug files are here, too ($METE_DEBUG_DIR)"},
};

static const struct mete__usage usage = {
    .command = "layout",
    .operands = "FILE [TYPE…]",
    .summary = "Says where the members of structs lie, from a file's debug information.",
    .options = options,
    .option_count = METE_COUNT_OF(options),
};

/* What the command is about. */
struct request {
    const struct layout_options *given;
    struct mete__layout_file *file;
    struct mete__layout_filter filter;
    const struct mete__type **types; /* those that were asked for */
    size_t count;
    struct mete__layout_reordered *reordered; /* an entry for each */
};

static int complain(int status) {
    mete__message_say("layout: %s", strerror(-status));
    return METE__EXIT_FAILED;
}

static int complain_unknown(const struct request *request, const char *pattern) {
    struct mete__nearest nearest = mete__nearest_to(pattern);

    for (size_t i = 0; i < mete__layout_file_count(request->file); i++)
        mete__nearest_offer(&nearest,
                            mete__type_plain_name(mete__layout_file_type(request->file, i)));
    mete__message_say("layout: %s has no type '%s'%s%s%s", mete__layout_file_path(request->file),
                      pattern, nearest.best == NULL ? "" : ": did you mean '",
                      nearest.best == NULL ? "" : nearest.best, nearest.best == NULL ? "" : "'?");
    return METE__EXIT_FAILED;
}

/* Every pattern must find something: a mistyped name is no empty report. */
static int check_names(const struct request *request) {
    const struct mete__layout_filter *filter = &request->filter;

    for (size_t i = 0; i < filter->name_count; i++) {
        bool found = false;
        for (size_t k = 0; k < mete__layout_file_count(request->file) && !found; k++)
            found = mete__layout_filter_matches(mete__layout_file_type(request->file, k),
                                                filter->names[i]);
        if (!found) return complain_unknown(request, filter->names[i]);
    }
    return METE__EXIT_OK;
}

static int select_types(struct request *request) {
    size_t count = mete__layout_file_count(request->file);

    request->types = calloc(count + 1, sizeof(struct mete__type *));
    if (request->types == NULL) return complain(-ENOMEM);
    for (size_t i = 0; i < count; i++) {
        const struct mete__type *type = mete__layout_file_type(request->file, i);
        if (mete__layout_filter_passes(&request->filter, type))
            request->types[request->count++] = type;
    }
    return check_names(request);
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

static int reorder_with(struct request *request, const char *const *hot, size_t hot_count) {
    const struct mete__layout_order_options order = {
        .line = request->given->line, .hot = hot, .hot_count = hot_count};
    int status =
        mete__layout_reorder_all(request->types, request->count, &order, &request->reordered);

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

    return mete__layout_json_write(request->types, request->reordered, request->count,
                                   request->given->line, out);
}

static int print_text(void *context, FILE *out) {
    const struct request *request = context;
    const struct mete__layout_text_options text = {.line = request->given->line,
                                                   .expand = request->given->expand};
    const struct mete__layout_summary_options summary = {.line = request->given->line,
                                                         .top = request->given->top};

    if (request->filter.name_count == 0)
        return mete__layout_summary_write(request->file, request->types, request->reordered,
                                          request->count, &summary, out);
    return request->given->reorder
               ? mete__layout_text_reordered(request->types, request->reordered, request->count,
                                             &text, out)
               : mete__layout_text_write(request->types, request->count, &text, out);
}

static int print(struct request *request) {
    const char *json = request->given->json;

    for (size_t i = 0; i < mete__layout_file_notes(request->file); i++)
        mete__message_say("layout: %s", mete__layout_file_note(request->file, i));
    int code = select_types(request);
    if (code == METE__EXIT_OK) code = reorder(request);
    if (code == METE__EXIT_OK)
        code = json != NULL ? mete__document_write(print_json, request, json, "layout")
                            : mete__document_write(print_text, request, "-", "layout");
    mete__layout_reorder_free(request->reordered, request->count);
    free(request->types);
    return code;
}

static int open_file(const char *path, const struct layout_options *given,
                     struct mete__layout_file **file) {
    struct mete__progress progress;
    struct mete__layout_file_options file_options = {
        .debug_directory = given->debug_dir != NULL ? given->debug_dir : getenv("METE_DEBUG_DIR"),
        .progress = mete__progress_show,
        .progress_context = &progress,
    };
    char why[WHY_SIZE];

    mete__progress_begin(&progress, true);
    progress.work = "reading types";
    int status = mete__layout_file_open(path, &file_options, file, why, sizeof why);
    mete__progress_end(&progress);
    if (status == 0) return METE__EXIT_OK;
    mete__message_say("layout: %s", why);
    return METE__EXIT_FAILED;
}

int mete__cmd_layout(int argc, char **argv) {
    struct layout_options given = {.line = METE__LAYOUT_LINE, .top = 20};
    struct request request = {.given = &given};
    char **operands;

    int count = mete__options_parse(&usage, argc, argv, &given, &operands);
    if (count == METE__OPTIONS_HELPED) return METE__EXIT_OK;
    if (count == METE__OPTIONS_BAD) return METE__EXIT_USAGE;
    if (count == 0) return mete__options_complain(&usage, "of which file?");
    if ((given.line & (given.line - 1)) != 0)
        return mete__options_complain(&usage, "cache lines of %llu bytes? it is a power of two",
                                      (unsigned long long)given.line);

    int code = open_file(operands[0], &given, &request.file);
    if (code != METE__EXIT_OK) return code;
    request.filter = (struct mete__layout_filter){
        .names = (const char *const *)(operands + 1),
        .name_count = (size_t)count - 1,
        .file = given.file,
        .min_size = given.min_size,
        .min_holes = given.holes,
        .contains = given.contains,
        .points_to = given.points_to,
        .line = given.line,
    };
    code = print(&request);
    mete__layout_file_close(request.file);
    return code;
}
