/* mete/box.h: counts of owners and watchers. */
#include <stdlib.h>

#include "base/text.h"
#include "box/shared_block.h"
#include "os/process.h"

mete_shared *mete_shared_new(const mete_allocator *allocator, mete_layout layout,
                             void (*destroy)(void *value), const mete_site *site) {
    size_t offset = 0;
    mete_layout whole;
    int status = mete_layout_extend(METE_LAYOUT_OF(mete_shared), layout, &whole, &offset);

    if (status != 0) {
        errno = -status;
        return NULL;
    }
    if (allocator == NULL) allocator = mete_allocator_heap();
    mete_shared *shared = mete_allocator_alloc_at(allocator, whole, site);
    if (shared == NULL) return NULL;
    *shared = (mete_shared){
        .allocator = allocator,
        .destroy = destroy,
        .value = (char *)shared + offset,
        .layout = whole,
        .counts = METE__SHARED_ONE_OWNER + METE__SHARED_ONE_WATCHER,
    };
    return shared;
}

void *mete_shared_value(mete_shared *shared) {
    return shared != NULL ? shared->value : NULL;
}

static METE_COLD METE_NORETURN void misused(const char *what, const mete_shared *shared) {
    char buffer[128];
    struct mete__text line = mete__text_in(buffer, sizeof buffer);

    mete__text_add(&line, "mete: %s of the shared value at %p\n", what, shared->value);
    mete__process_complain(line.start, line.length);
    abort();
}

static uint32_t owners_in(uint64_t counts) {
    return (uint32_t)counts;
}

static uint32_t watchers_in(uint64_t counts) {
    return (uint32_t)(counts >> 32);
}

/* One more of a kind, by somebody who has one: so nothing is to be ordered. */
static int add_one(mete_shared *shared, uint64_t one, uint32_t (*kind)(uint64_t)) {
    if (shared == NULL) return -ENOENT;
    uint64_t before = __atomic_fetch_add(&shared->counts, one, __ATOMIC_RELAXED);
    if (kind(before) < METE_SHARED_MOST) return 0;
    __atomic_fetch_sub(&shared->counts, one, __ATOMIC_RELAXED);
    return -EOVERFLOW;
}

int mete_shared_hold(mete_shared *shared) {
    return add_one(shared, METE__SHARED_ONE_OWNER, owners_in);
}

int mete_shared_watch(mete_shared *shared) {
    return add_one(shared, METE__SHARED_ONE_WATCHER, watchers_in);
}

int mete_shared_lock(mete_shared *shared) {
    if (shared == NULL) return -ESTALE;
    uint64_t counts = __atomic_load_n(&shared->counts, __ATOMIC_RELAXED);
    do {
        if (owners_in(counts) == 0) return -ESTALE; /* for good: B1 */
        if (owners_in(counts) >= METE_SHARED_MOST) return -EOVERFLOW;
    } while (!__atomic_compare_exchange_n(&shared->counts, &counts, counts + METE__SHARED_ONE_OWNER,
                                          true, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED));
    return 0;
}

/* One less of a kind; the counts before. What others did before their own "one less" has then
 * happened for the caller. Nobody else can change the counts of the only handle there is (`alone`),
 * so that no locked instruction is needed for it. */
static uint64_t take_one(mete_shared *shared, uint64_t one, uint64_t alone) {
    uint64_t before = __atomic_load_n(&shared->counts, __ATOMIC_ACQUIRE);
    if (before != alone) return __atomic_fetch_sub(&shared->counts, one, __ATOMIC_ACQ_REL);
    __atomic_store_n(&shared->counts, alone - one, __ATOMIC_RELAXED);
    return before;
}

void mete_shared_unwatch(mete_shared *shared) {
    if (shared == NULL) return;
    uint64_t before = take_one(shared, METE__SHARED_ONE_WATCHER, METE__SHARED_ONE_WATCHER);
    if (METE_UNLIKELY(watchers_in(before) == 0)) misused("double-drop of a weak handle", shared);
    if (watchers_in(before) > 1) return;
    int error = errno;
    mete_allocator_free(shared->allocator, shared, shared->layout);
    errno = error;
}

void mete_shared_release(mete_shared *shared) {
    if (shared == NULL) return;
    uint64_t before =
        take_one(shared, METE__SHARED_ONE_OWNER, METE__SHARED_ONE_OWNER + METE__SHARED_ONE_WATCHER);
    if (METE_UNLIKELY(owners_in(before) == 0)) misused("double-drop", shared);
    if (owners_in(before) > 1) return;
    int error = errno;
    if (shared->destroy != NULL) shared->destroy(shared->value);
    errno = error;
    mete_shared_unwatch(shared); /* the owners' own: B2 */
}

uint32_t mete_shared_owners(const mete_shared *shared) {
    return shared != NULL ? owners_in(__atomic_load_n(&shared->counts, __ATOMIC_RELAXED)) : 0;
}

uint32_t mete_shared_watchers(const mete_shared *shared) {
    if (shared == NULL) return 0;
    uint64_t counts = __atomic_load_n(&shared->counts, __ATOMIC_RELAXED);
    return watchers_in(counts) - (owners_in(counts) > 0 ? 1 : 0);
}
