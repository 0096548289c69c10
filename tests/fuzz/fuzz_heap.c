/* The heap in its one large region, under random operations: see tests/support/model.h. */
#include "support/model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    model_run(data, size);
    return 0;
}
