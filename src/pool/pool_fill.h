/*
 * pool/pool_fill.h - freed blocks are filled, so that a write to them shows.
 *
 * Of a block that is free, every byte that is looked at (pool->checked_head at its start and
 * checked_tail at its end: all of them in blocks of up to 1024 bytes) holds METE__POOL_FILL from
 * the moment it is freed to the one in which it is handed out again. Both ends are on the fast
 * path, so the usual part, lines of 64 bytes, is inline and without a branch within a line.
 */
#ifndef METE_POOL_POOL_FILL_H
#define METE_POOL_POOL_FILL_H

#include "pool/pool_state.h"

enum { METE__FILL_LINE = 64, METE__FILL_ALIGN = 16 };

/* What aligned lines leave over of a block. */
METE_HIDDEN void mete__pool_fill_rest(const mete_pool *pool, char *block);
METE_HIDDEN bool mete__pool_fill_is_rest_whole(const mete_pool *pool, const char *block);
/* The first byte of a block that has changed since it was filled, or -1. */
METE_HIDDEN long mete__pool_fill_find(const mete_pool *pool, const char *block);

METE_INLINE void mete__pool_fill_lines(const mete_pool *pool, char *block) {
    if (METE_LIKELY(pool->checked_lines == METE__FILL_LINE)) {
        mete__pool_fill_line(block);
        return;
    }
    for (char *at = block, *end = block + pool->checked_lines; at != end; at += METE__FILL_LINE)
        mete__pool_fill_line(at);
}

METE_INLINE void mete__pool_fill_block(const mete_pool *pool, char *block) {
    mete__pool_fill_lines(pool, block);
    if (METE_UNLIKELY(pool->has_checked_rest)) mete__pool_fill_rest(pool, block);
}

/* Whether nobody has written to the block's lines, or to all of it, since it was filled. */
METE_INLINE bool mete__pool_fill_are_lines_whole(const mete_pool *pool, const char *block) {
    const char *end = block + pool->checked_lines;

    if (METE_LIKELY(pool->checked_lines == METE__FILL_LINE))
        return METE_LIKELY(mete__pool_is_line_filled(block));
    for (const char *at = block; at != end; at += METE__FILL_LINE)
        if (METE_UNLIKELY(!mete__pool_is_line_filled(at))) return false;
    return true;
}

METE_INLINE bool mete__pool_fill_is_whole(const mete_pool *pool, const char *block) {
    return mete__pool_fill_are_lines_whole(pool, block) &&
           (METE_LIKELY(!pool->has_checked_rest) || mete__pool_fill_is_rest_whole(pool, block));
}

/* The same of blocks of 16 to 64 bytes, of any alignment, in four pieces of 16. */
typedef unsigned char mete__fill_piece __attribute__((vector_size(16), may_alias, aligned(1)));

METE_INLINE void mete__pool_fill_pieces(const mete_pool *pool, char *block) {
    mete__fill_piece filling = mete__pool_filling();
    size_t second = pool->pieces[0], third = pool->pieces[1], last = pool->pieces[2];

    *(mete__fill_piece *)(void *)block = filling;
    *(mete__fill_piece *)(void *)(block + second) = filling;
    *(mete__fill_piece *)(void *)(block + third) = filling;
    *(mete__fill_piece *)(void *)(block + last) = filling;
}

METE_INLINE mete__pool_fill mete__pool_fill_piece(const char *at) {
    return *(const mete__fill_piece *)(const void *)at ^ mete__pool_filling();
}

METE_INLINE bool mete__pool_fill_are_pieces_whole(const mete_pool *pool, const char *block) {
    typedef uint64_t words __attribute__((vector_size(16)));
    words changed =
        (words)(mete__pool_fill_piece(block) | mete__pool_fill_piece(block + pool->pieces[0]) |
                mete__pool_fill_piece(block + pool->pieces[1]) |
                mete__pool_fill_piece(block + pool->pieces[2]));
    return (changed[0] | changed[1]) == 0;
}

#endif
