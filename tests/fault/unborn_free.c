/* A place in the heap that was never handed out is freed. */
#include "fault.h"

int main(void) {
    char *block = fault_block(100);
    free(fault_announce((char *)((uintptr_t)block / 65536 * 65536 + 65536 - 112)));
    return 0;
}
