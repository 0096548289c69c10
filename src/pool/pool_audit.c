/* Everything that can be asked of a pool at leisure: what is in it, and whether it is whole. */
#include "os/checkers.h"
#include "pool/pool_fill.h"

bool mete_pool_contains(const mete_pool *pool, const void *address) {
    const struct mete__slab *slab = mete__pool_slab(pool, address);

    if (slab == NULL) return false;
    size_t offset = (size_t)((const char *)address - slab->memory);
    uint32_t index = mete__pool_index(pool, offset);
    return index < pool->slab_blocks && mete__pool_link(slab, index) == METE__LINK_LIVE &&
           offset - index * pool->distance < pool->block_size;
}

bool mete_pool_foreach(mete_pool *pool, bool (*visit)(void *context, void *block), void *context) {
    for (uint32_t number = 0; number < pool->slab_count; number++) {
        struct mete__slab *slab = pool->slabs[number];
        for (uint32_t i = 0; slab->memory != NULL && i < slab->carved; i++)
            if (mete__pool_link(slab, i) == METE__LINK_LIVE &&
                !visit(context, mete__pool_block(pool, slab, i)))
                return false;
    }
    return true;
}

/* ---- verify ---- */

static bool is_enlisted(const mete_pool *pool, const struct mete__slab *slab) {
    size_t steps = 0;

    for (const struct mete__slab *at = pool->partial; at != NULL; at = at->next_partial) {
        if (at == slab) return true;
        if (++steps > pool->slab_count) return false;
    }
    return false;
}

/* P1 to P3 of one slab. */
static bool is_whole(const mete_pool *pool, const struct mete__slab *slab, uint32_t number) {
    uint32_t listed = 0, used = 0, retired = 0;

    if (mete__pool_slab(pool, slab->memory) != slab || slab->number != number) return false;
    if (slab->carved > pool->slab_blocks) return false;
    for (uint32_t at = slab->list; at != METE__LINK_END; at = mete__pool_link(slab, at))
        if (at >= slab->carved || ++listed > slab->carved) return false;
    for (uint32_t i = 0; i < slab->carved; i++) {
        uint16_t link = mete__pool_link(slab, i);
        used += link == METE__LINK_LIVE || link == METE__LINK_HELD;
        retired += link == METE__LINK_RETIRED;
    }
    if (used != slab->used || retired != slab->retired) return false;
    if (used + listed + retired != slab->carved) return false;
    bool can_give = slab->list != METE__LINK_END || slab->carved < pool->slab_blocks;
    return slab->is_partial == can_give && is_enlisted(pool, slab) == can_give;
}

static bool is_held(const struct mete__held *blocks, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (__atomic_load_n(blocks[i].link, __ATOMIC_RELAXED) != METE__LINK_HELD) return false;
    return true;
}

/* P5 of the hand of a pool that is not shared. */
static bool is_hand_whole(const mete_pool *pool) {
    const struct mete__hand *hand = &pool->hand;

    if (hand->bottom > hand->top || hand->top > hand->ceiling) return false;
    size_t depth = mete__hand_depth(hand);
    if (depth > pool->used || pool->used - depth > pool->peak) return false;
    size_t floor = pool->used > pool->peak ? pool->used - pool->peak : 0;
    return hand->floor == hand->bottom + floor && is_held(hand->bottom, depth);
}

/* Tells of every free block that was written to. Whether there was one. */
static bool has_writes(mete_pool *pool, const struct mete__slab *slab) {
    bool any = false;

    if (mete__checkers_listen) return false; /* the tool that listens finds them itself */
    for (uint32_t i = 0; i < slab->carved; i++) {
        uint16_t link = mete__pool_link(slab, i);
        if (link == METE__LINK_LIVE || link == METE__LINK_RETIRED) continue;
        char *block = mete__pool_block(pool, slab, i);
        long written = mete__pool_fill_find(pool, block);
        if (written < 0) continue;
        any = true;
        if (pool->on_error != NULL)
            mete__pool_fault(pool, METE_POOL_WRITE_AFTER_FREE, block + written, block,
                             (size_t)written);
    }
    return any;
}

int mete_pool_verify(mete_pool *pool) {
    uint64_t used = 0;
    bool written = false;

    for (uint32_t number = 0; number < pool->slab_count; number++) {
        const struct mete__slab *slab = pool->slabs[number];
        if (slab->memory == NULL) continue;
        if (!is_whole(pool, slab, number)) return -EUCLEAN;
        used += slab->used;
    }
    if (used != pool->used) return -EUCLEAN;
    if (!pool->shared && !is_hand_whole(pool)) return -EUCLEAN;
    for (uint32_t number = 0; number < pool->slab_count; number++)
        if (pool->slabs[number]->memory != NULL && has_writes(pool, pool->slabs[number]))
            written = true;
    return written ? -EILSEQ : 0;
}
