/*
 * examples/stats.c - what a part of a program allocates, asked of the heap itself.
 *
 *     cc stats.c $(pkg-config --cflags --libs mete_malloc) -o stats && ./stats
 *
 * libmete_malloc is the malloc of the whole program here, so the C library's own blocks count too.
 * Pools, arenas and maps have figures of their own, under their names; and a thread can be had that
 * looks at the figures while the program does something else.
 */
#include <mete/stats.h>

#include <mete/pool.h>

#include <inttypes.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

struct node {
    struct node *left, *right;
    int key;
};

static struct node *insert(struct node *node, int key) {
    if (node == NULL) {
        node = calloc(1, sizeof *node);
        if (node != NULL) node->key = key;
    } else if (key < node->key) {
        node->left = insert(node->left, key);
    } else if (key > node->key) {
        node->right = insert(node->right, key);
    }
    return node;
}

static void destroy(struct node *node) {
    if (node == NULL) return;
    destroy(node->left);
    destroy(node->right);
    free(node);
}

static void print_difference(const char *what, const mete_stats *before) {
    mete_stats now;
    mete_stats_read(&now);
    printf("%s: %" PRIu64 " allocations, %" PRIu64 " frees, %" PRId64 " blocks more\n", what,
           now.allocations - before->allocations, now.frees - before->frees,
           (int64_t)(now.live_blocks - before->live_blocks));
}

/* ---- who holds what ---- */

static void list_holders(void) {
    mete_pool *pool =
        mete_pool_create(&(mete_pool_options){.block_size = sizeof(struct node), .name = "nodes"});
    if (pool == NULL) return;
    struct node *node = mete_pool_alloc(pool);
    if (node != NULL) *node = (struct node){.key = 1};
    fflush(stdout); /* what follows does not go through stdio */
    mete_stats_print_fd(METE_STATS_TEXT, STDOUT_FILENO);
    mete_pool_destroy(pool);
}

/* ---- an alarm ---- */

enum { MUCH = 1000000 }; /* bytes */

static void ring_when_much_is_live(void *context, const mete_stats *stats) {
    if (stats->live_bytes > MUCH) sem_post((sem_t *)context);
}

static void allocate_until_it_rings(void) {
    struct node *tree = NULL;
    struct timespec end;
    sem_t bell;

    sem_init(&bell, 0, 0);
    mete_stats_timer *timer = mete_stats_every(10, ring_when_much_is_live, &bell);
    for (int i = 0; i < 100000; i++) tree = insert(tree, (int)(i * 7919L % 100000));
    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += 10;
    if (timer != NULL && sem_timedwait(&bell, &end) == 0)
        printf("more than %d bytes are live\n", MUCH);
    else
        printf("nothing rang: this program's malloc is not that of libmete_malloc\n");
    mete_stats_every_stop(timer);
    destroy(tree);
    sem_destroy(&bell);
}

int main(void) {
    struct node *tree = NULL;
    mete_stats before;

    setvbuf(stdout, NULL, _IOLBF, BUFSIZ); /* so that its buffer is allocated before we count */
    printf("a tree of 1000 nodes\n");
    mete_stats_read(&before);
    for (int i = 0; i < 1000; i++) tree = insert(tree, i * 7919 % 1000);
    print_difference("building", &before);
    mete_stats_read(&before);
    destroy(tree);
    print_difference("destroying", &before);
    list_holders();
    allocate_until_it_rings();
    return 0;
}
