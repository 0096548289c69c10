/* A pointer into the middle of a block is freed. */
#include "fault.h"

int main(int argc, char **argv) {
    size_t size = fault_size(argc, argv);
    free((char *)fault_announce(fault_block(size) + 16 + size / 64 * 16));
    return 0;
}
