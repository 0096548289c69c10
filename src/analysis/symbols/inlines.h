/*
 * analysis/symbols/inlines.h - functions, inlined calls and source lines of one object, from its
 * DWARF.
 *
 * Sorted tables stand in front of libdw, which has none: from addresses to compilation units (by
 * the units' own ranges, because clang writes no .debug_aranges), in units that are asked about to
 * functions, and in functions that are asked about to inlined calls. Each is made when it is first
 * needed.
 *
 * The DWARF is not trusted: depth is bounded, and whatever cannot be read is left out.
 */
#ifndef METE_ANALYSIS_SYMBOLS_INLINES_H
#define METE_ANALYSIS_SYMBOLS_INLINES_H

#include <elfutils/libdw.h>
#include <elfutils/libdwfl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analysis/names.h"
#include "analysis/symbols/frame.h"

struct mete__inlines;

/* Reads the units of `module`. 0, -ENOENT where it has no DWARF, -ENOMEM. */
int mete__inlines_open(Dwfl_Module *module, struct mete__names *names, struct mete__inlines **out);
void mete__inlines_close(struct mete__inlines *inlines);

/* The frames at an address of the module, as mete__image_frames; 0 where the DWARF does not know
 * it. `capacity` is at least 1. */
size_t mete__inlines_frames(struct mete__inlines *inlines, uint64_t address,
                            struct mete__frame *frames, size_t capacity);

/* The function that an address of the module is in, and its unit. False: none is known. */
bool mete__inlines_function(struct mete__inlines *inlines, uint64_t address, Dwarf_Die *function,
                            Dwarf_Die *unit);
/* An address of the module is one of the DWARF plus this. */
uint64_t mete__inlines_bias(const struct mete__inlines *inlines);

#endif
