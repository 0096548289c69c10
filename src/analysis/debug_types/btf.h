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

/* Whether types continue those of another file, as a kernel module's do. */
bool mete__btf_continues(const void *data, size_t size);

/* Types and those that they continue as one, both in this machine's byte order: in memory from
 * malloc. `*first` is the number of the first that continue. 0, -EBADMSG, -ENOMEM. */
int mete__btf_join(const void *base, size_t base_size, const void *data, size_t size, void **out,
                   size_t *out_size, uint32_t *first);

/* Adds the structs and unions to the table that have the number `first`, which is 1 for all, or a
 * greater one, and what lies in them. `machine` (EM_) says how scalars are aligned,
 * `address_size` how large pointers are. 0, -EBADMSG where the data are damaged or of another kind
 * (the table then may have some of the types), or -ENOMEM. */
int mete__btf_read(const void *data, size_t size, uint32_t first, int machine,
                   uint32_t address_size, struct mete__names *names,
                   struct mete__type_table *table);

#endif
