/* The byte after a block is written; then the block is freed, with a second argument not. */
#include "fault.h"

static void overflow(char *block, size_t size) {
    block[size] = 1;
}

static void release(char *block) {
    free(block);
}

int main(int argc, char **argv) {
    size_t size = fault_size(argc, argv);
    char *block = fault_block(size);
    fault_announce(block + size);
    overflow(block, size);
    if (argc <= 2) release(block);
    puts("went on");
    return 0;
}
