/* mete/ptr.h: what it says where a check fails and the program is to end. */
#include <mete/ptr.h>
#include <stdlib.h>

#include "base/text.h"
#include "os/process.h"

void mete_ptr_trap(const char *function, const char *what) {
    char buffer[160];
    struct mete__text line = mete__text_in(buffer, sizeof buffer);

    mete__text_add(&line, "mete: %s: %s\n", function, what);
    mete__process_complain(line.start, line.length);
    abort();
}
