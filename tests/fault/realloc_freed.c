/* A freed block is given to realloc. */
#include "fault.h"

int main(int argc, char **argv) {
    size_t size = fault_size(argc, argv);
    char *block = fault_block(size);
    free(block);
    block = realloc(fault_announce(block), size * 4);
    return block == NULL;
}
