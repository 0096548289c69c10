/*
 * analysis/types/type_text.h - types as C writes them, put together from the inside to the outside.
 *
 * A text knows where a declaration has its name: "int (*)(void)" has it behind the '*'. What is
 * longer than anybody reads becomes "...".
 */
#ifndef METE_ANALYSIS_TYPES_TYPE_TEXT_H
#define METE_ANALYSIS_TYPES_TYPE_TEXT_H

#include <stdbool.h>
#include <stdint.h>

#include "analysis/names.h"

#define METE__TYPE_TEXT_MAX 16384 /* bytes of a text; C++ templates reach thousands */

struct mete__type_text {
    const char *text; /* kept */
    uint32_t name_at;
};

/* All: false where memory ran out; then `out` is untouched. */

/* A name alone. */
bool mete__type_text_plain(struct mete__names *names, const char *name,
                           struct mete__type_text *out);
/* `left` and `right` around the place of the name: an array is "", "[4]". */
bool mete__type_text_wrap(struct mete__names *names, struct mete__type_text inner, const char *left,
                          const char *right, struct mete__type_text *out);
/* A pointer; `mark` is "*", "&", "class::*". */
bool mete__type_text_point(struct mete__names *names, struct mete__type_text inner,
                           const char *mark, struct mete__type_text *out);
/* A qualifier: "const char", or, where it is a pointer that is qualified, "char *const". */
bool mete__type_text_qualify(struct mete__names *names, struct mete__type_text inner,
                             const char *word, bool is_pointer, struct mete__type_text *out);

#endif
