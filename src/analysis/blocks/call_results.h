/*
 * analysis/blocks/call_results.h - what becomes of the results of calls, in one program or library.
 *
 * block_flow.h needs a function's variables, its code, its frames and the module's globals; here
 * they are found, in the file and in its debug data, and kept, as is each answer. Where there is no
 * DWARF, or no code in the file (a detached debug file standing in for it), less is found.
 * Addresses are the file's. Not thread-safe.
 */
#ifndef METE_ANALYSIS_BLOCKS_CALL_RESULTS_H
#define METE_ANALYSIS_BLOCKS_CALL_RESULTS_H

#include <stdbool.h>
#include <stdint.h>

#include "analysis/blocks/block_flow.h"
#include "analysis/blocks/definition_table.h"
#include "analysis/symbols/image.h"
#include "base/compiler.h"

struct mete__call_results;

/* `image` must outlive the results. -ENOMEM. */
METE_MUST_USE int mete__call_results_open(struct mete__image *image,
                                          struct mete__call_results **out);
void mete__call_results_close(struct mete__call_results *results);

/* What becomes of the result of the call that returns to `address`; `is_allocator`: of a call of
 * malloc, or one of its kin. It lives as long as the results. NULL: nothing is known, or no
 * memory. */
const struct mete__block_flow *mete__call_results_at(struct mete__call_results *results,
                                                     uint64_t address, bool is_allocator);

/* What a pointer to a type may point to as well: METE__START_*. */
unsigned int mete__call_results_starts(struct mete__call_results *results, Dwarf_Die *type);
/* What begins with a type and has so many bytes: mete__definition_table_heirs(). */
unsigned int mete__call_results_heirs(struct mete__call_results *results, Dwarf_Die *type,
                                      uint64_t bytes, Dwarf_Die *heir);

/* The type of so many bytes that the source around the call means by a name that is a typedef.
 * False: there is none, or it is not known. */
bool mete__call_results_typedef(const struct mete__call_results *results, uint64_t address,
                                const char *name, uint64_t bytes, Dwarf_Die *type);

#endif
