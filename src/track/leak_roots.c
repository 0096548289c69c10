/* track/leak_roots.h */
#include "track/leak_roots.h"

#include <errno.h>

#include "base/bits.h"
#include "base/sort.h"
#include "heap/heap.h"
#include "heap/private_walk.h"
#include "heap/slices.h"
#include "os/loader.h"
#include "os/memory.h"
#include "os/meta.h"
#include "os/process.h"
#include "os/stacks.h"
#include "registry/registry.h"

enum {
    WORD = sizeof(uintptr_t),
    SLICE = 64 * 1024,
    FIRST_CAPACITY = 4096,
    OWN_FRAMES =
        2048, /* the check's functions need no more stack than this below mete__leak_roots_scan */
};

/* Address ranges that are no roots. */
struct range {
    uintptr_t start;
    uintptr_t end;
};

struct walk {
    const struct mete__leak_roots *roots;
    struct mete__leak_scan *scan;
    struct range *left_out; /* sorted before the mappings are walked */
    size_t count;
    size_t capacity;
    size_t next; /* in left_out: the first that ends above where the walk is */
    bool full;   /* no memory for a range: the check would be wrong */
};

static void leave_out(void *context, uintptr_t start, size_t size) {
    struct walk *walk = context;

    if (size == 0) return;
    if (walk->count == walk->capacity) {
        size_t capacity = walk->capacity == 0 ? FIRST_CAPACITY : walk->capacity * 2;
        struct range *larger = mete__memory_map(capacity * sizeof *larger);
        if (larger == NULL) {
            walk->full = true;
            return;
        }
        if (walk->count > 0) __builtin_memcpy(larger, walk->left_out, walk->count * sizeof *larger);
        if (walk->left_out != NULL)
            mete__memory_release(walk->left_out, walk->capacity * sizeof *larger);
        walk->left_out = larger;
        walk->capacity = capacity;
    }
    walk->left_out[walk->count++] = (struct range){start, start + size};
}

static bool begins_lower(const void *left, const void *right) {
    const struct range *a = left, *b = right;
    return a->start < b->start;
}

/* ---- what is left out ---- */

static bool is_root(const struct mete__mapping *mapping) {
    uint32_t both = METE__MAP_READ | METE__MAP_WRITE;
    return (mapping->flags & both) == both && (mapping->flags & METE__MAP_DEVICE) == 0;
}

static void leave_out_own(struct walk *walk) {
    const struct mete__leak_scan *scan = walk->scan;
    const struct mete__threads *threads = walk->roots->threads;
    struct mete__loaded own;
    uintptr_t start;
    size_t size;

    mete__heap_each_region(leave_out, walk);
    mete__meta_each_range(leave_out, walk);
    /* Linked into the program, its data is among the program's own, and holds no block of it. */
    if (mete__loader_find((uintptr_t)leave_out_own, &own) && own.name[0] != '\0')
        leave_out(walk, own.start, own.end - own.start);
    mete__peek_extent(scan->peek, &start, &size);
    leave_out(walk, start, size);
    leave_out(walk, (uintptr_t)scan->maps->list, scan->maps->capacity * sizeof *scan->maps->list);
    leave_out(walk, (uintptr_t)scan->stack, scan->capacity * sizeof *scan->stack);
    leave_out(walk, (uintptr_t)threads->list, threads->capacity * sizeof *threads->list);
}

static bool leave_out_holder(void *context, struct mete__holder *holder) {
    if (holder->is_no_root) holder->methods->each_range(holder, leave_out, context);
    return true;
}

/* The stack pointer of the thread with this kernel id; 0: unknown. */
static uintptr_t stack_pointer_of(const struct walk *walk, uint32_t thread) {
    const struct mete__threads *threads = walk->roots->threads;

    if (thread == mete__process_thread_id()) return walk->roots->stack_pointer;
    for (size_t i = 0; i < threads->count; i++)
        if (threads->list[i].id == thread) return threads->list[i].stack_pointer;
    return 0;
}

/* A thread may be on another stack (a signal's, a coroutine's): then all of its own counts. */
static void leave_out_stack(void *context, const struct mete__stack *stack) {
    struct walk *walk = context;

    if (stack->thread == 0) {
        if (!walk->roots->forked) leave_out(walk, stack->low, stack->high - stack->low);
        return;
    }
    uintptr_t pointer = stack_pointer_of(walk, stack->thread);
    if (pointer > stack->low && pointer < stack->high)
        leave_out(walk, stack->low, pointer - stack->low);
}

/* The main thread's stack has no descriptor in it; whoever's stack pointer points there is the main
 * thread. */
static void leave_out_main_stack(struct walk *walk, const struct mete__mapping *mapping) {
    uintptr_t pointer = walk->roots->stack_pointer;

    if (pointer < mapping->start || pointer >= mapping->end)
        pointer = stack_pointer_of(walk, mete__process_id());
    if (pointer >= mapping->start && pointer < mapping->end)
        leave_out(walk, mapping->start, pointer - mapping->start);
}

/* The check's own frames are full of addresses of blocks. They may be on a stack that is not
 * recognised. */
static void leave_out_own_frames(struct walk *walk) {
    uintptr_t lowest = (uintptr_t)__builtin_frame_address(0) - OWN_FRAMES;
    if (walk->roots->stack_pointer > lowest)
        leave_out(walk, lowest, walk->roots->stack_pointer - lowest);
}

static bool is_left_out(const struct walk *walk, const struct mete__mapping *mapping) {
    for (size_t i = 0; i < walk->count; i++)
        if (walk->left_out[i].start <= mapping->start && walk->left_out[i].end >= mapping->end)
            return true;
    return false;
}

static void leave_out_stacks(struct walk *walk) {
    const struct mete__maps *maps = walk->scan->maps;

    for (size_t i = 0; i < maps->count; i++) {
        const struct mete__mapping *mapping = &maps->list[i];
        if (!is_root(mapping)) continue;
        if ((mapping->flags & METE__MAP_STACK) != 0)
            leave_out_main_stack(walk, mapping);
        else if ((mapping->flags & (METE__MAP_SHARED | METE__MAP_FILE)) == 0 &&
                 !is_left_out(walk, mapping))
            mete__stacks_find(mapping, walk->scan->peek, leave_out_stack, walk);
    }
}

/* The list of ranges may lie where something else did when the mappings were listed. */
static void leave_out_itself(struct walk *walk) {
    const struct range *list;
    do {
        list = walk->left_out;
        leave_out(walk, (uintptr_t)list, walk->capacity * sizeof *list);
    } while (list != walk->left_out && !walk->full);
}

/* ---- what is scanned ---- */

static void scan_range(struct walk *walk, uintptr_t start, uintptr_t end, bool shared) {
    uintptr_t at = mete__round_up(start, WORD);
    const void *piece;
    size_t size;

    end = mete__round_down(end, WORD);
    while (at < end &&
           (piece = mete__peek_next(walk->scan->peek, &at, end, shared, &size)) != NULL) {
        mete__leak_scan_words(walk->scan, piece, size / WORD);
        at += size;
    }
}

static void scan_mapping(struct walk *walk, const struct mete__mapping *mapping) {
    bool shared = (mapping->flags & METE__MAP_SHARED) != 0;
    uintptr_t at = mapping->start;

    while (walk->next < walk->count && walk->left_out[walk->next].end <= at) walk->next++;
    for (size_t i = walk->next; i < walk->count && walk->left_out[i].start < mapping->end; i++) {
        if (walk->left_out[i].start > at) scan_range(walk, at, walk->left_out[i].start, shared);
        if (walk->left_out[i].end > at) at = walk->left_out[i].end;
    }
    if (at < mapping->end) scan_range(walk, at, mapping->end, shared);
}

/* A stack inside a block (of a coroutine, or one the program made for a thread) holds that block.
 */
static void scan_stack_pointer(struct walk *walk, uintptr_t pointer) {
    struct mete__found found;
    if (pointer == 0 || !mete__heap_find((const void *)pointer, &found)) return;
    mete__leak_scan_words(walk->scan, (const uintptr_t *)&found.block, 1);
}

static void scan_threads(struct walk *walk) {
    const struct mete__leak_roots *roots = walk->roots;

    scan_stack_pointer(walk, roots->stack_pointer);
    for (size_t i = 0; i < roots->threads->count; i++) {
        const struct mete__thread *thread = &roots->threads->list[i];
        if (__atomic_load_n(&thread->state, __ATOMIC_ACQUIRE) == METE__THREAD_STOPPED)
            mete__leak_scan_words(walk->scan, thread->registers, thread->register_count);
        scan_stack_pointer(walk, thread->stack_pointer);
    }
}

static void scan_live(void *context, uintptr_t start, size_t size) {
    scan_range(context, start, start + size, false);
}

/* Of a private heap only the live blocks count; the span's first slice stands for all. */
static void scan_private(struct walk *walk, uintptr_t slice) {
    char *memory;
    const struct mete__span *span = mete__slices_find((const void *)slice, &memory);
    const struct mete_heap *heap = span == NULL ? NULL : mete__span_private(mete__span_owner(span));

    if (heap == NULL || heap->holder.is_no_root || (uintptr_t)memory != slice) return;
    (void)mete__private_walk_span(span, scan_live, walk);
}

/* Spans are made of slices, so one look at each slice tells what kind it is. */
static void scan_unwatched(void *context, uintptr_t start, size_t size) {
    struct walk *walk = context;
    uintptr_t low = walk->scan->low > start ? walk->scan->low : start;
    uintptr_t high = walk->scan->low + walk->scan->extent;

    if (high > start + size) high = start + size;
    for (uintptr_t slice = mete__round_down(low, SLICE); slice < high; slice += SLICE) {
        struct mete__found found;
        if (!mete__heap_find((const void *)slice, &found) || found.record != NULL) continue;
        if (found.heap != NULL)
            scan_private(walk, slice);
        else
            scan_range(walk, slice, slice + SLICE, false);
    }
}

int mete__leak_roots_scan(const struct mete__leak_roots *roots, struct mete__leak_scan *scan) {
    struct walk walk = {.roots = roots, .scan = scan};
    int status = 0;

    leave_out_own(&walk);
    leave_out_own_frames(&walk);
    if (roots->has_registry) mete__registry_visit(leave_out_holder, &walk);
    leave_out_stacks(&walk);
    leave_out_itself(&walk);
    if (walk.full)
        status = -ENOMEM;
    else {
        mete__sort(walk.left_out, walk.count, sizeof *walk.left_out, begins_lower);
        for (size_t i = 0; i < scan->maps->count; i++)
            if (is_root(&scan->maps->list[i])) scan_mapping(&walk, &scan->maps->list[i]);
        mete__heap_each_region(scan_unwatched, &walk);
        scan_threads(&walk);
        mete__leak_scan_settle(scan);
    }
    if (walk.left_out != NULL)
        mete__memory_release(walk.left_out, walk.capacity * sizeof *walk.left_out);
    return status;
}
