/* The hand of a pool that is not shared, between the calls and the slabs. */
#include "pool/pool_state.h"

enum { MOVED = METE__HAND_BLOCKS / 2 }; /* blocks at a time */

void mete__pool_hand_set_floor(mete_pool *pool) {
    uint64_t floor = pool->used > pool->peak ? pool->used - pool->peak : 0;

    pool->floor = (uint32_t)floor; /* no more than the hand has: P5 */
    bool fills = pool->fills;
    pool->front.floor = pool->is_inline && fills ? (uint8_t)floor : UINT8_MAX;
    pool->front.bare_floor = pool->is_inline && !fills ? (uint8_t)floor : UINT8_MAX;
    pool->front.named_floor = pool->kind == METE__POOL_NAMED ? (uint32_t)floor : UINT32_MAX;
}

static void set_depth(mete_pool *pool, size_t depth) {
    uint64_t count = (pool->front.count & ~(uint64_t)UINT8_MAX) | depth;
    __atomic_store_n(&pool->front.count, count, __ATOMIC_RELAXED);
}

static mete_pool_handle next_handle(const mete_pool *pool, const struct mete__pool_held *held) {
    const struct mete__slab *slab = mete__pool_slab(pool, held->block);
    return mete__pool_handle_at(slab, (size_t)(held->place - slab->places));
}

static int load(mete_pool *pool) {
    struct mete__pool_held blocks[MOVED];
    long taken = mete__slab_take(pool, blocks, MOVED);

    for (long i = 0; i < taken; i++) {
        if (pool->is_named) {
            pool->front.next[i] = next_handle(pool, &blocks[i]);
            continue;
        }
        pool->front.hand[i] = blocks[i].block;
        *blocks[i].place = (uint8_t)i;
    }
    if (taken > 0) set_depth(pool, (size_t)taken);
    return taken < 0 ? (int)taken : 0;
}

int mete__pool_hand_reload(mete_pool *pool) {
    uint64_t live = mete__pool_live(pool);

    if (METE_UNLIKELY(live >= pool->max_blocks)) return -ENOBUFS;
    if (mete__pool_depth(pool) == 0) {
        int status = load(pool);
        if (status < 0) return status;
    }
    if (live >= pool->peak) pool->peak = live + 1;
    mete__pool_hand_set_floor(pool);
    return 0;
}

void mete__pool_hand_approach(mete_pool *pool, struct mete__slab *slab) {
    struct mete_pool_front *front = &pool->front;
    uint32_t named = pool->kind == METE__POOL_NAMED ? (uint32_t)slab->limit : 0;
    bool fills = pool->fills;

    pool->near = slab;
    pool->near_limit = pool->is_named ? 0 : slab->limit;
    front->near_memory = (uintptr_t)slab->memory;
    front->near_places = slab->places;
    front->near_handles = slab->handles;
    front->near_name = slab->number << METE__NUMBER_SHIFT;
    front->near_limit = pool->is_inline && fills ? slab->limit : 0;
    front->bare_near_limit = pool->is_inline && !fills ? slab->limit : 0;
    front->bare_limit = fills ? 0 : named;
    front->filled_limit = fills ? named : 0;
}

struct mete__slab *mete__pool_hand_turn(mete_pool *pool, const void *address) {
    struct mete__slab *slab = mete__pool_slab(pool, address);

    if (slab != NULL) mete__pool_hand_approach(pool, slab);
    return slab;
}

/* Of a block in the hand. */
static uint8_t *place_of(const mete_pool *pool, const struct mete__slab **slab, const char *block) {
    if ((uintptr_t)(*slab)->memory != ((uintptr_t)block & ~pool->slab_mask))
        *slab = mete__pool_slab(pool, block);
    return &(*slab)->places[mete__pool_number(&pool->front, (uintptr_t)(*slab)->memory, block)];
}

static struct mete__pool_held named_by(const mete_pool *pool, mete_pool_handle next) {
    const struct mete__slab *slab = mete__pool_slab_of(pool, next);
    uint32_t index = mete__pool_index_of(next);
    return (struct mete__pool_held){mete__pool_block(pool, slab, index), &slab->places[index]};
}

/* The `count` blocks that would be handed out first. */
static void unload(mete_pool *pool, size_t count) {
    struct mete__pool_held blocks[METE__HAND_BLOCKS];
    size_t depth = mete__pool_depth(pool);
    const struct mete__slab *slab = &mete__slab_none;

    for (size_t i = 0; i < count; i++) {
        if (pool->is_named) {
            blocks[i] = named_by(pool, pool->front.next[--depth]);
            continue;
        }
        char *block = pool->front.hand[--depth];
        pool->front.hand[depth] = NULL;
        blocks[i] = (struct mete__pool_held){block, place_of(pool, &slab, block)};
        *blocks[i].place = METE__PLACE_OUT;
    }
    set_depth(pool, depth);
    mete__slab_put(pool, blocks, count);
    mete__pool_hand_set_floor(pool);
}

void mete__pool_hand_unload(mete_pool *pool) {
    unload(pool, MOVED);
}

void mete__pool_hand_drain(mete_pool *pool) {
    unload(pool, mete__pool_depth(pool));
}

void mete__pool_hand_forget(mete_pool *pool) {
    for (size_t i = mete__pool_depth(pool); i-- > 0;) pool->front.hand[i] = NULL;
    set_depth(pool, 0);
    mete__pool_hand_set_floor(pool);
}
