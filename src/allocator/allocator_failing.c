/* Says no on purpose. */
#include <mete/adapters.h>

#include "allocator/wrapper.h"

struct failing {
    struct mete__wrapper wrapper;
    mete_failing_options options;
    uint64_t requests; /* atomic: made so far */
    uint64_t failures; /* atomic: of these, failed here */
};

/* Whether the number `n` of a sequence fails, one in `one_in` (splitmix64: Steele, Lea, Flood,
 * "Fast splittable pseudorandom number generators", 2014). The same seed fails the same requests.
 */
static bool fails_by_chance(uint64_t seed, uint64_t n, uint32_t one_in) {
    uint64_t z = seed + n * 0x9e3779b97f4a7c15u;

    if (one_in == 0) return false;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    z ^= z >> 31;
    return z % one_in == 0;
}

/* Counts a request, and says whether it is to fail. */
static bool fails(struct failing *failing) {
    const mete_failing_options *options = &failing->options;
    uint64_t n = __atomic_add_fetch(&failing->requests, 1, __ATOMIC_RELAXED);
    bool chosen = options->fail_at != 0 &&
                  (options->fail_after ? n >= options->fail_at : n == options->fail_at);

    if (!chosen && !fails_by_chance(options->seed, n, options->one_in)) return false;
    __atomic_add_fetch(&failing->failures, 1, __ATOMIC_RELAXED);
    return true;
}

static void *take(void *state, mete_layout layout, const mete_site *site) {
    struct failing *failing = state;

    if (fails(failing)) {
        mete__wrapper_count_alloc(&failing->wrapper, NULL, layout.size);
        errno = ENOMEM;
        return NULL;
    }
    return mete__wrapper_alloc(state, layout, site);
}

static int resize(void *state, void *block, mete_layout layout, size_t new_size) {
    struct failing *failing = state;

    if (new_size > layout.size && fails(failing)) {
        mete__wrapper_count_resize(&failing->wrapper, -ENOMEM, layout.size, new_size);
        return -ENOMEM;
    }
    return mete__wrapper_resize(state, block, layout, new_size);
}

static void *remap(void *state, void *block, mete_layout layout, size_t new_size) {
    struct failing *failing = state;

    if (new_size > layout.size && fails(failing)) {
        mete__wrapper_count_remap(&failing->wrapper, NULL, layout.size, new_size);
        errno = ENOMEM;
        return NULL;
    }
    return mete__wrapper_remap(state, block, layout, new_size);
}

static const mete_allocator_methods methods = {
    .name = "failing",
    .alloc = take,
    .free = mete__wrapper_free,
    .resize = resize,
    .remap = remap,
    .usable = mete__wrapper_usable,
};

mete_allocator *mete_allocator_failing(const mete_allocator *under,
                                       const mete_failing_options *options) {
    struct failing *failing = mete__wrapper_make(sizeof *failing, under, &methods, 0);

    if (failing == NULL) return NULL;
    if (options != NULL) failing->options = *options;
    return &failing->wrapper.self;
}

int mete_allocator_failing_each(const mete_allocator *under,
                                int (*run)(void *context, const mete_allocator *allocator),
                                void *context, uint64_t *failed_at) {
    mete_failing_options options = {.fail_at = 1};
    uint64_t reached = 0;
    int status = 0;

    for (bool has_failed = true; has_failed && status == 0; options.fail_at++) {
        mete_allocator *allocator = mete_allocator_failing(under, &options);
        if (allocator == NULL) return -errno;
        const struct failing *failing = allocator->state;
        status = run(context, allocator);
        if (status == 0 && failing->wrapper.stats.live_blocks != 0) status = -ENOTEMPTY;
        has_failed = failing->failures != 0;
        reached = has_failed ? options.fail_at : failing->requests;
        mete_allocator_destroy(allocator);
    }
    if (failed_at != NULL) *failed_at = reached;
    return status;
}
