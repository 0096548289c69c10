/*
 * analysis/debug_types/btf.h - the types of a kernel, a module or a BPF object, as BTF describes
 * them.
 *
 * BTF is small and has no files, lines or C++; it is read where there is no DWARF. The data may be
 * the .BTF section of an ELF file, or a file of their own, as /sys/kernel/btf/vmlinux. Not trusted:
 * every place is checked against the end of the data, depth is bounded, circles are cut.
 * Format: Documentation/bpf/btf.rst of Linux.
 */
#ifndef METE_ANALYSIS_BTF_H
#define METE_ANALYSIS_BTF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analysis/names.h"
#include "analysis/types/type_table.h"

/* Whether data begin as BTF does, in either byte order. */
bool mete__btf_is(const void *data, size_t size);

/* Gives data of the other byte order this machine's, in place; others stay what they are. Returns
 * whether they were of the other. */
bool mete__btf_swap(void *data, size_t size);

/* Adds the structs and unions to the table. `machine` (EM_) says how scalars are aligned,
 * `address_size` how large pointers are. 0, -EBADMSG where the data are damaged or of another kind
 * (the table then may have some of the types), -ENOTSUP where they only continue those of another
 * file, as a kernel module's do, or -ENOMEM. */
int mete__btf_read(const void *data, size_t size, int machine, uint32_t address_size,
                   struct mete__names *names, struct mete__type_table *table);

#endif
