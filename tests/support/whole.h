/*
 * tests/support/whole.h - that the heap is whole, as one check in a fact.
 */
#ifndef METE_TESTS_WHOLE_H
#define METE_TESTS_WHOLE_H

#include <stdbool.h>

/* True where every invariant of heap/audit.h holds; else the broken one is on standard error.
 * whole_deeply also looks for zeros where there must be some. */
bool whole(void);
bool whole_deeply(void);

#endif
