/*
 * analysis/findings/suppression_parser.h - suppression files, read into records. See
 * suppressions.h.
 */
#ifndef METE_ANALYSIS_FINDINGS_SUPPRESSION_PARSER_H
#define METE_ANALYSIS_FINDINGS_SUPPRESSION_PARSER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "profile/format.h"

enum mete__suppression_line_kind {
    METE__SUPPRESSION_FUNCTION,   /* fun: */
    METE__SUPPRESSION_OBJECT,     /* obj: */
    METE__SUPPRESSION_SOURCE,     /* src: */
    METE__SUPPRESSION_ANY_FRAMES, /* "...": any number of frames, none too */
};

struct mete__suppression_line {
    enum mete__suppression_line_kind kind;
    const char *pattern;  /* with wildcards; "" for any frames */
    uint32_t source_line; /* src:file:line; 0: any */
};

/* Kinds are bits, 1 << enum value. */
#define METE__SUPPRESSION_FREE_ERRORS                               \
    (1u << METE_ERROR_DOUBLE_FREE | 1u << METE_ERROR_INVALID_FREE | \
     1u << METE_ERROR_INTERIOR_FREE | 1u << METE_ERROR_MISMATCHED_FREE)
#define METE__SUPPRESSION_ACCESS_ERRORS                                 \
    (1u << METE_ERROR_HEAP_OVERFLOW | 1u << METE_ERROR_HEAP_UNDERFLOW | \
     1u << METE_ERROR_USE_AFTER_FREE | 1u << METE_ERROR_WRITE_AFTER_FREE)
#define METE__SUPPRESSION_ALL_LEAKS                                                   \
    (1u << METE_LEAK_DEFINITE | 1u << METE_LEAK_INDIRECT | 1u << METE_LEAK_POSSIBLE | \
     1u << METE_LEAK_REACHABLE)

struct mete__suppression {
    const char *name; /* where `anywhere` is set, the pattern itself */
    const char *file;
    uint32_t line;        /* where it begins */
    unsigned leak_kinds;  /* bits of enum mete_profile_leak_kind */
    unsigned error_kinds; /* bits of enum mete_profile_error_kind */
    bool anywhere;        /* LSan's: any frame, any of its texts */
    struct mete__suppression_line *lines;
    size_t line_count;
    uint64_t matches;
};

/* All suppressions of all files read, in order. Zero-initialised it is empty. */
struct mete__suppression_list {
    struct mete__suppression *items;
    size_t count, capacity;
    char **texts; /* copies of the files, into which all the texts above point */
    size_t text_count;
};

/* Appends what `text` holds; `name` is its file's. 0, -ENOMEM, or -EINVAL with one sentence in
 * `why`. */
int mete__suppression_parser_run(struct mete__suppression_list *list, const char *name,
                                 const char *text, size_t length, char *why, size_t why_size);
void mete__suppression_parser_free(struct mete__suppression_list *list);

#endif
