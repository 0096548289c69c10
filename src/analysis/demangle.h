/*
 * analysis/demangle.h - the names that C++ and Rust compilers give to functions, made readable.
 */
#ifndef METE_ANALYSIS_DEMANGLE_H
#define METE_ANALYSIS_DEMANGLE_H

/* The readable form of a mangled symbol, from malloc; NULL where it is not mangled, in a scheme
 * that is not known here (Rust's v0), or memory ran out. C++ by the Itanium ABI; Rust's legacy
 * scheme, which borrows it, loses its hash and gets its punctuation back. */
char *mete__demangle(const char *symbol);

#endif
