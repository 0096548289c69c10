#include "analysis/findings/suppression_parser.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/array.h"

#define LINES_MAX 500 /* callers in one suppression, as Valgrind's largest --num-callers */

struct parser {
    struct mete__suppression_list *list;
    const char *file;
    char *next;    /* the rest of the text */
    uint32_t line; /* number of the line last read */
    char *why;
    size_t why_size;
};

static int fail(struct parser *parser, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static int fail(struct parser *parser, const char *format, ...) {
    char reason[256];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(reason, sizeof reason, format, arguments);
    va_end(arguments);
    snprintf(parser->why, parser->why_size, "%s:%u: %s", parser->file, parser->line, reason);
    return -EINVAL;
}

static char *trimmed(char *text) {
    while (isspace((unsigned char)*text)) text++;
    size_t length = strlen(text);
    while (length > 0 && isspace((unsigned char)text[length - 1])) text[--length] = '\0';
    return text;
}

/* The next line that is neither empty nor a comment, without the blanks around it; NULL: no more.
 */
static char *next_line(struct parser *parser) {
    while (parser->next != NULL && *parser->next != '\0') {
        char *line = strsep(&parser->next, "\n");
        parser->line++;
        line = trimmed(line);
        if (line[0] != '\0' && line[0] != '#') return line;
    }
    return NULL;
}

static bool skip_prefix(const char **text, const char *prefix) {
    size_t length = strlen(prefix);

    if (strncmp(*text, prefix, length) != 0) return false;
    *text += length;
    return true;
}

static struct mete__suppression *add_suppression(struct parser *parser) {
    struct mete__suppression_list *list = parser->list;

    struct mete__suppression *items =
        mete__array_room(list->items, list->count, &list->capacity, sizeof *items);
    if (items == NULL) return NULL;
    list->items = items;
    struct mete__suppression *suppression = &list->items[list->count++];
    *suppression = (struct mete__suppression){.file = parser->file, .line = parser->line};
    return suppression;
}

/* --- Kinds --- */

static const struct {
    const char *name;
    unsigned bits;
} leak_kinds[] = {
    {"definite", 1u << METE_LEAK_DEFINITE}, {"indirect", 1u << METE_LEAK_INDIRECT},
    {"possible", 1u << METE_LEAK_POSSIBLE}, {"reachable", 1u << METE_LEAK_REACHABLE},
    {"all", METE__SUPPRESSION_ALL_LEAKS},   {"none", 0},
};

static const struct {
    const char *name;
    unsigned bits;
} error_kinds[] = {
    /* Valgrind's names. */
    {"Free", METE__SUPPRESSION_FREE_ERRORS},
    {"Addr1", METE__SUPPRESSION_ACCESS_ERRORS},
    {"Addr2", METE__SUPPRESSION_ACCESS_ERRORS},
    {"Addr4", METE__SUPPRESSION_ACCESS_ERRORS},
    {"Addr8", METE__SUPPRESSION_ACCESS_ERRORS},
    {"Addr16", METE__SUPPRESSION_ACCESS_ERRORS},
    {"Addr32", METE__SUPPRESSION_ACCESS_ERRORS},
    /* mete's own. */
    {"double-free", 1u << METE_ERROR_DOUBLE_FREE},
    {"invalid-free", 1u << METE_ERROR_INVALID_FREE},
    {"interior-free", 1u << METE_ERROR_INTERIOR_FREE},
    {"mismatched-free", 1u << METE_ERROR_MISMATCHED_FREE},
    {"heap-overflow", 1u << METE_ERROR_HEAP_OVERFLOW},
    {"heap-underflow", 1u << METE_ERROR_HEAP_UNDERFLOW},
    {"use-after-free", 1u << METE_ERROR_USE_AFTER_FREE},
    {"write-after-free", 1u << METE_ERROR_WRITE_AFTER_FREE},
};

static int parse_leak_kinds(struct parser *parser, char *list, unsigned *kinds) {
    *kinds = 0;
    for (char *name; (name = strsep(&list, ",")) != NULL;) {
        bool known = false;
        name = trimmed(name);
        for (size_t i = 0; i < sizeof leak_kinds / sizeof leak_kinds[0]; i++) {
            if (strcmp(name, leak_kinds[i].name) != 0) continue;
            *kinds |= leak_kinds[i].bits;
            known = true;
        }
        if (!known) return fail(parser, "unknown leak kind '%.40s'", name);
    }
    return 0;
}

/* "Memcheck,Helgrind:Leak": which kinds it is about. Kinds that mete has no errors of leave none.
 */
static int parse_kind(struct parser *parser, char *line, struct mete__suppression *suppression) {
    char *kind = strchr(line, ':');
    bool ours = false;

    if (kind == NULL) return fail(parser, "expected TOOL:KIND, not '%.60s'", line);
    *kind++ = '\0';
    for (char *tool; (tool = strsep(&line, ",")) != NULL;)
        ours = ours || strcmp(tool, "Memcheck") == 0 || strcmp(tool, "mete") == 0;
    if (!ours) return 0;
    if (strcmp(kind, "Leak") == 0) {
        suppression->leak_kinds = METE__SUPPRESSION_ALL_LEAKS;
        return 0;
    }
    for (size_t i = 0; i < sizeof error_kinds / sizeof error_kinds[0]; i++)
        if (strcmp(kind, error_kinds[i].name) == 0) suppression->error_kinds = error_kinds[i].bits;
    return 0;
}

/* --- Frames --- */

/* "src:file.c:12" */
static void split_source(char *text, struct mete__suppression_line *line) {
    char *colon = strrchr(text, ':');
    char *end;

    if (colon == NULL || !isdigit((unsigned char)colon[1])) return;
    errno = 0;
    unsigned long number = strtoul(colon + 1, &end, 10);
    if (*end != '\0' || errno != 0 || number > UINT32_MAX) return;
    *colon = '\0';
    line->source_line = (uint32_t)number;
}

static int parse_frame(struct parser *parser, char *text, struct mete__suppression_line *line) {
    const char *pattern = text;

    if (strcmp(text, "...") == 0) {
        *line = (struct mete__suppression_line){METE__SUPPRESSION_ANY_FRAMES, "", 0};
    } else if (skip_prefix(&pattern, "fun:")) {
        *line = (struct mete__suppression_line){METE__SUPPRESSION_FUNCTION, pattern, 0};
    } else if (skip_prefix(&pattern, "obj:")) {
        *line = (struct mete__suppression_line){METE__SUPPRESSION_OBJECT, pattern, 0};
    } else if (skip_prefix(&pattern, "src:")) {
        *line = (struct mete__suppression_line){METE__SUPPRESSION_SOURCE, pattern, 0};
        split_source(text + strlen("src:"), line);
    } else {
        return fail(parser, "expected fun:, obj:, src:, ... or }, not '%.60s'", text);
    }
    return 0;
}

static int add_frame(struct parser *parser, struct mete__suppression *suppression, char *text) {
    struct mete__suppression_line line;

    if (suppression->line_count == LINES_MAX)
        return fail(parser, "more than %d frames in one suppression", LINES_MAX);
    int status = parse_frame(parser, text, &line);
    if (status != 0) return status;
    struct mete__suppression_line *lines =
        reallocarray(suppression->lines, suppression->line_count + 1, sizeof *lines);
    if (lines == NULL) return -ENOMEM;
    suppression->lines = lines;
    lines[suppression->line_count++] = line;
    return 0;
}

/* Valgrind wants one line that says something, and so it is here: "..." alone would hide
 * everything. */
static bool says_something(const struct mete__suppression *suppression) {
    for (size_t i = 0; i < suppression->line_count; i++)
        if (suppression->lines[i].kind != METE__SUPPRESSION_ANY_FRAMES) return true;
    return false;
}

/* --- Whole suppressions --- */

/* The frames up to "}". Kinds that mete does not know may have lines of their own (Memcheck:Param
 * has the call's name), so of those only the end is looked for. */
static int parse_frames(struct parser *parser, struct mete__suppression *suppression) {
    bool ours = suppression->leak_kinds != 0 || suppression->error_kinds != 0;
    const char *kinds;
    char *line;

    while ((line = next_line(parser)) != NULL && strcmp(line, "}") != 0) {
        int status = 0;
        kinds = line;
        if (!ours) continue;
        if (suppression->leak_kinds != 0 && suppression->line_count == 0 &&
            skip_prefix(&kinds, "match-leak-kinds:"))
            status = parse_leak_kinds(parser, line + (kinds - line), &suppression->leak_kinds);
        else
            status = add_frame(parser, suppression, line);
        if (status != 0) return status;
    }
    if (line == NULL) return fail(parser, "the suppression has no closing }");
    if (ours && !says_something(suppression))
        return fail(parser, "the suppression needs a line that is not '...'");
    return 0;
}

static int parse_block(struct parser *parser) {
    struct mete__suppression *suppression = add_suppression(parser);

    if (suppression == NULL) return -ENOMEM;
    suppression->name = next_line(parser);
    if (suppression->name == NULL || strcmp(suppression->name, "}") == 0)
        return fail(parser, "the suppression has no name");
    char *kind = next_line(parser);
    if (kind == NULL || strcmp(kind, "}") == 0)
        return fail(parser, "the suppression has no TOOL:KIND line");
    int status = parse_kind(parser, kind, suppression);
    return status == 0 ? parse_frames(parser, suppression) : status;
}

static int parse_pattern(struct parser *parser, const char *pattern) {
    while (*pattern == ' ' || *pattern == '\t') pattern++;
    if (*pattern == '\0') return fail(parser, "leak: without a pattern would hide everything");
    struct mete__suppression *suppression = add_suppression(parser);
    if (suppression == NULL) return -ENOMEM;
    suppression->name = pattern;
    suppression->anywhere = true;
    suppression->leak_kinds = METE__SUPPRESSION_ALL_LEAKS;
    return 0;
}

static int parse_all(struct parser *parser) {
    int status = 0;
    char *line;

    while (status == 0 && (line = next_line(parser)) != NULL) {
        const char *pattern = line;
        size_t before = parser->list->count;
        if (strcmp(line, "{") == 0)
            status = parse_block(parser);
        else if (skip_prefix(&pattern, "leak:"))
            status = parse_pattern(parser, pattern);
        else
            status = fail(parser, "expected { or leak:PATTERN, not '%.60s'", line);
        /* A suppression that is not whole does not count. */
        if (status != 0 && parser->list->count > before) {
            parser->list->count--;
            free(parser->list->items[parser->list->count].lines);
        }
    }
    return status;
}

/* The kept, terminated copy of a text; NULL: no memory. */
static char *keep_text(struct mete__suppression_list *list, const char *text, size_t length) {
    char **texts = reallocarray(list->texts, list->text_count + 1, sizeof(char *));

    if (texts == NULL) return NULL;
    list->texts = texts;
    char *copy = strndup(text, length);
    if (copy != NULL) texts[list->text_count++] = copy;
    return copy;
}

int mete__suppression_parser_run(struct mete__suppression_list *list, const char *name,
                                 const char *text, size_t length, char *why, size_t why_size) {
    struct parser parser = {.list = list, .why = why, .why_size = why_size};

    parser.file = keep_text(list, name, strlen(name));
    parser.next = keep_text(list, text, length);
    if (parser.file == NULL || parser.next == NULL) return -ENOMEM;
    return parse_all(&parser);
}

void mete__suppression_parser_free(struct mete__suppression_list *list) {
    for (size_t i = 0; i < list->count; i++) free(list->items[i].lines);
    free(list->items);
    for (size_t i = 0; i < list->text_count; i++) free(list->texts[i]);
    free(list->texts);
    *list = (struct mete__suppression_list){0};
}
