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

static void push(struct mete__leak_scan *scan, struct mete__leak_entry entry) {
    if (METE_UNLIKELY(scan->depth == scan->capacity))
        scan->overflowed = true;
    else
        scan->stack[scan->depth++] = entry;
}

static struct mete__leak_entry entry_of(uintptr_t block, const struct mete__record *record) {
    struct mete__leak_entry entry = {.at = block, .left = record->size / WORD * WORD};
    if (record->mark == METE__LEAK_REACHABLE) entry.left |= METE__LEAK_DEFINITE;
    if (record->size >= METE__LEAK_IN_PLACE) entry.left |= METE__LEAK_CAREFUL;
    return entry;
}

int mete__leak_scan_begin(struct mete__leak_scan *scan, const struct mete__maps *maps,
                          struct mete__peek *peek) {
    uintptr_t high;

    *scan = (struct mete__leak_scan){.maps = maps, .peek = peek};
    mete__heap_bounds(&scan->low, &high);
    scan->extent = high - scan->low;
    mete__heap_each_watched(forget_mark, scan);
    scan->lost = scan->blocks;
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

/* ---- pointers: their blocks' records are fetched while others are looked at ---- */

/* Marks the block as far as the pointer says, and pushes it where that is news. */
static void reach(struct mete__leak_scan *scan, const struct mete__leak_pointer *pointer) {
    struct mete__record *record = pointer->record;
    unsigned mark = record->mark;

    if (mark == METE__LEAK_REACHABLE || (mark == METE__LEAK_POSSIBLE && !pointer->definite)) return;
    bool whole =
        pointer->word == pointer->block ||
        (pointer->definite && mete__leak_shape_holds(pointer->word, pointer->block,
                                                     (size_t)record->size, scan->maps, scan->peek));
    unsigned better = pointer->definite && whole ? METE__LEAK_REACHABLE : METE__LEAK_POSSIBLE;
    if (better == mark || !change_mark(record, mark, better)) return;
    if (mark == METE__LEAK_LOST) scan->lost--;
    push(scan, entry_of(pointer->block, record));
}

static void join(struct mete__leak_scan *scan, const struct mete__leak_pointer *pointer) {
    if (pointer->record != scan->leader &&
        change_mark(pointer->record, METE__LEAK_LOST, METE__LEAK_INDIRECT))
        push(scan, entry_of(pointer->block, pointer->record));
}

/* Looks at the pointer that has waited longest. */
static void take_pointer(struct mete__leak_scan *scan) {
    struct mete__leak_pointer pointer = scan->pointers[scan->pointers_out++ % METE__LEAK_AHEAD];
    size_t size = (size_t)pointer.record->size;

    if (!pointer.record->live || pointer.word - pointer.block >= (size == 0 ? 1 : size)) return;
    if (scan->leader == NULL)
        reach(scan, &pointer);
    else
        join(scan, &pointer);
}

static void put_pointer(struct mete__leak_scan *scan, uintptr_t word, bool definite) {
    struct mete__found found;

    if (!mete__heap_locate((const void *)word, &found) || found.record == NULL) return;
    __builtin_prefetch(found.record);
    __builtin_prefetch(found.block);
    if (scan->pointers_in - scan->pointers_out == METE__LEAK_AHEAD) take_pointer(scan);
    scan->pointers[scan->pointers_in++ % METE__LEAK_AHEAD] = (struct mete__leak_pointer){
        .word = word,
        .block = (uintptr_t)found.block,
        .record = found.record,
        .definite = definite,
    };
}

static void look_at(struct mete__leak_scan *scan, const uintptr_t *words, size_t count,
                    bool definite) {
    uintptr_t low = scan->low, extent = scan->extent;

    for (size_t i = 0; i < count; i++)
        if (METE_UNLIKELY(words[i] - low < extent)) put_pointer(scan, words[i], definite);
}

/* ---- blocks ---- */

/* A piece of a large block at a time: the rest waits below what the piece leads to, so that blocks
 * are looked into while they are still in the cache. */
static void look_into(struct mete__leak_scan *scan, const struct mete__leak_entry *entry) {
    bool definite = (entry->left & METE__LEAK_DEFINITE) != 0;
    size_t flags = entry->left % WORD, left = entry->left - flags, size;

    if (METE_LIKELY((flags & METE__LEAK_CAREFUL) == 0)) {
        look_at(scan, (const uintptr_t *)entry->at, left / WORD, definite);
        return;
    }
    uintptr_t at = entry->at, end = at + left;
    const uintptr_t *piece = mete__peek_next(scan->peek, &at, end, false, &size);
    if (piece == NULL) return;
    if (at + size < end)
        push(scan, (struct mete__leak_entry){at + size, (end - at - size) | flags});
    look_at(scan, piece, size / WORD, definite);
}

/* Looks into all blocks on the stack, and into those that come on it by that. Blocks pass through a
 * short queue, in which their first bytes are fetched. */
static void empty_stack(struct mete__leak_scan *scan) {
    struct mete__leak_entry queue[METE__LEAK_AHEAD];
    uint32_t in = 0, out = 0;

    for (;;) {
        while (in - out < METE__LEAK_AHEAD && scan->depth > 0) {
            struct mete__leak_entry entry = scan->stack[--scan->depth];
            __builtin_prefetch((const void *)entry.at);
            queue[in++ % METE__LEAK_AHEAD] = entry;
        }
        if (in != out)
            look_into(scan, &queue[out++ % METE__LEAK_AHEAD]);
        else if (scan->pointers_in != scan->pointers_out)
            take_pointer(scan);
        else
            return;
    }
}

void mete__leak_scan_words(struct mete__leak_scan *scan, const uintptr_t *words, size_t count) {
    look_at(scan, words, count, true);
    empty_stack(scan);
}

static bool look_into_marked(void *context, void *block, struct mete__record *record) {
    struct mete__leak_scan *scan = context;

    if (record->mark == METE__LEAK_LOST) return true;
    push(scan, entry_of((uintptr_t)block, record));
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
    push(scan, entry_of((uintptr_t)leader, record));
    empty_stack(scan);
    scan->leader = NULL;
}
