/*
 * base/bits.h - powers of two, rounding, and sums and products that cannot silently overflow.
 *
 * Everything here is pure, and constant where its inputs are.
 */
#ifndef METE_BASE_BITS_H
#define METE_BASE_BITS_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"

METE_INLINE bool mete__is_power_of_two(size_t value) {
    return value != 0 && (value & (value - 1)) == 0;
}

/* `value` rounded up to a multiple of `align`, a power of two. The sum must not overflow: the
 * caller knows that value is at most SIZE_MAX - align + 1. */
METE_INLINE size_t mete__round_up(size_t value, size_t align) {
    return (value + align - 1) & ~(align - 1);
}

METE_INLINE size_t mete__round_down(size_t value, size_t align) {
    return value & ~(align - 1);
}

/* floor(log2(value)); value must not be 0. */
METE_INLINE unsigned mete__log2_floor(size_t value) {
    return (unsigned)(sizeof(size_t) * CHAR_BIT - 1) - (unsigned)__builtin_clzl(value);
}

/* The smallest power of two that is at least `value`; value is 1 to SIZE_MAX / 2 + 1. */
METE_INLINE size_t mete__power_of_two_ceil(size_t value) {
    return value <= 1 ? 1 : (size_t)2 << mete__log2_floor(value - 1);
}

/* True where the sum or product does not fit; *out is then the wrapped value, not to be used. */
METE_INLINE bool mete__add_overflows(size_t a, size_t b, size_t *out) {
    return __builtin_add_overflow(a, b, out);
}

METE_INLINE bool mete__mul_overflows(size_t a, size_t b, size_t *out) {
    return __builtin_mul_overflow(a, b, out);
}

#endif
