/*
 * cli/executable.c on any bytes: what a user asks mete to run may be cut, damaged or hostile.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cli/executable.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct mete__executable executable;
    char path[64];
    int file = memfd_create("executable", MFD_CLOEXEC);

    if (file < 0 || write(file, data, size) != (ssize_t)size) abort();
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    if (mete__executable_read(path, &executable) != 0) abort();
    if (!memchr(executable.interpreter, '\0', sizeof executable.interpreter)) abort();
    close(file);
    return 0;
}
