/*
 * analysis/symbols/image.h - one program or library on disk, and what it says about its addresses.
 *
 * Opening proves by build-id that the file is the one that ran; a file that was rebuilt since gives
 * no names rather than wrong ones. Debug information is looked for where gdb looks for it: in the
 * file, beside it
 * (.gnu_debuglink), in the build-id directories, and at the servers in DEBUGINFOD_URLS where that
 * is set. ELF and DWARF are read by elfutils; the files are not trusted. Not thread-safe.
 *
 * Addresses here are the file's own (virtual addresses, without the load bias).
 */
#ifndef METE_ANALYSIS_SYMBOLS_IMAGE_H
#define METE_ANALYSIS_SYMBOLS_IMAGE_H

#include <elfutils/libdwfl.h>
#include <stddef.h>
#include <stdint.h>

#include "analysis/dwarf/debug_servers.h"
#include "analysis/names.h"
#include "analysis/symbols/frame.h"
#include "analysis/symbols/inlines.h"

struct mete__image;

struct mete__image_source {
    const char *path; /* as the program mapped it; must outlive the image */
    const uint8_t *build_id;
    size_t build_id_bytes;    /* 0: none was recorded */
    uint64_t start, end;      /* first address and one past the last */
    uint64_t run_nanoseconds; /* when it ran, since 1970: a file without build-id must be older */
    const char *debug_directory; /* searched before the usual places; NULL or empty: none */
    struct mete__debug_watch watch;
};

/* 0 or -ENOMEM. An image whose file is missing or another one opens too: then it has a note, and
 * its frames have no names. `names` must outlive the image. */
int mete__image_open(const struct mete__image_source *source, struct mete__names *names,
                     struct mete__image **out);
void mete__image_close(struct mete__image *image);

/* Why the image gives less than it could, as a clause to follow the path ("was changed since …");
 * NULL: nothing to say. */
const char *mete__image_note(const struct mete__image *image);

#define METE__IMAGE_FRAMES_MAX 64 /* inlined calls at one address; deeper ones are cut */

/* Fills function, symbol, file, line and inlined of the frames at `address` (the address of an
 * instruction: of the call, not of the return), innermost first; the rest is untouched. Returns how
 * many, at least 1. */
size_t mete__image_frames(struct mete__image *image, uint64_t address,
                          struct mete__frame frames[METE__IMAGE_FRAMES_MAX]);

/* What the image is made of, for whoever wants more of it than names. NULL: there is no usable
 * file, or it has no DWARF. They live as long as the image. */
Dwfl_Module *mete__image_module(const struct mete__image *image);
struct mete__inlines *mete__image_inlines(const struct mete__image *image);

#endif
