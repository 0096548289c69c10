/* An array on the stack is freed. */
#include "fault.h"

int main(void) {
    char array[256] __attribute__((aligned(16)));
    memset(array, 1, sizeof array);
    free(fault_announce(array));
    return 0;
}
