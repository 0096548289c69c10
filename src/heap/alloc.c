/* heap/alloc.h: the slow paths. */
#include "heap/alloc.h"

#include <errno.h>
#include <string.h>

#include "heap/blocks.h"
#include "heap/checked.h"
#include "heap/cushion.h"
#include "heap/large.h"
#include "heap/private.h"
#include "heap/sample.h"
#include "heap/slices.h"
#include "heap/target.h"
#include "os/memory.h"

/* ---- allocation ---- */

static METE_COLD void *fail(struct mete__cache *cache, size_t size,
                            const struct mete__caller *caller) {
    if (cache != NULL && cache->watch_mode != METE__WATCH_NONE)
        mete__watch_hooks()->failed(cache, size, caller);
    errno = ENOMEM;
    return NULL;
}

/* A block as it lies in memory; record NULL where it is not watched. */
struct piece {
    void *block;
    struct mete__record *record;
    bool zeroed; /* known to hold only zeros */
};

/* Where every block is watched, one byte is left over behind each. Programs keep pointers one past
 * the end, of vectors for instance; the leak check would take those for the next block's start. */
METE_INLINE size_t room_for(size_t size, bool all_watched) {
    return size + all_watched;
}

METE_INLINE struct piece take_watched(struct mete__cache *cache, size_t size, size_t room,
                                      size_t align, unsigned size_class) {
    struct piece piece = {.zeroed = false};

    if (METE_UNLIKELY(cache->has_cushions != 0))
        piece.block = mete__cushion_take(cache, size, align, &piece.record, &piece.zeroed);
    else if (size_class < METE__CLASSES)
        piece.block = mete__blocks_take_watched(cache, size_class, &piece.record);
    else
        piece.block = mete__large_take(room, align, &piece.record, &piece.zeroed);
    return piece;
}

/* Sampled mode, on the slow path: whether the block that is asked for now is a sample. */
static bool is_sample(struct mete__cache *cache, size_t size, unsigned size_class) {
    if (size_class == METE__CLASSES) return mete__sample_now(cache, size);
    struct mete__bin *bin = &cache->bins[size_class];
    /* Listed blocks have been counted off already. */
    if (bin->unsampled > 0 || (bin->first != NULL && bin->first->free != NULL)) return false;
    bin->unsampled = mete__sample_distance(cache, mete__size_class_bytes(size_class));
    return true;
}

/* Where a checker listens, and nobody else watches. */
static METE_COLD struct piece take_checked(size_t size, size_t align) {
    struct piece piece = {.record = NULL};
    piece.block = mete__private_alloc(mete__checked, size, align, &piece.zeroed);
    return piece;
}

METE_INLINE struct piece take(struct mete__cache *cache, size_t size, size_t align) {
    if (METE_UNLIKELY(mete__checked != NULL) && cache->watch_mode == METE__WATCH_NONE)
        return take_checked(size, align);
    size_t room = room_for(size, cache->watch_mode == METE__WATCH_ALL);
    unsigned size_class = mete__size_class_for(room, align);

    if (cache->watch_mode == METE__WATCH_ALL ||
        (cache->watch_mode == METE__WATCH_SAMPLED && is_sample(cache, room, size_class))) {
        struct piece watched = take_watched(cache, size, room, align, size_class);
        if (METE_LIKELY(watched.block != NULL)) return watched;
        /* No memory for the span or its records: the program goes before the measuring. */
    }
    struct piece piece = {.record = NULL, .zeroed = false};
    if (size_class < METE__CLASSES) {
        piece.block = mete__blocks_take(cache, size_class);
    } else {
        piece.block = mete__large_take(room, align, NULL, &piece.zeroed);
        if (piece.block != NULL) {
            char *memory;
            mete__watch_tick();
            cache->large_allocations++;
            cache->large_bytes += mete__slices_find(piece.block, &memory)->block_bytes;
        }
    }
    return piece;
}

/* The block becomes the program's. */
METE_INLINE void begin(struct mete__cache *cache, const struct piece *piece, size_t size,
                       const struct mete__caller *caller) {
    if (piece->record == NULL) return;
    const struct mete__record born = {.size = size & METE__RECORD_SIZE_MAX,
                                      .family = caller->family & 3u,
                                      .lead = piece->record->lead,
                                      .live = 1};
    piece->record->word = born.word;
    mete__watch_hooks()->allocated(cache, piece->record, piece->block, caller);
}

METE_INLINE struct piece allocate(size_t size, size_t align, const struct mete__caller *caller) {
    struct piece piece = {.block = NULL};

    struct mete__cache *cache = mete__cache_enter();
    if (METE_UNLIKELY(cache == NULL)) {
        fail(NULL, size, caller);
        return piece;
    }
    if (METE_LIKELY(size <= METE__SIZE_LIMIT && align <= METE__SIZE_LIMIT - size))
        piece = take(cache, size, align);
    if (METE_LIKELY(piece.block != NULL))
        begin(cache, &piece, size, caller);
    else
        fail(cache, size, caller);
    mete__cache_leave(cache);
    return piece;
}

void *mete__alloc_for(size_t size, const struct mete__caller *caller) {
    return allocate(size, 1, caller).block;
}

void *mete__alloc_slow(size_t size) {
    struct mete__caller caller = METE__CALLER;
    return mete__alloc_for(size, &caller);
}

void *mete__alloc_classed(size_t size) {
    void *block = mete__alloc_listed(size);
    return METE_LIKELY(block != NULL) ? block : mete__alloc_slow(size);
}

void *mete__alloc_aligned_for(size_t size, size_t align, const struct mete__caller *caller) {
    return allocate(size, align, caller).block;
}

/* Large blocks of used memory are dropped rather than written: the program may touch little of
 * them. */
void mete__alloc_zero(void *block, size_t size) {
    static const size_t cheaper_to_drop = (size_t)1 << 20;
    size_t pages = mete__round_down(size, mete__memory_page_size());

    if (size < cheaper_to_drop || mete__checkers_listen || mete__memory_purge(block, pages) != 0)
        memset(block, 0, size);
    else
        memset((char *)block + pages, 0, size - pages);
}

void *mete__alloc_zeroed_for(size_t size, const struct mete__caller *caller) {
    struct piece piece = allocate(size, 1, caller);
    if (piece.block != NULL && !piece.zeroed) mete__alloc_zero(piece.block, size);
    return piece.block;
}

void *mete__alloc_zeroed_at(size_t size, const struct mete__caller *caller) {
    void *block = mete__alloc_listed(size);
    return METE_LIKELY(block != NULL) ? memset(block, 0, size)
                                      : mete__alloc_zeroed_for(size, caller);
}

static METE_NOINLINE void *zeroed_slow(size_t size) {
    struct mete__caller caller = METE__CALLER;
    return mete__alloc_zeroed_for(size, &caller);
}

void *mete__alloc_zeroed(size_t size) {
    void *block = mete__alloc_listed(size);
    return METE_LIKELY(block != NULL) ? memset(block, 0, size) : zeroed_slow(size);
}

static METE_NOINLINE void *aligned_slow(size_t size, size_t align) {
    struct mete__caller caller = METE__CALLER;
    return mete__alloc_aligned_for(size, align, &caller);
}

void *mete__alloc_aligned(size_t size, size_t align) {
    unsigned size_class = mete__size_class_for(size, align);
    if (METE_UNLIKELY(size_class == METE__CLASSES)) return aligned_slow(size, align);
    void *block = mete__alloc_pop(mete__cache_self->serving[size_class]);
    return METE_LIKELY(block != NULL) ? block : aligned_slow(size, align);
}

/* ---- free ---- */

/* Another thread's block. False where it was freed just before. */
METE_INLINE bool send_home(struct mete__cache *cache, struct mete__cache *home,
                           struct mete__block *block, size_t bytes) {
    if (METE_LIKELY(cache != NULL && cache == mete__cache_self))
        return mete__outbox_put(&cache->outbox, home, block, bytes);
    /* In a signal handler, and in threads that end, there may be no later time to send it. */
    if (__atomic_load_n(&home->inbox, __ATOMIC_RELAXED) == block) return false;
    mete__cache_send(home, block, block);
    return true;
}

/* A block is about to end as it should not, if what the program says of its size and family is not
 * just left to the program. That is told, and then forgiven: all families have one heap here. */
static METE_COLD void differ(const struct mete__target *target, void *block,
                             const struct mete__caller *caller) {
    enum mete__family from = target->record->family, to = caller->family;
    bool is_size = caller->said_size != 0 && caller->said_size != target->record->size;
    bool is_family = from != to && from != METE__FAMILY_ANY && to != METE__FAMILY_ANY;
    bool by_operators = from > METE__FAMILY_MALLOC || to > METE__FAMILY_MALLOC;

    if (!is_size && !is_family) return;
    if (by_operators && mete__cxx_operators_replaced != NULL && mete__cxx_operators_replaced())
        return;
    const struct mete__found found = mete__target_found(target->span, target->memory, block);
    mete__misuse_tell(METE__MISMATCHED_FREE, block, &found, caller);
}

/* Before a watched block ends: are its family and size what the call says they are? */
METE_INLINE void compare(const struct mete__target *target, void *block,
                         const struct mete__caller *caller) {
    const struct mete__record *record = target->record;

    if (METE_UNLIKELY(record->family != caller->family) ||
        METE_UNLIKELY(caller->said_size != 0 && caller->said_size != record->size))
        differ(target, block, caller);
}

/* With the record ended. cache is the thread's own, or NULL where it has none now. */
METE_INLINE void give_back(struct mete__cache *cache, const struct mete__target *target,
                           void *block, const struct mete__caller *caller) {
    uintptr_t owner = mete__span_owner(target->span);

    if (METE_UNLIKELY((owner & METE__OWNER_PRIVATE) != 0)) {
        mete__private_free(mete__span_private(owner), block, caller);
        return;
    }
    if ((owner & METE__OWNER_LARGE) != 0) {
        mete__large_return(target->span);
        return;
    }
    struct mete__cache *home = mete__span_cache(owner);
    if (home != cache) {
        if (METE_UNLIKELY(!send_home(cache, home, block, target->span->block_bytes)))
            mete__target_astray(METE__DOUBLE_FREE, block, target->span, target->memory, caller);
        return;
    }
    if (METE_UNLIKELY(target->record == NULL &&
                      (target->span->local_free == block || target->span->used == 0)))
        mete__target_astray(METE__DOUBLE_FREE, block, target->span, target->memory, caller);
    mete__blocks_return_to(cache, target->span, target->memory, block);
}

void mete__alloc_free_for(void *block, const struct mete__caller *caller) {
    if (block == NULL) return;
    struct mete__cache *cache = mete__cache_enter();
    struct mete__target target = mete__target_aim(block, caller);
    if (target.record != NULL && METE_LIKELY(cache != NULL)) compare(&target, block, caller);
    if (mete__target_has_cushion(&target)) {
        mete__cushion_free(cache, target.record, block, caller);
    } else {
        if (target.record != NULL && METE_LIKELY(cache != NULL))
            mete__watch_end(cache, target.record, block, caller);
        give_back(cache, &target, block, caller);
    }
    if (METE_LIKELY(cache != NULL)) mete__cache_leave(cache);
}

void mete__alloc_free_slow(void *block) {
    if (block == NULL) return; /* before anything is made ready: programs do it a lot */
    struct mete__caller caller = METE__CALLER;
    mete__alloc_free_for(block, &caller);
}

void mete__alloc_free_sized_slow(void *block, size_t size) {
    struct mete__caller caller = METE__CALLER;
    caller.said_size = size;
    mete__alloc_free_for(block, &caller);
}

void mete__alloc_emptied(struct mete__span *span, void *block) {
    /* A class with one block in use now and then: its only span stays. */
    if (span->used == 0 && span->next == NULL && span->previous == NULL) return;
    struct mete__caller caller = METE__CALLER;
    struct mete__cache *cache = mete__cache_enter();
    if (METE_UNLIKELY(cache == NULL)) return; /* in a signal handler: the next time will do */
    if (METE_UNLIKELY(!mete__blocks_emptied(cache, span)))
        mete__target_astray(METE__DOUBLE_FREE, block, span, mete__slices_memory(span), &caller);
    mete__cache_leave(cache);
}

size_t mete__alloc_usable(const void *block, const struct mete__caller *caller) {
    if (block == NULL) return 0;
    struct mete__target target = mete__target_aim(block, caller);
    return mete__target_usable(&target);
}

/* ---- realloc ---- */

/* The same block with another size, in place or with its pages moved; NULL where it takes a copy.
 */
static void *resize_in_place(const struct mete__target *target, void *block, size_t size) {
    if (mete__target_has_cushion(target))
        return NULL; /* a copy: whoever still uses the old one is found out */
    size = room_for(size, target->record != NULL);
    if (target->span->kind == METE__SPAN_LARGE)
        return mete__large_resize(target->span, target->memory, size);
    return mete__alloc_stays(target->span->block_bytes, size) ? block : NULL;
}

/* Whichever way the bytes travel, the watcher hears of the old block's end, then of the new one's
 * birth. */
static void *resize(struct mete__cache *cache, void *block, size_t size,
                    const struct mete__caller *caller) {
    struct mete__target target = mete__target_aim(block, caller);
    if (METE_UNLIKELY(mete__target_heap(&target) != NULL))
        return mete__private_resize(mete__target_heap(&target), block, size, caller);
    if (target.record != NULL) compare(&target, block, caller);
    size_t usable = mete__target_usable(&target);
    struct piece piece = {.block = resize_in_place(&target, block, size), .record = target.record};
    bool copied = piece.block == NULL;

    if (copied) piece = take(cache, size, 1);
    if (METE_UNLIKELY(piece.block == NULL)) {
        if (size > usable || mete__target_has_cushion(&target)) return NULL;
        piece = (struct piece){.block = block, .record = target.record}; /* wasteful, but there */
        copied = false;
    }
    if (copied) memcpy(piece.block, block, usable < size ? usable : size);
    if (mete__target_has_cushion(&target)) {
        struct mete__cushion old = mete__cushion_end(cache, target.record, block, caller);
        begin(cache, &piece, size, caller);
        mete__cushion_hold(cache, &old);
        return piece.block;
    }
    if (target.record != NULL) mete__watch_end(cache, target.record, block, caller);
    begin(cache, &piece, size, caller);
    if (copied) give_back(cache, &target, block, caller);
    return piece.block;
}

int mete__alloc_resize_in_place_for(void *block, size_t size, const struct mete__caller *caller) {
    if (METE_UNLIKELY(size > METE__SIZE_LIMIT)) return -ENOMEM;
    struct mete__cache *cache = mete__cache_enter();
    if (METE_UNLIKELY(cache == NULL)) return -ENOMEM;
    struct mete__target target = mete__target_aim(block, caller);
    size_t room = room_for(size, target.record != NULL);
    bool stays = !mete__target_has_cushion(&target); /* as in resize_in_place */
    if (METE_UNLIKELY(mete__target_heap(&target) != NULL))
        stays = mete__private_resize_here(mete__target_heap(&target), block, size, caller);
    else if (stays)
        stays = target.span->kind == METE__SPAN_LARGE
                    ? mete__large_resize_here(target.span, target.memory, room)
                    : room <= target.span->block_bytes;
    if (stays && target.record != NULL) {
        struct piece piece = {.block = block, .record = target.record};
        mete__watch_end(cache, target.record, block, caller);
        begin(cache, &piece, size, caller);
    }
    mete__cache_leave(cache);
    return stays ? 0 : -ENOMEM;
}

void *mete__alloc_resize_for(void *block, size_t size, const struct mete__caller *caller) {
    if (block == NULL) return mete__alloc_for(size, caller);
    if (size == 0) {
        mete__alloc_free_for(block, caller);
        return NULL;
    }
    if (METE_UNLIKELY(size > METE__SIZE_LIMIT)) return fail(NULL, size, caller);
    struct mete__cache *cache = mete__cache_enter();
    if (METE_UNLIKELY(cache == NULL)) return fail(NULL, size, caller);
    void *resized = resize(cache, block, size, caller);
    if (METE_UNLIKELY(resized == NULL)) fail(cache, size, caller);
    mete__cache_leave(cache);
    return resized;
}

static METE_NOINLINE void *resize_slow(void *block, size_t size) {
    struct mete__caller caller = METE__CALLER;
    return mete__alloc_resize_for(block, size, &caller);
}

/* Own small blocks that grow out of their class are the common case of a growing array: they need
 * no more than a pop, a copy and a push. */
void *mete__alloc_resize(void *block, size_t size) {
    if (block == NULL) return mete__alloc(size);
    struct mete__span *span = mete__span_home(block);
    if (METE_UNLIKELY(span == NULL || size == 0 ||
                      mete__span_owner(span) != (uintptr_t)mete__cache_self))
        return resize_slow(block, size);
    size_t usable = span->block_bytes;
    if (mete__alloc_stays(usable, size)) return block;
    if (size > METE__DIRECT_MAX) return resize_slow(block, size);
    void *moved = mete__alloc_pop(mete__cache_self->direct[(size + 15) / 16]);
    if (METE_UNLIKELY(moved == NULL)) return resize_slow(block, size);
    memcpy(moved, block, usable < size ? usable : size);
    mete__alloc_push(span, block);
    return moved;
}
