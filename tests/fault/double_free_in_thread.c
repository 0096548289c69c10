/* A block is freed by its owner and then by another thread. */
#include "fault.h"

static void *release(void *block) {
    free(fault_announce(block));
    return NULL;
}

int main(int argc, char **argv) {
    pthread_t thread;
    char *block = fault_block(fault_size(argc, argv));
    free(block);
    if (pthread_create(&thread, NULL, release, block) != 0) return 1;
    pthread_join(thread, NULL);
    return 0;
}
