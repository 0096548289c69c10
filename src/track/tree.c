/*
 * track/tree.h: adding nodes, and moving to a larger table.
 *
 * The move needs no lock. Whoever finds the table too full makes the next one, twice as large, and
 * publishes it in `next`; then it goes through the old table, seals every free entry and copies
 * every other. Anybody may do so at the same time, or do it over again: each step is "unless
 * already done". A search that ends at a sealed entry continues in the next table. Since a key is
 * in the old table only before the first free entry of its chain, and that has been sealed before
 * the key can enter the next table, no key is ever in both under two numbers.
 */
#include "track/tree.h"

#include "os/memory.h"
#include "os/meta.h"
#include "profile/writer.h"

enum {
    FIRST_SHIFT = 20, /* 4096 entries: 64 KiB */
    LAST_SHIFT = 4,   /* 2^28 entries */
    HUGE_BYTES = 2 << 20,
    CHAIN_MAX = 512, /* longer only in a table that could not grow; then it counts as full */
};

struct mete__tree_table *mete__tree_table;

static struct mete__tree_table *new_table(uint32_t shift) {
    struct mete__tree_table *table = mete__meta_alloc(sizeof *table);
    if (table == NULL) return NULL;
    size_t capacity = (size_t)1 << (32 - shift);
    *table = (struct mete__tree_table){
        .entries = mete__meta_map(capacity * sizeof *table->entries),
        .shift = shift,
        .mask = (uint32_t)(capacity - 1),
        .limit = (uint32_t)(capacity / 8 * 5),
    };
    if (table->entries != NULL) {
        /* Entries are everywhere in it soon, and each look-up would miss the TLB. */
        if (capacity * sizeof *table->entries >= HUGE_BYTES)
            mete__memory_wish_huge(table->entries, capacity * sizeof *table->entries, true);
        return table;
    }
    mete__meta_free(table, sizeof *table);
    return NULL;
}

static void drop_table(struct mete__tree_table *table) {
    mete__meta_unmap(table->entries, ((size_t)table->mask + 1) * sizeof *table->entries);
    mete__meta_free(table, sizeof *table);
}

/* Stores a new table where there is none yet; the one that is there then. NULL: no memory. */
static struct mete__tree_table *publish(struct mete__tree_table **place, uint32_t shift) {
    struct mete__tree_table *there = __atomic_load_n(place, __ATOMIC_ACQUIRE);
    if (there != NULL) return there;
    struct mete__tree_table *fresh = new_table(shift);
    if (fresh == NULL) return NULL;
    if (__atomic_compare_exchange_n(place, &there, fresh, false, __ATOMIC_ACQ_REL,
                                    __ATOMIC_ACQUIRE))
        return fresh;
    drop_table(fresh);
    return there;
}

static uint64_t node_key(const struct mete_profile_node *node) {
    return mete__tree_key(node->pc, METE_NODE_GENERATION(node->flags), node->flags & 7u);
}

/* The key of a used entry, also in the moment before it is written there. */
static uint64_t entry_key(const struct mete__tree_entry *entry, uint64_t link) {
    uint64_t key = __atomic_load_n(&entry->key, __ATOMIC_RELAXED);
    return key != 0 ? key : node_key(mete__writer_record(METE_SECTION_NODES, (uint32_t)link));
}

/* A new node in the profile, visible to its readers. 0: it does not fit. */
static uint32_t append_node(uint32_t parent, uint64_t key) {
    int64_t index = mete__writer_reserve(METE_SECTION_NODES, 1);
    if (index == 0) { /* the root, which stays all zero */
        mete__writer_publish(METE_SECTION_NODES, 0);
        index = mete__writer_reserve(METE_SECTION_NODES, 1);
    }
    if (index <= 0 || index >= UINT32_MAX) return 0;
    struct mete_profile_node *node = mete__writer_record(METE_SECTION_NODES, (uint64_t)index);
    uint32_t generation = (uint32_t)((key & METE__TREE_GENERATION_MASK) >> METE__TREE_PC_BITS);
    node->pc = key & METE__TREE_PC_MASK;
    node->parent = parent;
    node->flags = generation << 16 | (uint32_t)(key >> METE__TREE_FLAGS_SHIFT);
    mete__writer_publish(METE_SECTION_NODES, (uint64_t)index);
    return (uint32_t)index;
}

/* (The analyser loses sight of a tag that has been taken apart and put together again.) */
static uint64_t make_link(uint32_t tag, uint32_t node) {
    return (uint64_t)tag << 32 | node; // NOLINT(clang-analyzer-core.UndefinedBinaryOperatorResult)
}

/* Looks for a key among `count` entries from `place` on. Its node; or 0, and then *end is the free
 * entry that ended the search, or NULL where it ended at a sealed one, or unchanged where all are
 * other keys. */
static uint32_t search_part(struct mete__tree_table *table, uint32_t place, unsigned count,
                            uint32_t tag, uint64_t key, struct mete__tree_entry **end) {
    for (unsigned i = 0; i < count; i++, place++) {
        struct mete__tree_entry *entry = &table->entries[place & table->mask];
        uint64_t link = __atomic_load_n(&entry->link, __ATOMIC_ACQUIRE);
        if (link == 0 || link == METE__TREE_SEALED) {
            *end = link == 0 ? entry : NULL;
            return 0;
        }
        if (link >> 32 == tag && entry_key(entry, link) == key) return (uint32_t)link;
    }
    return 0;
}

/* Looks for a key in one table. Its node; or 0 with *end at the free entry where it belongs, or at
 * NULL where the search goes on in the next table. */
static uint32_t search(struct mete__tree_table *table, uint32_t parent, uint64_t key,
                       struct mete__tree_entry **end) {
    static struct mete__tree_entry full; /* none of the table's */
    uint32_t tag = mete__tree_tag(parent, key);
    uint32_t line = (uint32_t)(mete__tree_line(table, parent) - table->entries);
    *end = &full;
    uint32_t node = search_part(table, line, METE__TREE_LINE, tag, key, end);
    if (node != 0 || *end != &full) return node;
    node = search_part(table, mete__tree_place(table, tag), CHAIN_MAX, tag, key, end);
    if (*end == &full) *end = NULL;
    return node;
}

/* Finds the key or enters it with `node`; where that is 0, with a new node. 0: no memory. */
static uint32_t enter(struct mete__tree_table *table, uint32_t parent, uint64_t key,
                      uint32_t node) {
    uint32_t tag = mete__tree_tag(parent, key);
    while (table != NULL) {
        struct mete__tree_entry *end;
        uint32_t found = search(table, parent, key, &end);
        if (found != 0) return found;
        struct mete__tree_table *next = __atomic_load_n(&table->next, __ATOMIC_ACQUIRE);
        if (end == NULL || next != NULL) {
            table = next; /* NULL: a full table that cannot grow */
            continue;
        }
        if (node == 0) node = append_node(parent, key);
        if (node == 0) return 0;
        uint64_t free_link = 0, link = make_link(tag, node);
        if (!__atomic_compare_exchange_n(&end->link, &free_link, link, false, __ATOMIC_ACQ_REL,
                                         __ATOMIC_ACQUIRE))
            continue; /* taken or sealed meanwhile */
        __atomic_store_n(&end->key, key, __ATOMIC_RELAXED);
        __atomic_fetch_add(&table->used, 1, __ATOMIC_RELAXED);
        /* If the move began meanwhile, it may have passed this entry by. */
        table = __atomic_load_n(&table->next, __ATOMIC_SEQ_CST);
        if (table == NULL) return node;
    }
    return 0;
}

static void move_entry(struct mete__tree_entry *entry, struct mete__tree_table *next) {
    uint64_t link = 0;
    if (__atomic_compare_exchange_n(&entry->link, &link, METE__TREE_SEALED, false, __ATOMIC_ACQ_REL,
                                    __ATOMIC_ACQUIRE))
        return;
    if (link == METE__TREE_SEALED) return;
    uint64_t key = entry_key(entry, link);
    uint32_t parent = (uint32_t)(link >> 32) ^ mete__tree_tag(0, key);
    (void)enter(next, parent, key, (uint32_t)link);
}

/* Moves a full table's entries to one of twice the size, or finishes somebody's move. */
static void grow(struct mete__tree_table *table) {
    if (table->shift == LAST_SHIFT) return;
    struct mete__tree_table *next = publish(&table->next, table->shift - 1);
    if (next == NULL) return;
    for (size_t i = 0; i <= table->mask; i++) move_entry(&table->entries[i], next);

    struct mete__tree_table *expected = table;
    if (__atomic_compare_exchange_n(&mete__tree_table, &expected, next, false, __ATOMIC_ACQ_REL,
                                    __ATOMIC_RELAXED))
        /* Who is still in it finds it empty, and that there is a next one. */
        mete__memory_purge(table->entries, ((size_t)table->mask + 1) * sizeof *table->entries);
}

uint32_t mete__tree_find_or_add(uint32_t parent, uint64_t key) {
    struct mete__tree_table *table = publish(&mete__tree_table, FIRST_SHIFT);
    if (table == NULL) return 0;
    uint32_t node = enter(table, parent, key, 0);
    if (METE_UNLIKELY(__atomic_load_n(&table->used, __ATOMIC_RELAXED) > table->limit)) grow(table);
    return node;
}

uint64_t mete__tree_nodes(void) {
    return mete__writer_count(METE_SECTION_NODES);
}
