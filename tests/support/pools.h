/*
 * tests/support/pools.h - pools for facts: made, measured, and their errors noted.
 */
#ifndef METE_TESTS_POOLS_H
#define METE_TESTS_POOLS_H

#include <mete/pool.h>
#include <stdbool.h>
#include <stddef.h>

/* A pool of one thread, or a shared one: each fact holds for both. */
mete_pool *pools_make(bool shared, mete_pool_options options);

/* Its figures, which must add up. */
mete_pool_stats pools_stats(const mete_pool *pool);

/* The on_error of a fact that expects no more than POOLS_ERRORS_MOST; a fact begins with none. */
enum { POOLS_ERRORS_MOST = 16 };
extern mete_pool_error pools_errors[POOLS_ERRORS_MOST];
extern size_t pools_error_count;
void pools_note(void *context, const mete_pool_error *error);

#endif
