/*
 * cli/executable.h - what an executable file is, before it is started.
 *
 * The file is untrusted: nothing in it can do more than be described wrongly.
 */
#ifndef METE_CLI_EXECUTABLE_H
#define METE_CLI_EXECUTABLE_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

enum mete__executable_kind {
    METE__EXECUTABLE_DYNAMIC, /* an ELF program that names its loader */
    METE__EXECUTABLE_STATIC,  /* an ELF program without one */
    METE__EXECUTABLE_LOADER,  /* the loader itself, used as a command */
    METE__EXECUTABLE_OBJECT,  /* ELF, but no program: an object file, a library, a core dump */
    METE__EXECUTABLE_SCRIPT,  /* begins with #! */
    METE__EXECUTABLE_TEXT,    /* none of these: exec refuses it, a shell would run it */
};

struct mete__executable {
    enum mete__executable_kind kind;
    bool is_wide;     /* ELF: 64 bits */
    bool holds_mete;  /* ELF: linked with -lmete_malloc, statically */
    uint16_t machine; /* ELF: e_machine */
    /* ELF: what the file brings instead of the C library's malloc ("jemalloc", "Go's runtime"),
     * NULL for nothing known; and a library it needs that must itself be loaded first, NULL for
     * none. */
    const char *allocator;
    const char *jealous_library;
    char interpreter[PATH_MAX]; /* the loader or the script's interpreter; "" */
};

/* Describes the file at `path`. Negative errno where it cannot be read. */
int mete__executable_read(const char *path, struct mete__executable *out);

/* "aarch64", "machine 243" (in a static buffer). */
const char *mete__executable_machine_name(uint16_t machine);

/* The machine this command was built for, as e_machine. */
uint16_t mete__executable_own_machine(void);

#endif
