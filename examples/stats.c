/*
 * examples/stats.c - what a part of a program allocates, asked of the heap itself.
 *
 *     cc stats.c $(pkg-config --cflags --libs mete_malloc) -o stats && ./stats
 *
 * libmete_malloc is the malloc of the whole program here, so the C library's own blocks count too.
 */
#include <mete/stats.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

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
    return 0;
}
