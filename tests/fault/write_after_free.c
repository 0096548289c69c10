/* A byte in the middle of a freed block is written. */
#include "fault.h"

static void use(char *block, size_t size) {
    block[size / 2] = 1;
}

static void release(char *block) {
    free(block);
}

int main(int argc, char **argv) {
    size_t size = fault_size(argc, argv);
    char *block = fault_block(size);
    fault_announce(block + size / 2);
    release(block);
    use(block, size);
    puts("went on");
    return 0;
}
