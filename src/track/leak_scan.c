/* track/leak_scan.h: depth first, with the next few blocks on their way from memory while one is
 * looked into. */
#include "track/leak_scan.h"

#include <errno.h>

#include "base/bits.h"
#include "heap/heap.h"
#include "os/memory.h"
#include "track/leak_shape.h"

enum {
    WORD = sizeof(uintptr_t),
    AHEAD = 8, /* blocks fetched in advance: what the misses of one core overlap well */
    LEAST_ENTRIES = 4096,
};

/* ---- marks ---- */

/* Raises the mark of a live block; false where the block is gone, or another mark came first. The
 * whole word is exchanged, so that a thread that frees the block meanwhile keeps its say. */
static bool change_mark(struct mete__record *record, unsigned from, unsigned to) {
    struct mete__record old, new;
    old.word = __atomic_load_n(&record->word, __ATOMIC_RELAXED);
    if (!old.live || old.mark != from) return false;
    new.word = old.word;
    new.mark = to & 3u;
    return __atomic_compare_exchange_n(&record->word, &old.word, new.word, false, __ATOMIC_RELAXED,
                                       __ATOMIC_RELAXED);
}

static bool forget_mark(void *context, void *block, struct mete__record *record) {
    struct mete__leak_scan *scan = context;
    (void)block;
    if (record->mark != METE__LEAK_LOST) change_mark(record, record->mark, METE__LEAK_LOST);
    scan->blocks++;
    return true;
}

/* ---- the stack ---- */

int mete__leak_scan_reserve(struct mete__leak_scan *scan, size_t entries) {
    if (entries <= scan->capacity) return 0;
    struct mete__leak_entry *larger = mete__memory_map(entries * sizeof *larger);
    if (larger == NULL) return -ENOMEM;
    if (scan->depth > 0) __builtin_memcpy(larger, scan->stack, scan->depth * sizeof *larger);
    if (scan->stack != NULL)
        mete__memory_release(scan->stack, scan->capacity * sizeof *scan->stack);
    scan->stack = larger;
    scan->capacity = entries;
    return 0;
}

static void push(struct mete__leak_scan *scan, const void *block, struct mete__record *record) {
    if (METE_UNLIKELY(scan->depth == scan->capacity)) {
        scan->overflowed = true;
        return;
    }
    scan->stack[scan->depth++] = (struct mete__leak_entry){block, record};
}

int mete__leak_scan_begin(struct mete__leak_scan *scan, const struct mete__maps *maps,
                          struct mete__peek *peek) {
    uintptr_t high;

    *scan = (struct mete__leak_scan){.maps = maps, .peek = peek};
    mete__heap_bounds(&scan->low, &high);
    scan->extent = high - scan->low;
    mete__heap_each_watched(forget_mark, scan);
    /* Each block is there once, hardly ever twice. Less will do where address space is short. */
    size_t entries = scan->blocks < LEAST_ENTRIES ? LEAST_ENTRIES : (size_t)scan->blocks;
    while (mete__leak_scan_reserve(scan, entries) != 0) {
        if (entries == LEAST_ENTRIES) return -ENOMEM;
        entries = entries / 8 < LEAST_ENTRIES ? LEAST_ENTRIES : entries / 8;
    }
    return 0;
}

void mete__leak_scan_end(struct mete__leak_scan *scan) {
    if (scan->stack != NULL)
        mete__memory_release(scan->stack, scan->capacity * sizeof *scan->stack);
    scan->stack = NULL;
    scan->capacity = 0;
}

/* ---- pointers ---- */

/* Marks the found block as far as the pointer `word` says, and pushes it where that is news.
 * `definite`: what holds the pointer is reachable itself. */
static void reach(struct mete__leak_scan *scan, uintptr_t word, const struct mete__found *found,
                  bool definite) {
    struct mete__record *record = found->record;
    unsigned mark = record->mark;

    if (mark == METE__LEAK_REACHABLE || (mark == METE__LEAK_POSSIBLE && !definite)) return;
    bool whole = word == (uintptr_t)found->block ||
                 (definite && mete__leak_shape_holds(word, (uintptr_t)found->block,
                                                     found->requested, scan->maps, scan->peek));
    unsigned better = definite && whole ? METE__LEAK_REACHABLE : METE__LEAK_POSSIBLE;
    if (better != mark && change_mark(record, mark, better)) push(scan, found->block, record);
}

static void follow(struct mete__leak_scan *scan, uintptr_t word, bool definite) {
    struct mete__found found;

    if (!mete__heap_find((const void *)word, &found) || found.record == NULL || !found.live) return;
    size_t size = found.requested == 0 ? 1 : found.requested;
    if (word - (uintptr_t)found.block >= size) return;
    if (scan->leader == NULL) {
        reach(scan, word, &found, definite);
    } else if (found.record != scan->leader && found.record->mark == METE__LEAK_LOST) {
        if (change_mark(found.record, METE__LEAK_LOST, METE__LEAK_INDIRECT))
            push(scan, found.block, found.record);
    }
}

static void look_at(struct mete__leak_scan *scan, const uintptr_t *words, size_t count,
                    bool definite) {
    uintptr_t low = scan->low, extent = scan->extent;

    for (size_t i = 0; i < count; i++)
        if (METE_UNLIKELY(words[i] - low < extent)) follow(scan, words[i], definite);
}

/* ---- blocks ---- */

static void look_into(struct mete__leak_scan *scan, const struct mete__leak_entry *entry) {
    bool definite = entry->record->mark == METE__LEAK_REACHABLE;
    size_t size = (size_t)entry->record->size;

    if (METE_LIKELY(size < METE__LEAK_IN_PLACE)) {
        look_at(scan, entry->block, size / WORD, definite);
        return;
    }
    uintptr_t at = (uintptr_t)entry->block, end = at + size / WORD * WORD;
    const void *piece;
    while ((piece = mete__peek_next(scan->peek, &at, end, false, &size)) != NULL) {
        look_at(scan, piece, size / WORD, definite);
        at += size;
    }
}

/* Looks into all blocks on the stack, and into those that come on it by that. Blocks pass through a
 * short queue, in which their first bytes are fetched. */
static void empty_stack(struct mete__leak_scan *scan) {
    struct mete__leak_entry queue[AHEAD];
    unsigned first = 0, count = 0;

    for (;;) {
        while (count < AHEAD && scan->depth > 0) {
            struct mete__leak_entry entry = scan->stack[--scan->depth];
            __builtin_prefetch(entry.block);
            queue[(first + count++) % AHEAD] = entry;
        }
        if (count == 0) return;
        look_into(scan, &queue[first]);
        first = (first + 1) % AHEAD;
        count--;
    }
}

void mete__leak_scan_words(struct mete__leak_scan *scan, const uintptr_t *words, size_t count) {
    look_at(scan, words, count, true);
    empty_stack(scan);
}

static bool look_into_marked(void *context, void *block, struct mete__record *record) {
    struct mete__leak_scan *scan = context;

    if (record->mark == METE__LEAK_LOST) return true;
    look_into(scan, &(struct mete__leak_entry){block, record});
    empty_stack(scan);
    return true;
}

void mete__leak_scan_settle(struct mete__leak_scan *scan) {
    while (scan->overflowed) {
        scan->overflowed = false;
        mete__heap_each_watched(look_into_marked, scan);
    }
}

void mete__leak_scan_gather(struct mete__leak_scan *scan, const void *leader,
                            struct mete__record *record) {
    scan->leader = record;
    push(scan, leader, record);
    empty_stack(scan);
    scan->leader = NULL;
}
