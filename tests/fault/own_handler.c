/* A program with a handler for its own faults reads a freed block, and leaves by the handler. */
#include <signal.h>

#include "fault.h"

static void leave(int number) {
    (void)number;
    _exit(3);
}

int main(int argc, char **argv) {
    char *block = fault_block(fault_size(argc, argv));
    signal(SIGSEGV, leave);
    fault_announce(block);
    free(block);
    return *(volatile char *)block;
}
