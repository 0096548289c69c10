/* Chooses the pattern to run. */
#include "patterns.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct pattern patterns[] = {
    {"pair", pattern_pair},
    {"lifo", pattern_lifo},
    {"fifo", pattern_fifo},
    {"random-small", pattern_random_small},
    {"random-mixed", pattern_random_mixed},
    {"trees", pattern_trees},
    {"phases", pattern_phases},
    {"sieve", pattern_sieve},
    {"realloc", pattern_realloc_growth},
    {"calloc", pattern_calloc},
    {"memalign", pattern_memalign},
    {"large", pattern_large},
    {"strings", pattern_strings},
    {"server", pattern_server},
    {"pipeline", pattern_pipeline},
    {"exchange", pattern_exchange},
    {"short-threads", pattern_short_threads},
    {"scratch", pattern_scratch},
    {"batches", pattern_batches},
};

void *obtain(size_t size) {
    uint64_t *block = malloc(size);
    if (block == NULL) abort();
    *block = size;
    return block;
}

int main(int argc, char **argv) {
    size_t count = sizeof patterns / sizeof patterns[0];

    for (size_t i = 0; i < count; i++) {
        if (argc == 1) puts(patterns[i].name);
        if (argc < 3 || strcmp(argv[1], patterns[i].name) != 0) continue;
        patterns[i].run((unsigned)strtoul(argv[2], NULL, 10));
        return 0;
    }
    return argc == 1 ? 0 : 2;
}
