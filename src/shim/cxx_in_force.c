/*
 * shim/cxx_in_force.h: a file of its own, because here the compiler must not know that these names
 * are also defined by us, or it would conclude that they are the ones in force.
 */
#include "shim/cxx_in_force.h"

/* NOLINTBEGIN(bugprone-reserved-identifier): the mangled names of operators new and delete */
extern void *_Znwm(size_t size);
extern void *_Znam(size_t size);
extern void *_ZnwmSt11align_val_t(size_t size, size_t align);
extern void *_ZnamSt11align_val_t(size_t size, size_t align);
extern void _ZdlPv(void *block);
extern void _ZdaPv(void *block);
extern void _ZdlPvSt11align_val_t(void *block, size_t align);
extern void _ZdaPvSt11align_val_t(void *block, size_t align);
/* NOLINTEND(bugprone-reserved-identifier) */

const struct mete__cxx_in_force mete__cxx_in_force = {
    .plain_new = _Znwm,
    .array_new = _Znam,
    .aligned_new = _ZnwmSt11align_val_t,
    .aligned_array_new = _ZnamSt11align_val_t,
    .plain_delete = _ZdlPv,
    .array_delete = _ZdaPv,
    .aligned_delete = _ZdlPvSt11align_val_t,
    .aligned_array_delete = _ZdaPvSt11align_val_t,
};
