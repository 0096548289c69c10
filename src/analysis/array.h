/*
 * analysis/array.h - arrays that grow by doubling.
 *
 * Such an array is three variables: items, count, capacity; NULL, 0 and 0 at first. free() ends it.
 */
#ifndef METE_ANALYSIS_ARRAY_H
#define METE_ANALYSIS_ARRAY_H

#include <stdlib.h>

#include "base/compiler.h"

enum { METE__ARRAY_FIRST_CAPACITY = 16 };

/* Makes room for one more item of `size` bytes behind `count` of them. The array from now on; NULL
 * where there is no memory, and it is as it was. */
METE_INLINE METE_MUST_USE void *mete__array_room(void *items, size_t count, size_t *capacity,
                                                 size_t size) {
    if (count < *capacity) return items;
    size_t wanted = *capacity == 0 ? METE__ARRAY_FIRST_CAPACITY : *capacity * 2;
    void *grown = reallocarray(items, wanted, size);
    if (grown != NULL) *capacity = wanted;
    return grown;
}

#endif
