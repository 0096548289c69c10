/*
 * mete/ptr.h - raw memory: reads, writes, copies, pointer arithmetic; spans: mete/ptr_span.h.
 *
 * The operations C does with *, memcpy and +, each under a name that says what it takes for
 * granted, and each able to find out whether it holds. How much of that is looked at is chosen for
 * every source file, by METE_PTR_CHECKS before this header is included:
 *
 *     0  nothing: the functions are the plain machine code, and always return 0
 *     1  everything; what is wrong ends the program with a line that names it
 *     2  everything; what is wrong is returned as an error, with nothing read or written
 *
 * 2 is the default. Files that choose differently can be linked together. The errors:
 *
 *     -EFAULT     a pointer is NULL (with a size of 0 it may be)
 *     -EINVAL     an address is not aligned, an alignment is no power of two, ranges overlap that
 *                 must not, a distance is no whole number of elements
 *     -ERANGE     it lies outside of the span
 *     -EOVERFLOW  a size or an address does not fit
 *
 * What cannot be found out here: whether memory is the program's own, or still is. Mistakes that
 * can be seen at compile time are warned of at every level (-Wall with gcc or clang).
 *
 * The METE_PTR_… macros take their sizes and alignments from the type of the pointers, which must
 * agree; they evaluate each argument at most once. Outputs are never NULL. Nothing is shared
 * between threads but the memory itself.
 */
#ifndef METE_PTR_H
#define METE_PTR_H

#include <errno.h>
#include <mete/attributes.h>
#include <mete/layout.h>
#include <mete/ptr_checks.h>
#include <mete/ptr_span.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

METE_BEGIN_DECLS
METE_BEGIN_NULLABILITY

/* --- One value. Where it is read from and where it goes may overlap. */

/* Copies the value at `from`, which is aligned, to *out. */
METE_WRITES(1, 3)
METE_READS(2, 3)
METE_DIAGNOSE_AS(__builtin_memcpy, 1, 2, 3)
METE__PTR_CALL int mete_ptr_read(void *METE_NEVER_NULL out, const void *METE_NEVER_NULL from,
                                 size_t size, size_t align) {
    METE__PTR_CHECK_RANGE(out, size);
    METE__PTR_CHECK_RANGE(from, size);
    METE__PTR_CHECK_ALIGNED(from, align);
    if (METE__PTR_SOME(size)) __builtin_memmove(out, from, size);
    return 0;
}
#define METE_PTR_READ(from, out) \
    mete_ptr_read((out), (from), METE__PTR_SIZE((from), (out)), METE__PTR_ALIGN(from))

/* The same from any address. */
METE_WRITES(1, 3)
METE_READS(2, 3)
METE_DIAGNOSE_AS(__builtin_memcpy, 1, 2, 3)
METE__PTR_CALL int mete_ptr_read_unaligned(void *METE_NEVER_NULL out,
                                           const void *METE_NEVER_NULL from, size_t size) {
    return mete_ptr_read(out, from, size, 1);
}
#define METE_PTR_READ_UNALIGNED(from, out) \
    mete_ptr_read_unaligned((out), (from), METE__PTR_SIZE((from), (out)))

/* Copies *value to `to`, which is aligned. */
METE_WRITES(1, 3)
METE_READS(2, 3)
METE_DIAGNOSE_AS(__builtin_memcpy, 1, 2, 3)
METE__PTR_CALL int mete_ptr_write(void *METE_NEVER_NULL to, const void *METE_NEVER_NULL value,
                                  size_t size, size_t align) {
    METE__PTR_CHECK_RANGE(to, size);
    METE__PTR_CHECK_RANGE(value, size);
    METE__PTR_CHECK_ALIGNED(to, align);
    if (METE__PTR_SOME(size)) __builtin_memmove(to, value, size);
    return 0;
}
#define METE_PTR_WRITE(to, value)                                                    \
    __extension__({                                                                  \
        __typeof__(*(to)) mete__value = (value);                                     \
        mete_ptr_write((to), &mete__value, sizeof mete__value, METE__PTR_ALIGN(to)); \
    })

/* The same to any address. */
METE_WRITES(1, 3)
METE_READS(2, 3)
METE_DIAGNOSE_AS(__builtin_memcpy, 1, 2, 3)
METE__PTR_CALL int mete_ptr_write_unaligned(void *METE_NEVER_NULL to,
                                            const void *METE_NEVER_NULL value, size_t size) {
    return mete_ptr_write(to, value, size, 1);
}
#define METE_PTR_WRITE_UNALIGNED(to, value)                               \
    __extension__({                                                       \
        __typeof__(*(to)) mete__value = (value);                          \
        mete_ptr_write_unaligned((to), &mete__value, sizeof mete__value); \
    })

/* Moves what is at `at` to *old, and *value there. */
METE_EDITS(1, 4)
METE_READS(2, 4)
METE_WRITES(3, 4)
METE__PTR_CALL int mete_ptr_replace(void *METE_NEVER_NULL at, const void *METE_NEVER_NULL value,
                                    void *METE_NEVER_NULL old, size_t size, size_t align) {
    METE__PTR_CHECK_RANGE(at, size);
    METE__PTR_CHECK_RANGE(value, size);
    METE__PTR_CHECK_RANGE(old, size);
    METE__PTR_CHECK_ALIGNED(at, align);
    METE__PTR_CHECK_APART(at, old, size);
    METE__PTR_CHECK_APART(value, old, size);
    if (METE__PTR_SOME(size)) __builtin_memcpy(old, at, size);
    if (METE__PTR_SOME(size)) __builtin_memmove(at, value, size);
    return 0;
}
#define METE_PTR_REPLACE(at, value, old)                                         \
    __extension__({                                                              \
        __typeof__(*(at)) mete__value = (value);                                 \
        mete_ptr_replace((at), &mete__value, (old), METE__PTR_SIZE((at), (old)), \
                         METE__PTR_ALIGN(at));                                   \
    })

/* Exchanges two values, which are the same or do not overlap. The compiler is kept from following
 * them through the registers or the buffer: gcc 12 at -O2 then took one for the other in some
 * callers that read them next. */
METE_EDITS(1, 3)
METE_EDITS(2, 3)
METE__PTR_CALL
int mete_ptr_swap(void *METE_NEVER_NULL a, void *METE_NEVER_NULL b, size_t size, size_t align) {
    unsigned char *x = (unsigned char *)a, *y = (unsigned char *)b, piece[64];
    METE__PTR_CHECK_RANGE(a, size);
    METE__PTR_CHECK_RANGE(b, size);
    METE__PTR_CHECK_ALIGNED(a, align);
    METE__PTR_CHECK_ALIGNED(b, align);
    if (a != b) METE__PTR_CHECK_APART(a, b, size);
    if (__builtin_constant_p(size) && (size == 1 || size == 2 || size == 4 || size == 8)) {
        uint64_t first = 0, second = 0;
        __builtin_memcpy(&first, x, size);
        __builtin_memcpy(&second, y, size);
        __asm__("" : "+r"(first), "+r"(second));
        __builtin_memcpy(x, &second, size);
        __builtin_memcpy(y, &first, size);
        return 0;
    }
    for (; size > 0; x += sizeof piece, y += sizeof piece, size -= sizeof piece) {
        size_t now = size < sizeof piece ? size : sizeof piece;
        __builtin_memcpy(piece, x, now);
        __asm__("" : "+m"(piece));
        __builtin_memmove(x, y, now);
        __builtin_memcpy(y, piece, now);
        if (size <= sizeof piece) break;
    }
    return 0;
}
#define METE_PTR_SWAP(a, b) mete_ptr_swap((a), (b), METE__PTR_SIZE((a), (b)), METE__PTR_ALIGN(a))

/* One load or store of a scalar, which the compiler neither drops, doubles nor moves over another
 * of this kind: for memory of devices. Its size is 1, 2, 4 or 8. No order between processors. */
METE__PTR_CALL int mete_ptr_check_volatile(uintptr_t address, size_t size) {
    METE__PTR_CHECK(address != 0, EFAULT, "a pointer is NULL");
    METE__PTR_CHECK(size == 1 || size == 2 || size == 4 || size == 8, EINVAL, "no scalar's size");
    METE__PTR_CHECK_ALIGNED(address, size);
    return 0;
}
#define METE_PTR_READ_VOLATILE(from, out)                                                  \
    __extension__({                                                                        \
        const volatile __typeof__(*(from)) *mete__from = (from);                           \
        __typeof__(&*(out)) mete__out = (out);                                             \
        int mete__status =                                                                 \
            mete_ptr_check_volatile((uintptr_t)mete__from, METE__PTR_SIZE((from), (out))); \
        if (METE_PTR_CHECKS != 2 || mete__status == 0) *mete__out = *mete__from;           \
        mete__ptr_status(mete__status);                                                    \
    })
#define METE_PTR_WRITE_VOLATILE(to, value)                                                 \
    __extension__({                                                                        \
        volatile __typeof__(*(to)) *mete__to = (to);                                       \
        int mete__status = mete_ptr_check_volatile((uintptr_t)mete__to, sizeof *mete__to); \
        if (METE_PTR_CHECKS != 2 || mete__status == 0) *mete__to = (value);                \
        mete__ptr_status(mete__status);                                                    \
    })

/* --- Many bytes, and many values */

/* Copies `size` bytes; the ranges may overlap. */
METE_WRITES(1, 3)
METE_READS(2, 3)
METE_DIAGNOSE_AS(__builtin_memmove, 1, 2, 3)
METE__PTR_CALL
int mete_ptr_copy(void *METE_NEVER_NULL to, const void *METE_NEVER_NULL from, size_t size) {
    METE__PTR_CHECK_RANGE(to, size);
    METE__PTR_CHECK_RANGE(from, size);
    if (METE__PTR_SOME(size)) __builtin_memmove(to, from, size);
    return 0;
}

/* The same; it is an error if they do. */
METE_WRITES(1, 3)
METE_READS(2, 3)
METE_DIAGNOSE_AS(__builtin_memcpy, 1, 2, 3)
METE__PTR_CALL int mete_ptr_copy_nonoverlapping(void *METE_NEVER_NULL to,
                                                const void *METE_NEVER_NULL from, size_t size) {
    METE__PTR_CHECK_RANGE(to, size);
    METE__PTR_CHECK_RANGE(from, size);
    METE__PTR_CHECK_APART(to, from, size);
    if (METE__PTR_SOME(size)) __builtin_memcpy(to, from, size);
    return 0;
}

METE_WRITES(1, 3)
METE_DIAGNOSE_AS(__builtin_memset, 1, 2, 3)
METE__PTR_CALL int mete_ptr_fill(void *METE_NEVER_NULL to, int byte, size_t size) {
    METE__PTR_CHECK_RANGE(to, size);
    if (METE__PTR_SOME(size)) __builtin_memset(to, byte, size);
    return 0;
}

/* *order: less than, equal to or more than 0, as a is to b, byte by byte. */
METE_READS(1, 3)
METE_READS(2, 3)
METE_NONNULL(4)
METE__PTR_CALL int mete_ptr_compare(const void *METE_NEVER_NULL a, const void *METE_NEVER_NULL b,
                                    size_t size, int *order) {
    METE__PTR_CHECK_RANGE(a, size);
    METE__PTR_CHECK_RANGE(b, size);
    *order = METE__PTR_SOME(size) ? __builtin_memcmp(a, b, size) : 0;
    return 0;
}

/* `count` values, aligned on both sides. */
METE__PTR_CALL int mete_ptr_copy_values(void *METE_NEVER_NULL to, const void *METE_NEVER_NULL from,
                                        size_t count, size_t size, size_t align) {
    size_t bytes = count * size;
    METE__PTR_CHECK(size == 0 || count <= METE_SIZE_MAX / size, EOVERFLOW, "too many values");
    METE__PTR_CHECK_ALIGNED(to, align);
    METE__PTR_CHECK_ALIGNED(from, align);
    return mete_ptr_copy(to, from, bytes);
}
#define METE_PTR_COPY(to, from, count) \
    mete_ptr_copy_values((to), (from), (count), METE__PTR_SIZE((to), (from)), METE__PTR_ALIGN(to))

METE__PTR_CALL int mete_ptr_copy_values_nonoverlapping(void *METE_NEVER_NULL to,
                                                       const void *METE_NEVER_NULL from,
                                                       size_t count, size_t size, size_t align) {
    size_t bytes = count * size;
    METE__PTR_CHECK(size == 0 || count <= METE_SIZE_MAX / size, EOVERFLOW, "too many values");
    METE__PTR_CHECK_ALIGNED(to, align);
    METE__PTR_CHECK_ALIGNED(from, align);
    return mete_ptr_copy_nonoverlapping(to, from, bytes);
}
#define METE_PTR_COPY_NONOVERLAPPING(to, from, count)                                        \
    mete_ptr_copy_values_nonoverlapping((to), (from), (count), METE__PTR_SIZE((to), (from)), \
                                        METE__PTR_ALIGN(to))

/* --- Addresses. `out` points to a pointer, which gets the result. */

METE__PTR_INLINE void mete__ptr_store(const void *result, void *out) {
    __builtin_memcpy(out, &result, sizeof result); /* whatever it points to */
}

/* `count` elements of `size` bytes on from `from`; backwards where negative. NULL goes nowhere, and
 * nothing else goes to NULL. */
METE_NONNULL(4)
METE__PTR_CALL int mete_ptr_offset(const void *METE_NEVER_NULL from, ptrdiff_t count, size_t size,
                                   void *out) {
    METE__PTR_CHECK(from != NULL || count == 0, EFAULT, "a pointer is NULL");
    METE__PTR_CHECK(mete__ptr_reaches((uintptr_t)from, count, size), EOVERFLOW,
                    "an address does not fit");
    ptrdiff_t bytes = (ptrdiff_t)((size_t)count * size);
    mete__ptr_store((const char *)from + bytes, out);
    return 0;
}
#define METE_PTR_ADD(from, count, out) \
    mete_ptr_offset((from), (count), sizeof *(from), METE__PTR_OUT((from), (out)))
#define METE_PTR_ADD_BYTES(from, bytes, out) \
    mete_ptr_offset((from), (bytes), 1, METE__PTR_OUT((from), (out)))

/* How many elements of `size` bytes `to` is after `from`; negative where it is before. */
METE__PTR_CALL int mete_ptr_check_distance(uintptr_t from, uintptr_t to, size_t size) {
    METE__PTR_CHECK(from != 0 && to != 0, EFAULT, "a pointer is NULL");
    METE__PTR_CHECK(size <= METE_SIZE_MAX, EOVERFLOW, "an element is too large");
    METE__PTR_CHECK((to >= from) == ((ptrdiff_t)(to - from) >= 0), EOVERFLOW,
                    "a distance does not fit");
    METE__PTR_CHECK(size != 0 && (ptrdiff_t)(to - from) % (ptrdiff_t)size == 0, EINVAL,
                    "a distance is no whole number of elements");
    return 0;
}
METE_NONNULL(4)
METE__PTR_CALL int mete_ptr_distance(const void *METE_NEVER_NULL from,
                                     const void *METE_NEVER_NULL to, size_t size, ptrdiff_t *out) {
    int status = mete_ptr_check_distance((uintptr_t)from, (uintptr_t)to, size);
    if (status == 0) *out = (ptrdiff_t)((uintptr_t)to - (uintptr_t)from) / (ptrdiff_t)size;
    return status;
}
#define METE_PTR_DISTANCE(from, to, out)                                                       \
    __extension__({                                                                            \
        const __typeof__(*(from)) *mete__from = (from), *mete__to = (to);                      \
        ptrdiff_t *mete__out = (out);                                                          \
        int mete__status = mete_ptr_check_distance((uintptr_t)mete__from, (uintptr_t)mete__to, \
                                                   METE__PTR_SIZE((from), (to)));              \
        if (METE_PTR_CHECKS != 2 || mete__status == 0) *mete__out = mete__to - mete__from;     \
        mete__ptr_status(mete__status);                                                        \
    })
#define METE_PTR_DISTANCE_BYTES(from, to, out) mete_ptr_distance((from), (to), 1, (out))

/* The next address from `from` on, or the last one up to it, that is a multiple of `align`. */
METE_NONNULL(3)
METE__PTR_CALL int mete_ptr_align_up(const void *from, size_t align, void *out) {
    METE__PTR_CHECK(mete__ptr_is_aligned(0, align), EINVAL, "an alignment is no power of two");
    METE__PTR_CHECK((uintptr_t)from <= UINTPTR_MAX - (align - 1), EOVERFLOW,
                    "an address does not fit");
    uintptr_t up = ((uintptr_t)from + (align - 1)) & ~(uintptr_t)(align - 1);
    mete__ptr_store((const char *)from + (up - (uintptr_t)from), out);
    return 0;
}
#define METE_PTR_ALIGN_UP(from, align, out) \
    mete_ptr_align_up((from), (align), METE__PTR_OUT((from), (out)))

METE_NONNULL(3)
METE__PTR_CALL int mete_ptr_align_down(const void *from, size_t align, void *out) {
    METE__PTR_CHECK(mete__ptr_is_aligned(0, align), EINVAL, "an alignment is no power of two");
    uintptr_t down = (uintptr_t)from & ~(uintptr_t)(align - 1);
    mete__ptr_store((const char *)from - ((uintptr_t)from - down), out);
    return 0;
}
#define METE_PTR_ALIGN_DOWN(from, align, out) \
    mete_ptr_align_down((from), (align), METE__PTR_OUT((from), (out)))

/* The same address as a pointer to T, which it must be aligned for. NULL is. */
METE_NONNULL(3)
METE__PTR_CALL int mete_ptr_cast_aligned(const void *from, size_t align, void *out) {
    METE__PTR_CHECK_ALIGNED(from, align);
    mete__ptr_store(from, out);
    return 0;
}
#define METE_PTR_CAST_ALIGNED(T, from, out) \
    mete_ptr_cast_aligned((from), METE_ALIGN_OF(T), METE__PTR_OUT((T *)0, (out)))

/* The size of what both point to; the compiler complains where that is not the same type. */
#define METE__PTR_SIZE(a, b)  (sizeof *(a) + 0 * sizeof(&*(a) == &*(b)))
#define METE__PTR_ALIGN(a)    METE_ALIGN_OF(__typeof__(*(a)))
#define METE__PTR_OUT(a, out) (((void)sizeof((a) == *(out))), (void *)(out))

METE_END_NULLABILITY
METE_END_DECLS

#endif
