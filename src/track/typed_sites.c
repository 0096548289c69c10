/* track/typed_sites.h: the pairs that are known, in a hash table with open addressing. */
#include "track/typed_sites.h"

#include <string.h>

#include "os/lock.h"
#include "os/meta.h"
#include "profile/writer.h"

enum { FIRST_SHIFT = 64 - 8 }; /* 256 slots: 4 KiB */

struct slot {
    const mete_site *site;
    uint32_t key; /* stack + 1; 0: free. Atomic, and stored last */
    uint32_t reserved;
};

/* No slot that is used changes, and a table that was outgrown is left to those who are still
 * looking into it: all of them together are no larger than the newest. */
struct table {
    uint32_t shift; /* 64 - log2(capacity) */
    uint32_t used;
    struct slot slots[];
};
static struct table *newest;   /* atomic; NULL: none yet */
static struct mete__lock lock; /* of who adds */

static size_t capacity_of(const struct table *table) {
    return (size_t)1 << (64 - table->shift);
}

/* The pair's slot, or the free one where it belongs. There is always a free one. */
static struct slot *probe(struct table *table, uint32_t stack, const mete_site *site) {
    size_t place = (((uintptr_t)site ^ stack) * 0x9e3779b97f4a7c15u) >> table->shift;

    for (;; place = (place + 1) & (capacity_of(table) - 1)) {
        struct slot *slot = &table->slots[place];
        uint32_t key = __atomic_load_n(&slot->key, __ATOMIC_ACQUIRE);
        if (key == 0 || (key == stack + 1 && slot->site == site)) return slot;
    }
}

static bool is_known(uint32_t stack, const mete_site *site) {
    struct table *table = __atomic_load_n(&newest, __ATOMIC_ACQUIRE);
    return table != NULL && probe(table, stack, site)->key != 0;
}

static void enter(struct table *table, uint32_t stack, const mete_site *site) {
    struct slot *slot = probe(table, stack, site);
    slot->site = site;
    __atomic_store_n(&slot->key, stack + 1, __ATOMIC_RELEASE);
    table->used++;
}

/* The table with room for one more, or NULL. */
static struct table *make_room(void) {
    struct table *old = newest;

    if (old != NULL && old->used < capacity_of(old) / 2) return old;
    uint32_t shift = old == NULL ? FIRST_SHIFT : old->shift - 1;
    struct table *table =
        mete__meta_alloc(sizeof *table + (sizeof table->slots[0] << (64 - shift)));
    if (table == NULL) return NULL;
    table->shift = shift;
    for (size_t i = 0; old != NULL && i < capacity_of(old); i++)
        if (old->slots[i].key != 0) enter(table, old->slots[i].key - 1, old->slots[i].site);
    __atomic_store_n(&newest, table, __ATOMIC_RELEASE);
    return table;
}

static uint64_t keep_string(const char *text) {
    return text == NULL ? 0 : mete__writer_string(text, strlen(text));
}

/* Also where the profile has no room, so that it is not tried again with each block. */
static void add(uint32_t stack, const mete_site *site) {
    struct table *table = make_room();

    if (table == NULL) return;
    struct mete_profile_type record = {
        .stack = stack,
        .line = site->line,
        .file = keep_string(site->file),
        .name = keep_string(site->type),
        .bytes = site->type_size,
    };
    if (record.name != 0) (void)mete__writer_append(METE_SECTION_TYPES, &record);
    enter(table, stack, site);
}

void mete__typed_sites_note(uint32_t stack, const mete_site *site) {
    if (stack == 0 || site->type == NULL || is_known(stack, site)) return;
    if (!mete__lock_acquire(&lock, mete__lock_token())) return; /* a signal's handler: next time */
    if (!is_known(stack, site)) add(stack, site);
    mete__lock_release(&lock);
}

void mete__typed_sites_after_fork(void) {
    mete__lock_reset(&lock);
}
