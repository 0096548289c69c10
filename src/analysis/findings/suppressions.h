/*
 * analysis/suppression.h - which findings the user does not want to hear of again.
 *
 * Two syntaxes are read, in one file if need be, so that the suppressions a project already has
 * work as they are:
 *
 *   Valgrind's    { name, Memcheck:Leak, match-leak-kinds: definite, fun:… obj:… src:… and "..." }
 *                 as in the Valgrind manual, "Writing suppression files". The tool may also be
 * called mete, the kind then an error kind of mete's. Those for other tools and for what mete does
 * not look for (Memcheck:Cond…) are passed over in silence. LSan's        leak:pattern          as
 * in the LeakSanitizer wiki: '*', '^', '$', else any part of the function, file or module of any
 * frame.
 *
 * Valgrind's stacks begin in malloc itself, mete's at its caller: a first line that matches an
 * allocation function (for Memcheck:Free one that frees) stands for that.
 */
#ifndef METE_ANALYSIS_SUPPRESSION_H
#define METE_ANALYSIS_SUPPRESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analysis/symbols/frame.h"
#include "profile/format.h"

struct mete__suppressions;

/* NULL where memory ran out. */
struct mete__suppressions *mete__suppressions_open(void);
void mete__suppressions_close(struct mete__suppressions *set);

/* Adds what a file, or a text called `name`, holds. A negative errno and, in `why`, one sentence
 * with file and line where it cannot be read or is not understood; what came before stays added. */
int mete__suppressions_read(struct mete__suppressions *set, const char *path, char *why,
                            size_t why_size);
int mete__suppressions_parse(struct mete__suppressions *set, const char *name, const char *text,
                             size_t length, char *why, size_t why_size);

/* Whether one of the set covers a leak of this kind, or an error of this kind, at this stack
 * (innermost frame first). The first one that does is marked as used. */
bool mete__suppressions_match_leak(struct mete__suppressions *set, enum mete_profile_leak_kind kind,
                                   const struct mete__frame *const *frames, size_t count);
bool mete__suppressions_match_error(struct mete__suppressions *set,
                                    enum mete_profile_error_kind kind,
                                    const struct mete__frame *const *frames, size_t count);

/* For "unused: …". */
struct mete__suppression_use {
    const char *name; /* Valgrind's name or LSan's pattern */
    const char *file;
    uint32_t line;
    uint64_t matches;
    bool for_leaks;  /* it is about leaks */
    bool for_errors; /* it is about errors that mete finds; neither: it is for other tools */
};
/* False past the last one. */
bool mete__suppressions_use(const struct mete__suppressions *set, size_t index,
                            struct mete__suppression_use *use);

#endif
