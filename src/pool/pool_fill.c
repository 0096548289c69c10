/* Freed blocks are filled, so that a write to them shows when they are handed out again. */
#include <string.h>

#include "pool/pool_state.h"

enum { FILL_BYTE = 0xdf };

typedef uint64_t word __attribute__((may_alias, aligned(1)));
typedef uint64_t pair __attribute__((vector_size(16), may_alias, aligned(1)));

static const uint64_t fill_word = 0xdfdfdfdfdfdfdfdfu;

static void fill(char *start, size_t size) {
    const pair value = {fill_word, fill_word};

    for (; size >= sizeof(pair); start += sizeof(pair), size -= sizeof(pair))
        *(pair *)(void *)start = value;
    if (size >= sizeof(word)) {
        *(word *)(void *)start = fill_word;
        start += sizeof(word);
        size -= sizeof(word);
    }
    for (; size > 0; size--) *start++ = (char)FILL_BYTE;
}

static bool is_filled(const char *start, size_t size) {
    const pair value = {fill_word, fill_word};
    pair different = {0, 0};

    for (; size >= sizeof(pair); start += sizeof(pair), size -= sizeof(pair))
        different |= *(const pair *)(const void *)start ^ value;
    uint64_t rest = different[0] | different[1];
    if (size >= sizeof(word)) {
        rest |= *(const word *)(const void *)start ^ fill_word;
        start += sizeof(word);
        size -= sizeof(word);
    }
    for (; size > 0; size--) rest |= (unsigned char)*start++ ^ (unsigned)FILL_BYTE;
    return rest == 0;
}

void mete__pool_fill_block(const mete_pool *pool, char *block) {
    fill(block, pool->checked_head);
    if (METE_UNLIKELY(pool->checked_tail != 0))
        fill(block + pool->block_size - pool->checked_tail, pool->checked_tail);
}

static long first_changed(const char *start, size_t size) {
    for (size_t i = 0; i < size; i++)
        if ((unsigned char)start[i] != FILL_BYTE) return (long)i;
    return -1;
}

long mete__pool_fill_find(const mete_pool *pool, const char *block) {
    size_t tail = pool->block_size - pool->checked_tail;

    if (METE_LIKELY(is_filled(block, pool->checked_head) &&
                    is_filled(block + tail, pool->checked_tail)))
        return -1;
    long at = first_changed(block, pool->checked_head);
    return at >= 0 ? at : (long)tail + first_changed(block + tail, pool->checked_tail);
}
