/* A static array is freed. */
#include "fault.h"

static char array[256] __attribute__((aligned(16)));

int main(void) {
    free(fault_announce(array));
    return 0;
}
