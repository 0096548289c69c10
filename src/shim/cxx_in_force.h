/*
 * shim/cxx_in_force.h - the operators new and delete that the program really has.
 *
 * The standard's defaults are layered: new[] calls new, the nothrow forms call the throwing ones,
 * sized and array delete call the plain one ([new.delete]). A program that replaces only the lowest
 * layer relies on it. So each of our upper operators looks here what the layer below it is: the
 * dynamic linker has filled in the program's own where it has one, else ours, and then the layers
 * can be skipped.
 */
#ifndef METE_SHIM_CXX_IN_FORCE_H
#define METE_SHIM_CXX_IN_FORCE_H

#include <stddef.h>

#include "base/compiler.h"

/* All replaceable operators: what they are called here, their mangled names (Itanium C++ ABI), what
 * they return and take. The nothrow forms take the address of a tag. */
/* clang-format off */
#define METE__CXX_OPERATORS(IS) \
    IS(plain_new, _Znwm, void *, (size_t size)) \
    IS(array_new, _Znam, void *, (size_t size)) \
    IS(aligned_new, _ZnwmSt11align_val_t, void *, (size_t size, size_t align)) \
    IS(aligned_array_new, _ZnamSt11align_val_t, void *, (size_t size, size_t align)) \
    IS(nothrow_new, _ZnwmRKSt9nothrow_t, void *, (size_t size, const void *tag)) \
    IS(nothrow_array_new, _ZnamRKSt9nothrow_t, void *, (size_t size, const void *tag)) \
    IS(nothrow_aligned_new, _ZnwmSt11align_val_tRKSt9nothrow_t, void *, \
       (size_t size, size_t align, const void *tag)) \
    IS(nothrow_aligned_array_new, _ZnamSt11align_val_tRKSt9nothrow_t, void *, \
       (size_t size, size_t align, const void *tag)) \
    IS(plain_delete, _ZdlPv, void, (void *block)) \
    IS(array_delete, _ZdaPv, void, (void *block)) \
    IS(aligned_delete, _ZdlPvSt11align_val_t, void, (void *block, size_t align)) \
    IS(aligned_array_delete, _ZdaPvSt11align_val_t, void, (void *block, size_t align)) \
    IS(nothrow_delete, _ZdlPvRKSt9nothrow_t, void, (void *block, const void *tag)) \
    IS(nothrow_array_delete, _ZdaPvRKSt9nothrow_t, void, (void *block, const void *tag)) \
    IS(nothrow_aligned_delete, _ZdlPvSt11align_val_tRKSt9nothrow_t, void, \
       (void *block, size_t align, const void *tag)) \
    IS(nothrow_aligned_array_delete, _ZdaPvSt11align_val_tRKSt9nothrow_t, void, \
       (void *block, size_t align, const void *tag)) \
    IS(sized_delete, _ZdlPvm, void, (void *block, size_t size)) \
    IS(sized_array_delete, _ZdaPvm, void, (void *block, size_t size)) \
    IS(sized_aligned_delete, _ZdlPvmSt11align_val_t, void, \
       (void *block, size_t size, size_t align)) \
    IS(sized_aligned_array_delete, _ZdaPvmSt11align_val_t, void, \
       (void *block, size_t size, size_t align))
/* clang-format on */

struct mete__cxx_in_force {
/* NOLINTNEXTLINE(bugprone-macro-parentheses): a declaration */
#define METE__CXX_FIELD(field, name, result, arguments) result(*field) arguments;
    METE__CXX_OPERATORS(METE__CXX_FIELD)
#undef METE__CXX_FIELD
};
extern METE_HIDDEN const struct mete__cxx_in_force mete__cxx_in_force;

#endif
