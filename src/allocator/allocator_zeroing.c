/* Nothing of what a block held is left behind when it goes back. */
#include <mete/adapters.h>

#include "allocator/wrapper.h"

/* The compiler is told that somebody looks at the memory afterwards, so it cannot drop the write.
 */
static void erase(void *start, size_t size) {
    memset(start, 0, size);
    __asm__ volatile("" : : "r"(start) : "memory");
}

static void give(void *state, void *block, mete_layout layout) {
    const struct mete__wrapper *wrapper = state;
    erase(block, mete_allocator_usable(wrapper->under, block, layout));
    mete__wrapper_free(state, block, layout);
}

/* The end that is cut off could be erased neither before, because the shrinking may fail, nor
 * after, because it is no longer ours: so a block shrinks by moving. */
static int resize(void *state, void *block, mete_layout layout, size_t new_size) {
    if (new_size < layout.size) return -ENOTSUP;
    return mete__wrapper_resize(state, block, layout, new_size);
}

/* No remap: by alloc, copy and free, the old place is erased before it goes back. */
static const mete_allocator_methods methods = {
    .name = "zeroing",
    .alloc = mete__wrapper_alloc,
    .free = give,
    .resize = resize,
    .usable = mete__wrapper_usable,
};

mete_allocator *mete_allocator_zeroing(const mete_allocator *under) {
    struct mete__wrapper *wrapper = mete__wrapper_make(sizeof *wrapper, under, &methods, 0);
    return wrapper != NULL ? &wrapper->self : NULL;
}
