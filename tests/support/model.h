/*
 * tests/support/model.h - the heap under random operations, held against a model of what it owes.
 *
 * The input is a program: each byte is an operation, the bytes after it are its arguments. Blocks
 * are filled with what only they hold, looked at again before they go, and found by addresses
 * inside them; calloc's must be zero, aligned ones aligned; every invariant is checked now and
 * then. The operations come from several threads: from three that are only pretended (one thread
 * with three caches, which makes any order of frees between them exact and repeatable), and from
 * real ones that live for a few operations. Whatever is wrong ends the process by abort.
 */
#ifndef METE_TESTS_MODEL_H
#define METE_TESTS_MODEL_H

#include <stddef.h>
#include <stdint.h>

/* Runs the program, frees what it has left and checks everything. The heap itself lives on. */
void model_run(const uint8_t *bytes, size_t size);

#endif
