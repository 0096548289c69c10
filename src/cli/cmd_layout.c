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
#include "analysis/pattern.h"
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
    bool expand;
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
    char **patterns; /* of type names */
    size_t pattern_count;
    const struct mete__type **types; /* those that were asked for */
    size_t count;
};

static bool matches(const struct mete__type *type, const char *pattern) {
    return mete__pattern_matches(pattern, type->name) ||
           mete__pattern_matches(pattern, mete__type_plain_name(type));
}

static bool is_wanted(const struct request *request, const struct mete__type *type) {
    for (size_t i = 0; i < request->pattern_count; i++)
        if (matches(type, request->patterns[i])) return true;
    return request->pattern_count == 0;
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
static int check_patterns(const struct request *request) {
    for (size_t i = 0; i < request->pattern_count; i++) {
        bool found = false;
        for (size_t k = 0; k < mete__layout_file_count(request->file) && !found; k++)
            found = matches(mete__layout_file_type(request->file, k), request->patterns[i]);
        if (!found) return complain_unknown(request, request->patterns[i]);
    }
    return METE__EXIT_OK;
}

static int select_types(struct request *request) {
    size_t count = mete__layout_file_count(request->file);

    request->types = calloc(count + 1, sizeof(struct mete__type *));
    if (request->types == NULL) {
        mete__message_say("layout: %s", strerror(ENOMEM));
        return METE__EXIT_FAILED;
    }
    for (size_t i = 0; i < count; i++) {
        const struct mete__type *type = mete__layout_file_type(request->file, i);
        if (is_wanted(request, type)) request->types[request->count++] = type;
    }
    return check_patterns(request);
}

static int print_json(void *context, FILE *out) {
    const struct request *request = context;

    return mete__layout_json_write(request->types, request->count, request->given->line, out);
}

static int print_text(void *context, FILE *out) {
    const struct request *request = context;
    const struct mete__layout_text_options text = {.line = request->given->line,
                                                   .expand = request->given->expand};
    const struct mete__layout_summary_options summary = {.line = request->given->line,
                                                         .top = request->given->top};

    return request->pattern_count == 0
               ? mete__layout_summary_write(request->file, request->types, request->count, &summary,
                                            out)
               : mete__layout_text_write(request->types, request->count, &text, out);
}

static int print(struct request *request) {
    const char *json = request->given->json;

    for (size_t i = 0; i < mete__layout_file_notes(request->file); i++)
        mete__message_say("layout: %s", mete__layout_file_note(request->file, i));
    int code = select_types(request);
    if (code == METE__EXIT_OK)
        code = json != NULL ? mete__document_write(print_json, request, json, "layout")
                            : mete__document_write(print_text, request, "-", "layout");
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
    request.patterns = operands + 1;
    request.pattern_count = (size_t)count - 1;
    code = print(&request);
    mete__layout_file_close(request.file);
    return code;
}
