/* A block is freed by two threads, neither of which is its owner. */
#include "fault.h"

static void *release(void *block) {
    free(block);
    return NULL;
}

int main(int argc, char **argv) {
    char *block = fault_announce(fault_block(fault_size(argc, argv)));
    for (int i = 0; i < 2; i++) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, release, block) != 0) return 1;
        pthread_join(thread, NULL);
    }
    return 0;
}
