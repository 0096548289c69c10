/*
 * mete/ptr_checks.h - what becomes of a check that fails: a part of mete/ptr.h, which explains it.
 */
#ifndef METE_PTR_CHECKS_H
#define METE_PTR_CHECKS_H

#include <errno.h>
#include <mete/attributes.h>
#include <mete/layout.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

METE_BEGIN_DECLS

#ifndef METE_PTR_CHECKS
#define METE_PTR_CHECKS 2
#endif

/* Writes "mete: FUNCTION: WHAT" to standard error, and aborts. */
METE_API __attribute__((cold, noreturn)) void mete_ptr_trap(const char *function, const char *what);

#define METE__PTR_INLINE METE_HEADER_INLINE __attribute__((always_inline))
#if METE_PTR_CHECKS == 0
#define METE__PTR_CALL                         METE__PTR_INLINE
#define METE__PTR_CHECK(condition, code, what) ((void)sizeof(condition))
#elif METE_PTR_CHECKS == 1
#define METE__PTR_CALL METE__PTR_INLINE
#define METE__PTR_CHECK(condition, code, what) \
    ((condition) ? (void)0 : mete_ptr_trap(__func__, (what)))
#elif METE_PTR_CHECKS == 2
#define METE__PTR_CALL METE_NODISCARD METE__PTR_INLINE
#define METE__PTR_CHECK(condition, code, what) \
    do {                                       \
        if (!(condition)) return -(code);      \
    } while (0)
#else
#error "METE_PTR_CHECKS is 0, 1 or 2"
#endif

/* What the macros end with that are no calls: at level 2 it must be looked at. */
METE__PTR_CALL int mete__ptr_status(int status) {
    return status;
}

/* Whether there is something to do: C's functions do not take NULL even for nothing. */
#define METE__PTR_SOME(size) (METE_PTR_CHECKS == 0 || (size) > 0)

/* --- Questions, answered at every level */

/* Of addresses as numbers: gcc takes a pointer that is passed on for a read of what is there. */
METE__PTR_INLINE bool mete__ptr_is_aligned(uintptr_t address, size_t align) {
    return METE__LAYOUT_IS_ALIGN(align) && (address & (align - 1)) == 0;
}
METE__PTR_INLINE bool mete__ptr_overlap(uintptr_t a, uintptr_t b, size_t size) {
    return a - b < size || b - a < size;
}
METE__PTR_INLINE bool mete__ptr_fits(uintptr_t address, size_t size) {
    return size <= METE_SIZE_MAX && size <= UINTPTR_MAX - address;
}

METE__PTR_INLINE bool mete__ptr_reaches(uintptr_t from, ptrdiff_t count, size_t size) {
    ptrdiff_t bytes = 0;
    uintptr_t to = 0;
    return !__builtin_mul_overflow(count, size, &bytes) &&
           !__builtin_add_overflow(from, bytes, &to) && (to != 0 || bytes == 0);
}

/* Whether the address is a multiple of `align`; never, where that is no power of two. */
METE__PTR_INLINE bool mete_ptr_is_aligned(const void *address, size_t align) {
    return mete__ptr_is_aligned((uintptr_t)address, align);
}

/* Whether two ranges of `size` bytes have a byte in common. */
METE__PTR_INLINE bool mete_ptr_overlap(const void *a, const void *b, size_t size) {
    return mete__ptr_overlap((uintptr_t)a, (uintptr_t)b, size);
}

/* Whether there can be an object of `size` bytes at the address. */
METE__PTR_INLINE bool mete_ptr_fits(const void *address, size_t size) {
    return mete__ptr_fits((uintptr_t)address, size);
}

#define METE__PTR_CHECK_RANGE(pointer, size)                                        \
    METE__PTR_CHECK((pointer) != NULL || (size) == 0, EFAULT, "a pointer is NULL"); \
    METE__PTR_CHECK(mete__ptr_fits((uintptr_t)(pointer), (size)), EOVERFLOW,        \
                    "a range does not fit into memory")
#define METE__PTR_CHECK_ALIGNED(pointer, align)                                  \
    METE__PTR_CHECK(mete__ptr_is_aligned((uintptr_t)(pointer), (align)), EINVAL, \
                    "an address is not aligned")
#define METE__PTR_CHECK_APART(a, b, size)                                               \
    METE__PTR_CHECK(!mete__ptr_overlap((uintptr_t)(a), (uintptr_t)(b), (size)), EINVAL, \
                    "the ranges overlap")

METE_END_DECLS

#endif
