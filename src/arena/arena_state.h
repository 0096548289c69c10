/*
 * arena/arena_state.h - what an arena is made of.
 *
 * Memory comes as chunks, in a list. `current` is the one that blocks are taken from; those before
 * it are used up to `used_end`, those behind it hold nothing and wait for their turn. So a position
 * is a chunk and an address in it, and rewinding means to go back to one.
 *
 * Invariants:
 *   A1  current is in the list of chunks, or NULL where nothing has been handed out of any;
 * front.next is then an address that is no block's. A2  start <= front.next <= limit of the current
 * chunk's memory; front.end is at most what may be handed out without a look at anything else, and
 * equals front.next where every request has to be looked at (is_careful). A3  live bytes =
 * current->used_before + (front.next - current->start) - gaps. A4  Marks lie at positions that
 * never decrease; their serials increase. A5  Endings are in the order of their positions, newest
 * first. A6  Where a checker listens, objects are all that live and have bytes, in the order of
 * their positions, and gaps is the sum of theirs; elsewhere there are none.
 */
#ifndef METE_ARENA_ARENA_STATE_H
#define METE_ARENA_ARENA_STATE_H

#include <mete/arena.h>

#include "base/compiler.h"
#include "registry/registry.h"

enum mete__arena_source {
    METE__ARENA_RESERVE,  /* one chunk: address space, committed in steps */
    METE__ARENA_BUFFER,   /* one chunk: the caller's */
    METE__ARENA_SYSTEM,   /* chunks are mappings */
    METE__ARENA_BORROWED, /* chunks are blocks of an allocator */
};

/* At the start of its own memory; that of a reservation or a buffer is in the arena. */
struct mete__chunk {
    struct mete__chunk *next;
    struct mete__chunk *previous;
    char *start;                      /* first byte for blocks */
    char *end;                        /* one past the last */
    char *committed;                  /* up to here bytes can be touched */
    char *used_end;                   /* chunks before the current one: where blocks end */
    char *touched;                    /* from here on all bytes are still zero; NULL: not known */
    size_t bytes;                     /* of the whole mapping or block, this header included */
    uint64_t used_before;             /* bytes up to the position in all chunks before this one */
    struct mete__territory territory; /* [start, end) */
} METE_ALIGNED(16);

/* Something to be called when its position ends; in the arena's own memory. */
struct mete__ending {
    struct mete__ending *previous;
    void (*run)(void *object);
    void *object;
};

/* A block as a checker is told of it. */
struct mete__object {
    char *start;
    size_t size;
    size_t gap; /* bytes in front of it that are nobody's, beyond its padding */
};

struct mete__mark {
    uint64_t serial;
    struct mete__chunk *chunk; /* NULL: before the first */
    char *next;
    struct mete__ending *endings;
    size_t object_count;
};

enum { METE__MARKS_AT_HAND = 8, METE__ARENA_GAP = 16 /* bytes */ };

struct mete_arena {
    struct mete_arena_front front;
    struct mete__chunk *current;
    struct mete__chunk *first;
    struct mete__chunk only; /* of a reservation or a buffer */
    enum mete__arena_source source;
    const mete_allocator *allocator; /* borrowed */
    size_t limit;                    /* SIZE_MAX: none */
    size_t largest;                  /* SIZE_MAX: none */
    size_t next_chunk;               /* bytes of the next chunk */
    size_t growth;   /* bytes it is to have beyond the request, if they can be had; mostly 0 */
    uint64_t held;   /* bytes committed, borrowed or given */
    uint64_t peak;   /* as of the last look */
    uint64_t number; /* of the arena in the process, from 1 */
    uint64_t serial; /* of the last mark */
    struct mete__mark *marks;
    size_t mark_count;
    size_t mark_capacity;
    struct mete__mark marks_at_hand[METE__MARKS_AT_HAND];
    struct mete__ending *endings; /* the newest */
    struct mete__object *objects;
    size_t object_count;
    size_t object_capacity;
    size_t gaps;      /* bytes */
    size_t gaps_most; /* bytes that there may be of them */
    mete_arena *parent;
    mete_arena *first_child;
    mete_arena *next_sibling;
    mete_arena *previous_sibling;
    mete_allocator as_allocator;
    struct mete__holder holder;
    bool zero;
    bool poison;
    bool is_careful; /* every request takes the slow path */
};

/* Whether a block fits between the two addresses, the padding in front of it included. */
METE_INLINE bool mete__arena_fits(const char *from, const char *to, size_t size, size_t align) {
    size_t left = (size_t)(to - from);
    size_t padding = METE_LAYOUT_PADDING_FOR((uintptr_t)from, align);
    return padding <= left && size <= left - padding;
}

/* Bytes up to the position, in all chunks. */
METE_INLINE uint64_t mete__arena_position(const mete_arena *arena) {
    const struct mete__chunk *chunk = arena->current;
    return chunk == NULL ? 0 : chunk->used_before + (uint64_t)(arena->front.next - chunk->start);
}

METE_INLINE uint64_t mete__arena_live(const mete_arena *arena) {
    return mete__arena_position(arena) - arena->gaps;
}

/* Remembers the present live bytes where they are the highest. Before they become fewer. */
METE_INLINE void mete__arena_note_peak(mete_arena *arena) {
    uint64_t live = mete__arena_live(arena);
    if (live > arena->peak) arena->peak = live;
}

/* Sets the end the fast path sees, after front.next or the chunk have changed. */
METE_HIDDEN void mete__arena_point(mete_arena *arena);

/* Ends the block of `size` bytes where it was allocated last; elsewhere its memory waits for the
 * arena's end, but nobody may touch it. */
METE_HIDDEN void mete__arena_take_back(mete_arena *arena, void *block, size_t size);

/* As mete_arena_create, on behalf of the program's call. */
METE_HIDDEN mete_arena *mete__arena_create_for(const mete_arena_options *options,
                                               const struct mete__caller *caller);

/* ---- arena_holder.c ---- */

METE_HIDDEN void mete__arena_holder_enter(mete_arena *arena, const char *name,
                                          const struct mete__caller *caller);

/* ---- arena_objects.c: only where a checker listens ---- */

/* The gap that is due in front of a block at the present position: 0 where there is no room. */
METE_HIDDEN size_t mete__arena_objects_gap(const mete_arena *arena, size_t size, size_t align);
/* A block that has bytes is handed out, its contents undefined. 0 or -ENOMEM. */
METE_HIDDEN METE_MUST_USE int mete__arena_objects_enter(mete_arena *arena, char *block, size_t size,
                                                        size_t gap);
/* The block, if it is the last object, has another size from now on. */
METE_HIDDEN void mete__arena_objects_resize(mete_arena *arena, const char *block, size_t size);
/* Ends all but the first `count`, none of which lies behind the present position. */
METE_HIDDEN void mete__arena_objects_cut(mete_arena *arena, size_t count);
/* Ends the block, if it is the last object. The gap that was in front of it. */
METE_HIDDEN size_t mete__arena_objects_leave(mete_arena *arena, const char *block);
/* Moves all of `other` behind those of `arena`. 0 or -ENOMEM. */
METE_HIDDEN METE_MUST_USE int mete__arena_objects_adopt(mete_arena *arena, mete_arena *other);
/* Frees the list. */
METE_HIDDEN void mete__arena_objects_end(mete_arena *arena);

/* ---- arena_chunk.c ---- */

/* The arena's first memory, as its options say: 0 or a negative errno. */
METE_HIDDEN int mete__arena_chunk_begin(mete_arena *arena, const mete_arena_options *options);
/* What it means that the present chunk has no room: -ENOBUFS where it is all of the arena, -ENOMEM
 * where there could be another. */
METE_HIDDEN int mete__arena_chunk_end(const mete_arena *arena);
/* Makes the chunk behind the current one the current one, a new one if the next has no room for
 * `size` bytes at `align`. 0, -ENOMEM, or -ENOBUFS where the arena has one chunk only. */
METE_HIDDEN int mete__arena_chunk_advance(mete_arena *arena, size_t size, size_t align);
/* Makes bytes up to `end`, within the current chunk, usable. 0 or -ENOMEM. */
METE_HIDDEN int mete__arena_chunk_commit(mete_arena *arena, char *end);
/* Ends what lies behind the position: for tools, for poison. */
METE_HIDDEN void mete__arena_chunk_clear(mete_arena *arena, struct mete__chunk *chunk, char *from,
                                         char *to);
/* Gives memory back until no more than `keep` bytes are held. Nothing may live. The bytes given. */
METE_HIDDEN size_t mete__arena_chunk_release(mete_arena *arena, size_t keep);

#endif
