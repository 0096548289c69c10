/* The byte before a block is written, and the block freed. */
#include "fault.h"

static void underflow(char *block) {
    block[-1] = 1;
}

int main(int argc, char **argv) {
    char *block = fault_block(fault_size(argc, argv));
    fault_announce(block - 1);
    underflow(block);
    free(block);
    puts("went on");
    return 0;
}
