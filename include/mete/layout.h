/*
 * mete/layout.h - the size and alignment of a block of memory.
 *
 * A layout is what every allocator in this library is asked for. Size computations are where
 * integer overflow hides, so they are done here, once, and nowhere else.
 *
 * Invariants of a valid layout (kept by every function below):
 *   L1  align is a power of two.
 *   L2  size, rounded up to align, is at most METE_SIZE_MAX. Hence padding never overflows.
 *
 * Functions that can fail return 0, -EINVAL (an alignment that breaks L1, a layout that is not
 * valid) or -EOVERFLOW (a result that breaks L2), and leave their outputs untouched then. They are
 * pure, folded by the compiler where their inputs are constants, and in C++ constant expressions.
 * In C, macros that are numbers are: for assertions and array sizes; those that are layouts
 * initialise static objects.
 *
 * An output may be the same object as an input. Thread-safe: nothing is shared.
 */
#ifndef METE_LAYOUT_H
#define METE_LAYOUT_H

#include <errno.h>
#include <mete/attributes.h>
#include <mete/each.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

METE_BEGIN_DECLS

/* No object may be larger: differences of pointers into it must fit ptrdiff_t. */
#define METE_SIZE_MAX ((size_t)PTRDIFF_MAX)

typedef struct mete_layout {
    size_t size;  /* bytes; 0 is a layout, but no allocator serves it */
    size_t align; /* bytes, a power of two */
} mete_layout;

/* --- Constants, also in C */

#ifdef __cplusplus
#define METE_LAYOUT_LITERAL(size, align) (mete_layout{(size), (align)})
#else
#define METE_LAYOUT_LITERAL(size, align) ((mete_layout){(size), (align)})
#endif

/* The layout of a type, and of whatever an expression names; the expression is not evaluated. An
 * object that is declared with a stricter alignment than its type's has that one. */
#define METE_LAYOUT_OF(T) METE_LAYOUT_LITERAL(sizeof(T), METE_ALIGN_OF(T))
#define METE_LAYOUT_OF_EXPRESSION(expression) \
    METE_LAYOUT_LITERAL(sizeof(expression), __alignof__(expression))

/* The first of these, to initialise a static object with where -pedantic holds gcc to ISO C. */
#define METE_LAYOUT_INITIALIZER(T) \
    { sizeof(T), METE_ALIGN_OF(T) }

/* The layout of T[count]. `count` is a constant, and one that makes the array larger than half of
 * METE_SIZE_MAX does not compile. */
#define METE_LAYOUT_OF_ARRAY(T, count) \
    METE_LAYOUT_LITERAL(METE__LAYOUT_PRODUCT(sizeof(T), (size_t)(count)), METE_ALIGN_OF(T))

/* The layout of T with `count` elements in its flexible array member: see mete_layout_flexible. A
 * constant, as above. */
#define METE_LAYOUT_OF_FLEXIBLE(T, member, count) \
    METE_LAYOUT_LITERAL(METE__FLEXIBLE_SIZE(T, member, (size_t)(count)), METE_ALIGN_OF(T))
#define METE__FLEXIBLE_SIZE(T, member, count)                                                \
    (METE__FLEXIBLE_END(T, member, count) > sizeof(T) ? METE__FLEXIBLE_END(T, member, count) \
                                                      : sizeof(T))
#define METE__FLEXIBLE_END(T, member, count) \
    (offsetof(T, member) + METE__LAYOUT_PRODUCT(sizeof(((T *)0)->member[0]), count))
#define METE__LAYOUT_PRODUCT(size, count) \
    ((size) * (count) * sizeof(char[(count) <= METE_SIZE_MAX / 2 / (size) ? 1 : -1]))

/* L1. */
#define METE__LAYOUT_IS_ALIGN(align) ((align) != 0 && ((align) & ((align)-1)) == 0)

/* As mete_layout_is_valid, _padding_for and the size of _pad. align is a power of two. */
#define METE_LAYOUT_IS_VALID(size, align) \
    (METE__LAYOUT_IS_ALIGN(align) && (size) <= METE_SIZE_MAX - ((align)-1))
#define METE_LAYOUT_PADDING_FOR(size, align) ((0 - (size_t)(size)) & ((size_t)(align)-1))
#define METE_LAYOUT_PADDED(size, align)      ((size_t)(size) + METE_LAYOUT_PADDING_FOR(size, align))

/* --- Arithmetic */

METE_CONSTEXPR bool mete_layout_is_valid(mete_layout layout) {
    return METE_LAYOUT_IS_VALID(layout.size, layout.align);
}

/* A layout of these two. */
METE_NODISCARD METE_CONSTEXPR int mete_layout_make(size_t size, size_t align, mete_layout *out) {
    if (!METE__LAYOUT_IS_ALIGN(align)) return -EINVAL;
    if (!METE_LAYOUT_IS_VALID(size, align)) return -EOVERFLOW;
    out->size = size;
    out->align = align;
    return 0;
}

/* How many bytes must follow the layout so that what comes next is aligned to `align`. */
METE_NODISCARD METE_CONSTEXPR int mete_layout_padding_for(mete_layout layout, size_t align,
                                                          size_t *out) {
    if (!mete_layout_is_valid(layout) || !METE__LAYOUT_IS_ALIGN(align)) return -EINVAL;
    if (!METE_LAYOUT_IS_VALID(layout.size, align)) return -EOVERFLOW;
    *out = METE_LAYOUT_PADDING_FOR(layout.size, align);
    return 0;
}

/* The layout with its size rounded up to its alignment, as elements of an array have it. Cannot
 * fail (L2); what is not valid is returned as it is, and stays not valid. */
METE_CONSTEXPR mete_layout mete_layout_pad(mete_layout layout) {
    if (mete_layout_is_valid(layout)) layout.size = METE_LAYOUT_PADDED(layout.size, layout.align);
    return layout;
}

/* The layout with an alignment of at least `align`. The size is kept. */
METE_NODISCARD METE_CONSTEXPR int mete_layout_align_to(mete_layout layout, size_t align,
                                                       mete_layout *out) {
    if (!mete_layout_is_valid(layout)) return -EINVAL;
    if (METE__LAYOUT_IS_ALIGN(align) && align < layout.align) align = layout.align;
    return mete_layout_make(layout.size, align, out);
}

/* `count` elements one after the other, with no padding: all but the first may be misaligned. */
METE_NODISCARD METE_CONSTEXPR int mete_layout_repeat_packed(mete_layout element, size_t count,
                                                            mete_layout *out) {
    size_t size = 0;
    if (!mete_layout_is_valid(element)) return -EINVAL;
    if (__builtin_mul_overflow(element.size, count, &size)) return -EOVERFLOW;
    return mete_layout_make(size, element.align, out);
}

/* `count` elements, each padded so that the next is aligned; the last one, too. The distance from
 * one to the next goes to *stride, which may be NULL. */
METE_NODISCARD METE_CONSTEXPR int mete_layout_repeat(mete_layout element, size_t count,
                                                     mete_layout *out, size_t *stride) {
    mete_layout padded = mete_layout_pad(element);
    int status = mete_layout_repeat_packed(padded, count, out);
    if (status == 0 && stride != NULL) *stride = padded.size;
    return status;
}

/* The array of `count` elements, as C lays it out: mete_layout_repeat where the stride is known. */
METE_NODISCARD METE_CONSTEXPR int mete_layout_array(mete_layout element, size_t count,
                                                    mete_layout *out) {
    return mete_layout_repeat(element, count, out, NULL);
}

/* `first`, then `next` at the first offset its alignment allows, which goes to *offset (may be
 * NULL). The tail is not padded: a struct's layout is mete_layout_pad of its members'. */
METE_NODISCARD METE_CONSTEXPR int mete_layout_extend(mete_layout first, mete_layout next,
                                                     mete_layout *out, size_t *offset) {
    size_t align = first.align > next.align ? first.align : next.align;
    size_t start = 0, size = 0;
    if (!mete_layout_is_valid(first) || !mete_layout_is_valid(next)) return -EINVAL;
    start = METE_LAYOUT_PADDED(first.size, next.align); /* below 2 * METE_SIZE_MAX */
    if (__builtin_add_overflow(start, next.size, &size)) return -EOVERFLOW;
    int status = mete_layout_make(size, align, out);
    if (status == 0 && offset != NULL) *offset = start;
    return status;
}

/* `first`, then `next` with no padding in between, as in a packed struct: the alignment is that of
 * `first`. */
METE_NODISCARD METE_CONSTEXPR int mete_layout_extend_packed(mete_layout first, mete_layout next,
                                                            mete_layout *out, size_t *offset) {
    size_t start = first.size, size = 0;
    if (!mete_layout_is_valid(first) || !mete_layout_is_valid(next)) return -EINVAL;
    if (__builtin_add_overflow(start, next.size, &size)) return -EOVERFLOW;
    int status = mete_layout_make(size, first.align, out);
    if (status == 0 && offset != NULL) *offset = start;
    return status;
}

/* A struct that ends in an array of `count` elements: `header` is the layout of the struct,
 * `offset` that of the array, element_size what one takes. No smaller than the header, so that the
 * struct can be assigned to, and not padded. -EINVAL where the array would begin behind it. */
METE_NODISCARD METE_CONSTEXPR int mete_layout_flexible(mete_layout header, size_t offset,
                                                       size_t element_size, size_t count,
                                                       mete_layout *out) {
    size_t size = 0;
    if (!mete_layout_is_valid(header) || offset > header.size) return -EINVAL;
    if (__builtin_mul_overflow(element_size, count, &size) ||
        __builtin_add_overflow(size, offset, &size))
        return -EOVERFLOW;
    return mete_layout_make(size > header.size ? size : header.size, header.align, out);
}

/* The same for T and its flexible array member. */
#define METE_LAYOUT_FLEXIBLE(T, member, count, out)                                           \
    mete_layout_flexible(METE_LAYOUT_OF(T), offsetof(T, member), sizeof(((T *)0)->member[0]), \
                         (count), (out))

/* `count` fields in this order, as a struct has them, padded at its end: for several arrays in one
 * allocation, say. offsets (may be NULL) gets where each begins. No fields: size 0, align 1. */
METE_NODISCARD METE_CONSTEXPR int mete_layout_fields(const mete_layout *fields, size_t count,
                                                     mete_layout *out, size_t *offsets) {
    mete_layout all = {0, 1};
    size_t i = 0, end = 0;
    for (i = 0; i < count; i++) {
        int status = mete_layout_extend(all, fields[i], &all, NULL);
        if (status != 0) return status;
    }
    for (i = 0; offsets != NULL && i < count; i++) {
        offsets[i] = METE_LAYOUT_PADDED(end, fields[i].align);
        end = offsets[i] + fields[i].size;
    }
    *out = mete_layout_pad(all);
    return 0;
}

/* --- The layout of a struct, member by member
 *
 * The list of members is written once, and may be a macro:
 *
 *     #define CONN_MEMBERS state, next, name
 *     METE_ASSERT_LAYOUT(struct conn, 24, 8, 7, CONN_MEMBERS);
 *     METE_LAYOUT_PRINT(stdout, struct conn, CONN_MEMBERS);
 *
 * A member that is not in the list counts as padding, so a list that is out of date does not go
 * unnoticed. Bit-fields cannot be members. 1 to METE_EACH_MAX members; members of members
 * (`address.port`) may be named.
 */

typedef struct mete_layout_member {
    const char *name; /* as written in the list */
    size_t offset;    /* bytes from the start of the struct */
    size_t size;      /* bytes */
    size_t align;     /* bytes, of its type */
} mete_layout_member;

typedef struct mete_layout_type {
    const char *name; /* as written: "struct conn" */
    size_t size, align;
    const mete_layout_member *members; /* in any order */
    size_t count;
} mete_layout_type;

/* Defines `variable`, a constant mete_layout_type of T; at file or block scope. */
#define METE_LAYOUT_TABLE(variable, T, ...)                                                  \
    static const mete_layout_member variable##_members[] = {                                 \
        METE_EACH(METE__LAYOUT_MEMBER, T, __VA_ARGS__)};                                     \
    static const mete_layout_type variable = {METE__TEXT_OF(T), sizeof(T), METE_ALIGN_OF(T), \
                                              variable##_members,                            \
                                              METE_COUNT_ARGUMENTS(__VA_ARGS__)}

/* Bytes of T that are in no member of the list, which must not overlap: a constant expression. */
#define METE_LAYOUT_PADDING(T, ...) (sizeof(T) - (METE_EACH(METE__LAYOUT_SIZE, T, __VA_ARGS__) 0))

/* Does not compile unless T has this size, this alignment and, members aside, this padding. */
#define METE_ASSERT_LAYOUT(T, size, align, padding, ...)                                     \
    METE_STATIC_ASSERT(sizeof(T) == (size), "the size of " METE__TEXT_OF(T) " has changed"); \
    METE_STATIC_ASSERT(METE_ALIGN_OF(T) == (align),                                          \
                       "the alignment of " METE__TEXT_OF(T) " has changed");                 \
    METE_STATIC_ASSERT(METE_LAYOUT_PADDING(T, __VA_ARGS__) == (padding),                     \
                       "the padding of " METE__TEXT_OF(T) ", or its members, have changed")

/* Writes a table of the members, in the order of their offsets, with the padding between them:
 * lines that end in newlines. Returns the length of the whole text, as snprintf does; what does not
 * fit into `capacity` bytes, terminator included, is cut. capacity 0: buffer may be NULL. */
METE_API METE_NONNULL(1) size_t
    mete_layout_describe(const mete_layout_type *type, char *buffer, size_t capacity);

/* Bytes that are certainly enough for that, terminator included: a constant expression. */
#define METE_LAYOUT_TEXT_SIZE(T, ...)                                      \
    (sizeof METE__TEXT_OF(T) + sizeof METE__TEXT_OF((__VA_ARGS__)) + 320 + \
     160 * METE_COUNT_ARGUMENTS(__VA_ARGS__))

/* Prints it. The program includes <stdio.h>; `file` is a FILE *. */
#define METE_LAYOUT_PRINT(file, T, ...)                                                \
    do {                                                                               \
        METE_LAYOUT_TABLE(mete__table, T, __VA_ARGS__);                                \
        char mete__table_text[METE_LAYOUT_TEXT_SIZE(T, __VA_ARGS__)];                  \
        mete_layout_describe(&mete__table, mete__table_text, sizeof mete__table_text); \
        fputs(mete__table_text, (file));                                               \
    } while (0)

#define METE__LAYOUT_MEMBER(T, member)                       \
    {#member, offsetof(T, member), sizeof(((T *)0)->member), \
     METE_ALIGN_OF(__typeof__(((T *)0)->member))},
/* NOLINTNEXTLINE(bugprone-macro-parentheses) a term of a sum */
#define METE__LAYOUT_SIZE(T, member) sizeof(((T *)0)->member) +
#define METE__TEXT_OF(...)           METE__TEXT_OF_(__VA_ARGS__)
#define METE__TEXT_OF_(...)          #__VA_ARGS__

METE_END_DECLS

#endif
