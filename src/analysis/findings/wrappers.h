/*
 * analysis/findings/wrappers.h - finds a program's own wrappers around malloc by what they do.
 *
 * "All memory comes from xalloc()" tells nobody anything. A function is taken for such a wrapper if
 * it shows all of this in a profile:
 *
 *     it is close to malloc: among the few innermost functions, wrappers left out;
 *     many different functions call it, and it allocates in a few places only;
 *     the sizes are its callers': they differ from caller to caller (a constructor's do not);
 *     it does not call itself, directly or through others (parsers do, and builders of trees);
 *     enough goes through it to matter.
 *
 * Wrappers around wrappers are found one after the other.
 */
#ifndef METE_ANALYSIS_FINDINGS_WRAPPERS_H
#define METE_ANALYSIS_FINDINGS_WRAPPERS_H

#include "analysis/symbols/symbols.h"
#include "base/compiler.h"
#include "profile/reader.h"
#include "profile/summary.h"

/* Marks what it finds in the symbols. Names of inner frames are looked up. -ENOMEM. */
METE_MUST_USE int mete__wrappers_find(const struct mete__profile *profile,
                                      struct mete__symbols *symbols,
                                      const struct mete__summary *summary);

#endif
