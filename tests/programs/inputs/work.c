/* For the compilers to compile and the debugger to walk through. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct node {
    struct node *left, *right;
    char name[24];
    int value;
};

static struct node *insert(struct node *tree, int value) {
    if (tree == NULL) {
        tree = calloc(1, sizeof *tree);
        snprintf(tree->name, sizeof tree->name, "node %d", value);
        tree->value = value;
    } else if (value < tree->value) {
        tree->left = insert(tree->left, value);
    } else if (value > tree->value) {
        tree->right = insert(tree->right, value);
    }
    return tree;
}

static long walk(const struct node *tree, int depth) {
    if (tree == NULL) return 0;
    return walk(tree->left, depth + 1) + (long)tree->value * depth + (long)strlen(tree->name) +
           walk(tree->right, depth + 1);
}

static void drop(struct node *tree) {
    if (tree == NULL) return;
    drop(tree->left);
    drop(tree->right);
    free(tree);
}

int main(void) {
    struct node *tree = NULL;
    unsigned value = 1;
    for (int i = 0; i < 5000; i++) {
        value = value * 1103515245u + 12345u;
        tree = insert(tree, (int)(value >> 16) % 9973);
    }
    long sum = walk(tree, 0);
    drop(tree);
    printf("%ld\n", sum);
    return 0;
}
