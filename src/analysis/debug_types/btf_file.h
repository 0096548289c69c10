/*
 * analysis/debug_types/btf_file.h - the BTF of a file: its .BTF section, or all of it.
 */
#ifndef METE_ANALYSIS_BTF_FILE_H
#define METE_ANALYSIS_BTF_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mete__btf_file {
    void *data; /* not to be written to */
    size_t size;
    int machine;           /* EM_; of a file that is all BTF: this machine's */
    uint32_t address_size; /* bytes */
    bool is_mapped;        /* `data`; else they are from malloc */
};

/* Whether the whole file is BTF, so that it need not be looked for elsewhere. */
bool mete__btf_file_is(const char *path);

/* 0; -ENODATA where the file has none; another negative errno. The caller ends a `file`, which
 * is all zeroes at first, by mete__btf_file_free. */
int mete__btf_file_read(const char *path, struct mete__btf_file *file);
void mete__btf_file_free(struct mete__btf_file *file);

#endif
