/*
 * profile/reader.h - reading a profile, finished or live, whole or hostile.
 *
 * Opening copies the file and checks every record, so that what the functions below hand out can be
 * trusted: every reference (stack, parent, string) is in range, parents come before their children,
 * sizes fit. A live profile gives a consistent-enough picture of the moment: counters of one moment
 * may differ by the operations in flight.
 *
 * A struct mete__profile does not change once opened: any number of threads may read it.
 */
#ifndef METE_PROFILE_READER_H
#define METE_PROFILE_READER_H

#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "profile/format.h"

struct mete__profile;

/* Reads the profile at `path`. On failure a negative errno (-EINVAL for a file that is no usable
 * profile), and `why` holds one whole sentence without a newline, which names the file and says
 * what is wrong with it. */
METE_MUST_USE int mete__profile_open(const char *path, struct mete__profile **out, char *why,
                                     size_t why_size);
/* The same from `size` bytes in memory; `name` is for `why`. */
METE_MUST_USE int mete__profile_open_memory(const void *data, size_t size, const char *name,
                                            struct mete__profile **out, char *why, size_t why_size);
void mete__profile_close(struct mete__profile *profile);

const struct mete_profile_header *mete__profile_header(const struct mete__profile *profile);

/* Records in a section; of METE_SECTION_STRINGS the bytes. */
uint64_t mete__profile_count(const struct mete__profile *profile,
                             enum mete_profile_section section);
/* Record `index`, below the count. A section's records lie one after the other: record 0 is the
 * array. All-zero records are possible in a live profile, except for node 0 they mean nothing and
 * are to be skipped. */
const void *mete__profile_record(const struct mete__profile *profile,
                                 enum mete_profile_section section, uint64_t index);
/* The text a reference stands for; "" for 0 (no string). References in checked records are always
 * good; any other number gives "" too. */
const char *mete__profile_string(const struct mete__profile *profile, uint64_t reference);
/* Argument `index` of the program, below header->argc. */
const char *mete__profile_argument(const struct mete__profile *profile, uint32_t index);

/* The module a node's pc is in, as an index into METE_SECTION_MODULES; -1: none is known. The
 * module's generation is respected (format.h). */
int64_t mete__profile_module_of(const struct mete__profile *profile, uint32_t node);

/* One frame of a stack. */
struct mete__profile_frame {
    uint64_t pc; /* as recorded: a return address unless flags say METE_NODE_EXACT_PC */
    uint32_t node;
    uint32_t flags; /* METE_NODE_* */
    int64_t module; /* as mete__profile_module_of */
};

/* Writes the frames of `stack`, innermost first, at most `capacity` of them, and returns how many
 * there are. */
size_t mete__profile_stack(const struct mete__profile *profile, uint32_t stack,
                           struct mete__profile_frame *frames, size_t capacity);

#endif
