/*
 * tests/support/oracle.h - what mete/layout.h must answer, said in another way.
 *
 * Sizes are 128 bits wide here, so that nothing overflows and rules can be written as they are
 * read: by division and remainder, without a mask. Each function answers 0 with the result, or the
 * error.
 */
#ifndef METE_TESTS_ORACLE_H
#define METE_TESTS_ORACLE_H

#include <errno.h>
#include <mete/layout.h>

typedef unsigned __int128 oracle_size;

struct oracle_layout {
    oracle_size size, align;
};

static inline bool oracle_is_power_of_two(oracle_size align) {
    for (unsigned bit = 0; bit < 64; bit++)
        if (align == (oracle_size)1 << bit) return true;
    return false;
}

static inline oracle_size oracle_padding(oracle_size size, oracle_size align) {
    return align == 0 || size % align == 0 ? 0 : align - size % align;
}

/* Whether the size, rounded up, is an object's: -EOVERFLOW where not. */
static inline int oracle_make(oracle_size size, oracle_size align, struct oracle_layout *out) {
    if (!oracle_is_power_of_two(align)) return -EINVAL;
    if (size + oracle_padding(size, align) > (oracle_size)PTRDIFF_MAX) return -EOVERFLOW;
    out->size = size;
    out->align = align;
    return 0;
}

static inline bool oracle_is_valid(mete_layout layout) {
    struct oracle_layout made;
    return oracle_make(layout.size, layout.align, &made) == 0;
}

static inline int oracle_extend(mete_layout first, mete_layout next, struct oracle_layout *out,
                                oracle_size *offset) {
    if (!oracle_is_valid(first) || !oracle_is_valid(next)) return -EINVAL;
    *offset = first.size + oracle_padding(first.size, next.align);
    return oracle_make(*offset + next.size, first.align > next.align ? first.align : next.align,
                       out);
}

static inline int oracle_repeat(mete_layout element, size_t count, bool packed,
                                struct oracle_layout *out, oracle_size *stride) {
    if (!oracle_is_valid(element)) return -EINVAL;
    *stride = element.size + (packed ? 0 : oracle_padding(element.size, element.align));
    return oracle_make(*stride * count, element.align, out);
}

static inline int oracle_align_to(mete_layout layout, size_t align, struct oracle_layout *out) {
    if (!oracle_is_valid(layout) || !oracle_is_power_of_two(align)) return -EINVAL;
    return oracle_make(layout.size, align > layout.align ? align : layout.align, out);
}

static inline int oracle_flexible(mete_layout header, size_t offset, size_t element_size,
                                  size_t count, struct oracle_layout *out) {
    oracle_size end = (oracle_size)element_size * count + offset;
    if (!oracle_is_valid(header) || offset > header.size) return -EINVAL;
    return oracle_make(end > header.size ? end : header.size, header.align, out);
}

/* --- One question, asked of both. False where the answers differ, or where an output was touched
 * on failure. Every function of mete/layout.h but mete_layout_fields, a fold of extend. */

static inline bool oracle_same(int status, mete_layout got, int expected,
                               struct oracle_layout wanted) {
    const mete_layout untouched = {111, 222};
    if (status != expected) return false;
    if (status != 0) return got.size == untouched.size && got.align == untouched.align;
    return got.size == wanted.size && got.align == wanted.align && mete_layout_is_valid(got);
}

static inline bool oracle_agrees_on_one(size_t size, size_t align) {
    mete_layout got = {111, 222}, given = {size, align};
    struct oracle_layout wanted = {0, 0};
    int status = mete_layout_make(size, align, &got);
    bool valid = oracle_is_valid(given);
    mete_layout padded = mete_layout_pad(given);

    if (!oracle_same(status, got, oracle_make(size, align, &wanted), wanted)) return false;
    if (mete_layout_is_valid(given) != valid || padded.align != align) return false;
    return padded.size == size + (valid ? oracle_padding(size, align) : 0);
}

static inline bool oracle_agrees_on_align(mete_layout layout, size_t align) {
    mete_layout got = {111, 222};
    struct oracle_layout wanted = {0, 0};
    int expected = oracle_align_to(layout, align, &wanted);
    size_t padding = 333;

    if (!oracle_same(mete_layout_align_to(layout, align, &got), got, expected, wanted))
        return false;
    int status = mete_layout_padding_for(layout, align, &padding);
    if (oracle_is_valid(layout)) expected = oracle_make(layout.size, align, &wanted);
    if (status != expected) return false;
    return padding == (status == 0 ? oracle_padding(layout.size, align) : 333);
}

static inline bool oracle_agrees_on_repeat(mete_layout element, size_t count) {
    mete_layout got = {111, 222};
    struct oracle_layout wanted = {0, 0};
    oracle_size distance = 0;
    size_t stride = 333;
    int expected = oracle_repeat(element, count, false, &wanted, &distance);

    int status = mete_layout_repeat(element, count, &got, &stride);
    if (!oracle_same(status, got, expected, wanted)) return false;
    if (stride != (status == 0 ? distance : 333)) return false;
    got = (mete_layout){111, 222};
    if (!oracle_same(mete_layout_array(element, count, &got), got, expected, wanted)) return false;
    got = (mete_layout){111, 222};
    status = mete_layout_repeat_packed(element, count, &got);
    expected = oracle_repeat(element, count, true, &wanted, &distance);
    return oracle_same(status, got, expected, wanted);
}

static inline bool oracle_agrees_on_extend(mete_layout first, mete_layout next) {
    mete_layout got = {111, 222};
    struct oracle_layout wanted = {0, 0};
    oracle_size start = 0;
    size_t offset = 333;
    int status = mete_layout_extend(first, next, &got, &offset);

    if (!oracle_same(status, got, oracle_extend(first, next, &wanted, &start), wanted))
        return false;
    if (offset != (status == 0 ? start : 333)) return false;

    bool valid = oracle_is_valid(first) && oracle_is_valid(next);
    int expected =
        valid ? oracle_make((oracle_size)first.size + next.size, first.align, &wanted) : -EINVAL;
    got = (mete_layout){111, 222};
    offset = 333;
    status = mete_layout_extend_packed(first, next, &got, &offset);
    if (!oracle_same(status, got, expected, wanted)) return false;
    return offset == (status == 0 ? first.size : 333);
}

static inline bool oracle_agrees_on_flexible(mete_layout header, size_t offset, size_t element_size,
                                             size_t count) {
    mete_layout got = {111, 222};
    struct oracle_layout wanted = {0, 0};
    int status = mete_layout_flexible(header, offset, element_size, count, &got);
    return oracle_same(status, got, oracle_flexible(header, offset, element_size, count, &wanted),
                       wanted);
}

#endif
