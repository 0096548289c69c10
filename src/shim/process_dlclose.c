/*
 * shim/process_dlclose.c - dlclose, after which addresses may mean something else.
 *
 * Only libmete_malloc.so has this file.
 */
#include <dlfcn.h>
#include <stddef.h>

#include "base/compiler.h"
#include "track/modules.h"

METE_EXPORT int dlclose(void *library) {
    int (*next)(void *library);

    *(void **)&next = dlsym(RTLD_NEXT, "dlclose");
    if (next == NULL) return -1;
    mete__modules_unloading();
    int status = next(library);
    mete__modules_unloaded();
    return status;
}
