/* heap/sample.h */
#include "heap/sample.h"

#include "os/process.h"

uint64_t mete__sample_interval(size_t bytes) {
    uint64_t mean = mete__watch.sample_bytes;
    if (mete__watch.mode != METE__WATCH_SAMPLED) return 1;
    if (mete__watch.sample_blocks != 0) return mete__watch.sample_blocks;
    if (mean <= bytes) return 1;
    return (mean + bytes / 2) / bytes;
}

uint64_t mete__watch_weight(size_t block_bytes) {
    return mete__sample_interval(block_bytes);
}

/* The next of the cache's pseudo-random numbers (xorshift64*: Vigna, "An experimental exploration
 * of Marsaglia's xorshift generators, scrambled", 2016). */
static uint64_t next_random(struct mete__cache *cache) {
    uint64_t x = cache->random;
    if (x == 0) x = mete__process_clock() ^ (uintptr_t)cache ^ 0x9e3779b97f4a7c15u;
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    cache->random = x;
    return x * 0x2545f4914f6cdd1du;
}

/* Natural logarithm of x > 0, to 1e-9, without the mathematical library: x = m * 2^e with m near 1,
 * and ln m = 2 artanh((m - 1) / (m + 1)) as a short series. */
static double logarithm(double x) {
    union {
        double number;
        uint64_t bits;
    } view = {.number = x};
    int exponent = (int)(view.bits >> 52) - 1023;

    view.bits = (view.bits & (((uint64_t)1 << 52) - 1)) | (uint64_t)1023 << 52;
    double m = view.number;
    if (m > 1.4142135623730951) {
        m /= 2;
        exponent++;
    }
    double z = (m - 1) / (m + 1), square = z * z;
    double series =
        1 + square * (1.0 / 3 + square * (1.0 / 5 + square * (1.0 / 7 + square * (1.0 / 9))));
    return exponent * 0.6931471805599453 + 2 * z * series;
}

uint64_t mete__sample_distance(struct mete__cache *cache, size_t bytes) {
    uint64_t interval = mete__sample_interval(bytes);
    if (interval == 1) return 0;
    /* Inversion: floor(ln u / ln(1 - 1/N)) is geometric for u uniform in (0, 1]. */
    double u = (double)((next_random(cache) >> 11) + 1) * 0x1p-53;
    double distance = logarithm(u) / logarithm(1 - 1 / (double)interval);
    return distance < 1e18 ? (uint64_t)distance : (uint64_t)1e18;
}

bool mete__sample_now(struct mete__cache *cache, size_t bytes) {
    return next_random(cache) % mete__sample_interval(bytes) == 0;
}
