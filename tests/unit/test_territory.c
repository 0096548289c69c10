/* registry/territory.h: against a list that is searched from end to end. */
#include "registry/registry.h"
#include "registry/territory.h"
#include "support/apart.h"

enum { RANGES = 300, STEPS = 6000, TOP = 1 << 20 };

static struct mete__territory ranges[RANGES];
static struct mete__holder holders[RANGES];
static bool is_in[RANGES];
static struct mete__territory *root;
static uint64_t numbers, state = 88172645463325252u;

static uint64_t draw(uint64_t below) {
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    return state % below;
}

/* A power of two at a multiple of itself: two of those lie in each other or do not touch. */
static void put(size_t i) {
    uintptr_t size = (uintptr_t)1 << draw(16), start = draw(TOP / size) * size;

    ranges[i] = (struct mete__territory){
        .holder = &holders[i], .start = start, .end = start + size, .number = ++numbers};
    root = mete__territory_insert(root, &ranges[i]);
    is_in[i] = true;
}

static void take(size_t i) {
    root = mete__territory_remove(root, &ranges[i]);
    is_in[i] = false;
}

static bool has(size_t i, uintptr_t address) {
    return is_in[i] && address - ranges[i].start < ranges[i].end - ranges[i].start;
}

/* The smallest that has the address, of equal ones the newest; RANGES: none. */
static size_t innermost(uintptr_t address) {
    size_t best = RANGES;

    for (size_t i = 0; i < RANGES; i++) {
        if (!has(i, address)) continue;
        uintptr_t size = ranges[i].end - ranges[i].start;
        uintptr_t least = best == RANGES ? UINTPTR_MAX : ranges[best].end - ranges[best].start;
        if (size < least || (size == least && ranges[i].number > ranges[best].number)) best = i;
    }
    return best;
}

struct answer {
    struct mete__holder *first;
    size_t count;
};

static bool note(void *context, struct mete__holder *holder) {
    struct answer *answer = context;
    if (answer->count++ == 0) answer->first = holder;
    return true;
}

static bool stop(void *context, struct mete__holder *holder) {
    (void)note(context, holder);
    return false;
}

static void check_address(uintptr_t address) {
    struct answer all = {NULL, 0}, one = {NULL, 0};
    size_t best = innermost(address), count = 0;

    for (size_t i = 0; i < RANGES; i++) count += has(i, address);
    CHECK(mete__territory_ask(root, address, note, &all));
    CHECK(mete__territory_ask(root, address, stop, &one) == (count == 0));
    CHECK(all.count == count && one.count == (count != 0));
    CHECK(all.first == (best == RANGES ? NULL : &holders[best]) && one.first == all.first);
}

static void the_innermost_is_asked_first_and_all_are_asked(void) {
    for (int step = 0; step < STEPS; step++) {
        size_t i = draw(RANGES);
        if (is_in[i])
            take(i);
        else
            put(i);
        check_address(draw(TOP));
        check_address(ranges[i].start);
        check_address(ranges[i].end);
        check_address(ranges[i].end - 1);
    }
    for (size_t i = 0; i < RANGES; i++)
        if (is_in[i]) take(i);
    CHECK(root == NULL);
}

static size_t depth(const struct mete__territory *tree) {
    if (tree == NULL) return 0;
    size_t lower = depth(tree->lower), higher = depth(tree->higher);
    return 1 + (lower > higher ? lower : higher);
}

static void ranges_entered_in_order_make_no_deep_tree(void) {
    enum { MANY = 100000 };
    static struct mete__territory many[MANY];

    root = NULL;
    for (size_t i = 0; i < MANY; i++) {
        many[i] = (struct mete__territory){
            .holder = &holders[0], .start = i * 16, .end = i * 16 + 16, .number = i + 1};
        root = mete__territory_insert(root, &many[i]);
    }
    CHECK(depth(root) < 64);
}

static void what_is_not_in_the_tree_is_not_taken_out(void) {
    root = NULL;
    put(0);
    ranges[1] = (struct mete__territory){.start = 1, .end = 2, .number = 99};
    root = mete__territory_remove(root, &ranges[1]);
    CHECK(root == &ranges[0] && root->lower == NULL && root->higher == NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FACT(the_innermost_is_asked_first_and_all_are_asked),
        FACT(ranges_entered_in_order_make_no_deep_tree),
        FACT(what_is_not_in_the_tree_is_not_taken_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
