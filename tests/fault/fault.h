/*
 * fault/fault.h - what the fault programs share: each does one wrong thing, once, and says where.
 *
 * The program prints the address it misuses on standard output, then misuses it. Reaching its end
 * means that nothing noticed. Its argument is the size of the block (100).
 */
#ifndef METE_FAULT_FAULT_H
#define METE_FAULT_FAULT_H

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static inline size_t fault_size(int argc, char **argv) {
    return argc > 1 ? strtoul(argv[1], NULL, 10) : 100;
}

/* A block that has neighbours, as blocks in programs have. */
static inline char *fault_block(size_t size) {
    char *block = NULL;
    for (int i = 0; i < 3; i++) {
        block = (char *)malloc(size);
        if (block == NULL) abort();
        memset(block, 'x', size);
    }
    return block;
}

static inline void *fault_announce(void *address) {
    dprintf(STDOUT_FILENO, "%p\n", address);
    return address;
}

/* Other work of a program: blocks of other sizes come and go, and none takes a freed one's place.
 */
static inline void fault_meanwhile(size_t size) {
    for (size_t other = 16; other < 40000; other += other / 2) {
        if (other > size / 2 && other < size * 2) continue;
        void *blocks[20];
        for (int i = 0; i < 20; i++) blocks[i] = malloc(other);
        for (int i = 0; i < 20; i++) free(blocks[i]);
    }
}

#endif
