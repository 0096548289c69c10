/* A block is freed again after the one freed next, so that it heads no list. */
#include "fault.h"

int main(int argc, char **argv) {
    size_t size = fault_size(argc, argv);
    char *block = fault_block(size), *other = fault_block(size);
    free(block);
    free(other);
    free(fault_announce(block));
    return 0;
}
