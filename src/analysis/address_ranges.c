#include "analysis/address_ranges.h"

#include <errno.h>
#include <stdlib.h>

#include "analysis/array.h"

int mete__address_ranges_add(struct mete__address_ranges *ranges, uint64_t low, uint64_t high,
                             uint32_t index) {
    if (high <= low) return 0;
    struct mete__address_range *items =
        mete__array_room(ranges->items, ranges->count, &ranges->capacity, sizeof *items);
    if (items == NULL) return -ENOMEM;
    ranges->items = items;
    ranges->items[ranges->count] = (struct mete__address_range){
        .low = low,
        .high = high,
        .index = index,
    };
    ranges->count++;
    return 0;
}

/* By beginning; what is to be found first comes last. */
static int in_order(const void *left, const void *right) {
    const struct mete__address_range *a = left, *b = right;

    if (a->low != b->low) return a->low < b->low ? -1 : 1;
    if (a->high != b->high) return a->high > b->high ? -1 : 1;
    return a->index < b->index ? -1 : a->index > b->index;
}

void mete__address_ranges_complete(struct mete__address_ranges *ranges) {
    uint64_t reach = 0;

    if (ranges->count != 0) qsort(ranges->items, ranges->count, sizeof *ranges->items, in_order);
    for (size_t i = 0; i < ranges->count; i++) {
        if (ranges->items[i].high > reach) reach = ranges->items[i].high;
        ranges->items[i].reach = reach;
    }
}

int64_t mete__address_ranges_find(const struct mete__address_ranges *ranges, uint64_t address) {
    size_t low = 0, high = ranges->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (ranges->items[middle].low <= address)
            low = middle + 1;
        else
            high = middle;
    }
    /* The last one that begins at or before the address, or one before it that reaches farther. */
    for (size_t i = low; i-- > 0 && ranges->items[i].reach > address;)
        if (ranges->items[i].high > address) return ranges->items[i].index;
    return -1;
}

void mete__address_ranges_free(struct mete__address_ranges *ranges) {
    free(ranges->items);
    *ranges = (struct mete__address_ranges){0};
}
