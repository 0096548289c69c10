/*
 * pair COUNT SIZE [PHASES]: calls malloc(SIZE) and free, so that somebody can count what they cost.
 *
 * Without PHASES: so many times malloc and free, one after the other. With PHASES, from 1 on: COUNT
 * blocks are allocated and, but for every sixteenth, freed again, so that the heap knows them (1);
 * as many are allocated as were freed (2), and freed (3). What a phase costs is what a run with it
 * costs more than one without.
 *
 * With size 0 the same loops call the shortest malloc and free there can be, two instructions and
 * one, and so cost what the loops cost.
 */
#include <stdlib.h>

static char block[16];

static void *stub_malloc(size_t size) {
    (void)size;
    return block;
}

static void stub_free(void *freed) {
    (void)freed;
}

static void *(*volatile allocate)(size_t size) = malloc;
static void (*volatile release)(void *block) = free;

static void pairs(unsigned long count, size_t size) {
    /* A size that a program uses has live blocks: the pair should not empty and refill a page each
     * time. */
    for (unsigned i = 0; i < 20; i++) *(volatile char *)allocate(size) = 1;
    for (unsigned long i = 0; i < count; i++) {
        volatile char *fresh = allocate(size);
        *fresh = 1;
        release((void *)fresh);
    }
}

enum { COUNT_MAX = 100000, KEPT = 16 };
static void *blocks[COUNT_MAX];

static void get_all(unsigned long count, size_t size) {
    for (unsigned long i = 0; i < count; i++)
        if (i % KEPT != 0) blocks[i] = allocate(size);
}

static void free_all(unsigned long count) {
    for (unsigned long i = 0; i < count; i++)
        if (i % KEPT != 0) release(blocks[i]);
}

int main(int argc, char **argv) {
    if (argc < 3) return 2;
    unsigned long count = strtoul(argv[1], NULL, 10), size = strtoul(argv[2], NULL, 10);
    unsigned long phases = argc > 3 ? strtoul(argv[3], NULL, 10) : 0;
    if (size == 0) {
        allocate = stub_malloc;
        release = stub_free;
    }
    if (count > COUNT_MAX) return 2;
    if (phases == 0) {
        pairs(count, size);
        return 0;
    }
    for (unsigned long i = 0; i < count; i++) blocks[i] = allocate(size);
    free_all(count);
    if (phases >= 2) get_all(count, size);
    if (phases >= 3) free_all(count);
    return 0;
}
