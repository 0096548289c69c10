/*
 * tests/support/fresh.h - facts of cmocka that begin afresh: with what set_up of their file makes
 * and tear_down takes away, such as a new file.
 */
#ifndef METE_TESTS_FRESH_H
#define METE_TESTS_FRESH_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define FACT(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

/* Makes an empty file and writes its path; `about` is a part of its name. 0, or -1. */
enum { FRESH_PATH = 64 };
static inline int fresh_file(char path[FRESH_PATH], const char *about) {
    snprintf(path, FRESH_PATH, "/tmp/mete-test-%s-XXXXXX", about);
    int file = mkstemp(path);
    return file < 0 ? -1 : close(file);
}

#endif
