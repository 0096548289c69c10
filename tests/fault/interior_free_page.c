/* A pointer to the second page of a large block is freed. */
#include "fault.h"

int main(void) {
    free((char *)fault_announce(fault_block(3000000) + 4096));
    return 0;
}
