/*
 * shim/cxx_operators.c - C++'s operators new and delete, in C.
 *
 * libstdc++'s own would reach malloc too, but then every stack would begin with a frame of theirs,
 * and each allocation would cost one call more. Defined under their mangled names (Itanium C++ ABI)
 * they need no C++ library; the two things only that library can do, ask for the new_handler and
 * throw std::bad_alloc, are looked up when memory has run out.
 */
#include <dlfcn.h>
#include <stdlib.h>

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

static void *aligned_new_for(size_t size, size_t align, const struct mete__caller *caller) {
    void *block = mete__alloc_aligned_for(size, align, caller);
    return METE_LIKELY(block != NULL) ? block : insist(size, align, caller);
}

METE_INLINE void *new_for(size_t size, const struct mete__caller *caller) {
    void *block = mete__alloc_listed(size);
    return METE_LIKELY(block != NULL) ? block : aligned_new_for(size, 1, caller);
}

static void *own_new(size_t size) {
    struct mete__caller caller = METE__CALLER;
    return new_for(size, &caller);
}

static void *own_array_new(size_t size) {
    if (METE_UNLIKELY(mete__cxx_in_force.plain_new != own_new))
        return mete__cxx_in_force.plain_new(size);
    struct mete__caller caller = METE__CALLER;
    return new_for(size, &caller);
}

static void *own_aligned_new(size_t size, size_t align) {
    struct mete__caller caller = METE__CALLER;
    return aligned_new_for(size, align, &caller);
}

static void *own_aligned_array_new(size_t size, size_t align) {
    if (METE_UNLIKELY(mete__cxx_in_force.aligned_new != own_aligned_new))
        return mete__cxx_in_force.aligned_new(size, align);
    struct mete__caller caller = METE__CALLER;
    return aligned_new_for(size, align, &caller);
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

#define NOTHROW(name, below)                                                       \
    METE_EXPORT void *name(size_t size, const void *tag);                          \
    METE_EXPORT void *name(size_t size, const void *tag) {                         \
        struct mete__caller caller = METE__CALLER;                                 \
        if (METE_UNLIKELY(mete__cxx_in_force.below##_new != own_##below##_new ||   \
                          mete__cxx_in_force.plain_new != own_new))                \
            return let_library_catch(#name, size, tag);                            \
        void *block = mete__alloc_for(size, &caller);                              \
        if (METE_LIKELY(block != NULL) || current_handler() == NULL) return block; \
        return let_library_catch(#name, size, tag);                                \
    }

#define NOTHROW_ALIGNED(name, below)                                               \
    METE_EXPORT void *name(size_t size, size_t align, const void *tag);            \
    METE_EXPORT void *name(size_t size, size_t align, const void *tag) {           \
        struct mete__caller caller = METE__CALLER;                                 \
        if (METE_UNLIKELY(mete__cxx_in_force.below##_new != own_##below##_new ||   \
                          mete__cxx_in_force.aligned_new != own_aligned_new))      \
            return let_library_catch_aligned(#name, size, align, tag);             \
        void *block = mete__alloc_aligned_for(size, align, &caller);               \
        if (METE_LIKELY(block != NULL) || current_handler() == NULL) return block; \
        return let_library_catch_aligned(#name, size, align, tag);                 \
    }

#define own_plain_new own_new
NOTHROW(_ZnwmRKSt9nothrow_t, plain)
NOTHROW(_ZnamRKSt9nothrow_t, array)
NOTHROW_ALIGNED(_ZnwmSt11align_val_tRKSt9nothrow_t, aligned)
NOTHROW_ALIGNED(_ZnamSt11align_val_tRKSt9nothrow_t, aligned_array)

/* ---- delete ---- */

static void own_delete(void *block) {
    mete__alloc_free(block);
}

static void own_array_delete(void *block) {
    if (METE_LIKELY(mete__cxx_in_force.plain_delete == own_delete))
        mete__alloc_free(block);
    else
        mete__cxx_in_force.plain_delete(block);
}

static void own_aligned_delete(void *block, size_t align) {
    (void)align;
    mete__alloc_free(block);
}

static void own_aligned_array_delete(void *block, size_t align) {
    if (METE_LIKELY(mete__cxx_in_force.aligned_delete == own_aligned_delete))
        mete__alloc_free(block);
    else
        mete__cxx_in_force.aligned_delete(block, align);
}

/* Sized and nothrow deletes: what they are told beside the block, the heap knows already. The
 * x86-64 and aarch64 calling conventions let a function ignore what it has no use for. */
static void forward_delete(void *block) {
    if (METE_LIKELY(mete__cxx_in_force.plain_delete == own_delete))
        mete__alloc_free(block);
    else
        mete__cxx_in_force.plain_delete(block);
}

static void forward_array_delete(void *block) {
    if (METE_LIKELY(mete__cxx_in_force.array_delete == own_array_delete))
        own_array_delete(block);
    else
        mete__cxx_in_force.array_delete(block);
}

static void forward_aligned_delete(void *block, size_t align) {
    if (METE_LIKELY(mete__cxx_in_force.aligned_delete == own_aligned_delete))
        mete__alloc_free(block);
    else
        mete__cxx_in_force.aligned_delete(block, align);
}

static void forward_aligned_array_delete(void *block, size_t align) {
    if (METE_LIKELY(mete__cxx_in_force.aligned_array_delete == own_aligned_array_delete))
        own_aligned_array_delete(block, align);
    else
        mete__cxx_in_force.aligned_array_delete(block, align);
}

/* The sized aligned forms have the size before the alignment. */
static void sized_aligned_delete(void *block, size_t size, size_t align) {
    (void)size;
    forward_aligned_delete(block, align);
}

static void sized_aligned_array_delete(void *block, size_t size, size_t align) {
    (void)size;
    forward_aligned_array_delete(block, align);
}

/* ---- the names ---- */

#define IS(function) __attribute__((alias(#function), visibility("default")))

IS(own_new) void *_Znwm(size_t size);
IS(own_array_new) void *_Znam(size_t size);
IS(own_aligned_new) void *_ZnwmSt11align_val_t(size_t size, size_t align);
IS(own_aligned_array_new) void *_ZnamSt11align_val_t(size_t size, size_t align);
IS(own_delete) void _ZdlPv(void *block);
IS(own_array_delete) void _ZdaPv(void *block);
IS(own_aligned_delete) void _ZdlPvSt11align_val_t(void *block, size_t align);
IS(own_aligned_array_delete) void _ZdaPvSt11align_val_t(void *block, size_t align);
IS(forward_delete) void _ZdlPvm(void *block);
IS(forward_array_delete) void _ZdaPvm(void *block);
IS(forward_delete) void _ZdlPvRKSt9nothrow_t(void *block);
IS(forward_array_delete) void _ZdaPvRKSt9nothrow_t(void *block);
IS(sized_aligned_delete) void _ZdlPvmSt11align_val_t(void *block, size_t size, size_t align);
IS(sized_aligned_array_delete) void _ZdaPvmSt11align_val_t(void *block, size_t size, size_t align);
IS(forward_aligned_delete) void _ZdlPvSt11align_val_tRKSt9nothrow_t(void *block, size_t align);
IS(forward_aligned_array_delete)
void _ZdaPvSt11align_val_tRKSt9nothrow_t(void *block, size_t align);
