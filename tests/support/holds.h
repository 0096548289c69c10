/*
 * tests/support/holds.h - conditions in the children of facts, where cmocka cannot be asked.
 */
#ifndef METE_TESTS_HOLDS_H
#define METE_TESTS_HOLDS_H

#include <stdio.h>
#include <unistd.h>

/* Ends the process with 1 where the condition is not so, and says which it was. */
#define HOLDS(condition)                                                        \
    do {                                                                        \
        if (condition) break;                                                   \
        fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
        _exit(1);                                                               \
    } while (0)

#endif
