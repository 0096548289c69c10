/* One at a time. */
#include <mete/adapters.h>

#include "allocator/wrapper.h"
#include "os/lock.h"

struct locking {
    struct mete__wrapper wrapper;
    struct mete__lock lock;
};

static bool enter(struct locking *locking) {
    return mete__lock_acquire(&locking->lock, mete__lock_token());
}

static void *take(void *state, mete_layout layout, const mete_site *site) {
    struct locking *locking = state;

    if (!enter(locking)) {
        errno = EDEADLK;
        return NULL;
    }
    void *block = mete__wrapper_alloc(state, layout, site);
    mete__lock_release(&locking->lock);
    return block;
}

static void give(void *state, void *block, mete_layout layout) {
    struct locking *locking = state;

    if (!enter(locking)) return;
    mete__wrapper_free(state, block, layout);
    mete__lock_release(&locking->lock);
}

static int resize(void *state, void *block, mete_layout layout, size_t new_size) {
    struct locking *locking = state;

    if (!enter(locking)) return -EDEADLK;
    int status = mete__wrapper_resize(state, block, layout, new_size);
    mete__lock_release(&locking->lock);
    return status;
}

static void *remap(void *state, void *block, mete_layout layout, size_t new_size) {
    struct locking *locking = state;

    if (!enter(locking)) {
        errno = EDEADLK;
        return NULL;
    }
    void *moved = mete__wrapper_remap(state, block, layout, new_size);
    mete__lock_release(&locking->lock);
    return moved;
}

static size_t usable(void *state, const void *block, mete_layout layout) {
    struct locking *locking = state;

    if (!enter(locking)) return layout.size;
    size_t size = mete__wrapper_usable(state, block, layout);
    mete__lock_release(&locking->lock);
    return size;
}

static const mete_allocator_methods methods = {
    .name = "locking",
    .capabilities = METE_ALLOCATOR_THREAD_SAFE,
    .alloc = take,
    .free = give,
    .resize = resize,
    .remap = remap,
    .usable = usable,
};

mete_allocator *mete_allocator_locking(const mete_allocator *under) {
    struct locking *locking = mete__wrapper_make(sizeof *locking, under, &methods, 0);
    return locking != NULL ? &locking->wrapper.self : NULL;
}
