/* A pointer one byte into a block is freed. */
#include "fault.h"

int main(int argc, char **argv) {
    free(fault_announce(fault_block(fault_size(argc, argv)) + 1));
    return 0;
}
