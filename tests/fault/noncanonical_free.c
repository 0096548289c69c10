/* A number that is no address at all is freed. */
#include "fault.h"

int main(void) {
    free(malloc(100));
    free(fault_announce((void *)0x6b6b6b6b6b6b6b60));
    return 0;
}
