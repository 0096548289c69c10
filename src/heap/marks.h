/*
 * heap/marks.h - which blocks of a private heap's span are free.
 *
 * A bit for each block, kept out of line, so that nothing the program writes can damage it, and a
 * free of what is free already is always found. A second level says which words have a bit set, so
 * that the lowest free block is two counts of zeros away.
 *
 * Written under the heap's lock; read by anybody who looks an address up.
 *
 * Invariants:
 *   M1  Bit w of `open` is set exactly where free[w] is not 0.
 *   M2  capacity - used bits of `free` are set, none from `capacity` on.
 */
#ifndef METE_HEAP_MARKS_H
#define METE_HEAP_MARKS_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "heap/size_class.h"

struct mete__marks {
    uint64_t open;   /* bit w: free[w] is not 0 */
    uintptr_t place; /* the span's first byte, inverted: to no leak check a pointer to its block */
    size_t *requested; /* where a checker listens: bytes asked for, by block; else NULL */
    uint64_t free[];   /* atomic: bit set where the block can be handed out */
};
static_assert(METE__SLICE_SIZE / 16 <= 64 * 64, "`open` has a bit for each word");

METE_INLINE char *mete__marks_memory(const struct mete__marks *marks) {
    return (char *)~marks->place;
}

METE_INLINE void mete__marks_place(struct mete__marks *marks, const char *memory) {
    marks->place = ~(uintptr_t)memory;
}

METE_INLINE size_t mete__marks_words(size_t capacity) {
    return (capacity + 63) / 64;
}

METE_INLINE bool mete__marks_is_free(const struct mete__marks *marks, size_t index) {
    return (__atomic_load_n(&marks->free[index / 64], __ATOMIC_RELAXED) >> index % 64 & 1) != 0;
}

/* Takes the lowest free block; there is one. Its index. */
METE_INLINE size_t mete__marks_take(struct mete__marks *marks) {
    size_t word = (size_t)__builtin_ctzll(marks->open);
    uint64_t free = marks->free[word];
    size_t index = word * 64 + (size_t)__builtin_ctzll(free);

    free &= free - 1;
    __atomic_store_n(&marks->free[word], free, __ATOMIC_RELAXED);
    if (METE_UNLIKELY(free == 0)) marks->open &= marks->open - 1;
    return index;
}

METE_INLINE void mete__marks_give(struct mete__marks *marks, size_t index) {
    uint64_t *free = &marks->free[index / 64];

    __atomic_store_n(free, *free | (uint64_t)1 << index % 64, __ATOMIC_RELAXED);
    uint64_t open = marks->open | (uint64_t)1 << index / 64;
    if (METE_UNLIKELY(marks->open != open)) marks->open = open; /* a store that a load waits for */
}

#endif
