/*
 * analysis/layout/layout_file.h - the types of one file, to be shown, compared and reordered.
 *
 * Types with a name are listed, by name; equal ones once, differing ones of one name side by side.
 * Anonymous types are found only inside others. Not thread-safe.
 */
#ifndef METE_ANALYSIS_LAYOUT_LAYOUT_FILE_H
#define METE_ANALYSIS_LAYOUT_LAYOUT_FILE_H

#include <stddef.h>

#include "analysis/types/type.h"

struct mete__layout_file;

struct mete__layout_file_options {
    const char *debug_directory; /* searched before the usual places; NULL: none */
    /* Called now and then while debug information is read; NULL: nobody asks. */
    void (*progress)(void *context, size_t done, size_t total, const char *unit);
    void *progress_context;
};

/* 0, or a negative errno with `why` holding one sentence; -ENODATA: there is no debug information,
 * and the sentence says what to do about it. */
int mete__layout_file_open(const char *path, const struct mete__layout_file_options *options,
                           struct mete__layout_file **out, char *why, size_t why_size);
void mete__layout_file_close(struct mete__layout_file *file);

const char *mete__layout_file_path(const struct mete__layout_file *file);

/* The listed types: those with names, by name, then in the order of the file. */
size_t mete__layout_file_count(const struct mete__layout_file *file);
const struct mete__type *mete__layout_file_type(const struct mete__layout_file *file,
                                                size_t number);

/* The name to look for where somebody says `name`: that of the type which a typedef of C of this
 * name stands for, unless a type has it itself, or there is none; then `name`, which may be NULL.
 */
const char *mete__layout_file_resolve(const struct mete__layout_file *file, const char *name);

/* Compilation units read. */
size_t mete__layout_file_units(const struct mete__layout_file *file);

/* EM_ */
int mete__layout_file_machine(const struct mete__layout_file *file);

/* The compiler of the unit where the type was first found, with its flags where it writes them
 * down; NULL: not said. Equal ones have equal addresses. */
const char *mete__layout_file_producer(const struct mete__layout_file *file,
                                       const struct mete__type *type);

/* What the name of the type's file is relative to, if it is; NULL: not said. Equal ones have equal
 * addresses. */
const char *mete__layout_file_directory(const struct mete__layout_file *file,
                                        const struct mete__type *type);

/* What was left out, one sentence each. */
size_t mete__layout_file_notes(const struct mete__layout_file *file);
const char *mete__layout_file_note(const struct mete__layout_file *file, size_t number);

#endif
