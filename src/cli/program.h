/*
 * cli/program.h - the program a user names: where it is, and whether mete can be in it.
 */
#ifndef METE_CLI_PROGRAM_H
#define METE_CLI_PROGRAM_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

struct mete__program {
    char path[PATH_MAX];  /* what to exec */
    bool needs_shell;     /* neither ELF nor #!: exec refuses it, /bin/sh runs it, as execvp does */
    char image[PATH_MAX]; /* the ELF file that runs in the end: path, or a script's interpreter */
    bool holds_mete;      /* linked with libmete_malloc.a: nothing is to be preloaded */
    const char *allocator; /* of image: see cli/executable.h; NULL: the C library's */
};

/* Finds `name` as execvp does, follows scripts to their interpreters, and checks that the loader
 * will take mete in. 0, or the exit code (METE__EXIT_NOT_FOUND or _NOT_STARTED) with `why` holding
 * one sentence without a newline. */
int mete__program_find(const char *name, struct mete__program *out, char *why, size_t why_size);

/* The sentence for an exec that failed after all, with its exit code. */
int mete__program_explain(const char *name, int error, char *why, size_t why_size);

#endif
