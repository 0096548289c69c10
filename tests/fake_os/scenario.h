/*
 * tests/fake_os/scenario.h - one use of everything the heap can do, whatever the system answers.
 */
#ifndef METE_TESTS_SCENARIO_H
#define METE_TESTS_SCENARIO_H

#include <stdbool.h>
#include <stddef.h>

/* Small, middle and large blocks by every call; frees from another thread; a thread's end; a fork;
 * a private heap; unwatched, watched and sampled. What is answered with NULL must come with ENOMEM,
 * what is not must keep its bytes; the heap is whole after each step and everything is freed at the
 * end. Returns how many calls were answered with NULL. */
size_t scenario_run(void);

#endif
