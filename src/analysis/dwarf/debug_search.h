/*
 * analysis/dwarf/debug_search.h - libdwfl, set up to look for separate debug files.
 *
 * They are looked for where gdb looks: beside the file (.gnu_debuglink), in build-id directories,
 * and at the servers in DEBUGINFOD_URLS where that is set.
 */
#ifndef METE_ANALYSIS_DWARF_DEBUG_SEARCH_H
#define METE_ANALYSIS_DWARF_DEBUG_SEARCH_H

#include <elfutils/libdwfl.h>

#include "analysis/dwarf/debug_servers.h"

/* Stays where it is while it is open: libdwfl points into it. All zeros is closed. */
struct mete__debug_search {
    Dwfl *dwfl;
    Dwfl_Callbacks callbacks;
    char *path; /* directories, separated by colons */
    struct mete__debug_watch watch;
};

/* Looks in `directory`, which may be relative, before the usual places; one that is NULL, empty or
 * not there is left out. `watch` (NULL: nobody) is told of downloads. 0 or -ENOMEM: then it is
 * closed. */
int mete__debug_search_open(struct mete__debug_search *search, const char *directory,
                            const struct mete__debug_watch *watch);
void mete__debug_search_close(struct mete__debug_search *search);

#endif
