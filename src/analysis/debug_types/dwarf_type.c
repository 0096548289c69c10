#include "analysis/debug_types/dwarf_type.h"

#include <stdlib.h>
#include <string.h>

#include "analysis/debug_types/dwarf_type_state.h"
#include "analysis/dwarf/dwarf_die.h"

#define CHUNK_ENTRIES 128
#define FIRST_SLOTS   256 /* a power of two */

struct mete__dwarf_type_chunk {
    struct mete__dwarf_type_chunk *next;
    struct mete__dwarf_type_entry entries[CHUNK_ENTRIES];
};

struct mete__dwarf_type_cache *mete__dwarf_type_open(struct mete__names *names) {
    struct mete__dwarf_type_cache *cache = calloc(1, sizeof *cache);

    if (cache == NULL) return NULL;
    cache->names = names;
    cache->slot_count = FIRST_SLOTS;
    cache->slots = calloc(cache->slot_count, sizeof(struct mete__dwarf_type_entry *));
    cache->nothing.type.text = mete__names_keep(names, "void");
    cache->nothing.type.name_at = 4;
    cache->nothing.type.align = 1;
    cache->nothing.measured = METE__DWARF_TYPE_MEASURED;
    cache->has_keywords = true;
    if (cache->slots == NULL || cache->nothing.type.text == NULL) {
        mete__dwarf_type_close(cache);
        return NULL;
    }
    return cache;
}

void mete__dwarf_type_close(struct mete__dwarf_type_cache *cache) {
    if (cache == NULL) return;
    while (cache->chunks != NULL) {
        struct mete__dwarf_type_chunk *next = cache->chunks->next;
        free(cache->chunks);
        cache->chunks = next;
    }
    free(cache->slots);
    free(cache);
}

void mete__dwarf_type_forget(struct mete__dwarf_type_cache *cache, int language, int machine,
                             mete__dwarf_type_scope *scope, void *context) {
    /* One chunk and the slots are kept for the next unit. */
    while (cache->chunks != NULL && cache->chunks->next != NULL) {
        struct mete__dwarf_type_chunk *next = cache->chunks->next;
        free(cache->chunks);
        cache->chunks = next;
    }
    cache->chunk_used = 0;
    if (cache->entry_count > 0) memset(cache->slots, 0, cache->slot_count * sizeof *cache->slots);
    cache->entry_count = 0;
    cache->depth = 0;
    cache->machine = machine;
    cache->has_keywords = mete__dwarf_die_is_c(language);
    cache->scope = scope;
    cache->scope_context = context;
}

static struct mete__dwarf_type_entry **slot_of(struct mete__dwarf_type_entry **slots,
                                               size_t slot_count, const void *address) {
    /* Fibonacci hashing; DIEs follow each other closely. */
    size_t i =
        (size_t)(((uintptr_t)address * UINT64_C(0x9e3779b97f4a7c15)) >> 20) & (slot_count - 1);

    while (slots[i] != NULL && slots[i]->die.addr != address) i = (i + 1) & (slot_count - 1);
    return &slots[i];
}

static bool grow(struct mete__dwarf_type_cache *cache) {
    size_t slot_count = cache->slot_count * 2;
    struct mete__dwarf_type_entry **slots =
        calloc(slot_count, sizeof(struct mete__dwarf_type_entry *));

    if (slots == NULL) return false;
    for (size_t i = 0; i < cache->slot_count; i++) {
        struct mete__dwarf_type_entry *entry = cache->slots[i];
        if (entry != NULL) *slot_of(slots, slot_count, entry->die.addr) = entry;
    }
    free(cache->slots);
    cache->slots = slots;
    cache->slot_count = slot_count;
    return true;
}

struct mete__dwarf_type_entry *mete__dwarf_type_entry(struct mete__dwarf_type_cache *cache,
                                                      const Dwarf_Die *die) {
    struct mete__dwarf_type_entry **slot = slot_of(cache->slots, cache->slot_count, die->addr);

    if (*slot != NULL) return *slot;
    if (cache->entry_count * 2 >= cache->slot_count) {
        if (!grow(cache)) return NULL;
        slot = slot_of(cache->slots, cache->slot_count, die->addr);
    }
    if (cache->chunks == NULL || cache->chunk_used == CHUNK_ENTRIES) {
        struct mete__dwarf_type_chunk *chunk = malloc(sizeof *chunk);
        if (chunk == NULL) return NULL;
        chunk->next = cache->chunks;
        cache->chunks = chunk;
        cache->chunk_used = 0;
    }
    struct mete__dwarf_type_entry *entry = &cache->chunks->entries[cache->chunk_used++];
    *entry = (struct mete__dwarf_type_entry){.die = *die, .type = {.align = 1}};
    *slot = entry;
    cache->entry_count++;
    return entry;
}

struct mete__dwarf_type *mete__dwarf_type_of(struct mete__dwarf_type_cache *cache,
                                             Dwarf_Die *type) {
    struct mete__dwarf_type_entry *entry = mete__dwarf_type_size_of(cache, type);

    return entry == NULL ? NULL : &entry->type;
}

const struct mete__dwarf_type *mete__dwarf_type_of_member(struct mete__dwarf_type_cache *cache,
                                                          struct mete__dwarf_member *member) {
    struct mete__dwarf_type_entry *entry = mete__dwarf_type_size_of_member(cache, member);

    return entry == NULL ? NULL : &entry->type;
}

const char *mete__dwarf_type_name(struct mete__dwarf_type_cache *cache, Dwarf_Die *type) {
    struct mete__dwarf_type_entry *entry = mete__dwarf_type_text_of(cache, type);

    return entry == NULL ? NULL : entry->type.text;
}
