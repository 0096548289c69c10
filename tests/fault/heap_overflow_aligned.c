/* The byte after an aligned block is written, and the block freed. */
#include "fault.h"

int main(int argc, char **argv) {
    size_t size = fault_size(argc, argv);
    for (size_t align = 32; align <= 1 << 20; align *= 4) {
        char *block = aligned_alloc(align, size);
        if (block == NULL || (uintptr_t)block % align != 0) abort();
        memset(block, 'x', size + 1);
        free(block);
    }
    puts("went on");
    return 0;
}
