/* heap/target.h */
#include "heap/target.h"

#include "heap/grave.h"
#include "heap/private.h"

struct mete__found mete__target_found(const struct mete__span *span, char *memory,
                                      const void *address) {
    size_t bytes = span->block_bytes;
    size_t index = (size_t)((const char *)address - memory) / bytes;
    uintptr_t owner = mete__span_owner(span);
    const struct mete_heap *heap = mete__span_private(owner);
    bool watched = (owner & METE__OWNER_WATCHED) != 0;
    struct mete__record *record = watched ? &span->records[index] : NULL;
    size_t lead = watched ? mete__record_lead(record) : 0;
    return (struct mete__found){.block = memory + index * bytes + lead,
                                .block_bytes = bytes - lead,
                                .requested = bytes - lead,
                                .record = record,
                                .heap = heap != NULL ? mete__private_name(heap) : NULL,
                                .live = !watched || record->live};
}

/* Whether a block began at the address whose span has been given back since. */
static bool was_block(const void *address, struct mete__found *found) {
    char *memory;
    if (mete__grave_find(address, found)) return true;
    const struct mete__span *span = mete__slices_find_former(address, &memory);
    if (span == NULL || span->block_bytes == 0) return false;
    size_t offset = (size_t)((const char *)address - memory);
    if (offset % span->block_bytes != 0 || offset / span->block_bytes >= mete__span_carved(span))
        return false;
    *found = mete__target_found(span, memory, address);
    return true;
}

void mete__target_astray(enum mete__misuse kind, const void *address, const struct mete__span *span,
                         char *memory, const struct mete__caller *caller) {
    struct mete__found found;

    if (kind == METE__INVALID_FREE) {
        bool was = was_block(address, &found);
        mete__misuse(was ? METE__DOUBLE_FREE : kind, address, was ? &found : NULL, caller);
    }
    if (kind == METE__INTERIOR_FREE && mete__grave_find(address, &found))
        mete__misuse(METE__DOUBLE_FREE, address, &found, caller);
    found = mete__target_found(span, memory, address);
    mete__misuse(kind, address, &found, caller);
}
