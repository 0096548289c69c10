/*
 * pair COUNT SIZE: so many times malloc(SIZE) and free, one after the other. With size 0 the same
 * loop calls the shortest malloc and free there can be, three instructions together, and so costs
 * what the loop costs.
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

int main(int argc, char **argv) {
    if (argc != 3) return 2;
    unsigned long count = strtoul(argv[1], NULL, 10), size = strtoul(argv[2], NULL, 10);
    if (size == 0) {
        allocate = stub_malloc;
        release = stub_free;
    }
    /* A size that a program uses has live blocks: the pair should not empty and refill a page each
     * time. */
    for (unsigned i = 0; i < 20; i++) *(volatile char *)allocate(size) = 1;
    for (unsigned long i = 0; i < count; i++) {
        volatile char *fresh = allocate(size);
        *fresh = 1;
        release((void *)fresh);
    }
    return 0;
}
