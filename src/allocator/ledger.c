/* allocator/ledger.h */
#include "allocator/ledger.h"

#include <errno.h>
#include <string.h>

#include "base/bits.h"
#include "os/meta.h"

enum { FIRST_CAPACITY = 128 };

/* False in a signal handler that interrupted the holder. */
static bool enter(struct mete__ledger *ledger) {
    return mete__lock_acquire(&ledger->lock, mete__lock_token());
}

static void leave(struct mete__ledger *ledger) {
    mete__lock_release(&ledger->lock);
}

/* Fibonacci hashing (Knuth 3, 6.4): the high bits of a product with 2^64 / phi. */
static size_t home_of(uintptr_t block, size_t capacity) {
    return (size_t)((block >> 4) * 0x9e3779b97f4a7c15u >> (64 - mete__log2_floor(capacity)));
}

/* Where the block is, or the gap where it would be. */
static size_t slot_of(const struct mete__ledger *ledger, uintptr_t block) {
    size_t mask = ledger->capacity - 1;
    size_t at = home_of(block, ledger->capacity);

    while (ledger->entries[at].block != 0 && ledger->entries[at].block != block)
        at = (at + 1) & mask;
    return at;
}

static struct mete__ledger_entry *look_up(const struct mete__ledger *ledger, const void *block) {
    if (ledger->capacity == 0) return NULL;
    struct mete__ledger_entry *entry = &ledger->entries[slot_of(ledger, (uintptr_t)block)];
    return entry->block != 0 ? entry : NULL;
}

static bool grow(struct mete__ledger *ledger) {
    size_t capacity = ledger->capacity == 0 ? FIRST_CAPACITY : ledger->capacity * 2;
    struct mete__ledger old = *ledger;
    struct mete__ledger_entry *entries = mete__meta_map(capacity * sizeof *entries);

    if (entries == NULL) return false;
    ledger->entries = entries;
    ledger->capacity = capacity;
    for (size_t i = 0; i < old.capacity; i++) {
        if (old.entries[i].block == 0) continue;
        entries[slot_of(ledger, old.entries[i].block)] = old.entries[i];
    }
    if (old.entries != NULL) mete__meta_unmap(old.entries, old.capacity * sizeof *entries);
    return true;
}

int mete__ledger_enter(struct mete__ledger *ledger, const void *block, mete_layout layout,
                       const struct mete_site *site) {
    if (!enter(ledger)) return -EDEADLK;
    if (ledger->count + 1 > ledger->capacity / 4 * 3 && !grow(ledger)) {
        leave(ledger);
        return -ENOMEM;
    }
    struct mete__ledger_entry *entry = &ledger->entries[slot_of(ledger, (uintptr_t)block)];
    *entry = (struct mete__ledger_entry){
        .block = (uintptr_t)block,
        .size = layout.size,
        .site = site,
        .sequence = ++ledger->sequence & (((uint64_t)1 << 56) - 1),
        .align_log2 = (uint8_t)mete__log2_floor(layout.align),
    };
    ledger->count++;
    for (size_t i = 0; i < METE__LEDGER_LEFT; i++)
        if (ledger->left[i] == (uintptr_t)block) ledger->left[i] = 0;
    leave(ledger);
    return 0;
}

bool mete__ledger_find(struct mete__ledger *ledger, const void *block,
                       struct mete__ledger_entry *out) {
    if (!enter(ledger)) return false;
    const struct mete__ledger_entry *entry = look_up(ledger, block);
    if (entry != NULL) *out = *entry;
    leave(ledger);
    return entry != NULL;
}

/* Closes the gap at `gap` with entries that were pushed beyond it. */
static void close_gap(struct mete__ledger *ledger, size_t gap) {
    size_t mask = ledger->capacity - 1;

    for (size_t at = (gap + 1) & mask; ledger->entries[at].block != 0; at = (at + 1) & mask) {
        size_t home = home_of(ledger->entries[at].block, ledger->capacity);
        if (((at - home) & mask) < ((at - gap) & mask)) continue; /* its home lies behind the gap */
        ledger->entries[gap] = ledger->entries[at];
        gap = at;
    }
    ledger->entries[gap].block = 0;
}

bool mete__ledger_take(struct mete__ledger *ledger, const void *block,
                       struct mete__ledger_entry *out) {
    if (!enter(ledger)) return false;
    struct mete__ledger_entry *entry = look_up(ledger, block);
    if (entry != NULL) {
        *out = *entry;
        close_gap(ledger, (size_t)(entry - ledger->entries));
        ledger->count--;
        ledger->left[ledger->left_next++ % METE__LEDGER_LEFT] = (uintptr_t)block;
    }
    leave(ledger);
    return entry != NULL;
}

void mete__ledger_resize(struct mete__ledger *ledger, const void *block, size_t size) {
    if (!enter(ledger)) return;
    struct mete__ledger_entry *entry = look_up(ledger, block);
    if (entry != NULL) entry->size = size;
    leave(ledger);
}

bool mete__ledger_has_left(struct mete__ledger *ledger, const void *block) {
    bool has_left = false;

    if (!enter(ledger)) return false;
    for (size_t i = 0; i < METE__LEDGER_LEFT; i++)
        has_left = has_left || (ledger->left[i] == (uintptr_t)block && block != NULL);
    leave(ledger);
    return has_left;
}

void mete__ledger_end(struct mete__ledger *ledger) {
    if (ledger->entries != NULL)
        mete__meta_unmap(ledger->entries, ledger->capacity * sizeof *ledger->entries);
    ledger->entries = NULL;
    ledger->capacity = ledger->count = 0;
}

/* ---- all of them ---- */

struct mete__ledger_entry *mete__ledger_copy(struct mete__ledger *ledger, size_t *count,
                                             size_t *bytes) {
    struct mete__ledger_entry *copy = NULL;
    size_t copied = 0;

    *count = 0;
    if (!enter(ledger)) return NULL;
    *count = ledger->count;
    *bytes = ledger->count * sizeof *copy;
    if (*bytes != 0) copy = mete__meta_map(*bytes);
    for (size_t i = 0; copy != NULL && i < ledger->capacity; i++)
        if (ledger->entries[i].block != 0) copy[copied++] = ledger->entries[i];
    leave(ledger);
    return copy;
}
