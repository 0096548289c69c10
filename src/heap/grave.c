/* heap/grave.h: a ring, the oldest overwritten first. */
#include "heap/grave.h"

#include "os/lock.h"
#include "os/meta.h"

enum { GRAVES = 64, RECORD_BYTES_MAX = 256 * 1024 };

static struct mete__lock lock;
static struct mete__grave graves[GRAVES];
static size_t oldest, count, record_bytes; /* of `count` graves from `oldest` on */

static size_t bytes_of(const struct mete__grave *grave) {
    return grave->record_count * sizeof(struct mete__record);
}

static void clear_oldest(void) {
    struct mete__grave *grave = &graves[oldest];

    oldest = (oldest + 1) % GRAVES;
    count--;
    record_bytes -= bytes_of(grave);
    mete__meta_free(grave->records, bytes_of(grave));
}

void mete__grave_bury(const struct mete__grave *grave) {
    if (!mete__lock_acquire(&lock, mete__lock_token())) {
        mete__meta_free(grave->records, bytes_of(grave)); /* a signal handler in our midst */
        return;
    }
    while (count == GRAVES || (count > 0 && record_bytes + bytes_of(grave) > RECORD_BYTES_MAX))
        clear_oldest();
    graves[(oldest + count) % GRAVES] = *grave;
    count++;
    record_bytes += bytes_of(grave);
    mete__lock_release(&lock);
}

/* Whether a block began at the address; then *found says which. */
static bool lies_in(const struct mete__grave *grave, const char *address,
                    struct mete__found *found) {
    if (address < grave->memory) return false;
    size_t offset = (size_t)(address - grave->memory);
    size_t index = offset / grave->block_bytes;
    if (index >= grave->blocks) return false;
    size_t lead = mete__record_lead(&grave->records[index]);
    if (offset % grave->block_bytes != lead) return false;
    *found = (struct mete__found){.block = grave->memory + offset,
                                  .block_bytes = grave->block_bytes - lead,
                                  .requested = grave->block_bytes - lead,
                                  .record = &grave->records[index],
                                  .live = false};
    return true;
}

bool mete__grave_find(const void *address, struct mete__found *found) {
    bool known = false;

    if (!mete__lock_acquire(&lock, mete__lock_token())) return false;
    for (size_t i = count; i-- > 0 && !known;)
        known = lies_in(&graves[(oldest + i) % GRAVES], address, found);
    mete__lock_release(&lock);
    return known;
}

void mete__grave_after_fork(void) {
    if (!mete__lock_is_held(&lock)) return;
    mete__lock_reset(&lock);
    count = record_bytes = 0;
}
