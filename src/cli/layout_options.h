/*
 * cli/layout_options.h - what `mete layout` may be told, and which of it makes sense together.
 */
#ifndef METE_CLI_LAYOUT_OPTIONS_H
#define METE_CLI_LAYOUT_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/options.h"

#define METE__LAYOUT_OPTIONS_NO_LIMIT UINT64_MAX /* of bytes */

struct mete__layout_options {
    const char *json, *sarif;
    bool expand, reorder, diff;
    uint64_t max_padding, max_growth; /* NO_LIMIT: none */
    struct mete__option_texts hot;    /* members, several in one text by commas */
    const char *file, *contains, *points_to;
    uint64_t min_size, holes;
    uint64_t line;
    uint64_t top; /* 0: TOP */
    const char *debug_dir;
    const char *heap, *alive; /* profiles */
};

/* Like mete__options_parse (cli/options.h), from the defaults on. What cannot be asked for together
 * is complained of as well, so that no option is ever ignored: then there is an operand, with
 * --diff there are two. */
int mete__layout_options_parse(int argc, char **argv, struct mete__layout_options *given,
                               char ***operands);

#endif
