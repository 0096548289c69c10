/* mete/arena.h: blocks, marks, and the life of an arena. */
#include <string.h>

#include "arena/arena_state.h"

#include "base/bits.h"
#include "base/caller.h"
#include "os/checkers.h"
#include "os/memory.h"
#include "os/meta.h"

static uint64_t arenas; /* atomic: ever created */

/* ---- blocks ---- */

static uint64_t limit_left(const mete_arena *arena) {
    uint64_t live = mete__arena_live(arena);
    if (arena->limit == SIZE_MAX) return SIZE_MAX; /* there is none */
    return live < arena->limit ? arena->limit - live : 0;
}

void mete__arena_point(mete_arena *arena) {
    struct mete_arena_front *front = &arena->front;
    const struct mete__chunk *chunk = arena->current;

    front->end = front->next;
    if (chunk == NULL || arena->is_careful) return;
    uint64_t left = (uint64_t)(chunk->committed - front->next);
    uint64_t allowed = limit_left(arena);
    front->end += left < allowed ? left : allowed;
}

/* What the program gets is zero where that was promised. */
static void hand_out(mete_arena *arena, char *block, size_t size) {
    struct mete__chunk *chunk = arena->current;

    if (!arena->zero) return;
    if (chunk->touched != NULL && block >= chunk->touched)
        mete__checkers_open(block, size);
    else
        memset(block, 0, size);
    if (chunk->touched != NULL && block + size > chunk->touched) chunk->touched = block + size;
}

/* Takes the block from the current chunk, where it fits. 0 or a negative errno. */
static int take(mete_arena *arena, size_t size, size_t align, char **out) {
    size_t gap = mete__checkers_listen ? mete__arena_objects_gap(arena, size, align) : 0;
    char *from = arena->front.next + gap;
    size_t padding = METE_LAYOUT_PADDING_FOR((uintptr_t)from, align);
    char *block = from + padding;

    if (padding + size > limit_left(arena)) return -ENOBUFS;
    int status = mete__arena_chunk_commit(arena, block + size);
    if (status == 0 && mete__checkers_listen)
        status = mete__arena_objects_enter(arena, block, size, gap);
    if (status < 0) return status;
    arena->front.next = block + size;
    arena->front.allocations++;
    mete__arena_point(arena);
    hand_out(arena, block, size);
    *out = block;
    return 0;
}

/* Undoes an advance to a chunk from which nothing was taken. */
static void step_back(mete_arena *arena, struct mete__chunk *chunk, char *next) {
    arena->current = chunk;
    arena->front.next = next;
    mete__arena_point(arena);
}

void *mete_arena_alloc_slow(mete_arena *arena, size_t size, size_t align) {
    struct mete__chunk *chunk = arena->current;
    char *next = arena->front.next, *block = NULL;
    int status = 0;

    if (!mete__is_power_of_two(align)) {
        errno = EINVAL;
        return NULL;
    }
    if (size > arena->largest || size > limit_left(arena))
        status = -ENOBUFS;
    else if (chunk == NULL || !mete__arena_fits(next, chunk->end, size, align))
        status = mete__arena_chunk_advance(arena, size, align);
    if (status == 0) status = take(arena, size, align, &block);
    if (METE_LIKELY(status == 0)) return block;
    if (arena->current != chunk) step_back(arena, chunk, next);
    errno = -status;
    return NULL;
}

/* For who takes its address or does not inline. */
void *mete_arena_alloc(mete_arena *arena, size_t size, size_t align) {
    return mete__arena_alloc_fast(arena, size, align);
}

void *mete_arena_alloc_array(mete_arena *arena, size_t count, size_t size, size_t align) {
    size_t bytes;

    if (mete__mul_overflows(count, size, &bytes)) {
        errno = EOVERFLOW;
        return NULL;
    }
    return mete_arena_alloc(arena, bytes, align);
}

void *mete_arena_calloc(mete_arena *arena, size_t count, size_t size, size_t align) {
    void *block = mete_arena_alloc_array(arena, count, size, align);
    if (block != NULL && !arena->zero) memset(block, 0, count * size);
    return block;
}

/* Marks that lie behind the present position, because the last block has shrunk, come back to it: a
 * rewind never goes forward. */
static void pull_back_marks(mete_arena *arena) {
    for (size_t i = arena->mark_count; i > 0; i--) {
        struct mete__mark *mark = &arena->marks[i - 1];
        if (mark->chunk != arena->current || mark->next <= arena->front.next) return;
        mark->next = arena->front.next;
        mark->object_count = arena->object_count;
    }
}

int mete_arena_extend(mete_arena *arena, void *block, size_t old_size, size_t new_size) {
    char *start = block;
    struct mete__chunk *chunk = arena->current;

    if (chunk == NULL || start < chunk->start || start + old_size != arena->front.next)
        return -EINVAL;
    if (new_size <= old_size) {
        mete__arena_note_peak(arena);
        arena->front.next = start + new_size;
        pull_back_marks(arena);
        mete__arena_chunk_clear(arena, chunk, arena->front.next, start + old_size);
    } else {
        size_t more = new_size - old_size;
        if (new_size > arena->largest || more > limit_left(arena)) return -ENOBUFS;
        if (more > (size_t)(chunk->end - arena->front.next)) return mete__arena_chunk_end(arena);
        int status = mete__arena_chunk_commit(arena, start + new_size);
        if (status < 0) return status;
        arena->front.next = start + new_size;
        mete__checkers_fresh(start + old_size, more);
        hand_out(arena, start + old_size, more);
    }
    if (mete__checkers_listen) mete__arena_objects_resize(arena, start, new_size);
    mete__arena_point(arena);
    return 0;
}

void mete__arena_take_back(mete_arena *arena, void *block, size_t size) {
    bool is_last = mete_arena_extend(arena, block, size, 0) == 0;

    if (!is_last) mete__checkers_close(block, size);
    if (!is_last || !mete__checkers_listen) return;
    arena->front.next -= mete__arena_objects_leave(arena, block);
    pull_back_marks(arena);
    mete__arena_point(arena);
}

void *mete_arena_realloc(mete_arena *arena, void *block, size_t old_size, size_t new_size,
                         size_t align) {
    if (block == NULL || !mete__is_power_of_two(align))
        return mete_arena_alloc(arena, new_size, align);
    if ((uintptr_t)block % align == 0) {
        if (mete_arena_extend(arena, block, old_size, new_size) == 0) return block;
        if (new_size <= old_size) {
            mete__checkers_close((char *)block + new_size, old_size - new_size);
            return block;
        }
    }
    /* What grows at the end is likely to grow again. */
    if ((char *)block + old_size == arena->front.next) arena->growth = new_size;
    void *moved = mete_arena_alloc(arena, new_size, align);
    arena->growth = 0;
    if (moved == NULL) return NULL;
    memcpy(moved, block, old_size < new_size ? old_size : new_size);
    mete__checkers_close(block, old_size);
    return moved;
}

/* ---- marks ---- */

static bool make_room_for_mark(mete_arena *arena) {
    if (arena->mark_count < arena->mark_capacity) return true;
    size_t capacity = arena->mark_capacity * 2;
    struct mete__mark *marks = mete__meta_alloc(capacity * sizeof *marks);
    if (marks == NULL) return false;
    /* NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker): there always are some */
    memcpy(marks, arena->marks, arena->mark_count * sizeof *marks);
    if (arena->marks != arena->marks_at_hand)
        mete__meta_free(arena->marks, arena->mark_capacity * sizeof *marks);
    arena->marks = marks;
    arena->mark_capacity = capacity;
    return true;
}

mete_arena_mark mete_arena_save(mete_arena *arena) {
    struct mete__mark here = {.chunk = arena->current,
                              .next = arena->front.next,
                              .endings = arena->endings,
                              .object_count = arena->object_count};
    const struct mete__mark *last =
        arena->mark_count > 0 ? &arena->marks[arena->mark_count - 1] : NULL;

    /* Where nothing has changed since the last mark, it is that one: else a loop that saves and
     * rewinds would collect them. */
    if (last == NULL || last->chunk != here.chunk || last->next != here.next ||
        last->endings != here.endings) {
        if (!make_room_for_mark(arena)) return (mete_arena_mark){0, 0, 0};
        here.serial = ++arena->serial;
        /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): as above */
        arena->marks[arena->mark_count++] = here;
    }
    return (mete_arena_mark){.arena = arena->number,
                             .serial = arena->marks[arena->mark_count - 1].serial,
                             .index = arena->mark_count - 1};
}

static void run_endings(mete_arena *arena, const struct mete__ending *until) {
    while (arena->endings != until) {
        struct mete__ending *ending = arena->endings;
        arena->endings = ending->previous;
        ending->run(ending->object);
    }
}

/* Makes the mark's position the present one again. */
static void go_back(mete_arena *arena, const struct mete__mark *mark) {
    struct mete__chunk *chunk = mark->chunk;

    mete__arena_note_peak(arena);
    if (arena->current != NULL) arena->current->used_end = arena->front.next;
    for (struct mete__chunk *later = arena->current; later != chunk && later != NULL;
         later = later->previous) {
        mete__arena_chunk_clear(arena, later, later->start, later->used_end);
        later->used_end = later->start;
    }
    if (chunk != NULL) mete__arena_chunk_clear(arena, chunk, mark->next, chunk->used_end);
    arena->current = chunk;
    arena->front.next = chunk != NULL ? mark->next : (char *)arena;
    mete__arena_objects_cut(arena, mark->object_count);
    mete__arena_point(arena);
}

int mete_arena_rewind(mete_arena *arena, mete_arena_mark mark) {
    if (mark.arena != arena->number || mark.index >= arena->mark_count ||
        arena->marks[mark.index].serial != mark.serial)
        return -EINVAL;
    run_endings(arena, arena->marks[mark.index].endings);
    arena->mark_count = mark.index + 1;
    go_back(arena, &arena->marks[mark.index]);
    return 0;
}

int mete_arena_on_end(mete_arena *arena, void (*run)(void *object), void *object) {
    struct mete__ending *ending =
        mete_arena_alloc(arena, sizeof *ending, METE_ALIGN_OF(struct mete__ending));

    if (ending == NULL) return -errno;
    *ending = (struct mete__ending){arena->endings, run, object};
    arena->endings = ending;
    return 0;
}

/* ---- families ---- */

static void leave_parent(mete_arena *arena) {
    if (arena->parent == NULL) return;
    if (arena->previous_sibling != NULL)
        arena->previous_sibling->next_sibling = arena->next_sibling;
    else
        arena->parent->first_child = arena->next_sibling;
    if (arena->next_sibling != NULL)
        arena->next_sibling->previous_sibling = arena->previous_sibling;
    arena->parent = arena->next_sibling = arena->previous_sibling = NULL;
}

static void join_parent(mete_arena *arena, mete_arena *parent) {
    arena->parent = parent;
    if (parent == NULL) return;
    arena->next_sibling = parent->first_child;
    if (parent->first_child != NULL) parent->first_child->previous_sibling = arena;
    parent->first_child = arena;
}

int mete_arena_steal(mete_arena *parent, mete_arena *child) {
    for (const mete_arena *above = parent; above != NULL; above = above->parent)
        if (above == child) return -EINVAL;
    leave_parent(child);
    join_parent(child, parent);
    return 0;
}

/* Puts all chunks of `other` that hold something behind the current one, and makes the last of
 * them current. */
static void splice(mete_arena *arena, mete_arena *other) {
    struct mete__chunk *before = arena->current, *after, *last = other->current;
    uint64_t position = mete__arena_position(arena);

    if (before != NULL) before->used_end = arena->front.next;
    after = before != NULL ? before->next : arena->first;
    if (before != NULL)
        before->next = other->first;
    else
        arena->first = other->first;
    other->first->previous = before;
    for (struct mete__chunk *chunk = other->first;; chunk = chunk->next) {
        chunk->used_before += position;
        arena->held += chunk->bytes;
        other->held -= chunk->bytes;
        mete__registry_hand_over(&chunk->territory, &arena->holder);
        if (chunk == last) break;
    }
    other->first = last->next;
    if (other->first != NULL) other->first->previous = NULL;
    last->next = after;
    if (after != NULL) after->previous = last;
    arena->current = last;
    arena->front.next = other->front.next;
}

int mete_arena_adopt(mete_arena *arena, mete_arena *other) {
    bool chained = arena->source == METE__ARENA_SYSTEM || arena->source == METE__ARENA_BORROWED;

    if (arena == other || !chained || arena->source != other->source ||
        arena->allocator != other->allocator)
        return -EINVAL;
    if (mete__arena_live(other) > limit_left(arena)) return -ENOBUFS;
    mete__arena_note_peak(other);
    if (mete__arena_objects_adopt(arena, other) != 0) return -ENOMEM;
    other->mark_count = 0;
    if (other->current == NULL) return 0;
    struct mete__ending **oldest = &other->endings;
    while (*oldest != NULL) oldest = &(*oldest)->previous;
    *oldest = arena->endings;
    arena->endings = other->endings;
    other->endings = NULL;
    splice(arena, other);
    other->current = NULL;
    other->front.next = (char *)other;
    mete__arena_point(other);
    mete__arena_point(arena);
    mete__arena_note_peak(arena);
    return 0;
}

/* ---- looking ---- */

bool mete_arena_contains(const mete_arena *arena, const void *address) {
    const char *at = address;
    const struct mete__chunk *chunk = arena->current;

    if (chunk == NULL) return false;
    if (at >= chunk->start && at < arena->front.next) return true;
    for (chunk = chunk->previous; chunk != NULL; chunk = chunk->previous)
        if (at >= chunk->start && at < chunk->used_end) return true;
    return false;
}

int mete_arena_stats_read(const mete_arena *arena, mete_arena_stats *out) {
    if (arena == NULL || out == NULL) return -EINVAL;
    uint64_t live = mete__arena_live(arena), chunks = 0, reserved = 0;

    for (const struct mete__chunk *chunk = arena->first; chunk != NULL; chunk = chunk->next) {
        chunks++;
        bool is_range = arena->source == METE__ARENA_RESERVE; /* its last page is nobody's */
        reserved += is_range ? (uint64_t)(chunk->end - chunk->start) : chunk->bytes;
    }
    *out = (mete_arena_stats){
        .reserved_bytes = reserved,
        .held_bytes = arena->held,
        .live_bytes = live,
        .peak_bytes = live > arena->peak ? live : arena->peak,
        .allocations = arena->front.allocations,
        .chunks = chunks,
    };
    return 0;
}

/* ---- life ---- */

static void end_children(mete_arena *arena) {
    while (arena->first_child != NULL) mete_arena_destroy(arena->first_child);
}

void mete_arena_reset(mete_arena *arena) {
    run_endings(arena, NULL);
    end_children(arena);
    arena->mark_count = 0;
    bool is_one = arena->source == METE__ARENA_RESERVE || arena->source == METE__ARENA_BUFFER;
    go_back(arena,
            &(struct mete__mark){.chunk = is_one ? &arena->only : NULL, .next = arena->only.start});
}

size_t mete_arena_reset_to(mete_arena *arena, size_t keep) {
    mete_arena_reset(arena);
    size_t given = mete__arena_chunk_release(arena, keep);
    mete__arena_point(arena);
    return given;
}

void mete_arena_destroy(mete_arena *arena) {
    if (arena == NULL) return;
    mete__registry_leave(&arena->holder);
    leave_parent(arena);
    mete_arena_reset_to(arena, 0);
    mete__registry_disclaim(&arena->only.territory);
    if (arena->source == METE__ARENA_RESERVE) {
        mete__checkers_unroot(arena->only.start, arena->only.bytes);
        mete__memory_release(arena->only.start, arena->only.bytes);
    }
    if (arena->source == METE__ARENA_BUFFER)
        mete__checkers_open(arena->only.start, arena->only.bytes);
    if (arena->marks != arena->marks_at_hand)
        mete__meta_free(arena->marks, arena->mark_capacity * sizeof *arena->marks);
    mete__arena_objects_end(arena);
    mete__meta_free(arena, sizeof *arena);
}

mete_arena *mete__arena_create_for(const mete_arena_options *options,
                                   const struct mete__caller *caller) {
    static const mete_arena_options defaults;
    mete_arena *arena = mete__meta_alloc(sizeof *arena);
    int status = -ENOMEM;

    if (arena == NULL) goto fail_arena;
    if (options == NULL) options = &defaults;
    arena->limit = options->limit != 0 ? options->limit : SIZE_MAX;
    arena->largest = options->largest != 0 ? options->largest : SIZE_MAX;
    arena->zero = options->zero;
    arena->poison = options->poison;
    arena->is_careful = options->zero || options->largest != 0 || mete__checkers_listen;
    arena->marks = arena->marks_at_hand;
    arena->mark_capacity = METE__MARKS_AT_HAND;
    arena->front.next = (char *)arena;
    arena->number = __atomic_add_fetch(&arenas, 1, __ATOMIC_RELAXED);
    status = mete__arena_chunk_begin(arena, options);
    if (status < 0) goto fail_memory;
    mete__arena_point(arena);
    join_parent(arena, options->parent);
    arena->holder.is_no_root = options->is_no_root;
    mete__arena_holder_enter(arena, options->name, caller);
    return arena;
fail_memory:
    mete__meta_free(arena, sizeof *arena);
fail_arena:
    errno = -status;
    return NULL;
}

mete_arena *mete_arena_create(const mete_arena_options *options) {
    struct mete__caller caller = METE__CALLER;
    return mete__arena_create_for(options, &caller);
}
