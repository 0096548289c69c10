/* An address that nothing is mapped at is freed. */
#include "fault.h"

int main(void) {
    free(malloc(100));
    free(fault_announce((void *)0x123456780));
    return 0;
}
