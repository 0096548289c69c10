/*
 * shim/process_dlopen.c - dlopen without RTLD_DEEPBIND.
 *
 * A library bound deeply looks its symbols up in itself and the C library before the program: its
 * malloc would be the C library's, and the first block that crosses its border would be freed by
 * the wrong heap. So that flag is taken away; what else it asks for stays.
 *
 * The loader derives the caller's search path from the return address, so the call goes on as a
 * sibling call (a jump): the return address stays the program's.
 *
 * Only libmete_malloc has this file.
 */
#include <dlfcn.h>
#include <stddef.h>

#include "base/compiler.h"

typedef void *(*opener)(const char *path, int flags);

static METE_NOINLINE opener real_dlopen(void) {
    static opener known; /* races write the same value */
    if (known == NULL) *(void **)&known = dlsym(RTLD_NEXT, "dlopen");
    return known;
}

/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name): dlfcn.h's names are reserved
 * ones */
METE_EXPORT void *dlopen(const char *path, int flags) {
    opener next = real_dlopen();
    if (METE_UNLIKELY(next == NULL)) return NULL;
    return next(path, flags & ~RTLD_DEEPBIND);
}
