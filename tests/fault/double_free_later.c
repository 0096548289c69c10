/* A block is freed again after other work. */
#include "fault.h"

int main(int argc, char **argv) {
    size_t size = fault_size(argc, argv);
    char *block = fault_block(size);
    free(block);
    fault_meanwhile(size);
    free(fault_announce(block));
    return 0;
}
