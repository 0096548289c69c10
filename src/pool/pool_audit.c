/* Everything that can be asked of a pool at leisure: what is in it, and whether it is whole. */
#include "os/checkers.h"
#include "pool/pool_fill.h"

bool mete_pool_contains(const mete_pool *pool, const void *address) {
    const struct mete__slab *slab = mete__pool_slab(pool, address);

    if (slab == NULL) return false;
    uint32_t index = mete__pool_index(pool, slab, address);
    return index < pool->slab_blocks && mete__pool_is_live(pool, slab, index) &&
           (size_t)((const char *)address - mete__pool_block(pool, slab, index)) < pool->block_size;
}

bool mete_pool_foreach(mete_pool *pool, bool (*visit)(void *context, void *block), void *context) {
    for (uint32_t number = 0; number < pool->slab_count; number++) {
        struct mete__slab *slab = pool->front.slabs[number];
        for (uint32_t i = 0; slab->memory != NULL && i < slab->carved; i++)
            if (mete__pool_is_live(pool, slab, i) &&
                !visit(context, mete__pool_block(pool, slab, i)))
                return false;
    }
    return true;
}

/* ---- verify ---- */

/* P1 and P2 of one slab; counts its live blocks. */
static bool is_whole(const mete_pool *pool, const struct mete__slab *slab, uint32_t number,
                     uint64_t *live) {
    uint32_t free = 0, retired = 0;

    if (mete__pool_slab(pool, slab->memory) != slab || slab->number != number) return false;
    if (slab->carved > pool->slab_blocks) return false;
    for (uint32_t i = 0; i < pool->slab_blocks; i++) {
        bool is_free = mete__pool_is_free_in_slab(slab, i), is_out = i >= slab->carved || is_free;
        if (is_free && (i >= slab->carved || i / 64 < slab->first_free)) return false;
        if (mete__pool_is_worn(pool, slab, i)) {
            if (is_free || i >= slab->carved) return false;
            retired++;
            is_out = true;
        }
        if (is_out && mete__pool_place(&slab->places[i]) != METE__PLACE_OUT) return false;
        free += is_free;
        *live += mete__pool_is_live(pool, slab, i);
    }
    if (retired != slab->retired || slab->used + free + retired != slab->carved) return false;
    return slab->is_partial == ((uint32_t)slab->used + retired < pool->slab_blocks);
}

/* P3, the slabs having been looked at one by one: as many are in the list as say so, and no other.
 */
static bool is_list_whole(const mete_pool *pool) {
    const struct mete__slab *previous = NULL;
    uint32_t listed = 0, partial = 0;

    for (uint32_t i = 0; i < pool->slab_count; i++)
        partial += pool->front.slabs[i]->memory != NULL && pool->front.slabs[i]->is_partial;
    for (const struct mete__slab *at = pool->partial; at != NULL; at = at->next_partial) {
        if (at->memory == NULL || !at->is_partial || at->previous_partial != previous) return false;
        if (++listed > partial) return false;
        previous = at;
    }
    return listed == partial;
}

/* P5 of the entries of a hand with handles. */
static bool are_handles_whole(const mete_pool *pool, size_t depth) {
    const mete_pool_handle *next = pool->front.next;

    for (size_t i = 0; i < depth; i++) {
        if ((uint32_t)next[i] >> METE__NUMBER_SHIFT >= pool->slab_count) return false;
        const struct mete__slab *slab = mete__pool_slab_of(pool, next[i]);
        uint32_t index = mete__pool_index_of(next[i]);
        if (slab->memory == NULL || index >= slab->carved) return false;
        if (mete__pool_is_live(pool, slab, index) || mete__pool_is_free_in_slab(slab, index) ||
            mete__pool_handle_at(slab, index) != next[i])
            return false;
        for (size_t other = 0; other < i; other++)
            if (next[other] == next[i]) return false;
    }
    return true;
}

/* P5 of the hand of a pool that is not shared. */
static bool is_hand_whole(const mete_pool *pool, uint64_t live) {
    size_t depth = mete__pool_depth(pool);

    if (depth > pool->used || live != pool->used - depth || live > pool->peak) return false;
    if (pool->floor != (pool->used > pool->peak ? pool->used - pool->peak : 0)) return false;
    if (pool->is_named) return are_handles_whole(pool, depth);
    for (size_t i = 0; i < METE_COUNT_OF(pool->front.hand); i++) {
        const void *block = pool->front.hand[i];
        if ((block != NULL) != (i < depth)) return false;
        if (block == NULL) continue;
        const struct mete__slab *slab = mete__pool_slab(pool, block);
        if (slab == NULL) return false;
        uint64_t index = mete__pool_number(&pool->front, (uintptr_t)slab->memory, block);
        if (index >= slab->carved || slab->places[index] != i) return false;
    }
    return true;
}

static bool is_pool_whole(const mete_pool *pool) {
    uint64_t used = 0, live = 0;

    for (uint32_t number = 0; number < pool->slab_count; number++) {
        const struct mete__slab *slab = pool->front.slabs[number];
        if (slab->memory == NULL) continue;
        if (!is_whole(pool, slab, number, &live)) return false;
        used += slab->used;
    }
    if (!is_list_whole(pool) || used != pool->used) return false;
    return pool->shared ? live <= used : is_hand_whole(pool, live);
}

/* ---- writes to free blocks ---- */

/* Calls tell for every free block that was written to. Whether there was one. */
static bool find_writes(mete_pool *pool,
                        void (*tell)(mete_pool *pool, char *block, size_t offset)) {
    bool any = false;

    if (mete__checkers_listen) return false; /* the tool that listens finds them itself */
    for (uint32_t number = 0; number < pool->slab_count; number++) {
        const struct mete__slab *slab = pool->front.slabs[number];
        for (uint32_t i = 0; slab->memory != NULL && i < slab->carved; i++) {
            if (mete__pool_is_worn(pool, slab, i) || mete__pool_is_live(pool, slab, i)) continue;
            char *block = mete__pool_block(pool, slab, i);
            long written = mete__pool_fill_find(pool, block);
            if (written < 0) continue;
            any = true;
            tell(pool, block, (size_t)written);
        }
    }
    return any;
}

static void tell_who_asked(mete_pool *pool, char *block, size_t offset) {
    if (pool->on_error == NULL) return;
    mete__pool_fault(pool, METE_POOL_WRITE_AFTER_FREE, block + offset, block, offset);
}

static void tell_and_fill(mete_pool *pool, char *block, size_t offset) {
    mete__pool_fault(pool, METE_POOL_WRITE_AFTER_FREE, block + offset, block, offset);
    mete__pool_fill_block(pool, block);
}

void mete__pool_audit_writes(mete_pool *pool) {
    if (pool->checked_head != 0) (void)find_writes(pool, tell_and_fill);
}

int mete_pool_verify(mete_pool *pool) {
    if (!is_pool_whole(pool)) return -EUCLEAN;
    return find_writes(pool, tell_who_asked) ? -EILSEQ : 0;
}
