/*
 * analysis/names.h - texts that are kept once: function names, file names.
 *
 * A name given out lives until the table is closed, and equal texts have equal addresses. Not
 * thread-safe.
 */
#ifndef METE_ANALYSIS_NAMES_H
#define METE_ANALYSIS_NAMES_H

#include <stddef.h>

struct mete__names;

/* NULL where memory ran out. */
struct mete__names *mete__names_open(void);
void mete__names_close(struct mete__names *names);

/* The kept copy of `text`; NULL where memory ran out. */
const char *mete__names_keep(struct mete__names *names, const char *text);

/* The number of a text: they count from 0, in the order in which texts were first kept. SIZE_MAX
 * where memory ran out. */
size_t mete__names_number(struct mete__names *names, const char *text);

/* The kept, readable form of a linker's symbol: demangled where it is mangled, else the symbol
 * itself. NULL where memory ran out. */
const char *mete__names_readable(struct mete__names *names, const char *symbol);

#endif
