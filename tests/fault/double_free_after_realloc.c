/* A block that realloc has moved is freed at its old address. */
#include "fault.h"

int main(int argc, char **argv) {
    size_t size = fault_size(argc, argv);
    char *block = fault_block(size), *keep = malloc(size), *old = block;
    /* Larger and larger, until it had to move. */
    for (size_t larger = size * 2; block == old && larger < size * 1000; larger *= 2) {
        block = realloc(block, larger);
    }
    free(fault_announce(old));
    free(keep);
    return 0;
}
