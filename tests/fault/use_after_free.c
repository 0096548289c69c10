/* A byte in the middle of a freed block is read. */
#include "fault.h"

static int use(const char *block, size_t size) {
    return ((const volatile char *)block)[size / 2];
}

static void release(char *block) {
    free(block);
}

int main(int argc, char **argv) {
    size_t size = fault_size(argc, argv);
    char *block = fault_block(size);
    fault_announce(block + size / 2);
    release(block);
    fault_meanwhile(size);
    return use(block, size);
}
