/* guard/fence.h */
#include "guard/fence.h"

#include <stdint.h>

#include "os/memory.h"

static bool marked;
static size_t limit_bytes, limit_blocks;
static size_t bytes, blocks; /* atomic: with a fence now */

static void set_limits(void) {
    size_t left = mete__memory_left();
    /* A live block with two fences is two mappings more; half are left to the program. */
    limit_blocks = marked ? SIZE_MAX : mete__memory_mappings_max() / 4;
    limit_bytes = left == SIZE_MAX ? (size_t)1 << 39 : left / 4;
    bytes = blocks = 0;
}

void mete__fence_start(void) {
    marked = mete__memory_knows_marks();
    set_limits();
}

void mete__fence_start_unmarked(void) {
    marked = false;
    set_limits();
}

size_t mete__fence_limit(void) {
    return limit_bytes;
}

bool mete__fence_fits(size_t more) {
    size_t now = __atomic_load_n(&bytes, __ATOMIC_RELAXED);
    return now < limit_bytes && more <= limit_bytes - now &&
           __atomic_load_n(&blocks, __ATOMIC_RELAXED) < limit_blocks;
}

/* From the first byte up to `from`, and from `to` on. */
static bool fence(const struct mete__cushion *cushion, char *from, char *to) {
    char *end = cushion->memory + cushion->bytes;

    return (from == cushion->memory ||
            mete__memory_fence(cushion->memory, (size_t)(from - cushion->memory), marked) == 0) &&
           (to == end || mete__memory_fence(to, (size_t)(end - to), marked) == 0);
}

bool mete__fence_raise(const struct mete__cushion *cushion) {
    if (!fence(cushion, cushion->from, cushion->to)) {
        (void)mete__memory_unfence(cushion->memory, cushion->bytes, marked);
        return false;
    }
    __atomic_add_fetch(&bytes, cushion->bytes, __ATOMIC_RELAXED);
    __atomic_add_fetch(&blocks, 1, __ATOMIC_RELAXED);
    return true;
}

/* Without marks, a held block is one mapping with those beside it that are held, too: it counts on,
 * because nobody can say with which. */
bool mete__fence_close(const struct mete__cushion *cushion) {
    return mete__memory_fence(cushion->from, (size_t)(cushion->to - cushion->from), marked) == 0;
}

bool mete__fence_lift(const struct mete__cushion *cushion) {
    if (mete__memory_unfence(cushion->memory, cushion->bytes, marked) != 0) return false;
    __atomic_sub_fetch(&bytes, cushion->bytes, __ATOMIC_RELAXED);
    __atomic_sub_fetch(&blocks, 1, __ATOMIC_RELAXED);
    return true;
}
