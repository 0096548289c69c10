/*
 * analysis/debug_types/dwarf_types.h - all structs, unions and classes of a file's debug
 * information.
 *
 * Every unit is walked once: those of the program, of .dwo files, of type units and of the
 * supplementary file of dwz. DWARF 2 to 5. A unit that is damaged is left out, and a note says
 * which. Memory is bounded by the largest unit and what differs between units.
 */
#ifndef METE_ANALYSIS_DWARF_TYPES_H
#define METE_ANALYSIS_DWARF_TYPES_H

#include <elfutils/libdw.h>
#include <stddef.h>

#include "analysis/names.h"
#include "analysis/types/type_table.h"

/* How a unit was compiled, as far as it says it. */
struct mete__dwarf_types_unit {
    const char *producer;  /* the compiler and its flags, or NULL */
    const char *directory; /* what relative names of its files are relative to, or NULL */
};

struct mete__dwarf_types_options {
    int machine; /* EM_ */
    /* Called now and then, with bytes of debug information; NULL: nobody asks. */
    void (*progress)(void *context, size_t done, size_t total, const char *unit);
    void *progress_context;
    /* Called with one sentence for what is left out; NULL: nobody asks. */
    void (*note)(void *context, const char *text);
    void *note_context;
    /* Called for each unit, whose number its types have. 0 or -ENOMEM. NULL: nobody asks. */
    int (*unit)(void *context, size_t number, const struct mete__dwarf_types_unit *unit);
    void *unit_context;
};

/* Adds what `dwarf` has to the table. 0, -ENOMEM, or -ESTALE where the file in which dwz has put
 * types is another build's. `*units` is how many units were read before,
 * and then in all: they have numbers in this order. */
int mete__dwarf_types_read(Dwarf *dwarf, const struct mete__dwarf_types_options *options,
                           struct mete__names *names, struct mete__type_table *table,
                           size_t *units);

#endif
