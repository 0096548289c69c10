/*
 * Preloaded into real programs: every malloc, calloc and realloc captures its stack three ways,
 * with the thread's memo, without, and now and then by backtrace(). At the end one line says how
 * many there were and how many differed: "unwind: CAPTURES captures, DIFFERENT different, ..." to
 * the file that $UNWIND_LOG names.
 */
#include <execinfo.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "profile/writer.h"
#include "track/stack.h"
#include "track/tree.h"

enum { THEIRS_MAX = 4 * METE__STACK_DEPTH_MAX, EVERY = 32 };

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *block, size_t size);

static __thread struct mete__stack_memo *memo, *blank;
static __thread bool inside; /* backtrace() allocates too */
static int opened;           /* atomic: 0 not yet, 1 in the making, 2 the writer is open */
static uint64_t captures, different, unlike_backtrace, cut; /* atomic */

static void add(uint64_t *counter) {
    __atomic_fetch_add(counter, 1, __ATOMIC_RELAXED);
}

/* Compares a node's frames with backtrace()'s. */
static void compare(uint32_t node, uintptr_t pc) {
    static __thread void *theirs[THEIRS_MAX];
    int count = backtrace(theirs, THEIRS_MAX), at = 0;
    while (at < count && (uintptr_t)theirs[at] != pc) at++;
    for (; node != 0; at++) {
        const struct mete_profile_node *record = mete__writer_record(METE_SECTION_NODES, node);
        if (at >= count || (uintptr_t)theirs[at] != record->pc) break;
        node = record->parent;
        if ((record->flags & METE_NODE_TRUNCATED) == 0) continue;
        add(&cut);
        return; /* the rest is not known */
    }
    if (node != 0 || at != count) add(&unlike_backtrace);
}

static void capture(const struct mete__caller *caller) {
    if (inside) return;
    inside = true;
    int state = 0;
    if (__atomic_compare_exchange_n(&opened, &state, 1, false, __ATOMIC_ACQ_REL,
                                    __ATOMIC_ACQUIRE)) {
        struct mete__writer_options options = {0};
        if (mete__writer_open(&options) == 0) __atomic_store_n(&opened, 2, __ATOMIC_RELEASE);
    }
    if (memo == NULL) memo = mete__stack_memo_create();
    if (blank == NULL) blank = mete__stack_memo_create();
    if (__atomic_load_n(&opened, __ATOMIC_ACQUIRE) == 2 && memo != NULL && blank != NULL) {
        uint32_t node = mete__stack_capture(memo, caller);
        if (node == 0 || node != mete__stack_capture_anew(blank, caller)) add(&different);
        if (__atomic_fetch_add(&captures, 1, __ATOMIC_RELAXED) % EVERY == 0)
            compare(node, caller->pc);
    }
    inside = false;
}

METE_EXPORT void *malloc(size_t size) {
    struct mete__caller caller = METE__CALLER;
    capture(&caller);
    return __libc_malloc(size);
}

METE_EXPORT void *calloc(size_t count, size_t size) {
    struct mete__caller caller = METE__CALLER;
    capture(&caller);
    return __libc_calloc(count, size);
}

METE_EXPORT void *realloc(void *block, size_t size) {
    struct mete__caller caller = METE__CALLER;
    capture(&caller);
    return __libc_realloc(block, size);
}

__attribute__((destructor)) static void report(void) {
    char line[256];
    const char *path = getenv("UNWIND_LOG");
    int file = path == NULL ? -1 : open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (file < 0) return;
    const struct mete__stack_counts *counts = memo == NULL ? NULL : mete__stack_memo_counts(memo);
    int length = snprintf(line, sizeof line,
                          "unwind: %lu captures, %lu different, %lu unlike backtrace, %lu cut, "
                          "%lu nodes, %.2f frames unwound each\n",
                          captures, different, unlike_backtrace, cut, mete__tree_nodes(),
                          counts == NULL || counts->captures == 0
                              ? 0
                              : (double)counts->fresh_frames / (double)counts->captures);
    if (write(file, line, (size_t)length) != length) abort();
    close(file);
}
