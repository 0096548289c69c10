/* guard/filling.h: a word at a time. */
#include "guard/filling.h"

#include <stddef.h>
#include <string.h>

void mete__filling_write(char *from, char *to, enum mete__filling filling) {
    if (from < to) memset(from, (int)filling, (size_t)(to - from));
}

char *mete__filling_wrong(char *from, char *to, enum mete__filling filling) {
    const uint64_t expected = 0x0101010101010101u * (uint64_t)filling;
    uint64_t word;

    for (; to - from >= (ptrdiff_t)sizeof word; from += sizeof word) {
        memcpy(&word, from, sizeof word);
        if (METE_UNLIKELY(word != expected)) break;
    }
    for (; from < to; from++)
        if ((uint8_t)*from != (uint8_t)filling) return from;
    return NULL;
}
