#include "analysis/late_library.h"

#include <dlfcn.h>
#include <errno.h>
#include <string.h>

int mete__late_library_load(const char *soname, const struct mete__late_function *functions,
                            size_t count) {
    void *library = dlopen(soname, RTLD_LAZY | RTLD_LOCAL);

    if (library == NULL) return -ENOENT;
    for (size_t i = 0; i < count; i++)
        if (dlsym(library, functions[i].name) == NULL) {
            dlclose(library);
            return -ENOENT;
        }
    for (size_t i = 0; i < count; i++) {
        void *address = dlsym(library, functions[i].name);
        memcpy(functions[i].pointer, &address, sizeof address); /* ISO C has no such cast */
    }
    return 0;
}
