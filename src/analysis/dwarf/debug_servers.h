/*
 * analysis/dwarf/debug_servers.h - the debuginfod servers in DEBUGINFOD_URLS, as libdwfl asks them.
 *
 * libdwfl downloads in silence and takes a server that cannot be reached for one that has nothing.
 * Not thread-safe.
 */
#ifndef METE_ANALYSIS_DWARF_DEBUG_SERVERS_H
#define METE_ANALYSIS_DWARF_DEBUG_SERVERS_H

#include <elfutils/libdwfl.h>
#include <stddef.h>

/* Called while a download goes on: bytes, of so many, and a text that says so. */
struct mete__debug_watch {
    void (*show)(void *context, size_t done, size_t total, const char *what); /* NULL: nobody */
    void *context;
};

/* `watch` must outlive `dwfl`. Servers that say nothing are waited for as long as debuginfod does
 * once, however much is asked. Nothing happens where there are no servers to ask. */
void mete__debug_servers_watch(Dwfl *dwfl, const struct mete__debug_watch *watch);

/* Why the servers did not give the debug data of a module that libdwfl has asked them for, as a
 * clause ("cannot be reached: Connection refused"). NULL: there are none to ask, or they do not
 * have it. The text holds until the next call. */
const char *mete__debug_servers_why(Dwfl *dwfl, Dwfl_Module *module);

#endif
