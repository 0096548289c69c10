/* No fault: the program ends while its threads allocate and free. */
#include "fault.h"

static void *work(void *argument) {
    char *blocks[1000] = {NULL};
    for (size_t i = 0;; i++) {
        char **block = &blocks[i % 1000];
        free(*block);
        *block = malloc(i % 3000);
    }
    return argument;
}

int main(void) {
    pthread_t thread;
    for (int i = 0; i < 4; i++) pthread_create(&thread, NULL, work, NULL);
    for (int i = 0; i < 10000; i++) free(malloc(100));
    puts("went on");
    return 0;
}
