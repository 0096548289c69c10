/*
 * base/text.h - text into a fixed buffer, for places that must not allocate.
 *
 * A text is always terminated and never longer than its buffer: what does not fit is cut.
 */
#ifndef METE_BASE_TEXT_H
#define METE_BASE_TEXT_H

#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"

struct mete__text {
    char *start;
    size_t length;   /* bytes in use, without the terminator */
    size_t capacity; /* bytes of the buffer, terminator included; at least 1 */
    size_t wanted;   /* what length would be, had nothing been cut */
};

METE_HIDDEN struct mete__text mete__text_in(char *buffer, size_t capacity);

/* Appends by a small format: %s text, %u unsigned, %d int, %zu size_t, %p pointer as 0x…, %x
 * unsigned hexadecimal, %lu and %ld long, %llu and %llx long long, %c, %%. No flags, no widths. */
METE_HIDDEN void mete__text_add(struct mete__text *text, const char *format, ...) METE_PRINTF(2, 3);

#endif
