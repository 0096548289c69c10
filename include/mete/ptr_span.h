/*
 * mete/ptr_span.h - memory with its length: parts, copies, and numbers in either byte order.
 *
 * A part of mete/ptr.h, which says what is checked, and includes this. A span may be written to, a
 * view may not; neither owns what it shows. Offsets and sizes are bytes. A span of no bytes may
 * have any address.
 */
#ifndef METE_PTR_SPAN_H
#define METE_PTR_SPAN_H

#include <errno.h>
#include <mete/attributes.h>
#include <mete/ptr_checks.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

METE_BEGIN_DECLS

typedef struct mete_span {
    void *data;
    size_t size; /* bytes */
} mete_span;

typedef struct mete_view {
    const void *data;
    size_t size; /* bytes */
} mete_view;

/* The bytes of an object or array. */
#define METE_SPAN_OF(object) (mete_span_of(&(object), sizeof(object)))
#define METE_VIEW_OF(object) (mete_view_of(&(object), sizeof(object)))

/* Of memory that is known to be there: nothing is checked. */
METE__PTR_INLINE mete_span mete_span_of(void *data, size_t size) {
    mete_span span = {data, size};
    return span;
}

METE__PTR_INLINE mete_view mete_view_of(const void *data, size_t size) {
    mete_view view = {data, size};
    return view;
}

METE__PTR_INLINE mete_view mete_span_view(mete_span span) {
    return mete_view_of(span.data, span.size);
}

/* Of memory that somebody else tells of: -EFAULT for NULL with a size, -EOVERFLOW where no object
 * can be so large. */
METE_NONNULL(3) METE__PTR_CALL int mete_span_make(void *data, size_t size, mete_span *out) {
    METE__PTR_CHECK_RANGE(data, size);
    *out = mete_span_of(data, size);
    return 0;
}

METE_NONNULL(3) METE__PTR_CALL int mete_view_make(const void *data, size_t size, mete_view *out) {
    METE__PTR_CHECK_RANGE(data, size);
    *out = mete_view_of(data, size);
    return 0;
}

#define METE__PTR_CHECK_INSIDE(whole, offset, part)                                        \
    METE__PTR_CHECK((offset) <= (whole).size && (part) <= (whole).size - (offset), ERANGE, \
                    "it lies outside of the span")

/* The `size` bytes from `offset` on; -ERANGE where they are not all in the span. */
METE_NONNULL(4)
METE__PTR_CALL int mete_span_sub(mete_span span, size_t offset, size_t size, mete_span *out) {
    METE__PTR_CHECK_INSIDE(span, offset, size);
    *out = mete_span_of((char *)span.data + offset, size);
    return 0;
}

METE_NONNULL(4)
METE__PTR_CALL int mete_view_sub(mete_view view, size_t offset, size_t size, mete_view *out) {
    METE__PTR_CHECK_INSIDE(view, offset, size);
    *out = mete_view_of((const char *)view.data + offset, size);
    return 0;
}

/* Copies all of `from` to the beginning of `to`; -ERANGE where there is no room. They may overlap.
 */
METE__PTR_CALL int mete_span_copy(mete_span to, mete_view from) {
    METE__PTR_CHECK(from.size <= to.size, ERANGE, "it lies outside of the span");
    if (from.size > 0) __builtin_memmove(to.data, from.data, from.size);
    return 0;
}

/* Sets every byte. */
METE__PTR_INLINE void mete_span_fill(mete_span span, int byte) {
    if (span.size > 0) __builtin_memset(span.data, byte, span.size);
}

/* Whether both have the same bytes. */
METE__PTR_INLINE bool mete_view_is_equal(mete_view a, mete_view b) {
    return a.size == b.size && (a.size == 0 || __builtin_memcmp(a.data, b.data, a.size) == 0);
}

/* mete_view_load_le16, _le32, _le64, _be16, _be32, _be64, and mete_span_store_…: the unsigned
 * number of so many bits at an offset, aligned or not, little or big end first. And _u8. */
/* NOLINTBEGIN(bugprone-macro-parentheses): T is a type. */
#define METE__PTR_NUMBER(name, T, in_order)                                              \
    METE_NONNULL(3)                                                                      \
    METE__PTR_CALL int mete_view_load_##name(mete_view view, size_t offset, T *out) {    \
        T number;                                                                        \
        METE__PTR_CHECK_INSIDE(view, offset, sizeof number);                             \
        __builtin_memcpy(&number, (const char *)view.data + offset, sizeof number);      \
        *out = in_order(number);                                                         \
        return 0;                                                                        \
    }                                                                                    \
    METE__PTR_CALL int mete_span_store_##name(mete_span span, size_t offset, T number) { \
        METE__PTR_CHECK_INSIDE(span, offset, sizeof number);                             \
        number = in_order(number);                                                       \
        __builtin_memcpy((char *)span.data + offset, &number, sizeof number);            \
        return 0;                                                                        \
    }
/* NOLINTEND(bugprone-macro-parentheses) */

#define METE__PTR_AS_IT_IS(number) (number)
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define METE__PTR_LITTLE(bits) METE__PTR_AS_IT_IS
#define METE__PTR_BIG(bits)    __builtin_bswap##bits
#else
#define METE__PTR_LITTLE(bits) __builtin_bswap##bits
#define METE__PTR_BIG(bits)    METE__PTR_AS_IT_IS
#endif

METE__PTR_NUMBER(u8, uint8_t, METE__PTR_AS_IT_IS)
METE__PTR_NUMBER(le16, uint16_t, METE__PTR_LITTLE(16))
METE__PTR_NUMBER(le32, uint32_t, METE__PTR_LITTLE(32))
METE__PTR_NUMBER(le64, uint64_t, METE__PTR_LITTLE(64))
METE__PTR_NUMBER(be16, uint16_t, METE__PTR_BIG(16))
METE__PTR_NUMBER(be32, uint32_t, METE__PTR_BIG(32))
METE__PTR_NUMBER(be64, uint64_t, METE__PTR_BIG(64))

METE_END_DECLS

#endif
