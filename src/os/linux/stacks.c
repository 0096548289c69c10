/* os/stacks.h for glibc on Linux: struct pthread at the top of a stack. */
#include "os/stacks.h"

#include "base/bits.h"
#include "os/memory.h"
#include "os/process.h"

#if defined(__x86_64__) && defined(__GLIBC__)

/* tcbhead_t, which the TLS ABI fixes ("ELF Handling For Thread-Local Storage", variant II): the
 * thread pointer's own address, the DTV, and in glibc the address once more. */
enum { TCB_SELF, TCB_DTV, TCB_SELF_AGAIN };

enum {
    WORD = sizeof(uintptr_t),
    TCB_ALIGN = 64,
    DESCRIPTOR_BYTES = 4096,       /* struct pthread is about 2300 */
    TOUCHED_BYTES = 64 << 20,      /* a mapping with more contents than this is no stack's */
    THREAD_LOCALS_BYTES = 1 << 20, /* static thread-locals are no more */
    LEAST_STACK = 4096,
    DTV_ENTRIES = 32, /* read at a time */
    DTV_MOST = 4096,
};

/* Above any stack, below any address of memory: so no pointer passes for a size. */
#define MOST_STACK ((size_t)1 << 40)

/* Where the kernel keeps the thread's id in struct pthread; 0 where it could not be learnt. The
 * calling thread knows its own id, so it can be looked for, and the offset glibc has had for years
 * is tried first. */
static size_t id_offset(void) {
    static const size_t usual = 0x2d0;
    const char *own = __builtin_thread_pointer();
    uint32_t id = mete__process_thread_id();

    if (*(const uint32_t *)(own + usual) == id) return usual;
    for (size_t offset = 4 * WORD; offset < 2048; offset += sizeof id)
        if (*(const uint32_t *)(own + offset) == id) return offset;
    return 0;
}

/* A descriptor that was recognised, and a copy of it. */
struct descriptor {
    uintptr_t address;
    size_t words;
    uintptr_t copy[DESCRIPTOR_BYTES / WORD];
};

/* Finds the pair (stack's lowest address, its size) in the descriptor: the only one of which the
 * descriptor lies within, and near its end. */
static bool find_extent(const struct descriptor *thread, struct mete__stack *stack) {
    for (size_t i = 3; i + 1 < thread->words; i++) {
        uintptr_t low = thread->copy[i];
        size_t size = thread->copy[i + 1];
        if (low >= thread->address || size < LEAST_STACK || size > MOST_STACK) continue;
        if (low + size <= thread->address) continue;
        if (low + size - thread->address > THREAD_LOCALS_BYTES) continue;
        stack->low = low;
        return true;
    }
    return false;
}

/* The lowest of the thread-locals below the descriptor, which the DTV lists module by module: the
 * stack's frames are below it. */
static uintptr_t lowest_local(const struct descriptor *thread, struct mete__peek *peek) {
    struct {
        uintptr_t value; /* the first: how many more there are */
        uintptr_t to_free;
    } entries[DTV_ENTRIES];
    uintptr_t dtv = thread->copy[TCB_DTV] - sizeof entries[0];
    uintptr_t lowest = thread->address, count = 0;

    if (!mete__peek_copy(peek, &count, dtv, WORD) || count > DTV_MOST) return lowest;
    for (size_t next = 2; next < count + 2; next += DTV_ENTRIES) {
        size_t some = count + 2 - next < DTV_ENTRIES ? count + 2 - next : DTV_ENTRIES;
        if (!mete__peek_copy(peek, entries, dtv + next * sizeof entries[0],
                             some * sizeof entries[0]))
            break;
        for (size_t i = 0; i < some; i++)
            if (entries[i].value < lowest &&
                entries[i].value > thread->address - THREAD_LOCALS_BYTES)
                lowest = entries[i].value;
    }
    return lowest;
}

/* Looks at a place where a descriptor may be, and describes the stack below it. */
static bool recognise(uintptr_t address, uintptr_t end, size_t id_at, struct mete__peek *peek,
                      struct mete__stack *stack) {
    struct descriptor thread = {.address = address, .words = DESCRIPTOR_BYTES / WORD};

    if ((end - address) / WORD < thread.words) thread.words = (end - address) / WORD;
    if (thread.words * WORD < id_at + sizeof(uint32_t) ||
        !mete__peek_copy(peek, thread.copy, address, thread.words * WORD) ||
        !find_extent(&thread, stack))
        return false;
    int32_t id = *(const int32_t *)((const char *)thread.copy + id_at);
    stack->thread = id > 0 ? (uint32_t)id : 0; /* the kernel clears it; who joins sets it to -1 */
    stack->high = lowest_local(&thread, peek);
    return stack->low < stack->high;
}

void mete__stacks_find(const struct mete__mapping *mapping, struct mete__peek *peek,
                       void (*visit)(void *context, const struct mete__stack *stack),
                       void *context) {
    uintptr_t at = mapping->start;
    size_t id_at = id_offset(), looked_at = 0, size;
    const void *piece;

    if (id_at == 0) return;
    while (looked_at < TOUCHED_BYTES &&
           (piece = mete__peek_next(peek, &at, mapping->end, false, &size)) != NULL) {
        size_t first = mete__round_up(at, TCB_ALIGN) - at;
        for (size_t offset = first; offset + 3 * WORD <= size; offset += TCB_ALIGN) {
            const uintptr_t *words = (const uintptr_t *)((const char *)piece + offset);
            struct mete__stack stack;
            if (words[TCB_SELF] != at + offset || words[TCB_SELF_AGAIN] != at + offset) continue;
            if (recognise(at + offset, mapping->end, id_at, peek, &stack)) visit(context, &stack);
        }
        looked_at += size;
        at += size;
    }
}

#else

void mete__stacks_find(const struct mete__mapping *mapping, struct mete__peek *peek,
                       void (*visit)(void *context, const struct mete__stack *stack),
                       void *context) {
    (void)mapping, (void)peek, (void)visit, (void)context;
}

#endif
