/*
 * analysis/blocks/call_site.h - what debugging information says about one call (DW_TAG_call_site).
 *
 * LLVM names the type that a call allocates, of C++'s new and whatever else it knows to be one.
 * Compilers that optimise describe the arguments, for whoever asks in a debugger what a function
 * was called with: sizes among them, constant or so many times a constant.
 */
#ifndef METE_ANALYSIS_BLOCKS_CALL_SITE_H
#define METE_ANALYSIS_BLOCKS_CALL_SITE_H

#include <elfutils/libdw.h>
#include <stdbool.h>

#include "analysis/blocks/block_flow.h"

/* Of LLVM 21 and later; elfutils does not know it yet. DWARF 6 will have one of its own. */
#define METE__DW_AT_LLVM_ALLOC_TYPE 0x3e0eu

/* The type of what the call allocates. */
bool mete__call_site_type(Dwarf_Die *site, Dwarf_Die *type);

/* Fills in what is unknown yet and said of the arguments (METE__ARGUMENTS_MAX of them), which are
 * in these registers. */
void mete__call_site_arguments(Dwarf_Die *site, const struct mete__convention *convention,
                               struct mete__argument *arguments);

#endif
