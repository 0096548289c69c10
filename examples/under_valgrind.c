/*
 * examples/under_valgrind.c - a stale pointer into a pool, for Valgrind to find.
 *
 *     cc -g under_valgrind.c $(pkg-config --cflags --libs mete) -o under_valgrind
 *     valgrind ./under_valgrind          # silent: nothing is wrong
 *     valgrind ./under_valgrind stale    # Invalid read of size 4, and where
 *
 * A pool takes its memory from the system in one piece, and a tool that knows malloc alone sees
 * nothing of the blocks in it. mete tells Valgrind of each that is handed out and taken back, if it
 * is there. No flag is needed, and no build of its own.
 */
#include <mete/pool.h>

#include <stdio.h>

struct job {
    int number;
    struct job *waits_for;
};

int main(int argc, char **argv) {
    mete_pool *pool =
        mete_pool_create(&(mete_pool_options){.block_size = sizeof(struct job), .name = "jobs"});
    if (pool == NULL) return 1;
    struct job *first = mete_pool_alloc(pool), *second = mete_pool_alloc(pool);
    if (first == NULL || second == NULL) return 1;

    (void)argv;
    *first = (struct job){1, NULL};
    *second = (struct job){2, first};
    if (argc > 1) mete_pool_free(pool, first); /* and yet the second job still waits for it */
    printf("job %d waits for job %d\n", second->number, second->waits_for->number);
    mete_pool_destroy(pool); /* frees all jobs */
    return 0;
}
