/*
 * analysis/dwarf/dwarf_file.h - the debug data of a file, wherever they are.
 *
 * The file may be an executable, a library, an object, an archive, a kernel or a module, or a core
 * dump, which stands for the program and the libraries it names. Debug
 * information is looked for where gdb looks for it: in the file, beside it (.gnu_debuglink), in the
 * build-id directories, and at the servers in DEBUGINFOD_URLS where that is set; compressed
 * sections, .dwz files and .dwo files are elfutils' business, .dwp packages dwarf_split.h's. Not
 * thread-safe.
 */
#ifndef METE_ANALYSIS_DWARF_DWARF_FILE_H
#define METE_ANALYSIS_DWARF_DWARF_FILE_H

#include <elfutils/libdw.h>
#include <stddef.h>

#include "analysis/dwarf/debug_servers.h"

struct mete__dwarf_file;

/* 0, or a negative errno with `why` holding one sentence; -ENOEXEC where it is no ELF file,
 * -ENODATA where it is in order but has no debug information anywhere: the sentence says what to do
 * about it. `debug_directory` is searched before the usual places; NULL: none. `watch` (NULL:
 * nobody) is told of downloads. */
int mete__dwarf_file_open(const char *path, const char *debug_directory,
                          const struct mete__debug_watch *watch, struct mete__dwarf_file **out,
                          char *why, size_t why_size);
void mete__dwarf_file_close(struct mete__dwarf_file *file);

/* What has debug information: one part but for archives, whose objects are parts, and core dumps.
 */
size_t mete__dwarf_file_parts(const struct mete__dwarf_file *file);
Dwarf *mete__dwarf_file_part(const struct mete__dwarf_file *file, size_t number);

/* The first file that a core dump names and that is not there as it was; NULL: none. */
const char *mete__dwarf_file_missing(const struct mete__dwarf_file *file);

/* EM_ of the first part. */
int mete__dwarf_file_machine(const struct mete__dwarf_file *file);

#endif
