/*
 * tests/fuzz/steps.h - an input that is read byte by byte, as a list of things to do.
 *
 * Behind its end it reads as zeros. One input at a time.
 */
#ifndef METE_TESTS_FUZZ_STEPS_H
#define METE_TESTS_FUZZ_STEPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t *input;
static size_t left; /* bytes of it */

static inline void begin(const uint8_t *data, size_t size) {
    input = data;
    left = size;
}

static inline unsigned argument(void) {
    if (left == 0) return 0;
    left--;
    return *input++;
}

static inline void expect(bool truth) {
    if (!truth) abort();
}

/* Whether each byte is `with`. */
static inline bool is_filled(const unsigned char *bytes, size_t size, unsigned char with) {
    return size == 0 || (bytes[0] == with && memcmp(bytes, bytes + 1, size - 1) == 0);
}

#endif
