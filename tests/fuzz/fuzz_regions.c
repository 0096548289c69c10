/* The heap in many small regions, as under a limit of address space: see tests/support/model.h. */
#include <sys/resource.h>

#include "support/model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A limit that leaves room for everything, a sanitizer included, but is one. */
static void set_limit(void) {
    struct rlimit limit = {(rlim_t)1 << 46, (rlim_t)1 << 46};
    setrlimit(RLIMIT_AS, &limit);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static int limited;
    if (!limited) set_limit();
    limited = 1;
    model_run(data, size);
    return 0;
}
