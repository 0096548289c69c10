/* A byte that lies one page and some behind a block is read. */
#include "fault.h"

static int overflow(const char *block, size_t size) {
    return ((const volatile char *)block)[size + 5000];
}

int main(int argc, char **argv) {
    size_t size = fault_size(argc, argv);
    char *block = fault_block(size);
    fault_announce(block + size + 5000);
    return overflow(block, size);
}
