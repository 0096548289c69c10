/*
 * analysis/inlines.h - functions, inlined calls and source lines of one object, from its DWARF.
 *
 * Two sorted tables stand in front of libdw, which has none: from addresses to compilation units
 * (from the units' own ranges, because clang writes no .debug_aranges), and, for units that are
 * asked about, from addresses to functions. Inside a function the tree of inlined calls is walked.
 *
 * The DWARF is not trusted: depth is bounded, and whatever cannot be read is left out.
 */
#ifndef METE_ANALYSIS_INLINES_H
#define METE_ANALYSIS_INLINES_H

#include <elfutils/libdwfl.h>
#include <stddef.h>
#include <stdint.h>

#include "analysis/frame.h"
#include "analysis/names.h"

struct mete__inlines;

/* Reads the units of `module`. 0, -ENOENT where it has no DWARF, -ENOMEM. */
int mete__inlines_open(Dwfl_Module *module, struct mete__names *names, struct mete__inlines **out);
void mete__inlines_close(struct mete__inlines *inlines);

/* The frames at an address of the module, as mete__image_frames; 0 where the DWARF does not know
 * it. `capacity` is at least 1. */
size_t mete__inlines_frames(struct mete__inlines *inlines, uint64_t address,
                            struct mete__frame *frames, size_t capacity);

#endif
