/* pool/pool_fill.h: what is no whole line, or not aligned as one. */
#include "pool/pool_fill.h"

enum { FILL_BYTE = METE__POOL_FILL };
#define FILL_WORD (UINT64_MAX / 0xff * FILL_BYTE)
#define FILL_PAIR ((pair){FILL_WORD, FILL_WORD})

typedef uint32_t half __attribute__((may_alias, aligned(1)));
typedef uint64_t word __attribute__((may_alias, aligned(1)));
typedef uint64_t pair __attribute__((vector_size(16), may_alias, aligned(1)));

/* Each is done in the largest pieces that fit, the last of which may overlap the one before. */

static void fill(char *start, size_t size) {
    char *end = start + size;

    if (METE_LIKELY(size >= sizeof(pair))) {
        for (; start < end - sizeof(pair); start += sizeof(pair))
            *(pair *)(void *)start = FILL_PAIR;
        *(pair *)(void *)(end - sizeof(pair)) = FILL_PAIR;
    } else if (size >= sizeof(word)) {
        *(word *)(void *)start = FILL_WORD;
        *(word *)(void *)(end - sizeof(word)) = FILL_WORD;
    } else if (size >= sizeof(half)) {
        *(half *)(void *)start = (half)FILL_WORD;
        *(half *)(void *)(end - sizeof(half)) = (half)FILL_WORD;
    } else {
        while (start < end) *start++ = (char)FILL_BYTE;
    }
}

static bool is_filled(const char *start, size_t size) {
    const char *end = start + size;
    uint64_t different = 0;

    if (METE_LIKELY(size >= sizeof(pair))) {
        pair both = *(const pair *)(const void *)(end - sizeof(pair)) ^ FILL_PAIR;
        for (; start < end - sizeof(pair); start += sizeof(pair))
            both |= *(const pair *)(const void *)start ^ FILL_PAIR;
        different = both[0] | both[1];
    } else if (size >= sizeof(word)) {
        different = (*(const word *)(const void *)start ^ FILL_WORD) |
                    (*(const word *)(const void *)(end - sizeof(word)) ^ FILL_WORD);
    } else if (size >= sizeof(half)) {
        different = (*(const half *)(const void *)start ^ (half)FILL_WORD) |
                    (*(const half *)(const void *)(end - sizeof(half)) ^ (half)FILL_WORD);
    } else {
        while (start < end) different |= (unsigned char)*start++ ^ (unsigned)FILL_BYTE;
    }
    return different == 0;
}

void mete__pool_fill_rest(const mete_pool *pool, char *block) {
    size_t from = pool->checked_lines;
    fill(block + from, pool->checked_head - from);
    if (pool->checked_tail != 0)
        fill(block + pool->block_size - pool->checked_tail, pool->checked_tail);
}

bool mete__pool_fill_is_rest_whole(const mete_pool *pool, const char *block) {
    size_t from = pool->checked_lines;
    return is_filled(block + from, pool->checked_head - from) &&
           (pool->checked_tail == 0 ||
            is_filled(block + pool->block_size - pool->checked_tail, pool->checked_tail));
}

static long first_changed(const char *start, size_t size) {
    for (size_t i = 0; i < size; i++)
        if ((unsigned char)start[i] != FILL_BYTE) return (long)i;
    return -1;
}

long mete__pool_fill_find(const mete_pool *pool, const char *block) {
    size_t tail = pool->block_size - pool->checked_tail;

    if (mete__pool_fill_is_whole(pool, block)) return -1;
    long at = first_changed(block, pool->checked_head);
    return at >= 0 ? at : (long)tail + first_changed(block + tail, pool->checked_tail);
}
