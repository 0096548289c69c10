/*
 * pool/pool_fill.h - freed blocks are filled, so that a write to them shows.
 *
 * Of a block that is free, every byte that is looked at (pool->checked_head at its start and
 * checked_tail at its end: all of them in blocks of up to 1024 bytes) holds the fill byte from the
 * moment it is freed to the one in which it is handed out again. Both ends are on the fast path, so
 * the usual part, lines of 64 bytes, is inline and without a branch within a line.
 */
#ifndef METE_POOL_POOL_FILL_H
#define METE_POOL_POOL_FILL_H

#include "pool/pool_state.h"

enum { METE__FILL_LINE = 64 };

typedef uint64_t mete__fill_pair __attribute__((vector_size(16), may_alias, aligned(1)));

#define METE__FILL_WORD  0xdfdfdfdfdfdfdfdfu
#define METE__FILL_VALUE ((mete__fill_pair){METE__FILL_WORD, METE__FILL_WORD})

/* What lines leave over of a block. */
METE_HIDDEN void mete__pool_fill_rest(const mete_pool *pool, char *block);
METE_HIDDEN bool mete__pool_fill_is_rest_whole(const mete_pool *pool, const char *block);
/* The first byte of a block that has changed since it was filled, or -1. */
METE_HIDDEN long mete__pool_fill_find(const mete_pool *pool, const char *block);

METE_INLINE void mete__pool_fill_block(const mete_pool *pool, char *block) {
    char *at = block, *end = block + pool->checked_lines;

    for (; at != end; at += METE__FILL_LINE) {
        mete__fill_pair *line = (mete__fill_pair *)(void *)at;
        line[0] = METE__FILL_VALUE;
        line[1] = METE__FILL_VALUE;
        line[2] = METE__FILL_VALUE;
        line[3] = METE__FILL_VALUE;
    }
    if (METE_UNLIKELY(pool->has_checked_rest)) mete__pool_fill_rest(pool, block);
}

/* Whether nobody has written to the block's lines since they were filled. */
METE_INLINE bool mete__pool_fill_are_lines_whole(const mete_pool *pool, const char *block) {
    const char *at = block, *end = block + pool->checked_lines;
    mete__fill_pair different = {0, 0};

    for (; at != end; at += METE__FILL_LINE) {
        const mete__fill_pair *line = (const mete__fill_pair *)(const void *)at;
        different |= ((line[0] ^ METE__FILL_VALUE) | (line[1] ^ METE__FILL_VALUE)) |
                     ((line[2] ^ METE__FILL_VALUE) | (line[3] ^ METE__FILL_VALUE));
    }
    return METE_LIKELY((different[0] | different[1]) == 0);
}

#endif
