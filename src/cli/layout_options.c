#include "cli/layout_options.h"

#include <stddef.h>

#include "analysis/layout/layout_facts.h"
#include "base/compiler.h"

#define OPTION(...) METE__OPTION(struct mete__layout_options, __VA_ARGS__)
static const struct mete__option options[] = {
    OPTION(json, "json", "FILE", "JSON instead of text ('-': standard output)"),
    OPTION(sarif, "sarif", "FILE", "SARIF instead, for code review tools"),
    OPTION(diff, "diff", NULL, "what changed: mete layout --diff OLD NEW"),
    OPTION(max_growth, "max-growth", "BYTES", "exit with 1 where a type grew by more (--diff)",
           .is_bytes = true, .max = INT64_MAX),
    OPTION(max_padding, "max-padding", "BYTES", "exit with 1 where a type wastes more",
           .is_bytes = true, .max = INT64_MAX),
    OPTION(expand, "expand", NULL, "show the members of nested types too"),
    OPTION(reorder, "reorder", NULL, "show the best order of the members"),
    OPTION(heap, "heap", "PROFILE", "what types cost in this profile's heap"),
    OPTION(hot, "hot", "MEMBER", "members that come first; MEMBER,MEMBER too"),
    OPTION(file, "file", "PATTERN", "only types declared in such a file"),
    OPTION(min_size, "min-size", "BYTES", "only types at least so large", .is_bytes = true,
           .max = UINT64_MAX),
    OPTION(holes, "holes", "N", "only types with so many holes (1)", .min = 1, .max = UINT32_MAX,
           .without = "1"),
    OPTION(contains, "contains", "TYPE", "only types that hold such a type"),
    OPTION(points_to, "points-to", "TYPE", "only types that point to such a type"),
    OPTION(alive, "alive", "PROFILE", "only types with objects in this profile"),
    OPTION(top, "top", "N", "entries of the summary (20)", .min = 1, .max = UINT32_MAX),
    OPTION(line, "cache-line", "BYTES", "bytes of a cache line (64)", .min = 16, .max = 4096),
    OPTION(debug_dir, "debug-dir", "DIR", "debug files are here, too ($METE_DEBUG_DIR)"),
};
#undef OPTION

static const struct mete__usage usage = {
    .command = "layout",
    .operands = "FILE [TYPE…]",
    .summary = "Says where the members of structs lie, from a file's debug information.",
    .options = options,
    .option_count = METE_COUNT_OF(options),
};

/* Why one of the options would change nothing; NULL where each has something to say. */
static const char *why_useless(const struct mete__layout_options *given, bool has_types) {
    bool is_document = given->json != NULL || given->sarif != NULL;
    bool is_table = given->heap != NULL && !is_document;

    if (given->json != NULL && given->sarif != NULL) return "either --json or --sarif";
    if (given->diff) {
        if (given->sarif != NULL || given->reorder) return "--diff has no --sarif and no --reorder";
        if (given->heap != NULL || given->alive != NULL)
            return "--diff has no profile: --heap and --alive are for one file";
        if (given->expand) return "--diff shows what changed inside: it has no --expand";
        if (given->hot.count != 0) return "--diff reorders nothing: it has no --hot";
        return given->top != 0 ? "--diff shows all that changed: it has no --top" : NULL;
    }
    if (is_table && given->reorder)
        return "--heap says which members to move: see the whole order by --reorder TYPE alone";
    if (given->expand && is_document) return "documents have one form: --expand is for text";
    if (given->expand && (is_table || !has_types))
        return "--expand of which type? name some, or '*' for all";
    if (given->expand && given->reorder) return "either --expand or --reorder";
    if (given->hot.count != 0 && has_types && !given->reorder && !is_document && !is_table)
        return "--hot says how members are to be ordered: add --reorder";
    if (given->reorder && !is_document && !has_types)
        return "--reorder of which type? name some, or '*' for all";
    if (given->top != 0 && (is_document || (has_types && !is_table)))
        return "--top is for the summary and the table of --heap: all types are shown here";
    return NULL;
}

/* What the options and operands do not say together; 0 where nothing is wrong. */
static int check_usage(const struct mete__layout_options *given, int count) {
    if (count == 0) return mete__options_complain(&usage, "of which file?");
    if (given->diff && count < 2) return mete__options_complain(&usage, "--diff takes two files");
    if ((given->line & (given->line - 1)) != 0)
        return mete__options_complain(&usage, "cache lines of %llu bytes? it is a power of two",
                                      (unsigned long long)given->line);
    if (given->max_growth != METE__LAYOUT_OPTIONS_NO_LIMIT && !given->diff)
        return mete__options_complain(&usage, "--max-growth is for --diff OLD NEW");
    const char *why = why_useless(given, count > 1 + given->diff);
    return why == NULL ? 0 : mete__options_complain(&usage, "%s", why);
}

int mete__layout_options_parse(int argc, char **argv, struct mete__layout_options *given,
                               char ***operands) {
    *given = (struct mete__layout_options){.line = METE__LAYOUT_LINE,
                                           .max_growth = METE__LAYOUT_OPTIONS_NO_LIMIT,
                                           .max_padding = METE__LAYOUT_OPTIONS_NO_LIMIT};
    int count = mete__options_parse(&usage, argc, argv, given, operands);
    if (count == METE__OPTIONS_HELPED || count == METE__OPTIONS_BAD) return count;
    return check_usage(given, count) == 0 ? count : METE__OPTIONS_BAD;
}
