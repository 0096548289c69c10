/* The C library's malloc, whoever that is in this program. */
#include <mete/allocator.h>
#include <stdlib.h>

#include "allocator/heap_take.h"
#include "allocator/move.h"
#include "base/bits.h"
#include "heap/malloc_family.h"
#include "os/loader.h"

/* Whether malloc aligns every block of that size so; false also for what is no layout. */
static bool is_plain(mete_layout layout) {
    return layout.align <= METE_ALIGN_OF(max_align_t) && mete__is_power_of_two(layout.align) &&
           layout.size <= METE_SIZE_MAX - METE_ALIGN_OF(max_align_t);
}

static METE_COLD void *take_unusual(mete_layout layout) {
    void *block = NULL;
    int error = EINVAL;

    if (mete_layout_is_valid(layout)) {
        size_t align = layout.align > sizeof(void *) ? layout.align : sizeof(void *);
        error = posix_memalign(&block, align, layout.size);
    }
    if (error == 0) return block;
    errno = error;
    return NULL;
}

static void *take(void *state, mete_layout layout, const mete_site *site) {
    (void)state, (void)site;
    return METE_LIKELY(is_plain(layout)) ? malloc(layout.size) : take_unusual(layout);
}

static void give(void *state, void *block, mete_layout layout) {
    (void)state, (void)layout;
    free(block);
}

/* Before POSIX.1-2024, free might change errno. */
static void give_keeping_errno(void *state, void *block, mete_layout layout) {
    int saved = errno;
    (void)state, (void)layout;
    free(block);
    errno = saved;
}

/* Whether free is glibc's, which keeps errno since 2.33; the loader is asked in a way that came
 * later. Who says no is a malloc in its place, or the main program, where it may be either. */
static bool free_keeps_errno(void) {
    struct mete__loaded object;

    if (!mete__loader_find((uintptr_t)free, &object) || object.name[0] == '\0') return false;
    uintptr_t libc = (uintptr_t)__errno_location;
    return libc >= object.start && libc < object.end;
}

static void *remap(void *state, void *block, mete_layout layout, size_t new_size) {
    (void)state;
    if (METE_LIKELY(layout.align <= METE_ALIGN_OF(max_align_t))) return realloc(block, new_size);
    return mete__allocator_move(mete_allocator_system(), block, layout, new_size, NULL);
}

/* Whether malloc is that of the library this stands in. */
static bool is_own(void) {
    return &mete__malloc_family_own != NULL && malloc == mete__malloc_family_own.malloc &&
           realloc == mete__malloc_family_own.realloc && free == mete__malloc_family_own.free;
}

#define METHODS(alloc_method, free_method)                                                   \
    {                                                                                        \
        .name = "system", .capabilities = METE_ALLOCATOR_THREAD_SAFE | METE_ALLOCATOR_FREES, \
        .alloc = (alloc_method), .free = (free_method), .remap = remap,                      \
    }
static const mete_allocator_methods methods = METHODS(take, give);
static const mete_allocator_methods careful_methods = METHODS(take, give_keeping_errno);
/* malloc hears of no type; the heap behind it does. */
static const mete_allocator_methods own_methods = METHODS(mete__allocator_heap_take, give);
static const mete_allocator system_allocator = {&methods, NULL};
static const mete_allocator careful_allocator = {&careful_methods, NULL};
static const mete_allocator own_allocator = {&own_methods, NULL};

static const mete_allocator *find(void) {
    if (is_own()) return &own_allocator;
    return free_keeps_errno() ? &system_allocator : &careful_allocator;
}

/* Found out once: whoever asks finds the same. */
const mete_allocator *mete_allocator_system(void) {
    static const mete_allocator *found;
    const mete_allocator *allocator = __atomic_load_n(&found, __ATOMIC_RELAXED);

    if (METE_UNLIKELY(allocator == NULL)) {
        allocator = find();
        __atomic_store_n(&found, allocator, __ATOMIC_RELAXED);
    }
    return allocator;
}
