#include "support/pools.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

mete_pool_error pools_errors[POOLS_ERRORS_MOST];
size_t pools_error_count;

mete_pool *pools_make(bool shared, mete_pool_options options) {
    options.shared = shared;
    mete_pool *pool = mete_pool_create(&options);
    assert_non_null(pool);
    return pool;
}

mete_pool_stats pools_stats(const mete_pool *pool) {
    mete_pool_stats stats;
    assert_int_equal(mete_pool_stats_read(pool, &stats), 0);
    assert_int_equal(stats.reserved_bytes,
                     stats.live_bytes + stats.free_bytes + stats.metadata_bytes);
    assert_int_equal(stats.allocations - stats.frees, stats.live_blocks);
    return stats;
}

void pools_note(void *context, const mete_pool_error *error) {
    (void)context;
    assert_true(pools_error_count < POOLS_ERRORS_MOST);
    pools_errors[pools_error_count++] = *error;
}
