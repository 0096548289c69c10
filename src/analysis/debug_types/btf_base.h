/*
 * analysis/debug_types/btf_base.h - the kernel's types, which those of a module continue.
 *
 * A module's BTF has the types alone that the kernel does not have, and refers to the others by
 * number: it means nothing without the BTF of the very kernel that the module was built for. That
 * is the file vmlinux beside it, as in /sys/kernel/btf; or, of a module file that says it is of the
 * kernel that runs, /sys/kernel/btf/vmlinux.
 */
#ifndef METE_ANALYSIS_BTF_BASE_H
#define METE_ANALYSIS_BTF_BASE_H

#include <stdint.h>

#include "analysis/debug_types/btf_file.h"

/* Where the file at `path` continues others, makes `*file` their types and its own; `*first` is the
 * number of the first of its own, else 1. 0; -ENOENT where the others are not found; -EBADMSG;
 * -ENOMEM. */
int mete__btf_base_join(const char *path, struct mete__btf_file *file, uint32_t *first);

#endif
