/* A pointer into the middle of a block is given to realloc. */
#include "fault.h"

int main(int argc, char **argv) {
    size_t size = fault_size(argc, argv);
    return realloc(fault_announce(fault_block(size) + 16 + size / 64 * 16), size * 4) == NULL;
}
