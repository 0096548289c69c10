/* Reserves the bytes and the block in the counters first, so that no two threads pass a limit
 * together; what comes to nothing is given back. */
#include <mete/adapters.h>

#include "allocator/wrapper.h"

struct limiting {
    struct mete__wrapper wrapper;
    size_t max_bytes;  /* SIZE_MAX: no limit */
    size_t max_blocks; /* the same */
    size_t bytes;      /* atomic: reserved */
    size_t blocks;     /* atomic */
};

/* Adds to the counter unless that passes the limit. */
static bool reserve_in(size_t *counter, size_t limit, size_t amount) {
    size_t now = __atomic_load_n(counter, __ATOMIC_RELAXED);

    do {
        if (amount > limit || now > limit - amount) return false;
    } while (!__atomic_compare_exchange_n(counter, &now, now + amount, true, __ATOMIC_RELAXED,
                                          __ATOMIC_RELAXED));
    return true;
}

static void unreserve(struct limiting *limiting, size_t blocks, size_t bytes) {
    __atomic_sub_fetch(&limiting->blocks, blocks, __ATOMIC_RELAXED);
    __atomic_sub_fetch(&limiting->bytes, bytes, __ATOMIC_RELAXED);
}

static bool reserve(struct limiting *limiting, size_t blocks, size_t bytes) {
    if (!reserve_in(&limiting->blocks, limiting->max_blocks, blocks)) return false;
    if (reserve_in(&limiting->bytes, limiting->max_bytes, bytes)) return true;
    unreserve(limiting, blocks, 0);
    return false;
}

static void *take(void *state, mete_layout layout, const mete_site *site) {
    struct limiting *limiting = state;

    if (!reserve(limiting, 1, layout.size)) {
        mete__wrapper_count_alloc(&limiting->wrapper, NULL, layout.size);
        errno = mete_layout_is_valid(layout) ? ENOBUFS : EINVAL;
        return NULL;
    }
    void *block = mete__wrapper_alloc(state, layout, site);
    if (block == NULL) unreserve(limiting, 1, layout.size);
    return block;
}

static void give(void *state, void *block, mete_layout layout) {
    mete__wrapper_free(state, block, layout);
    unreserve(state, 1, layout.size);
}

/* The bytes a change of size needs more, or gives back. */
static bool reserve_change(struct limiting *limiting, size_t old_size, size_t new_size) {
    return new_size <= old_size || reserve(limiting, 0, new_size - old_size);
}

static void settle_change(struct limiting *limiting, bool done, size_t old_size, size_t new_size) {
    if (done && new_size < old_size) unreserve(limiting, 0, old_size - new_size);
    if (!done && new_size > old_size) unreserve(limiting, 0, new_size - old_size);
}

static int resize(void *state, void *block, mete_layout layout, size_t new_size) {
    struct limiting *limiting = state;

    if (!reserve_change(limiting, layout.size, new_size)) {
        mete__wrapper_count_resize(&limiting->wrapper, -ENOBUFS, layout.size, new_size);
        return -ENOBUFS;
    }
    int status = mete__wrapper_resize(state, block, layout, new_size);
    settle_change(limiting, status == 0, layout.size, new_size);
    return status;
}

static void *remap(void *state, void *block, mete_layout layout, size_t new_size) {
    struct limiting *limiting = state;

    if (!reserve_change(limiting, layout.size, new_size)) {
        mete__wrapper_count_remap(&limiting->wrapper, NULL, layout.size, new_size);
        errno = ENOBUFS;
        return NULL;
    }
    void *moved = mete__wrapper_remap(state, block, layout, new_size);
    settle_change(limiting, moved != NULL, layout.size, new_size);
    return moved;
}

static const mete_allocator_methods methods = {
    .name = "limiting",
    .alloc = take,
    .free = give,
    .resize = resize,
    .remap = remap,
    .usable = mete__wrapper_usable,
};

mete_allocator *mete_allocator_limiting(const mete_allocator *under, size_t max_bytes,
                                        size_t max_blocks) {
    struct limiting *limiting = mete__wrapper_make(sizeof *limiting, under, &methods, 0);

    if (limiting == NULL) return NULL;
    limiting->max_bytes = max_bytes != 0 ? max_bytes : SIZE_MAX;
    limiting->max_blocks = max_blocks != 0 ? max_blocks : SIZE_MAX;
    return &limiting->wrapper.self;
}
