/* Blocks of several threads overflow; each is freed by the next thread. */
#include "fault.h"

enum { THREADS = 4, BLOCKS = 200 };
static char *blocks[THREADS][BLOCKS];
static size_t size;
static pthread_barrier_t barrier;

static void *work(void *argument) {
    size_t number = (size_t)argument;
    for (int i = 0; i < BLOCKS; i++) {
        blocks[number][i] = malloc(size);
        memset(blocks[number][i], 'x', size + (i == 100));
    }
    pthread_barrier_wait(&barrier);
    for (int i = 0; i < BLOCKS; i++) free(blocks[(number + 1) % THREADS][i]);
    return NULL;
}

int main(int argc, char **argv) {
    pthread_t threads[THREADS];
    size = fault_size(argc, argv);
    pthread_barrier_init(&barrier, NULL, THREADS);
    for (size_t i = 0; i < THREADS; i++) pthread_create(&threads[i], NULL, work, (void *)i);
    for (size_t i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    puts("went on");
    return 0;
}
