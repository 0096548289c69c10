/*
 * shim/cxx_operators.c - C++'s operators new and delete, in C.
 *
 * libstdc++'s own would reach malloc too, but then every stack would begin with a frame of theirs,
 * and each allocation would cost one call more. Defined under their mangled names (Itanium C++ ABI)
 * they need no C++ library; the two things only that library can do, ask for the new_handler and
 * throw std::bad_alloc, are looked up when memory has run out.
 */
#include <dlfcn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "heap/alloc.h"
#include "os/process.h"
#include "shim/cxx_in_force.h"

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

#define CALLER_OF_NEW   METE__CALLER_OF(METE__FAMILY_NEW)
#define CALLER_OF_ARRAY METE__CALLER_OF(METE__FAMILY_NEW_ARRAY)

/* ---- the throwing ones ---- */

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

static void *new_for(size_t size, size_t align, const struct mete__caller *caller) {
    void *block = mete__alloc_aligned_for(size, align, caller);
    return METE_LIKELY(block != NULL) ? block : insist(size, align, caller);
}

static METE_NOINLINE void *new_slow(size_t size) {
    struct mete__caller caller = CALLER_OF_NEW;
    return new_for(size, 1, &caller);
}

static METE_NOINLINE void *array_new_slow(size_t size) {
    struct mete__caller caller = CALLER_OF_ARRAY;
    return new_for(size, 1, &caller);
}

static void *own_plain_new(size_t size) {
    void *block = mete__alloc_listed(size);
    return METE_LIKELY(block != NULL) ? block : new_slow(size);
}

static void *own_array_new(size_t size) {
    if (METE_UNLIKELY(mete__cxx_in_force.plain_new != own_plain_new))
        return mete__cxx_in_force.plain_new(size);
    void *block = mete__alloc_listed(size);
    return METE_LIKELY(block != NULL) ? block : array_new_slow(size);
}

static void *own_aligned_new(size_t size, size_t align) {
    struct mete__caller caller = CALLER_OF_NEW;
    return new_for(size, align, &caller);
}

static void *own_aligned_array_new(size_t size, size_t align) {
    if (METE_UNLIKELY(mete__cxx_in_force.aligned_new != own_aligned_new))
        return mete__cxx_in_force.aligned_new(size, align);
    struct mete__caller caller = CALLER_OF_ARRAY;
    return new_for(size, align, &caller);
}

/* ---- the nothrow ones ---- */

/* Where the program's own operator or its handler may throw, the exception must become a NULL, and
 * only C++ can catch. So the C++ library's own nothrow operator, which calls the throwing one and
 * catches, answers. */
static METE_COLD void *let_library_catch(const char *name, size_t size, const void *tag) {
    nothrow_new next;
    *(void **)&next = dlsym(RTLD_NEXT, name);
    return next != NULL ? next(size, tag) : NULL;
}

static METE_COLD void *let_library_catch_aligned(const char *name, size_t size, size_t align,
                                                 const void *tag) {
    nothrow_aligned_new next;
    *(void **)&next = dlsym(RTLD_NEXT, name);
    return next != NULL ? next(size, align, tag) : NULL;
}

#define NOTHROW(function, name, below, call)                                       \
    static void *function(size_t size, const void *tag) {                          \
        struct mete__caller caller = call;                                         \
        if (METE_UNLIKELY(mete__cxx_in_force.below != own_##below ||               \
                          mete__cxx_in_force.plain_new != own_plain_new))          \
            return let_library_catch(name, size, tag);                             \
        void *block = mete__alloc_for(size, &caller);                              \
        if (METE_LIKELY(block != NULL) || current_handler() == NULL) return block; \
        return let_library_catch(name, size, tag);                                 \
    }

#define NOTHROW_ALIGNED(function, name, below, call)                               \
    static void *function(size_t size, size_t align, const void *tag) {            \
        struct mete__caller caller = call;                                         \
        if (METE_UNLIKELY(mete__cxx_in_force.below != own_##below ||               \
                          mete__cxx_in_force.aligned_new != own_aligned_new))      \
            return let_library_catch_aligned(name, size, align, tag);              \
        void *block = mete__alloc_aligned_for(size, align, &caller);               \
        if (METE_LIKELY(block != NULL) || current_handler() == NULL) return block; \
        return let_library_catch_aligned(name, size, align, tag);                  \
    }

NOTHROW(own_nothrow_new, "_ZnwmRKSt9nothrow_t", plain_new, CALLER_OF_NEW)
NOTHROW(own_nothrow_array_new, "_ZnamRKSt9nothrow_t", array_new, CALLER_OF_ARRAY)
NOTHROW_ALIGNED(own_nothrow_aligned_new, "_ZnwmSt11align_val_tRKSt9nothrow_t", aligned_new,
                CALLER_OF_NEW)
NOTHROW_ALIGNED(own_nothrow_aligned_array_new, "_ZnamSt11align_val_tRKSt9nothrow_t",
                aligned_array_new, CALLER_OF_ARRAY)

/* ---- delete ---- */

static METE_NOINLINE void delete_slow(void *block) {
    struct mete__caller caller = CALLER_OF_NEW;
    mete__alloc_free_for(block, &caller);
}

static METE_NOINLINE void array_delete_slow(void *block) {
    struct mete__caller caller = CALLER_OF_ARRAY;
    mete__alloc_free_for(block, &caller);
}

static METE_NOINLINE void sized_delete_slow(void *block, size_t size) {
    struct mete__caller caller = CALLER_OF_NEW;
    caller.said_size = size;
    mete__alloc_free_for(block, &caller);
}

static METE_NOINLINE void sized_array_delete_slow(void *block, size_t size) {
    struct mete__caller caller = CALLER_OF_ARRAY;
    caller.said_size = size;
    mete__alloc_free_for(block, &caller);
}

/* What each operator does where it and those below it are mete's. */
METE_INLINE void delete_own(void *block) {
    if (METE_UNLIKELY(!mete__alloc_free_own(block))) delete_slow(block);
}

METE_INLINE void array_delete_own(void *block) {
    if (METE_UNLIKELY(!mete__alloc_free_own(block))) array_delete_slow(block);
}

METE_INLINE void sized_delete_own(void *block, size_t size) {
    if (METE_UNLIKELY(!mete__alloc_free_own(block))) sized_delete_slow(block, size);
}

METE_INLINE void sized_array_delete_own(void *block, size_t size) {
    if (METE_UNLIKELY(!mete__alloc_free_own(block))) sized_array_delete_slow(block, size);
}

static void own_plain_delete(void *block) {
    delete_own(block);
}

METE_INLINE bool is_plain_own(void) {
    return METE_LIKELY(mete__cxx_in_force.plain_delete == own_plain_delete);
}

static void own_array_delete(void *block) {
    if (is_plain_own())
        array_delete_own(block);
    else
        mete__cxx_in_force.plain_delete(block);
}

METE_INLINE bool is_array_own(void) {
    return METE_LIKELY(mete__cxx_in_force.array_delete == own_array_delete) && is_plain_own();
}

static void own_aligned_delete(void *block, size_t align) {
    (void)align;
    delete_own(block);
}

METE_INLINE bool is_aligned_own(void) {
    return METE_LIKELY(mete__cxx_in_force.aligned_delete == own_aligned_delete);
}

static void own_aligned_array_delete(void *block, size_t align) {
    if (is_aligned_own())
        array_delete_own(block);
    else
        mete__cxx_in_force.aligned_delete(block, align);
}

METE_INLINE bool is_aligned_array_own(void) {
    return METE_LIKELY(mete__cxx_in_force.aligned_array_delete == own_aligned_array_delete) &&
           is_aligned_own();
}

/* The nothrow deletes. */

static void own_nothrow_delete(void *block, const void *tag) {
    (void)tag;
    if (is_plain_own())
        delete_own(block);
    else
        mete__cxx_in_force.plain_delete(block);
}

static void own_nothrow_array_delete(void *block, const void *tag) {
    (void)tag;
    if (is_array_own())
        array_delete_own(block);
    else
        mete__cxx_in_force.array_delete(block);
}

static void own_nothrow_aligned_delete(void *block, size_t align, const void *tag) {
    (void)tag;
    if (is_aligned_own())
        delete_own(block);
    else
        mete__cxx_in_force.aligned_delete(block, align);
}

static void own_nothrow_aligned_array_delete(void *block, size_t align, const void *tag) {
    (void)tag;
    if (is_aligned_array_own())
        array_delete_own(block);
    else
        mete__cxx_in_force.aligned_array_delete(block, align);
}

/* The sized deletes. The aligned ones have the size before the alignment. */

static void own_sized_delete(void *block, size_t size) {
    if (is_plain_own())
        sized_delete_own(block, size);
    else
        mete__cxx_in_force.plain_delete(block);
}

static void own_sized_array_delete(void *block, size_t size) {
    if (is_array_own())
        sized_array_delete_own(block, size);
    else
        mete__cxx_in_force.array_delete(block);
}

static void own_sized_aligned_delete(void *block, size_t size, size_t align) {
    if (is_aligned_own())
        sized_delete_own(block, size);
    else
        mete__cxx_in_force.aligned_delete(block, align);
}

static void own_sized_aligned_array_delete(void *block, size_t size, size_t align) {
    if (is_aligned_array_own())
        sized_array_delete_own(block, size);
    else
        mete__cxx_in_force.aligned_array_delete(block, align);
}

/* ---- the names ---- */

bool mete__cxx_operators_replaced(void) {
    static const struct mete__cxx_in_force own = {
#define OWN(field, name, result, arguments) .field = own_##field,
        METE__CXX_OPERATORS(OWN)};
    return memcmp(&own, &mete__cxx_in_force, sizeof own) != 0;
}

#define IS(field, name, result, arguments) \
    __attribute__((alias("own_" #field), visibility("default"))) result name arguments;
METE__CXX_OPERATORS(IS)
