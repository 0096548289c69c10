/*
 * mete/scope.h - what is to be undone when a scope ends, said where it is done.
 *
 *     METE_AUTO(struct conn *, conn_close) conn = conn_open(name);
 *     METE_AUTO_FD file = open(path, O_RDONLY);
 *     METE_AUTO_ARRAY(double, row, count);
 *     METE_DEFER { unlink(path); };
 *     if (conn == NULL || file < 0 || row == NULL) return -1;
 *     return use(METE_STEAL(conn));
 *
 * Cleanups run in the reverse order of their declarations, on whatever way the scope is left, with
 * these exceptions; each is a test.
 *
 *     left by                        C      C, -fexceptions   C++
 *     its end, return, break,        runs   runs              runs
 *     continue, goto
 *     exit, _exit, quick_exit,       no     no                no
 *     abort, a signal
 *     longjmp over it                no     no                undefined
 *     pthread_exit, pthread_cancel   no     runs (glibc)      runs (glibc)
 *     a C++ exception                no     runs              runs
 *
 * A cleanup keeps errno. What is returned is computed before the first one runs. To jump into a
 * scope past a declaration is as wrong here as it is with any variable.
 *
 * C needs gcc or clang. There are no trampolines: no stack becomes executable.
 *
 * Nothing here is shared between threads.
 */
#ifndef METE_SCOPE_H
#define METE_SCOPE_H

#include <errno.h>
#include <mete/allocator.h>
#include <mete/attributes.h>
#include <mete/malloc.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

METE_BEGIN_DECLS

#define METE__SCOPE_INLINE    METE_HEADER_INLINE __attribute__((always_inline))
#define METE__PASTE(a, b)     METE__PASTE_(a, b)
#define METE__PASTE_(a, b)    a##b
#define METE__CLEANUP(called) __attribute__((cleanup(called), unused))

/* --- Variables that are destroyed */

/* METE_AUTO(T, destructor) name = value;  A variable for whose value destructor(name) is called. A
 * pointer that is NULL needs no destructor: it is not called then. Declare one at a time.
 *
 * `destructor` is the name of a function. gcc compiles C without more ado; clang and C++ need to be
 * told of each destructor once in the file, outside of functions, as does gcc where
 * METE_SCOPE_PORTABLE is defined. free, mete_free, mete_secure_free and fclose are known. */
#if defined(__GNUC__) && !defined(__clang__) && !defined(__cplusplus) && \
    !defined(METE_SCOPE_PORTABLE)
#define METE_AUTO(T, destructor) \
    METE__AUTO(T, destructor, METE__PASTE(mete__auto_, __COUNTER__), METE__KEEPS_ERRNO(destructor))
#define METE__AUTO(T, destructor, nested, keeps)                                                \
    __extension__ inline __attribute__((always_inline)) void nested(__typeof__(T) *mete__slot){ \
        METE__DESTROY(mete__slot, destructor, keeps)} METE__CLEANUP(nested) T
#else
#define METE_AUTO(T, destructor) METE__CLEANUP(mete__auto_##destructor) T
#endif

/* METE_AUTO_DECLARE(T, destructor)  Tells of a destructor, which takes one T. */
#define METE_AUTO_DECLARE(T, destructor)                                         \
    METE__SCOPE_INLINE void mete__auto_##destructor(__typeof__(T) *mete__slot) { \
        METE__DESTROY(mete__slot, destructor, METE__KEEPS_ERRNO(destructor))     \
    }

#define METE__DESTROY(slot, destructor, keeps)                                                 \
    if (!mete__scope_is_null(slot, __builtin_classify_type(*(slot)) == METE__POINTER_CLASS)) { \
        int mete__error = (keeps) ? 0 : errno;                                                 \
        destructor(*(slot));                                                                   \
        if (!(keeps)) errno = mete__error;                                                     \
    }
enum { METE__POINTER_CLASS = 5 }; /* as gcc numbers kinds of types */

METE__SCOPE_INLINE int mete__scope_is_null(const void *slot, int is_pointer) {
    const void *value = slot;
    if (is_pointer) __builtin_memcpy(&value, slot, sizeof value); /* whatever it points to */
    return value == NULL;
}

/* Of a destructor that keeps errno itself, say so before its first use here: then it is called
 * without more ado, which saves a call of the C library's and two registers.
 *
 *     #define METE_KEEPS_ERRNO_conn_close METE_KEEPS_ERRNO */
#define METE_KEEPS_ERRNO                  ~, 1
#define METE_KEEPS_ERRNO_mete_free        METE_KEEPS_ERRNO
#define METE_KEEPS_ERRNO_mete_secure_free METE_KEEPS_ERRNO
#if defined(__GLIBC__) && (__GLIBC__ > 2 || __GLIBC_MINOR__ >= 33)
#define METE_KEEPS_ERRNO_free METE_KEEPS_ERRNO
#endif

/* 1 for these. */
#define METE__KEEPS_ERRNO(destructor)     METE__SECOND(METE_KEEPS_ERRNO_##destructor, 0, ~)
#define METE__SECOND(...)                 METE__SECOND_(__VA_ARGS__)
#define METE__SECOND_(first, second, ...) second

/* The destructors that are known, for any type of pointer.
 * NOLINTBEGIN(bugprone-macro-parentheses): here and below arguments are types and names. */
#define METE__SCOPE_KNOWN(destructor, T, keeps)                                    \
    METE__SCOPE_INLINE void mete__auto_##destructor(void *mete__any) {             \
        T mete__value;                                                             \
        __builtin_memcpy(&mete__value, mete__any,                                  \
                         sizeof mete__value); /* whatever type it is said to be */ \
        METE__DESTROY(&mete__value, destructor, keeps)                             \
    }

/* Overwrites `size` bytes with zeroes, also where nothing reads them any more. */
METE__SCOPE_INLINE void mete_secure_zero(void *memory, size_t size) {
    if (size > 0) memset(memory, 0, size);
    __asm__ __volatile__("" : : "r"(memory) : "memory"); /* as if somebody read it here */
}

/* Frees a block of mete_malloc and its kin after overwriting all that can be used of it; NULL is
 * ignored. Keeps errno. */
METE__SCOPE_INLINE void mete_secure_free(void *block) {
    if (block == NULL) return;
    mete_secure_zero(block, mete_usable_size(block));
    mete_free(block);
}

METE__SCOPE_KNOWN(free, void *, METE__KEEPS_ERRNO(free))
METE__SCOPE_KNOWN(mete_free, void *, 1)
METE__SCOPE_KNOWN(mete_secure_free, void *, 1)
METE__SCOPE_KNOWN(fclose, FILE *, 0)

/* METE_AUTO_FILE name = fopen(…);  Closed unless it is NULL. */
#define METE_AUTO_FILE METE__CLEANUP(mete__auto_fclose) FILE *

/* METE_AUTO_FD name = open(…);  Closed unless it is negative. */
#define METE_AUTO_FD METE__CLEANUP(mete__auto_fd) int
METE__SCOPE_INLINE void mete__auto_fd(const int *file) {
    int error = errno;
    if (*file >= 0) close(*file);
    errno = error;
}

/* METE_AUTO_ARRAY(T, name, count);  `count` elements of mete's heap, all zero and typed in reports;
 * name is NULL (with errno) where there is no memory, or not so much. */
#define METE_AUTO_ARRAY(T, name, count)                                           \
    METE_STATIC_ASSERT(METE_ALIGN_OF(T) <= 16, "mete_calloc aligns to 16 bytes"); \
    METE__CLEANUP(mete__auto_mete_free)                                           \
    T *name = (T *)mete_calloc_at((count), sizeof(T), METE_SITE(T))

/* --- Who owns it now */

/* The pointer's value, which is NULL from now on: its owner's cleanup has nothing more to do. */
#define METE_STEAL(pointer) ((__typeof__(pointer))mete__steal((void *)&(pointer)))
METE_NODISCARD METE__SCOPE_INLINE void *mete__steal(void *slot) {
    void *stolen;
    __builtin_memcpy(&stolen, slot, sizeof stolen); /* whatever it points to */
    __builtin_memset(slot, 0, sizeof stolen);
    return stolen;
}

/* The same for a descriptor, which is -1 from now on. */
#define METE_STEAL_FD(file) mete__steal_fd(&(file))
METE_NODISCARD METE__SCOPE_INLINE int mete__steal_fd(int *file) {
    int stolen = *file;
    *file = -1;
    return stolen;
}

/* The variable's old value, which nobody owns now; it has the new one. */
#define METE_REPLACE(variable, value)                                         \
    METE__REPLACE(variable, value, METE__PASTE(mete__replaced_, __COUNTER__), \
                  METE__PASTE(mete__old_, __COUNTER__))
/* With names of their own, since the value may be replaced in its turn. */
#define METE__REPLACE(variable, value, slot, old) \
    __extension__({                               \
        __typeof__(variable) *slot = &(variable); \
        __typeof__(variable) old = *slot;         \
        *slot = (value);                          \
        old;                                      \
    })

/* Gives the variable the new value, then destroys the old one (NULL is not), keeping errno. */
#define METE_RESET(variable, destructor, value)                              \
    do {                                                                     \
        __typeof__(variable) mete__old = METE_REPLACE(variable, value);      \
        METE__DESTROY(&mete__old, destructor, METE__KEEPS_ERRNO(destructor)) \
    } while (0)

/* --- Resources that are acquired and released
 *
 *     METE_GUARD_DECLARE(locked, pthread_mutex_t, pthread_mutex_lock, pthread_mutex_unlock)
 *     …
 *     METE_GUARD(locked, guard, &mutex);
 *     if (guard.status != 0) return guard.status;
 */

/* Outside of functions: the type struct NAME, for which acquire(T *) returns 0 where it has got the
 * resource, and release(T *) gives it back. */
#define METE_GUARD_DECLARE(name, T, acquire, release)                        \
    struct name {                                                            \
        T *resource; /* NULL: there is nothing to release */                 \
        int status;  /* what acquire returned */                             \
    };                                                                       \
    METE__SCOPE_INLINE struct name name##_acquire(T *mete__resource) {       \
        struct name mete__guard = {mete__resource, acquire(mete__resource)}; \
        if (mete__guard.status != 0) mete__guard.resource = NULL;            \
        return mete__guard;                                                  \
    }                                                                        \
    /* Before the end of the scope, which then does nothing more. */         \
    METE__SCOPE_INLINE void name##_release(struct name *mete__guard) {       \
        int mete__error = errno;                                             \
        if (mete__guard->resource != NULL) release(mete__guard->resource);   \
        mete__guard->resource = NULL;                                        \
        errno = mete__error;                                                 \
    }

/* NOLINTEND(bugprone-macro-parentheses) */

/* A guard that acquires the resource here, and releases it at the end of the scope, if it has it.
 */
#define METE_GUARD(name, guard, resource) \
    METE__CLEANUP(name##_release) struct name guard = name##_acquire(resource)

/* --- Statements that run at the end of the scope */

/* METE_DEFER_CALL(function, argument);  Calls function(argument), a void (void *). Anywhere. */
#define METE_DEFER_CALL(function, argument) \
    METE__CLEANUP(mete__deferred_call)      \
    const struct mete__deferred METE__PASTE(mete__deferred_, __COUNTER__) = {(function), (argument)}
struct mete__deferred {
    void (*function)(void *);
    void *argument;
};
METE__SCOPE_INLINE void mete__deferred_call(const struct mete__deferred *deferred) {
    int error = errno;
    deferred->function(deferred->argument);
    errno = error;
}

METE_END_DECLS

/* METE_DEFER { statements };  Runs them then, with the values that variables have then. They must
 * not leave the block. METE_HAS_DEFER says whether the compiler can: C with _Defer (ISO/IEC TS
 * 25755), C with gcc, C++. clang's C can not: there it does not compile. */
#define METE_HAS_DEFER 1
#if defined(__cplusplus)
#define METE_DEFER auto METE__PASTE(mete__deferred_, __COUNTER__) = mete__defer() + [&]()
struct mete__defer {};
template <class Block> struct mete__defer_block {
    Block block;
    ~mete__defer_block() {
        int error = errno;
        block();
        errno = error;
    }
};
template <class Block> mete__defer_block<Block> operator+(mete__defer, Block block) {
    return {block};
}
#elif defined(__STDC_DEFER_TS25755__)
#define METE_DEFER                                                   \
    _Defer for (int mete__error = errno, mete__once = 1; mete__once; \
                mete__once = 0, errno = mete__error)
#elif defined(__GNUC__) && !defined(__clang__)
#define METE_DEFER METE__DEFER(__COUNTER__)
/* The block is the body of a nested function, which the cleanup calls by its name. A trampoline is
 * made only for a function whose address is taken. */
#define METE__DEFER(n)                                                               \
    __extension__ auto inline void METE__PASTE(mete__block_, n)(void);               \
    __extension__ inline void METE__PASTE(mete__run_, n)(const char *mete__unused) { \
        int mete__error = errno;                                                     \
        (void)mete__unused;                                                          \
        METE__PASTE(mete__block_, n)();                                              \
        errno = mete__error;                                                         \
    }                                                                                \
    METE__CLEANUP(METE__PASTE(mete__run_, n))                                        \
    const char METE__PASTE(mete__deferred_, n) = 0;                                  \
    __extension__ inline void METE__PASTE(mete__block_, n)(void)
#else
#undef METE_HAS_DEFER
#define METE_HAS_DEFER 0
#define METE_DEFER     METE_STATIC_ASSERT(0, "METE_DEFER: this compiler has only METE_DEFER_CALL");
#endif

#endif
