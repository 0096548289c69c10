#include "cli/nearest.h"

#include <stdint.h>
#include <string.h>

#define LENGTH_MAX 32 /* longer names are nobody's typing error */

static size_t least(size_t a, size_t b) {
    return a < b ? a : b;
}

size_t mete__nearest_distance(const char *one, const char *other, size_t limit) {
    size_t rows = strlen(one), columns = strlen(other);
    size_t cost[LENGTH_MAX + 1][LENGTH_MAX + 1];

    if (rows > LENGTH_MAX || columns > LENGTH_MAX) return limit;
    for (size_t i = 0; i <= rows; i++) cost[i][0] = i;
    for (size_t j = 0; j <= columns; j++) cost[0][j] = j;
    for (size_t i = 1; i <= rows; i++) {
        for (size_t j = 1; j <= columns; j++) {
            size_t replace = cost[i - 1][j - 1] + (one[i - 1] != other[j - 1]);
            cost[i][j] = least(replace, least(cost[i - 1][j], cost[i][j - 1]) + 1);
            if (i > 1 && j > 1 && one[i - 1] == other[j - 2] && one[i - 2] == other[j - 1])
                cost[i][j] = least(cost[i][j], cost[i - 2][j - 2] + 1);
        }
    }
    return least(cost[rows][columns], limit);
}

struct mete__nearest mete__nearest_to(const char *typed) {
    /* One error in three letters is a guess worth making, and a start of two letters or more too.
     */
    return (struct mete__nearest){.typed = typed, .distance = strlen(typed) / 3 + 2};
}

void mete__nearest_offer(struct mete__nearest *nearest, const char *candidate) {
    size_t typed = strlen(nearest->typed);
    size_t distance = mete__nearest_distance(nearest->typed, candidate, SIZE_MAX);

    if (typed >= 2 && strncmp(candidate, nearest->typed, typed) == 0) distance = least(distance, 1);
    if (distance >= nearest->distance) return;
    nearest->best = candidate;
    nearest->distance = distance;
}
