/*
 * track/symbol.c on any bytes: the files of a process's modules may be cut, damaged or hostile. The
 * first eight bytes are the address that is asked for.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "track/symbol.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct mete__symbol symbol;
    uint64_t address;

    if (size < sizeof address) return 0;
    memcpy(&address, data, sizeof address);
    data += sizeof address;
    size -= sizeof address;
    int file = memfd_create("symbols", MFD_CLOEXEC);
    if (file < 0 || write(file, data, size) != (ssize_t)size) abort();
    if (mete__symbol_find_in_file(file, address, &symbol)) {
        if (address - symbol.start >= symbol.size || symbol.name[0] == '\0') abort();
        if (!memchr(symbol.name, '\0', sizeof symbol.name)) abort();
    }
    close(file);
    return 0;
}
