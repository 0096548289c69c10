// bench/costs/boost.cpp - boost::pool for a program in C.
#include <boost/pool/pool.hpp>

#include "peers.h"

static boost::pool<> pool(64);

void *bench_boost_alloc() {
    return pool.malloc();
}

void bench_boost_free(void *block) {
    pool.free(block);
}
