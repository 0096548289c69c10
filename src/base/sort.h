/*
 * base/sort.h - sorting in place, where there is no memory to be had.
 *
 * Heapsort (Williams, "Algorithm 232", 1964): no memory, no recursion, never worse than
 * O(n log n), not stable. Inlined, with the size of an item and the comparison known, it is what
 * one would write for that type.
 */
#ifndef METE_BASE_SORT_H
#define METE_BASE_SORT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"

enum { METE__SORT_LARGEST = 64 }; /* bytes of an item */

METE_INLINE void mete__sort_swap(char *a, char *b, size_t size) {
    char held[METE__SORT_LARGEST];

    __builtin_memcpy(held, a, size);
    __builtin_memcpy(a, b, size);
    __builtin_memcpy(b, held, size);
}

/* Lets the item at `at` down to where none below it belongs behind it. */
METE_INLINE void mete__sort_sift(char *items, size_t at, size_t count, size_t size,
                                 bool (*comes_before)(const void *a, const void *b)) {
    for (size_t child; (child = 2 * at + 1) < count; at = child) {
        char *below = items + child * size, *item = items + at * size;
        if (child + 1 < count && comes_before(below, below + size)) {
            child++;
            below += size;
        }
        if (!comes_before(item, below)) return;
        mete__sort_swap(item, below, size);
    }
}

/* Sorts `count` items of `size` bytes, at most METE__SORT_LARGEST, so that comes_before(b, a) is
 * false for every a in front of a b. */
METE_INLINE void mete__sort(void *items, size_t count, size_t size,
                            bool (*comes_before)(const void *a, const void *b)) {
    char *first = items;

    for (size_t i = count / 2; i-- > 0;) mete__sort_sift(first, i, count, size, comes_before);
    for (size_t end = count; end-- > 1;) {
        mete__sort_swap(first, first + end * size, size);
        mete__sort_sift(first, 0, end, size, comes_before);
    }
}

#endif
