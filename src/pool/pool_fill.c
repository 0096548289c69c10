/* pool/pool_fill.h: what is no whole line. */
#include "pool/pool_fill.h"

enum { FILL_BYTE = METE__FILL_WORD & 0xff };

typedef uint64_t word __attribute__((may_alias, aligned(1)));
typedef mete__fill_pair pair;

static void fill(char *start, size_t size) {
    for (; size >= sizeof(pair); start += sizeof(pair), size -= sizeof(pair))
        *(pair *)(void *)start = METE__FILL_VALUE;
    if (size >= sizeof(word)) {
        *(word *)(void *)start = METE__FILL_WORD;
        start += sizeof(word);
        size -= sizeof(word);
    }
    for (; size > 0; size--) *start++ = (char)FILL_BYTE;
}

static bool is_filled(const char *start, size_t size) {
    pair different = {0, 0};

    for (; size >= sizeof(pair); start += sizeof(pair), size -= sizeof(pair))
        different |= *(const pair *)(const void *)start ^ METE__FILL_VALUE;
    uint64_t rest = different[0] | different[1];
    if (size >= sizeof(word)) {
        rest |= *(const word *)(const void *)start ^ METE__FILL_WORD;
        start += sizeof(word);
        size -= sizeof(word);
    }
    for (; size > 0; size--) rest |= (unsigned char)*start++ ^ (unsigned)FILL_BYTE;
    return rest == 0;
}

void mete__pool_fill_rest(const mete_pool *pool, char *block) {
    size_t from = pool->checked_lines;
    fill(block + from, pool->checked_head - from);
    fill(block + pool->block_size - pool->checked_tail, pool->checked_tail);
}

bool mete__pool_fill_is_rest_whole(const mete_pool *pool, const char *block) {
    size_t from = pool->checked_lines;
    return is_filled(block + from, pool->checked_head - from) &&
           is_filled(block + pool->block_size - pool->checked_tail, pool->checked_tail);
}

static long first_changed(const char *start, size_t size) {
    for (size_t i = 0; i < size; i++)
        if ((unsigned char)start[i] != FILL_BYTE) return (long)i;
    return -1;
}

long mete__pool_fill_find(const mete_pool *pool, const char *block) {
    size_t tail = pool->block_size - pool->checked_tail;

    if (mete__pool_fill_are_lines_whole(pool, block) && mete__pool_fill_is_rest_whole(pool, block))
        return -1;
    long at = first_changed(block, pool->checked_head);
    return at >= 0 ? at : (long)tail + first_changed(block + tail, pool->checked_tail);
}
