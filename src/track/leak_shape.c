/* track/leak_shape.h: memcheck's heuristics, written anew from its manual and the layouts they
 * describe. */
#include "track/leak_shape.h"

#include <string.h>

enum {
    WORD = sizeof(uintptr_t),
    VTABLE_WORDS = 20,    /* a vtable shows its nature within so many, or is none */
    LEAST_DTV = 14,       /* entries: glibc never makes fewer */
    LEAST_ADDRESS = 4096, /* nothing is mapped below: spares small numbers the look-up */
};

static bool is_aligned(uintptr_t address) {
    return address % WORD == 0;
}

/* Length, capacity, count, then the text with room for a NUL. */
static bool is_string(uintptr_t offset, const uintptr_t *head, size_t size) {
    return offset == 3 * WORD && head[1] <= size && 3 * WORD + head[1] + 1 == size &&
           head[0] <= head[1];
}

static bool is_after_length(uintptr_t offset, const uintptr_t *head, size_t size) {
    return offset == WORD && head[0] > 0 && size - WORD == head[0];
}

static bool is_after_count(uintptr_t offset, const uintptr_t *head, size_t size) {
    return offset == WORD && head[0] > 0 && (size - WORD) % head[0] == 0;
}

/* A DTV is the number of its entries, the generation, then the entries, all of two words, of which
 * the first pair's second is not used. Thread descriptors point to the second pair. */
static bool is_dtv(uintptr_t offset, const uintptr_t *head, size_t size) {
    return offset == 2 * WORD && head[0] >= LEAST_DTV && head[0] < size && head[1] == 0 &&
           (head[0] + 2) * 2 * WORD == size;
}

/* Whether `address` is that of a table of functions: in a mapped file, NULLs and addresses of code
 * in files, two of the latter at least. */
static bool is_vtable(uintptr_t address, const struct mete__maps *maps, struct mete__peek *peek) {
    uintptr_t words[VTABLE_WORDS];
    const struct mete__mapping *home = mete__maps_find(maps, address);
    int functions = 0;

    if (home == NULL || (home->flags & METE__MAP_FILE) == 0 ||
        (home->flags & METE__MAP_READ) == 0 || (home->flags & METE__MAP_DEVICE) != 0)
        return false;
    size_t count = (home->end - address) / WORD;
    if (count > VTABLE_WORDS) count = VTABLE_WORDS;
    if (!mete__peek_copy(peek, words, address, count * WORD)) return false;
    for (size_t i = 0; i < count; i++) {
        if (words[i] == 0) continue;
        const struct mete__mapping *code = mete__maps_find(maps, words[i]);
        if (code == NULL || (code->flags & METE__MAP_FILE) == 0 ||
            (code->flags & METE__MAP_EXEC) == 0)
            return false;
        if (++functions == 2) return true;
    }
    return false;
}

static bool may_be_vtable(uintptr_t address) {
    return is_aligned(address) && address >= LEAST_ADDRESS;
}

static bool read_block(struct mete__peek *peek, uintptr_t *to, uintptr_t from, size_t words,
                       size_t block_bytes) {
    if (block_bytes >= METE__LEAK_IN_PLACE) return mete__peek_copy(peek, to, from, words * WORD);
    memcpy(to, (const void *)from, words * WORD);
    return true;
}

bool mete__leak_shape_holds(uintptr_t address, uintptr_t block, size_t size,
                            const struct mete__maps *maps, struct mete__peek *peek) {
    uintptr_t head[2] = {0, 0}, base;
    uintptr_t offset = address - block;

    if (size <= WORD || !is_aligned(address)) return false;
    if (!read_block(peek, head, block, size < sizeof head ? 1 : 2, size)) return false;
    if (is_string(offset, head, size) || is_after_length(offset, head, size) ||
        is_after_count(offset, head, size) || is_dtv(offset, head, size))
        return true;
    if (offset + WORD > size || !may_be_vtable(head[0])) return false;
    /* An arena has many pointers into it but one head, which is known by now. */
    if (size >= METE__LEAK_IN_PLACE && !is_vtable(head[0], maps, peek)) return false;
    return read_block(peek, &base, address, 1, size) && may_be_vtable(base) &&
           is_vtable(base, maps, peek) && is_vtable(head[0], maps, peek);
}
