/* A static array is given to realloc. */
#include "fault.h"

static char array[256] __attribute__((aligned(16)));

int main(void) {
    free(malloc(10));
    return realloc(fault_announce(array), 1000) == NULL;
}
