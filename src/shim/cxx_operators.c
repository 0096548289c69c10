/*
 * shim/cxx_operators.c - C++'s operators new and delete, in C.
 *
 * libstdc++'s own would reach malloc too, but then every stack would begin with a frame of theirs,
 * and each allocation would cost one call more. Defined under their mangled names (Itanium C++
 * ABI), they need no C++ library; the two things only that library can do, ask for the new_handler
 * and throw std::bad_alloc, are looked up when memory has run out.
 */
#include <dlfcn.h>
#include <stdlib.h>

#include "base/bits.h"
#include "heap/alloc.h"
#include "os/process.h"

typedef void (*handler)(void);
typedef void *(*nothrow_new)(size_t size, const void *tag);
typedef void *(*nothrow_aligned_new)(size_t size, size_t align, const void *tag);

/* The handler the program has set, or NULL; also NULL where there is no C++ library. */
static handler current_handler(void) {
    handler (*get)(void);
    *(void **)&get = dlsym(RTLD_DEFAULT, "_ZSt15get_new_handlerv");
    return get != NULL ? get() : NULL;
}

static METE_NORETURN void throw_bad_alloc(void) {
    static const char text[] =
        "mete: operator new has no memory, and no C++ library to throw with\n";
    void (*throw_it)(void);

    *(void **)&throw_it = dlsym(RTLD_DEFAULT, "_ZSt17__throw_bad_allocv"); /* libstdc++ */
    if (throw_it == NULL)
        *(void **)&throw_it = dlsym(RTLD_DEFAULT, "_ZNSt3__117__throw_bad_allocEv"); /* libc++ */
    if (throw_it != NULL) throw_it();
    mete__process_complain(text, sizeof text - 1);
    abort();
}

/* The standard's loop: try, ask the handler to make room, try again; without a handler throw. */
static METE_COLD void *insist(size_t size, size_t align, const struct mete__caller *caller) {
    for (;;) {
        handler make_room = current_handler();
        if (make_room == NULL) throw_bad_alloc();
        make_room();
        void *block = mete__alloc_aligned_for(size, align, caller);
        if (block != NULL) return block;
    }
}

static void *new_slow(size_t size, size_t align, const struct mete__caller *caller) {
    void *block = mete__alloc_aligned_for(size, align, caller);
    return METE_LIKELY(block != NULL) ? block : insist(size, align, caller);
}

/* A handler that throws must become a NULL, and only C++ can catch: so where one is set, the C++
 * library's own operator, which calls ours and catches, answers. */
static METE_COLD void *nothrow_failed(const char *name, size_t size, const void *tag) {
    nothrow_new next;
    *(void **)&next = dlsym(RTLD_NEXT, name);
    return next != NULL && current_handler() != NULL ? next(size, tag) : NULL;
}

static METE_COLD void *nothrow_aligned_failed(const char *name, size_t size, size_t align,
                                              const void *tag) {
    nothrow_aligned_new next;
    *(void **)&next = dlsym(RTLD_NEXT, name);
    return next != NULL && current_handler() != NULL ? next(size, align, tag) : NULL;
}

#define NEW(name)                                                            \
    METE_EXPORT void *name(size_t size);                                     \
    METE_EXPORT void *name(size_t size) {                                    \
        if (METE_LIKELY(size <= METE__DIRECT_MAX)) {                         \
            struct mete__block *block =                                      \
                mete__alloc_pop(mete__cache_self->direct[(size + 15) / 16]); \
            if (METE_LIKELY(block != NULL)) return block;                    \
        }                                                                    \
        struct mete__caller caller = METE__CALLER;                           \
        return new_slow(size, 1, &caller);                                   \
    }

#define NEW_ALIGNED(name)                               \
    METE_EXPORT void *name(size_t size, size_t align);  \
    METE_EXPORT void *name(size_t size, size_t align) { \
        struct mete__caller caller = METE__CALLER;      \
        return new_slow(size, align, &caller);          \
    }

#define NEW_NOTHROW(name)                                                             \
    METE_EXPORT void *name(size_t size, const void *tag);                             \
    METE_EXPORT void *name(size_t size, const void *tag) {                            \
        struct mete__caller caller = METE__CALLER;                                    \
        void *block = mete__alloc_for(size, &caller);                                 \
        return METE_LIKELY(block != NULL) ? block : nothrow_failed(#name, size, tag); \
    }

#define NEW_ALIGNED_NOTHROW(name)                                                            \
    METE_EXPORT void *name(size_t size, size_t align, const void *tag);                      \
    METE_EXPORT void *name(size_t size, size_t align, const void *tag) {                     \
        struct mete__caller caller = METE__CALLER;                                           \
        void *block = mete__alloc_aligned_for(size, align, &caller);                         \
        return METE_LIKELY(block != NULL) ? block                                            \
                                          : nothrow_aligned_failed(#name, size, align, tag); \
    }

/* Every delete does the same; what it is told beside the block is what the heap knows already. */
#define DELETE(name)                     \
    METE_EXPORT void name(void *block);  \
    METE_EXPORT void name(void *block) { \
        mete__alloc_free(block);         \
    }

NEW(_Znwm)
NEW(_Znam)
NEW_ALIGNED(_ZnwmSt11align_val_t)
NEW_ALIGNED(_ZnamSt11align_val_t)
NEW_NOTHROW(_ZnwmRKSt9nothrow_t)
NEW_NOTHROW(_ZnamRKSt9nothrow_t)
NEW_ALIGNED_NOTHROW(_ZnwmSt11align_val_tRKSt9nothrow_t)
NEW_ALIGNED_NOTHROW(_ZnamSt11align_val_tRKSt9nothrow_t)

DELETE(_ZdlPv)
DELETE(_ZdaPv)
DELETE(_ZdlPvm)
DELETE(_ZdaPvm)
DELETE(_ZdlPvRKSt9nothrow_t)
DELETE(_ZdaPvRKSt9nothrow_t)
DELETE(_ZdlPvSt11align_val_t)
DELETE(_ZdaPvSt11align_val_t)
DELETE(_ZdlPvmSt11align_val_t)
DELETE(_ZdaPvmSt11align_val_t)
DELETE(_ZdlPvSt11align_val_tRKSt9nothrow_t)
DELETE(_ZdaPvSt11align_val_tRKSt9nothrow_t)
