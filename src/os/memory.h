/*
 * os/memory.h - address space and pages, as the heap asks for them.
 *
 * Address space is reserved (no memory, no charge), then committed (readable, writable, zero), then
 * purged (contents dropped, still committed) or decommitted (dropped, inaccessible, uncharged), at
 * last released. Addresses and sizes are multiples of the page size unless said otherwise.
 * Functions that can fail return NULL or a negative errno and change nothing then. All are
 * thread-safe and keep errno.
 */
#ifndef METE_OS_MEMORY_H
#define METE_OS_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"

/* Bytes in a page. */
METE_HIDDEN size_t mete__memory_page_size(void);

/* `size` bytes of inaccessible address space at a multiple of `align` (a power of two, at least a
 * page), or NULL. */
METE_HIDDEN void *mete__memory_reserve(size_t size, size_t align);
/* The same at `where`, a page's start; false where something is there already, or no room. */
METE_HIDDEN bool mete__memory_reserve_at(void *where, size_t size);
METE_HIDDEN void mete__memory_release(void *start, size_t size);

/* Makes reserved pages readable and writable. -ENOMEM where the system refuses to promise them. */
METE_HIDDEN int mete__memory_commit(void *start, size_t size);
/* -ENOMEM where the mapping cannot be split; the pages are as they were then. */
METE_HIDDEN int mete__memory_decommit(void *start, size_t size);

/* Drops the contents of committed pages: they read as zero from now on and are no longer resident.
 * A negative errno where the kernel keeps them (locked memory, a sandbox). */
METE_HIDDEN int mete__memory_purge(void *start, size_t size);

/* Puts fresh pages in the place of committed ones: zero and not resident, as after a purge, and the
 * kernel can merge their mapping with its neighbours', which it never does where pages have been
 * moved. A wish: where it fails nothing has changed. */
METE_HIDDEN void mete__memory_renew(void *start, size_t size);

/* Tells the kernel whether huge pages are welcome in the range. A wish: nothing fails. */
METE_HIDDEN void mete__memory_wish_huge(void *start, size_t size, bool huge);

/* Moves the pages of [from, from + size) to [to, to + room), room >= size, both committed: no byte
 * is copied, and what lies behind them at `to` is zero. `from` stays committed and reads as zero.
 * Where it fails, both ranges hold what they held: -EINVAL where the kernel cannot (before Linux
 * 5.7), -EFAULT where the source is more than one mapping, -ENOMEM. But after -ENOTRECOVERABLE `to`
 * may be somebody else's: the caller must not use it again. */
METE_HIDDEN int mete__memory_move(void *from, size_t size, void *to, size_t room);

/* Makes committed pages inaccessible, whatever the program or the kernel on its behalf does with
 * them, and drops their contents. With `marked` by marks in the page table, else by a mapping of
 * their own. Where it fails some of the pages may be so. */
METE_HIDDEN int mete__memory_fence(void *start, size_t size, bool marked);
/* Undoes that: zero, readable and writable. It may include pages that were not fenced, whose
 * contents stay. `marked` must be the same. */
METE_HIDDEN int mete__memory_unfence(void *start, size_t size, bool marked);
/* Whether the kernel knows such marks (since Linux 6.13), which cost no mapping. */
METE_HIDDEN bool mete__memory_knows_marks(void);
/* How many mappings a process may have (vm.max_map_count). */
METE_HIDDEN size_t mete__memory_mappings_max(void);

/* A mapping for tables: reserved and committed in one, zeroed, unwilling to be huge. NULL on
 * failure. */
METE_HIDDEN void *mete__memory_map(size_t size);

/* Whether the system would promise so many bytes to the process now, all of them to be used. */
METE_HIDDEN bool mete__memory_has(size_t size);

/* Whether the address space of the process is unlimited (RLIMIT_AS). */
METE_HIDDEN bool mete__memory_unlimited(void);
/* Bytes of address space the process may still map under RLIMIT_AS; SIZE_MAX where unlimited. */
METE_HIDDEN size_t mete__memory_left(void);
/* Whether the system charges every committed page at once (vm.overcommit_memory = 2). */
METE_HIDDEN bool mete__memory_strict(void);

#endif
