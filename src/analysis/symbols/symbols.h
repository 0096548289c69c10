/*
 * analysis/symbols/symbols.h - the stacks of a profile as functions and source lines.
 *
 * Finding names is the dear part of a report, so it is done in batches and only for what will be
 * shown: first say which stacks are wanted, then resolve all of them at once, then ask for frames.
 * Each address of each object is looked up once, in order of address. Not thread-safe.
 */
#ifndef METE_ANALYSIS_SYMBOLS_SYMBOLS_H
#define METE_ANALYSIS_SYMBOLS_SYMBOLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analysis/symbols/frame.h"
#include "analysis/symbols/image.h"
#include "profile/reader.h"

struct mete__symbols;

struct mete__symbols_options {
    const char *debug_directory; /* searched before the usual places; NULL: none */
    /* Called now and then while resolving: `done` of `total` addresses, at work on `module`. */
    void (*progress)(void *context, size_t done, size_t total, const char *module);
    void *context;
};

/* `profile` and the options' texts must outlive the symbols. -ENOMEM. */
int mete__symbols_open(const struct mete__profile *profile,
                       const struct mete__symbols_options *options, struct mete__symbols **out);
void mete__symbols_close(struct mete__symbols *symbols);

/* Asks for the names of a whole stack, or of one node of it. */
void mete__symbols_want(struct mete__symbols *symbols, uint32_t stack);
void mete__symbols_want_node(struct mete__symbols *symbols, uint32_t node);
/* Finds all that was asked for since the last time. -ENOMEM: some frames have no names. */
int mete__symbols_resolve(struct mete__symbols *symbols);

/* The frames of one node (not of those around it), innermost first; where nothing is known of the
 * address, one without names. They live as long as the symbols. 0 for the root and for what was not
 * resolved. */
size_t mete__symbols_frames(const struct mete__symbols *symbols, uint32_t node,
                            const struct mete__frame **frames);

/* Says that a function is a wrapper: all its frames are, also those found later. The function of
 * `frame`, which is one of these symbols; one without a name is known by its address. -ENOMEM. */
int mete__symbols_mark_wrapper(struct mete__symbols *symbols, const struct mete__frame *frame);

/* How many frames there are: their ids are below. It grows with each resolve. */
size_t mete__symbols_frame_count(const struct mete__symbols *symbols);

/* The image that a node's address lies in, opened where it was not yet; `number` is below the
 * profile's number of modules and the image's alone, `address` the node's in the file. The image
 * lives as long as the symbols. NULL: it is in none, or no memory. */
struct mete__image *mete__symbols_image(struct mete__symbols *symbols, uint32_t node,
                                        uint32_t *number, uint64_t *address);

/* What could not be had, one after the other: the path of module `index` and a clause to follow it.
 * False where the module has nothing to say; index runs below the profile's number of modules. */
bool mete__symbols_note(const struct mete__symbols *symbols, uint64_t index, const char **path,
                        const char **note);

#endif
