/* Captures against backtrace(), which unwinds by libgcc and all of its tables anew each time. */
#include "witness.h"

#include <execinfo.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "profile/writer.h"
#include "track/stack.h"
#include "track/tree.h"

enum { LIMIT = METE__STACK_DEPTH_MAX, THEIRS_MAX = 4 * LIMIT };

struct stack {
    uintptr_t pcs[THEIRS_MAX];
    uint32_t flags[THEIRS_MAX];
    size_t depth;
};

static __thread struct mete__stack_memo *memo, *blank;
static __thread struct stack ours, theirs;
static int failures; /* of the present shape; atomic */
static uint64_t captures;

static void read_node(uint32_t node, struct stack *out) {
    out->depth = 0;
    while (node != 0) {
        const struct mete_profile_node *record = mete__writer_record(METE_SECTION_NODES, node);
        out->flags[out->depth] = record->flags & 7;
        out->pcs[out->depth++] = record->pc;
        node = record->parent;
    }
}

static void read_backtrace(uintptr_t pc, struct stack *out) {
    static __thread void *all[THEIRS_MAX];
    int count = backtrace(all, THEIRS_MAX), first = 0;
    while (first < count && (uintptr_t)all[first] != pc) first++;
    out->depth = 0;
    for (int i = first; i < count; i++) out->pcs[out->depth++] = (uintptr_t)all[i];
}

static void fail(const char *what) {
    if (__atomic_fetch_add(&failures, 1, __ATOMIC_RELAXED) > 2) return;
    printf("# %s\n# %18s %5s %18s\n", what, "mete", "", "backtrace");
    for (size_t i = 0; (i < ours.depth || i < theirs.depth) && i < 40; i++)
        printf("# %18lx %5x %18lx\n", i < ours.depth ? ours.pcs[i] : 0,
               i < ours.depth ? ours.flags[i] : 0, i < theirs.depth ? theirs.pcs[i] : 0);
}

/* Captures both ways. A signal handler may do so while it goes on. */
static bool capture(const struct mete__caller *caller, uint32_t *node) {
    if (memo == NULL) {
        memo = mete__stack_memo_create();
        blank = mete__stack_memo_create();
    }
    __atomic_fetch_add(&captures, 1, __ATOMIC_RELAXED);
    *node = mete__stack_capture(memo, caller);
    uint32_t anew = mete__stack_capture_anew(blank, caller);
    if (*node != 0 && *node == anew) return true;
    read_node(anew, &theirs);
    read_node(*node, &ours);
    fail("with the memo (left) and without (right) differ");
    return false;
}

void witness_itself(void) {
    struct mete__caller caller = METE__CALLER;
    uint32_t node;
    capture(&caller, &node);
}

void witness(void) {
    struct mete__caller caller = METE__CALLER;
    uint32_t node;
    if (!capture(&caller, &node)) return;
    read_node(node, &ours);
    read_backtrace(caller.pc, &theirs);
    size_t depth = theirs.depth < LIMIT ? theirs.depth : LIMIT;
    if (ours.depth != depth || memcmp(ours.pcs, theirs.pcs, depth * sizeof *ours.pcs) != 0)
        fail("not backtrace's frames");
    uint32_t last = ours.flags[ours.depth - 1];
    if ((last & METE_NODE_TRUNCATED) != (theirs.depth > LIMIT ? METE_NODE_TRUNCATED : 0))
        fail("marked as cut where it is whole, or whole where it is cut");
}

void witness_marked(size_t known, uint32_t flags) {
    struct mete__caller caller = METE__CALLER;
    uint32_t node;
    if (!capture(&caller, &node)) return;
    read_node(node, &ours);
    read_backtrace(caller.pc, &theirs);
    uint32_t marks = 0;
    for (size_t i = 0; i < ours.depth; i++) marks |= ours.flags[i];
    if (ours.depth < known || memcmp(ours.pcs, theirs.pcs, known * sizeof *ours.pcs) != 0)
        fail("the innermost frames are not backtrace's");
    if ((marks & (METE_NODE_TRUNCATED | METE_NODE_GUESSED)) != flags) fail("marked otherwise");
}

int witness_all(const struct shape *shapes, size_t count) {
    static bool opened;
    int failed = 0;
    struct mete__writer_options options = {0};
    if (!opened && mete__writer_open(&options) != 0) abort();
    opened = true;
    for (size_t i = 0; i < count; i++) {
        failures = 0;
        captures = 0;
        shapes[i].run();
        if (captures == 0) printf("# nothing was captured\n");
        bool good = failures == 0 && captures > 0;
        printf("%s - %s\n", good ? "ok" : "not ok", shapes[i].fact);
        fflush(stdout);
        failed += !good;
    }
    return failed;
}
