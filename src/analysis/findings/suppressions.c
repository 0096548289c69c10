#include "analysis/findings/suppressions.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/findings/suppression_parser.h"
#include "analysis/pattern.h"
#include "analysis/symbols/allocation_function.h"

#define FILE_MAX ((size_t)16 << 20) /* bytes; the largest known have under one million */

struct mete__suppressions {
    struct mete__suppression_list list;
};

struct mete__suppressions *mete__suppressions_open(void) {
    return calloc(1, sizeof(struct mete__suppressions));
}

void mete__suppressions_close(struct mete__suppressions *set) {
    if (set == NULL) return;
    mete__suppression_parser_free(&set->list);
    free(set);
}

int mete__suppressions_parse(struct mete__suppressions *set, const char *name, const char *text,
                             size_t length, char *why, size_t why_size) {
    int status = mete__suppression_parser_run(&set->list, name, text, length, why, why_size);

    if (status == -ENOMEM) snprintf(why, why_size, "%s: out of memory", name);
    return status;
}

int mete__suppressions_read(struct mete__suppressions *set, const char *path, char *why,
                            size_t why_size) {
    int status = 0;
    char *text = NULL;
    size_t size = 0, length = 0;
    FILE *file = fopen(path, "re");

    if (file == NULL) {
        status = -errno;
        goto fail_open;
    }
    while (status == 0 && !feof(file)) {
        if (length == size) {
            size = size == 0 ? 65536 : size * 2;
            char *larger = size > FILE_MAX ? NULL : realloc(text, size);
            if (larger == NULL) {
                status = size > FILE_MAX ? -EFBIG : -ENOMEM;
                break;
            }
            text = larger;
        }
        length += fread(text + length, 1, size - length, file);
        if (ferror(file)) status = -errno;
    }
    fclose(file);
fail_open:
    if (status != 0)
        snprintf(why, why_size, "cannot read the suppressions in %s: %s", path, strerror(-status));
    else
        status = mete__suppressions_parse(set, path, text, length, why, why_size);
    free(text);
    return status;
}

/* The text of a frame that has none, as Valgrind writes it. */
#define UNKNOWN "???"

static bool names_function(const char *pattern, const struct mete__frame *frame) {
    return mete__pattern_matches(pattern, frame->symbol == NULL ? UNKNOWN : frame->symbol) ||
           (frame->function != NULL && mete__pattern_matches(pattern, frame->function));
}

static bool names_source(const struct mete__suppression_line *line,
                         const struct mete__frame *frame) {
    if (frame->file == NULL || (line->source_line != 0 && line->source_line != frame->line))
        return false;
    const char *slash = strrchr(frame->file, '/');
    return mete__pattern_matches(line->pattern, frame->file) ||
           (slash != NULL && mete__pattern_matches(line->pattern, slash + 1));
}

static bool line_matches(const struct mete__suppression_line *line,
                         const struct mete__frame *frame) {
    switch (line->kind) {
    case METE__SUPPRESSION_FUNCTION: return names_function(line->pattern, frame);
    case METE__SUPPRESSION_OBJECT: return mete__pattern_matches(line->pattern, frame->module);
    case METE__SUPPRESSION_SOURCE: return names_source(line, frame);
    case METE__SUPPRESSION_ANY_FRAMES: break;
    }
    return false;
}

/* Whether the lines match the stack from its innermost frame on; frames beyond the last line do not
 * matter. "..." is to frames what '*' is to characters (pattern.c). */
static bool lines_match(const struct mete__suppression_line *lines, size_t line_count,
                        const struct mete__frame *const *frames, size_t frame_count) {
    size_t line = 0, frame = 0, star = SIZE_MAX, retry = 0;

    for (;;) {
        if (line == line_count) return true;
        if (lines[line].kind == METE__SUPPRESSION_ANY_FRAMES) {
            star = ++line;
            retry = frame;
        } else if (frame < frame_count && line_matches(&lines[line], frames[frame])) {
            line++;
            frame++;
        } else {
            if (star == SIZE_MAX || retry >= frame_count) return false;
            line = star;
            frame = ++retry;
        }
    }
}

/* Valgrind's stack has the allocation function itself in front. */
static bool names_allocator(const struct mete__suppression_line *line, bool frees) {
    return line->kind == METE__SUPPRESSION_FUNCTION &&
           mete__allocation_function_any(line->pattern, frees);
}

static bool stack_matches(const struct mete__suppression *suppression, bool frees,
                          const struct mete__frame *const *frames, size_t frame_count) {
    const struct mete__suppression_line *lines = suppression->lines;
    size_t count = suppression->line_count;

    if (suppression->anywhere) {
        for (size_t i = 0; i < frame_count; i++) {
            const char *pattern = suppression->name;
            const struct mete__frame *frame = frames[i];
            if ((frame->function != NULL && mete__pattern_occurs(pattern, frame->function)) ||
                (frame->file != NULL && mete__pattern_occurs(pattern, frame->file)) ||
                mete__pattern_occurs(pattern, frame->module))
                return true;
        }
        return false;
    }
    if (lines_match(lines, count, frames, frame_count)) return true;
    return count > 0 && names_allocator(&lines[0], frees) &&
           lines_match(lines + 1, count - 1, frames, frame_count);
}

static bool match(struct mete__suppressions *set, bool leak, unsigned kind, bool frees,
                  const struct mete__frame *const *frames, size_t count) {
    for (size_t i = 0; i < set->list.count; i++) {
        struct mete__suppression *suppression = &set->list.items[i];
        unsigned kinds = leak ? suppression->leak_kinds : suppression->error_kinds;
        if ((kinds & 1u << kind) == 0 || !stack_matches(suppression, frees, frames, count))
            continue;
        suppression->matches++;
        return true;
    }
    return false;
}

bool mete__suppressions_match_leak(struct mete__suppressions *set, enum mete_profile_leak_kind kind,
                                   const struct mete__frame *const *frames, size_t count) {
    return match(set, true, kind, false, frames, count);
}

bool mete__suppressions_match_error(struct mete__suppressions *set,
                                    enum mete_profile_error_kind kind,
                                    const struct mete__frame *const *frames, size_t count) {
    bool frees = (METE__SUPPRESSION_FREE_ERRORS & 1u << kind) != 0;

    return match(set, false, kind, frees, frames, count);
}

bool mete__suppressions_use(const struct mete__suppressions *set, size_t index,
                            struct mete__suppression_use *use) {
    if (index >= set->list.count) return false;
    const struct mete__suppression *suppression = &set->list.items[index];
    *use = (struct mete__suppression_use){.name = suppression->name,
                                          .file = suppression->file,
                                          .line = suppression->line,
                                          .matches = suppression->matches,
                                          .for_leaks = suppression->leak_kinds != 0,
                                          .for_errors = suppression->error_kinds != 0};
    return true;
}
