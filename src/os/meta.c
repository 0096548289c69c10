/* os/meta.h: small tables from chunks and per-size free lists, large ones from mappings of their
 * own. */
#include "os/meta.h"

#include "base/bits.h"
#include "os/checkers.h"
#include "os/memory.h"

#include "os/lock.h"

enum {
    SMALLEST_SHIFT = 6,       /* 64 bytes: a cache line */
    LARGEST_SHIFT = 16,       /* above: a mapping of its own */
    CHUNK_BYTES = 256 * 1024, /* mapped at a time for the small ones; touched as used */
    FIRST_RANGES = 4096 / sizeof(uintptr_t) / 2 - 1,
};

struct free_block {
    struct free_block *next;
};

/* Ranges are kept in pages of their own, linked: a range entry never moves, a gap has size 0. */
struct range_page {
    struct range_page *next;
    size_t count;
    struct {
        uintptr_t start;
        size_t size;
    } ranges[FIRST_RANGES];
};

static struct mete__lock lock;
static struct free_block *free_blocks[LARGEST_SHIFT + 1];
static char *chunk_end;   /* of the newest chunk */
static size_t chunk_left; /* bytes before its end that nobody has; 0 while chunk_end changes */
static struct range_page *ranges;
static size_t total_bytes;

/* With the lock held. False where no memory is left for the entry. */
static bool add_range(const void *start, size_t size) {
    for (struct range_page *page = ranges; page != NULL; page = page->next) {
        for (size_t i = 0; i < page->count; i++) {
            if (page->ranges[i].size != 0) continue;
            page->ranges[i].start = (uintptr_t)start;
            __atomic_store_n(&page->ranges[i].size, size, __ATOMIC_RELEASE);
            return true;
        }
        if (page->count == FIRST_RANGES) continue;
        page->ranges[page->count].start = (uintptr_t)start;
        page->ranges[page->count].size = size;
        __atomic_store_n(&page->count, page->count + 1, __ATOMIC_RELEASE);
        return true;
    }
    struct range_page *fresh = mete__memory_map(sizeof *fresh);
    if (fresh == NULL) return false;
    fresh->ranges[0].start = (uintptr_t)fresh;
    fresh->ranges[0].size = sizeof *fresh;
    fresh->ranges[1].start = (uintptr_t)start;
    fresh->ranges[1].size = size;
    fresh->count = 2;
    fresh->next = ranges;
    __atomic_store_n(&ranges, fresh, __ATOMIC_RELEASE);
    total_bytes += sizeof *fresh;
    return true;
}

static void *map_locked(size_t size) {
    void *memory = mete__memory_map(size);
    if (memory == NULL) return NULL;
    if (!add_range(memory, size)) {
        mete__memory_release(memory, size);
        return NULL;
    }
    total_bytes += size;
    return memory;
}

static void *alloc_locked(unsigned shift) {
    struct free_block *block = free_blocks[shift];
    size_t size = (size_t)1 << shift;

    if (block != NULL) {
        free_blocks[shift] = block->next;
        __builtin_memset(block, 0, size);
        return block;
    }
    if (chunk_left < size) {
        char *fresh = map_locked(CHUNK_BYTES);
        if (fresh == NULL) return NULL;
        mete__checkers_root(fresh, CHUNK_BYTES);
        /* In an order that a child of fork can live with at any point. */
        __atomic_store_n(&chunk_left, 0, __ATOMIC_RELEASE);
        __atomic_store_n(&chunk_end, fresh + CHUNK_BYTES, __ATOMIC_RELEASE);
        __atomic_store_n(&chunk_left, CHUNK_BYTES, __ATOMIC_RELEASE);
    }
    char *memory = chunk_end - chunk_left;
    __atomic_store_n(&chunk_left, chunk_left - size, __ATOMIC_RELEASE);
    return memory;
}

static unsigned shift_of(size_t size) {
    if (size <= (size_t)1 << SMALLEST_SHIFT) return SMALLEST_SHIFT;
    return mete__log2_floor(size - 1) + 1;
}

void *mete__meta_alloc(size_t size) {
    if (size > (size_t)1 << LARGEST_SHIFT) return mete__meta_map(size);
    /* Interrupted in here by a signal whose handler allocates: it gets nothing, but no deadlock. */
    if (!mete__lock_acquire(&lock, mete__lock_token())) return NULL;
    void *memory = alloc_locked(shift_of(size));
    mete__lock_release(&lock);
    return memory;
}

void mete__meta_free(void *memory, size_t size) {
    if (memory == NULL) return;
    if (size > (size_t)1 << LARGEST_SHIFT) {
        mete__meta_unmap(memory, size);
        return;
    }
    if (!mete__lock_acquire(&lock, mete__lock_token())) return; /* lost, not broken */
    unsigned shift = shift_of(size);
    struct free_block *block = memory;
    block->next = free_blocks[shift];
    __atomic_store_n(&free_blocks[shift], block, __ATOMIC_RELEASE);
    mete__lock_release(&lock);
}

static size_t whole_pages(size_t size) {
    return mete__round_up(size, mete__memory_page_size());
}

void *mete__meta_map(size_t size) {
    if (!mete__lock_acquire(&lock, mete__lock_token())) return NULL;
    void *memory = map_locked(whole_pages(size));
    mete__lock_release(&lock);
    return memory;
}

void mete__meta_unmap(void *memory, size_t size) {
    if (memory == NULL) return;
    size = whole_pages(size);
    mete__meta_forget(memory, size);
    mete__memory_release(memory, size);
}

void mete__meta_register(const void *memory, size_t size) {
    if (!mete__lock_acquire(&lock, mete__lock_token())) return;
    if (add_range(memory, size)) total_bytes += size;
    mete__lock_release(&lock);
}

void mete__meta_forget(const void *memory, size_t size) {
    if (!mete__lock_acquire(&lock, mete__lock_token())) return;
    for (struct range_page *page = ranges; page != NULL; page = page->next) {
        for (size_t i = 0; i < page->count; i++) {
            if (page->ranges[i].start != (uintptr_t)memory || page->ranges[i].size != size)
                continue;
            __atomic_store_n(&page->ranges[i].size, 0, __ATOMIC_RELEASE);
            total_bytes -= size;
        }
    }
    mete__lock_release(&lock);
}

void mete__meta_each_range(void (*visit)(void *context, uintptr_t start, size_t size),
                           void *context) {
    struct range_page *page = __atomic_load_n(&ranges, __ATOMIC_ACQUIRE);
    for (; page != NULL; page = page->next) {
        size_t count = __atomic_load_n(&page->count, __ATOMIC_ACQUIRE);
        for (size_t i = 0; i < count; i++) {
            size_t size = __atomic_load_n(&page->ranges[i].size, __ATOMIC_ACQUIRE);
            if (size != 0) visit(context, page->ranges[i].start, size);
        }
    }
}

size_t mete__meta_bytes(void) {
    return __atomic_load_n(&total_bytes, __ATOMIC_RELAXED);
}

void mete__meta_after_fork(void) {
    mete__lock_reset(&lock);
}
