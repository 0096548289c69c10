/*
 * cli/nearest.h - which name was meant.
 */
#ifndef METE_CLI_NEAREST_H
#define METE_CLI_NEAREST_H

#include <stddef.h>

/* The number of insertions, deletions, replacements and swaps of neighbours that turn one text into
 * the other (optimal string alignment distance), or `limit` where it is that many or more. */
size_t mete__nearest_distance(const char *one, const char *other, size_t limit);

/* Of the candidates offered one after the other, the nearest so far. */
struct mete__nearest {
    const char *typed;
    const char *best; /* NULL: none is near enough to be worth a question */
    size_t distance;  /* of best */
};

struct mete__nearest mete__nearest_to(const char *typed);
void mete__nearest_offer(struct mete__nearest *nearest, const char *candidate);

#endif
