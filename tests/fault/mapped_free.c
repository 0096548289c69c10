/* Memory from mmap is freed. */
#include <sys/mman.h>

#include "fault.h"

int main(void) {
    free(fault_announce(
        mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)));
    return 0;
}
