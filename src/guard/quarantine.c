/* guard/quarantine.h */
#include "guard/quarantine.h"

#include "os/meta.h"

static struct mete__quarantine_entry *entry_at(struct mete__quarantine *quarantine, size_t number) {
    return &quarantine->ring[number % METE__QUARANTINE_BLOCKS];
}

static bool has_ring(struct mete__quarantine *quarantine) {
    if (quarantine->ring == NULL)
        quarantine->ring = mete__meta_map(METE__QUARANTINE_BLOCKS * sizeof *quarantine->ring);
    return quarantine->ring != NULL;
}

bool mete__quarantine_put(struct mete__quarantine *quarantine,
                          struct mete__quarantine_entry entry) {
    if (!mete__lock_acquire(&quarantine->lock, mete__lock_token())) return false;
    bool fits = has_ring(quarantine) && quarantine->in - quarantine->out < METE__QUARANTINE_BLOCKS;
    if (fits) {
        *entry_at(quarantine, quarantine->in) = entry;
        __atomic_store_n(&quarantine->in, quarantine->in + 1, __ATOMIC_RELEASE);
        quarantine->bytes += entry.bytes;
    }
    mete__lock_release(&quarantine->lock);
    return fits;
}

bool mete__quarantine_take(struct mete__quarantine *quarantine, bool any,
                           struct mete__quarantine_entry *entry) {
    if (!mete__lock_acquire(&quarantine->lock, mete__lock_token())) return false;
    size_t held = quarantine->in - quarantine->out;
    bool due = held > 0 && (any || held == METE__QUARANTINE_BLOCKS ||
                            quarantine->bytes > quarantine->limit_bytes);
    if (due) {
        *entry = *entry_at(quarantine, quarantine->out);
        quarantine->bytes -= entry->bytes;
        __atomic_store_n(&quarantine->out, quarantine->out + 1, __ATOMIC_RELEASE);
    }
    mete__lock_release(&quarantine->lock);
    return due;
}

void mete__quarantine_each(struct mete__quarantine *quarantine, void (*visit)(char *block)) {
    if (!mete__lock_try(&quarantine->lock, mete__lock_token())) return;
    for (size_t i = quarantine->out; i < quarantine->in; i++) visit(entry_at(quarantine, i)->block);
    mete__lock_release(&quarantine->lock);
}

void mete__quarantine_after_fork(struct mete__quarantine *quarantine) {
    if (!mete__lock_is_held(&quarantine->lock)) return;
    mete__lock_reset(&quarantine->lock);
    quarantine->bytes = 0;
    for (size_t i = quarantine->out; i < quarantine->in; i++)
        quarantine->bytes += entry_at(quarantine, i)->bytes;
}
