/*
 * track/tree.h - the stack tree: every call path met, each once, as a number.
 *
 * A node is a frame and, through its parents, the frames outside of it; node 0 is the root and no
 * frame. Nodes live in the profile (METE_SECTION_NODES); here is the index that finds the child of
 * a node: a hash table with open addressing, lock-free, growing by doubling. Entries never change
 * and are never removed.
 *
 * Any thread, async-signal-safe, also in a forked child whose parent was in the midst of growing.
 */
#ifndef METE_TRACK_TREE_H
#define METE_TRACK_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "profile/format.h"

/* A frame as the tree knows it: address (48 bits), generation of its module (13), METE_NODE_* flags
 * (3). The address is not 0. */
#define METE__TREE_PC_BITS         48
#define METE__TREE_PC_MASK         (((uint64_t)1 << METE__TREE_PC_BITS) - 1)
#define METE__TREE_FLAGS_SHIFT     61
#define METE__TREE_GENERATION_MASK ((uint64_t)METE_GENERATION_MAX << METE__TREE_PC_BITS)

METE_INLINE uint64_t mete__tree_key(uintptr_t pc, uint32_t generation, uint32_t flags) {
    return (uint64_t)pc | (uint64_t)generation << METE__TREE_PC_BITS |
           (uint64_t)flags << METE__TREE_FLAGS_SHIFT;
}

/* `link` is written by the one atomic operation that makes the entry; `key` right after it, so that
 * who sees 0 there asks the node itself. */
struct mete__tree_entry {
    uint64_t link; /* (parent ^ hash of key) << 32 | node; 0: free; METE__TREE_SEALED */
    uint64_t key;
};
#define METE__TREE_SEALED UINT64_MAX /* free and to stay so: the entries are moving to `next` */

struct mete__tree_table {
    struct mete__tree_entry *entries;
    struct mete__tree_table *next; /* atomic; the table that takes over */
    uint32_t shift;                /* 32 - log2(capacity) */
    uint32_t mask;                 /* capacity - 1 */
    uint32_t used;                 /* atomic */
    uint32_t limit;                /* used entries from which on a larger table is due */
};

METE_HIDDEN extern struct mete__tree_table
    *mete__tree_table; /* atomic; NULL before the first node */

/* The part of a link that stands for parent and key. With the key equal it is equal for one parent
 * only. */
METE_INLINE uint32_t mete__tree_tag(uint32_t parent, uint64_t key) {
    return parent ^ (uint32_t)(key * 0xbf58476d1ce4e5b9u >> 32);
}

/* A node's children are looked for in its group's line first, which it shares with the nodes made
 * next to it: mostly its own descendants. So one cache line serves some steps along a path. Only
 * where that line is full they are anywhere, at mete__tree_place and behind. */
enum { METE__TREE_LINE = METE_CACHE_LINE / 16 };
METE_INLINE struct mete__tree_entry *mete__tree_line(const struct mete__tree_table *table,
                                                     uint32_t parent) {
    uint32_t place = parent / METE__TREE_LINE * 0x9e3779b9u >> table->shift;
    return &table->entries[place & ~(METE__TREE_LINE - 1u)];
}
METE_INLINE uint32_t mete__tree_place(const struct mete__tree_table *table, uint32_t tag) {
    return tag * 0x9e3779b9u >> table->shift;
}

METE_HIDDEN uint32_t mete__tree_find_or_add(uint32_t parent, uint64_t key);

/* The child of `parent` for a frame; made if it is new. 0: there is no memory for it, in the table
 * or in the profile. */
METE_INLINE uint32_t mete__tree_child(uint32_t parent, uint64_t key) {
    const struct mete__tree_table *table = __atomic_load_n(&mete__tree_table, __ATOMIC_ACQUIRE);
    uint32_t tag = mete__tree_tag(parent, key);
    if (METE_LIKELY(table != NULL)) {
        const struct mete__tree_entry *entry = mete__tree_line(table, parent);
        for (unsigned i = 0; i < METE__TREE_LINE; i++) {
            uint64_t link = __atomic_load_n(&entry[i].link, __ATOMIC_ACQUIRE);
            if (link >> 32 == tag && __atomic_load_n(&entry[i].key, __ATOMIC_RELAXED) == key)
                return (uint32_t)link; /* a sealed entry has no such key */
        }
        entry = &table->entries[mete__tree_place(table, tag)];
        uint64_t link = __atomic_load_n(&entry->link, __ATOMIC_ACQUIRE);
        if (link >> 32 == tag && __atomic_load_n(&entry->key, __ATOMIC_RELAXED) == key)
            return (uint32_t)link;
    }
    return mete__tree_find_or_add(parent, key);
}

/* Nodes so far. */
METE_HIDDEN uint64_t mete__tree_nodes(void);

#endif
