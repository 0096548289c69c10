/* registry/territory.h. The recursion is as deep as the tree: about 50 for a million ranges. */
#include "registry/territory.h"

#include <stddef.h>

/* Spreads numbers that follow each other (the finisher of SplitMix64). */
static uint64_t rank(const struct mete__territory *node) {
    uint64_t bits = node->number;

    bits = (bits ^ bits >> 30) * 0xbf58476d1ce4e5b9u;
    bits = (bits ^ bits >> 27) * 0x94d049bb133111ebu;
    return bits ^ bits >> 31;
}

static bool is_before(const struct mete__territory *a, const struct mete__territory *b) {
    if (a->start != b->start) return a->start < b->start;
    if (a->end != b->end) return a->end > b->end;
    return a->number < b->number;
}

static void set_reach(struct mete__territory *node) {
    node->reach = node->end;
    if (node->lower != NULL && node->lower->reach > node->reach) node->reach = node->lower->reach;
    if (node->higher != NULL && node->higher->reach > node->reach)
        node->reach = node->higher->reach;
}

/* Parts the tree into what is before the node and what is behind it. */
static void split(struct mete__territory *tree, const struct mete__territory *node,
                  struct mete__territory **before, struct mete__territory **behind) {
    if (tree == NULL) {
        *before = *behind = NULL;
    } else if (is_before(tree, node)) {
        *before = tree;
        split(tree->higher, node, &tree->higher, behind);
        set_reach(tree);
    } else {
        *behind = tree;
        split(tree->lower, node, before, &tree->lower);
        set_reach(tree);
    }
}

/* One tree of two, all of the first before all of the second. */
static struct mete__territory *join(struct mete__territory *before,
                                    struct mete__territory *behind) {
    if (before == NULL) return behind;
    if (behind == NULL) return before;
    if (rank(before) >= rank(behind)) {
        before->higher = join(before->higher, behind);
        set_reach(before);
        return before;
    }
    behind->lower = join(before, behind->lower);
    set_reach(behind);
    return behind;
}

struct mete__territory *mete__territory_insert(struct mete__territory *root,
                                               struct mete__territory *node) {
    if (root == NULL || rank(node) > rank(root)) {
        split(root, node, &node->lower, &node->higher);
        set_reach(node);
        return node;
    }
    if (is_before(root, node))
        root->higher = mete__territory_insert(root->higher, node);
    else
        root->lower = mete__territory_insert(root->lower, node);
    set_reach(root);
    return root;
}

struct mete__territory *mete__territory_remove(struct mete__territory *root,
                                               struct mete__territory *node) {
    if (root == NULL) return NULL;
    if (root == node) return join(node->lower, node->higher);
    if (is_before(root, node))
        root->higher = mete__territory_remove(root->higher, node);
    else
        root->lower = mete__territory_remove(root->lower, node);
    set_reach(root);
    return root;
}

bool mete__territory_ask(const struct mete__territory *root, uintptr_t address,
                         bool (*ask)(void *context, struct mete__holder *holder), void *context) {
    if (root == NULL || root->reach <= address) return true;
    if (root->start <= address) {
        if (!mete__territory_ask(root->higher, address, ask, context)) return false;
        if (address < root->end && !ask(context, root->holder)) return false;
    }
    return mete__territory_ask(root->lower, address, ask, context);
}
