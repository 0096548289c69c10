/*
 * cli/output.h - where the profiles of a run go, and what is done with them at its end.
 *
 * The first process writes FILE; its children and its earlier images (before an exec) write
 * mete.PROGRAM.PID.mete and mete.PROGRAM.PID.N.mete beside it. All of them carry the number of
 * their run, by which they are told from other files.
 */
#ifndef METE_CLI_OUTPUT_H
#define METE_CLI_OUTPUT_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "profile/format.h"

struct mete__output {
    char path[PATH_MAX];   /* FILE, absolute */
    size_t folder_length;  /* bytes of path before the last slash */
    uint64_t run;          /* not 0 */
    bool has_default_name; /* path ends with the pid, which mete__output_name() knows */
};

/* Decides on FILE (`file` as the user gave it; NULL: the default for `program`), removes an older
 * file of that name and makes sure a new one can be made. 0, or a negative errno with `why` holding
 * one sentence. */
int mete__output_prepare(struct mete__output *out, const char *file, const char *program, char *why,
                         size_t why_size);

/* Completes the default name: the first process has the id `pid`. */
void mete__output_name(struct mete__output *output, const char *program, pid_t pid);

/* Writes how the first process ended into FILE and cuts it to what is in use. 0; -ENOENT where the
 * program left no profile; another negative errno. */
int mete__output_finish(const struct mete__output *output, int wait_status);

/* Another profile of the run. */
struct mete__output_sibling {
    char *
        path; /* as the user would name it: relative where FILE's folder is the working directory */
    uint32_t pid;
    uint32_t state; /* enum mete_profile_state */
    uint64_t start_clock;
};

/* The profiles of children and of earlier images, in order of start, those of ended processes cut
 * to what is in use. The caller frees by mete__output_free_siblings. Where the folder cannot be
 * read there are none. */
size_t mete__output_siblings(const struct mete__output *output,
                             struct mete__output_sibling **siblings);
void mete__output_free_siblings(struct mete__output_sibling *siblings, size_t count);

#endif
