/* One thread: what differs is the order in which blocks end. */
#include "patterns.h"

#include <stdlib.h>
#include <string.h>

/* A block that ends at once: the warm path and nothing else. */
void pattern_pair(unsigned work) {
    for (size_t i = 0; i < 250000 * (size_t)work; i++) free(obtain(16 + i % 16 * 8));
}

/* A stack: last in, first out. */
void pattern_lifo(unsigned work) {
    enum { DEPTH = 2000 };
    static void *stack[DEPTH];
    uint64_t random = 1;

    for (unsigned round = 0; round < 80 * work; round++) {
        size_t depth = 1 + random_below(&random, DEPTH);
        for (size_t i = 0; i < depth; i++) stack[i] = obtain(random_size(&random));
        for (size_t i = depth; i-- > 0;) free(stack[i]);
    }
}

/* A queue: every block outlives the ten thousand that come after it. */
void pattern_fifo(unsigned work) {
    enum { LENGTH = 10000 };
    static void *queue[LENGTH];
    uint64_t random = 2;

    for (size_t i = 0; i < 70000 * (size_t)work; i++) {
        free(queue[i % LENGTH]);
        queue[i % LENGTH] = obtain(random_size(&random));
    }
    for (size_t i = 0; i < LENGTH; i++) free(queue[i]);
}

/* Any block may end next. */
static void random_order(size_t steps, size_t live, size_t (*size)(uint64_t *random)) {
    void **blocks = calloc(live, sizeof *blocks);
    uint64_t random = 3;

    for (size_t i = 0; i < steps; i++) {
        void **chosen = &blocks[random_below(&random, live)];
        free(*chosen);
        *chosen = obtain(size(&random));
    }
    for (size_t i = 0; i < live; i++) free(blocks[i]);
    free(blocks);
}

static size_t small_size(uint64_t *random) {
    return 8 + random_below(random, 249);
}

void pattern_random_small(unsigned work) {
    random_order(50000 * (size_t)work, 50000, small_size);
}

void pattern_random_mixed(unsigned work) {
    random_order(50000 * (size_t)work, 20000, random_size);
}

/* Syntax trees: built node by node, walked, and ended from the leaves up. */
struct node {
    struct node *children[2];
    char *text;
};

static struct node *grow(unsigned depth, uint64_t *random) {
    struct node *node = obtain(sizeof *node);
    size_t length = random_below(random, 40);

    node->text = obtain(length + 8);
    memset(node->text, 'x', length);
    for (unsigned i = 0; i < 2; i++) {
        bool deeper = depth > 0 && random_below(random, 16) != 0;
        node->children[i] = deeper ? grow(depth - 1, random) : NULL;
    }
    return node;
}

static void fell(struct node *node) {
    if (node == NULL) return;
    fell(node->children[0]);
    fell(node->children[1]);
    free(node->text);
    free(node);
}

void pattern_trees(unsigned work) {
    uint64_t random = 4;
    struct node *kept[4] = {NULL};

    for (unsigned round = 0; round < 4 * work; round++) {
        fell(kept[round % 4]);
        kept[round % 4] = grow(12, &random);
    }
    for (unsigned i = 0; i < 4; i++) fell(kept[i]);
}

/* Each phase of the program prefers other sizes, and keeps a tenth of what it made. */
void pattern_phases(unsigned work) {
    enum { PHASES = 8, LIVE = 15000 };
    static const size_t common[PHASES] = {24, 200, 56, 1200, 100, 3000, 40, 640};
    static void *blocks[LIVE];
    uint64_t random = 5;

    for (unsigned phase = 0; phase < PHASES; phase++) {
        for (size_t i = 0; i < 5000 * (size_t)work; i++) {
            void **chosen = &blocks[random_below(&random, LIVE)];
            free(*chosen);
            *chosen = obtain(common[phase] + random_below(&random, common[phase] / 2));
        }
        for (size_t i = 0; i < LIVE; i++) {
            if (i % 10 == phase % 10) continue;
            free(blocks[i]);
            blocks[i] = NULL;
        }
    }
    for (size_t i = 0; i < LIVE; i++) free(blocks[i]);
}

/* Many blocks, of which nine in ten end at random; then many of another size. What was freed
 * between those that stay is of use to a heap, or is not. */
void pattern_sieve(unsigned work) {
    enum { COUNT = 150000, ROUNDS = 6 };
    static void *blocks[ROUNDS][COUNT];
    uint64_t random = 6;

    for (unsigned repeat = 0; repeat < (work + 19) / 20; repeat++) {
        for (unsigned round = 0; round < ROUNDS; round++) {
            size_t size = 32 + 48 * (size_t)round;
            for (size_t i = 0; i < COUNT; i++) {
                blocks[round][i] = obtain(size + random_below(&random, 32));
            }
            for (size_t i = 0; i < COUNT; i++) {
                if (random_below(&random, 10) == 0) continue;
                free(blocks[round][i]);
                blocks[round][i] = NULL;
            }
        }
        for (unsigned round = 0; round < ROUNDS; round++) {
            for (size_t i = 0; i < COUNT; i++) free(blocks[round][i]);
        }
    }
}
