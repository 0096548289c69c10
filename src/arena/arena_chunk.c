/* Where an arena's memory comes from, and where it goes. */
#include <string.h>

#include "arena/arena_state.h"
#include "base/bits.h"
#include "os/checkers.h"
#include "os/memory.h"

enum {
    FIRST_CHUNK = 64 * 1024,
    LARGEST_CHUNK = 4 * 1024 * 1024, /* chunks stop doubling there */
    LARGEST_STEP = 16 * 1024 * 1024, /* and so do the steps a reservation is committed in */
    POISON_BYTE = 0xdd,
    BUFFER_MIN = 64,
};

static void claim(mete_arena *arena, struct mete__chunk *chunk) {
    mete__registry_claim(&chunk->territory, &arena->holder, chunk->start,
                         (size_t)(chunk->end - chunk->start));
}

/* ---- one chunk: a reservation or a buffer ---- */

/* Where a checker listens, as much again for gaps, if it can be had; the program gets no more of it
 * than it asked for. */
static char *reserve_with_gaps(mete_arena *arena, size_t *size, size_t *bytes) {
    if (!mete__checkers_listen || *size > METE_SIZE_MAX / 4) return NULL;
    char *memory = mete__memory_reserve(*bytes + *size, mete__memory_page_size());
    if (memory == NULL) return NULL;
    if (arena->limit > *size) arena->limit = *size;
    arena->gaps_most = *size;
    *bytes += *size;
    *size *= 2;
    return memory;
}

static int reserve(mete_arena *arena, size_t size) {
    size_t page = mete__memory_page_size();
    size_t bytes;

    if (size > METE_SIZE_MAX - 2 * page) return -ENOMEM;
    size = mete__round_up(size, page);
    bytes = size + page; /* never committed: the guard */
    char *memory = reserve_with_gaps(arena, &size, &bytes);
    if (memory == NULL) memory = mete__memory_reserve(bytes, page);
    if (memory == NULL) return -ENOMEM;
    arena->only = (struct mete__chunk){.start = memory,
                                       .end = memory + size,
                                       .committed = memory,
                                       .touched = memory,
                                       .bytes = bytes};
    mete__checkers_root(memory, bytes);
    return 0;
}

static int take_buffer(mete_arena *arena, const mete_arena_options *options) {
    char *start = options->buffer;

    if (options->buffer_size < BUFFER_MIN || options->buffer_size > METE_SIZE_MAX) return -EINVAL;
    char *end = start + options->buffer_size;
    arena->only = (struct mete__chunk){
        .start = start, .end = end, .committed = end, .bytes = options->buffer_size};
    arena->held = options->buffer_size;
    mete__checkers_close(start, options->buffer_size);
    return 0;
}

int mete__arena_chunk_begin(mete_arena *arena, const mete_arena_options *options) {
    bool has_chunks = options->allocator != NULL || options->first_chunk != 0;
    int status = 0;

    if ((options->reserve != 0) + (options->buffer != NULL) + has_chunks > 1) return -EINVAL;
    if (options->buffer == NULL && options->buffer_size != 0) return -EINVAL;
    if (options->first_chunk > METE_SIZE_MAX - LARGEST_CHUNK) return -ENOMEM;
    if (options->reserve != 0) {
        arena->source = METE__ARENA_RESERVE;
        status = reserve(arena, options->reserve);
    } else if (options->buffer != NULL) {
        arena->source = METE__ARENA_BUFFER;
        status = take_buffer(arena, options);
    } else {
        arena->source = options->allocator != NULL ? METE__ARENA_BORROWED : METE__ARENA_SYSTEM;
        arena->allocator = options->allocator;
        arena->gaps_most = SIZE_MAX;
        arena->next_chunk = options->first_chunk != 0 ? options->first_chunk : FIRST_CHUNK;
        return 0;
    }
    if (status < 0) return status;
    claim(arena, &arena->only);
    arena->first = arena->current = &arena->only;
    arena->front.next = arena->only.start;
    return 0;
}

int mete__arena_chunk_commit(mete_arena *arena, char *end) {
    struct mete__chunk *chunk = arena->current;

    if (end <= chunk->committed) return 0;
    size_t held = (size_t)(chunk->committed - chunk->start);
    size_t step = held < FIRST_CHUNK ? FIRST_CHUNK : held < LARGEST_STEP ? held : LARGEST_STEP;
    size_t needed = mete__round_up((size_t)(end - chunk->committed), mete__memory_page_size());
    size_t left = (size_t)(chunk->end - chunk->committed);
    size_t bytes = step > needed ? step : needed;

    if (bytes > left) bytes = left;
    if (mete__memory_commit(chunk->committed, bytes) != 0) {
        bytes = needed;
        if (mete__memory_commit(chunk->committed, bytes) != 0) return -ENOMEM;
    }
    mete__checkers_close(chunk->committed, bytes);
    chunk->committed += bytes;
    arena->held += bytes;
    return 0;
}

/* ---- chained chunks ---- */

static mete_layout borrowed_layout(size_t bytes) {
    return (mete_layout){bytes, METE_CACHE_LINE};
}

/* A mapping with an inaccessible page behind it. */
static struct mete__chunk *map_chunk(size_t bytes, size_t *whole) {
    size_t page = mete__memory_page_size();

    *whole = mete__round_up(bytes, page);
    char *memory = mete__memory_reserve(*whole + page, page);
    if (memory == NULL) return NULL;
    if (mete__memory_commit(memory, *whole) == 0) {
        mete__checkers_root(memory, *whole);
        return (struct mete__chunk *)memory;
    }
    mete__memory_release(memory, *whole + page);
    return NULL;
}

static struct mete__chunk *new_chunk(mete_arena *arena, size_t bytes) {
    size_t whole = bytes;
    bool borrows = arena->source == METE__ARENA_BORROWED;
    struct mete__chunk *chunk = borrows
                                    ? mete_allocator_alloc(arena->allocator, borrowed_layout(bytes))
                                    : map_chunk(bytes, &whole);

    if (chunk == NULL) return NULL;
    char *start = (char *)(chunk + 1), *end = (char *)chunk + whole;
    if (borrows && mete__checkers_listen) end -= METE__ARENA_GAP; /* behind it is somebody else's */
    *chunk = (struct mete__chunk){.start = start,
                                  .end = end,
                                  .committed = end,
                                  .used_end = start,
                                  .touched = borrows ? NULL : start,
                                  .bytes = whole};
    arena->held += whole;
    mete__checkers_close(start, (size_t)(end - start));
    claim(arena, chunk);
    return chunk;
}

static void drop_chunk(mete_arena *arena, struct mete__chunk *chunk) {
    size_t bytes = chunk->bytes;

    mete__registry_disclaim(&chunk->territory);
    mete__checkers_open(chunk->start, bytes - sizeof *chunk);
    arena->held -= bytes;
    if (arena->source == METE__ARENA_BORROWED) {
        mete_allocator_free(arena->allocator, chunk, borrowed_layout(bytes));
        return;
    }
    mete__checkers_unroot(chunk, bytes);
    mete__memory_release(chunk, bytes + mete__memory_page_size());
}

static void link_behind(mete_arena *arena, struct mete__chunk *before, struct mete__chunk *chunk) {
    chunk->previous = before;
    chunk->next = before != NULL ? before->next : arena->first;
    if (chunk->next != NULL) chunk->next->previous = chunk;
    if (before != NULL)
        before->next = chunk;
    else
        arena->first = chunk;
}

/* A chunk in which the request fits, of the size that is due or, for a large request, its own. */
static struct mete__chunk *chunk_for(mete_arena *arena, size_t size, size_t align) {
    size_t needed, due = arena->next_chunk;

    if (mete__checkers_listen) size += 2 * METE__ARENA_GAP;
    if (mete__add_overflows(size, align - 1 + sizeof(struct mete__chunk), &needed) ||
        needed > METE_SIZE_MAX - LARGEST_CHUNK)
        return NULL;
    struct mete__chunk *chunk = NULL;
    if (arena->growth > 0 && arena->growth < METE_SIZE_MAX - needed)
        chunk = new_chunk(arena, needed + arena->growth > due ? needed + arena->growth : due);
    if (chunk == NULL) chunk = new_chunk(arena, needed > due ? needed : due);
    if (chunk != NULL && due < LARGEST_CHUNK) arena->next_chunk = due * 2;
    return chunk;
}

int mete__arena_chunk_end(const mete_arena *arena) {
    bool is_all = arena->source == METE__ARENA_RESERVE || arena->source == METE__ARENA_BUFFER;
    return is_all ? -ENOBUFS : -ENOMEM;
}

int mete__arena_chunk_advance(mete_arena *arena, size_t size, size_t align) {
    struct mete__chunk *last = arena->current;
    struct mete__chunk *chunk = last != NULL ? last->next : arena->first;

    if (mete__arena_chunk_end(arena) == -ENOBUFS) return -ENOBUFS;
    if (size > METE_SIZE_MAX || align > METE_SIZE_MAX) return -ENOMEM;
    if (chunk == NULL || !mete__arena_fits(chunk->start, chunk->end, size, align)) {
        chunk = chunk_for(arena, size, align);
        if (chunk == NULL) return -ENOMEM;
        link_behind(arena, last, chunk);
    }
    chunk->used_before = mete__arena_position(arena);
    if (last != NULL) last->used_end = arena->front.next;
    arena->current = chunk;
    arena->front.next = chunk->start;
    return 0;
}

/* ---- ends ---- */

void mete__arena_chunk_clear(mete_arena *arena, struct mete__chunk *chunk, char *from, char *to) {
    if (from == to) return;
    size_t bytes = (size_t)(to - from);
    if (chunk->touched != NULL && to > chunk->touched) chunk->touched = to;
    if (arena->poison) {
        mete__checkers_fresh(from, bytes);
        memset(from, POISON_BYTE, bytes);
    }
    mete__checkers_close(from, bytes);
}

static size_t release_steps(mete_arena *arena, size_t keep) {
    struct mete__chunk *chunk = &arena->only;
    size_t held = (size_t)(chunk->committed - chunk->start);

    keep = keep < held ? mete__round_up(keep, mete__memory_page_size()) : held;
    if (keep >= held) return 0;
    mete__checkers_open(chunk->start + keep, held - keep);
    if (mete__memory_decommit(chunk->start + keep, held - keep) != 0) return 0;
    chunk->committed = chunk->start + keep;
    if (chunk->touched > chunk->committed) chunk->touched = chunk->committed;
    arena->held -= held - keep;
    return held - keep;
}

size_t mete__arena_chunk_release(mete_arena *arena, size_t keep) {
    size_t given = 0;

    if (arena->source == METE__ARENA_BUFFER) return 0;
    if (arena->source == METE__ARENA_RESERVE) return release_steps(arena, keep);
    struct mete__chunk **link = &arena->first;
    struct mete__chunk *previous = NULL;
    for (uint64_t kept = 0; *link != NULL;) {
        struct mete__chunk *chunk = *link;
        if (chunk->bytes <= keep && kept <= keep - chunk->bytes) {
            kept += chunk->bytes;
            chunk->previous = previous;
            previous = chunk;
            link = &chunk->next;
            continue;
        }
        *link = chunk->next;
        given += chunk->bytes;
        drop_chunk(arena, chunk);
    }
    arena->current = NULL;
    arena->front.next = (char *)arena;
    return given;
}
