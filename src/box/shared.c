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
        .owners = 1,
        .watchers = 1,
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

/* One more, by somebody who has one: so the count is not 0, and nothing is to be ordered. */
static int add_one(uint32_t *count) {
    if (__atomic_fetch_add(count, 1, __ATOMIC_RELAXED) < METE_SHARED_MOST) return 0;
    __atomic_fetch_sub(count, 1, __ATOMIC_RELAXED);
    return -EOVERFLOW;
}

int mete_shared_hold(mete_shared *shared) {
    return shared != NULL ? add_one(&shared->owners) : -ENOENT;
}

int mete_shared_watch(mete_shared *shared) {
    return shared != NULL ? add_one(&shared->watchers) : -ENOENT;
}

int mete_shared_lock(mete_shared *shared) {
    if (shared == NULL) return -ESTALE;
    uint32_t owners = __atomic_load_n(&shared->owners, __ATOMIC_RELAXED);
    do {
        if (owners == 0) return -ESTALE; /* for good: B1 */
        if (owners >= METE_SHARED_MOST) return -EOVERFLOW;
    } while (!__atomic_compare_exchange_n(&shared->owners, &owners, owners + 1, true,
                                          __ATOMIC_ACQUIRE, __ATOMIC_RELAXED));
    return 0;
}

/* One less: whether it was the last one. What every other did before its own "one less" has then
 * happened for the caller. */
static bool take_one(mete_shared *shared, uint32_t *count, const char *misuse) {
    uint32_t before = __atomic_fetch_sub(count, 1, __ATOMIC_ACQ_REL);
    if (METE_UNLIKELY(before == 0)) misused(misuse, shared);
    return before == 1;
}

void mete_shared_unwatch(mete_shared *shared) {
    if (shared == NULL || !take_one(shared, &shared->watchers, "double-drop of a weak handle"))
        return;
    int error = errno;
    mete_allocator_free(shared->allocator, shared, shared->layout);
    errno = error;
}

void mete_shared_release(mete_shared *shared) {
    if (shared == NULL || !take_one(shared, &shared->owners, "double-drop")) return;
    int error = errno;
    if (shared->destroy != NULL) shared->destroy(shared->value);
    errno = error;
    mete_shared_unwatch(shared); /* the owners' own: B2 */
}

uint32_t mete_shared_owners(const mete_shared *shared) {
    return shared != NULL ? __atomic_load_n(&shared->owners, __ATOMIC_RELAXED) : 0;
}

uint32_t mete_shared_watchers(const mete_shared *shared) {
    if (shared == NULL) return 0;
    uint32_t watchers = __atomic_load_n(&shared->watchers, __ATOMIC_RELAXED);
    return watchers - (mete_shared_owners(shared) > 0 ? 1 : 0);
}
