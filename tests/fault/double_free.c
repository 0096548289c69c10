/* A block is freed twice in a row. */
#include "fault.h"

int main(int argc, char **argv) {
    char *block = fault_block(fault_size(argc, argv));
    free(block);
    free(fault_announce(block));
    return 0;
}
