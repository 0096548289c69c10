/* A library with thread-locals of the kind that must fit in what the loader keeps free. */
#include <string.h>

void library_touch(void);

__attribute__((tls_model("initial-exec"))) static __thread char kept[900];

void library_touch(void) {
    memset(kept, 1, sizeof kept);
}
