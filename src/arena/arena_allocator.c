/* An arena behind the interface that all allocators have. */
#include <string.h>

#include "arena/arena_state.h"
#include "os/checkers.h"

static void *take(void *state, mete_layout layout, const mete_site *site) {
    void *block = mete_arena_alloc(state, layout.size, layout.align);

    (void)site;
    if (METE_UNLIKELY(block == NULL) && !mete_layout_is_valid(layout)) errno = EINVAL;
    return block;
}

/* The last block goes back, the others wait for the end. */
static void give(void *state, void *block, mete_layout layout) {
    mete__arena_take_back(state, block, layout.size);
}

/* A block that is not the last can still shrink: its end is lost until the arena's. */
static int resize(void *state, void *block, mete_layout layout, size_t new_size) {
    int status = mete_arena_extend(state, block, layout.size, new_size);
    if (status != -EINVAL) return status;
    if (new_size > layout.size) return -ENOMEM;
    mete__checkers_close((char *)block + new_size, layout.size - new_size);
    return 0;
}

static void *remap(void *state, void *block, mete_layout layout, size_t new_size) {
    return mete_arena_realloc(state, block, layout.size, new_size, layout.align);
}

#define METHODS(more)                                                                      \
    {                                                                                      \
        .name = "arena", .capabilities = METE_ALLOCATOR_FREES_ALL | (more), .alloc = take, \
        .free = give, .resize = resize, .remap = remap,                                    \
    }
static const mete_allocator_methods methods = METHODS(0);
static const mete_allocator_methods zeroing_methods = METHODS(METE_ALLOCATOR_ZEROES);
#undef METHODS

const mete_allocator *mete_arena_allocator(mete_arena *arena) {
    arena->as_allocator.methods = arena->zero ? &zeroing_methods : &methods;
    arena->as_allocator.state = arena;
    return &arena->as_allocator;
}
