/*
 * analysis/late_library.h - shared libraries that most runs of the command do without.
 *
 * To start with capstone and the C++ runtime takes 2 ms and 5 MB, where `mete layout` needs 10 ms
 * and as much memory for all of a small program. So they are loaded when they are first asked for,
 * and stay. Which file it is the dynamic linker decides, as if the program were linked with it.
 *
 * Not thread-safe.
 */
#ifndef METE_ANALYSIS_LATE_LIBRARY_H
#define METE_ANALYSIS_LATE_LIBRARY_H

#include <stddef.h>

/* A function, and where its address goes: that of a pointer to a function of its type. */
struct mete__late_function {
    const char *name;
    void *pointer;
};

/* Loads the library of that soname and finds all the functions. -ENOENT: it, or one of them, is not
 * there; then no pointer is changed. */
int mete__late_library_load(const char *soname, const struct mete__late_function *functions,
                            size_t count);

#endif
