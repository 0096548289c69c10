/* guard/guard.h: the heap's hooks. */
#include "guard/guard.h"

#include "guard/fence.h"
#include "guard/finding.h"
#include "guard/quarantine.h"
#include "guard/trap.h"
#include "guard/zones.h"
#include "heap/cushion.h"
#include "os/process.h"
#include "os/threads.h"

#define STOP_NS ((uint64_t)500 * 1000 * 1000) /* for threads to answer */

static struct mete__quarantine filled = {.limit_bytes = (size_t)32 << 20};
static struct mete__quarantine closed;
static bool is_started, has_fences;

static bool wants_fence(size_t bytes) {
    return has_fences && mete__fence_fits(bytes);
}

static void begins(const struct mete__cushion *cushion) {
    if (cushion->fenced && !mete__fence_raise(cushion))
        ((struct mete__long_record *)cushion->record)->fenced = 0;
    mete__zones_begin(cushion);
}

static void ends(const struct mete__cushion *cushion, const struct mete__caller *caller) {
    mete__zones_check(cushion, caller);
}

/* ---- held blocks ---- */

static void let_go(struct mete__cache *cache, char *block) {
    struct mete__cushion cushion;

    if (!mete__cushion_find(block, &cushion)) return; /* a fork came between */
    if (!cushion.fenced)
        mete__zones_exhume(&cushion);
    else if (!mete__fence_lift(&cushion))
        return;
    mete__cushion_release(cache, &cushion);
}

static bool let_go_of(struct mete__cache *cache, struct mete__quarantine *quarantine, bool all) {
    struct mete__quarantine_entry entry;
    bool any = false;

    for (; mete__quarantine_take(quarantine, all, &entry); any = true) let_go(cache, entry.block);
    return any;
}

static void hold(struct mete__cache *cache, const struct mete__cushion *cushion) {
    struct mete__quarantine *quarantine = cushion->fenced ? &closed : &filled;
    struct mete__quarantine_entry entry = {cushion->block, cushion->bytes};

    if (!cushion->fenced)
        mete__zones_bury(cushion);
    else if (!mete__fence_close(cushion))
        quarantine = NULL;
    if (quarantine == NULL || !mete__quarantine_put(quarantine, entry))
        let_go(cache, cushion->block);
    else if (cache != NULL)
        let_go_of(cache, quarantine, false);
}

static bool relieve(struct mete__cache *cache) {
    bool any = let_go_of(cache, &filled, true);
    return let_go_of(cache, &closed, true) || any;
}

static void forked(void) {
    mete__quarantine_after_fork(&filled);
    mete__quarantine_after_fork(&closed);
}

/* ---- beginning and end ---- */

void mete__guard_start(bool with_fences) {
    static const struct mete__cushion_hooks hooks = {
        wants_fence, begins, ends, hold, relieve, forked,
    };

    has_fences = with_fences;
    if (has_fences) {
        mete__fence_start();
        mete__trap_start();
        closed.limit_bytes = mete__fence_limit() / 8;
    }
    mete__cushion_set(&hooks);
    is_started = true;
}

static void check_live(void *context, const struct mete__cushion *cushion) {
    (void)context;
    mete__zones_check(cushion, NULL);
}

static void check_held(char *block) {
    struct mete__cushion cushion;

    if (mete__cushion_find(block, &cushion)) mete__zones_exhume(&cushion);
}

static bool stand_still(const struct mete__threads *threads) {
    for (size_t i = 0; i < threads->count; i++)
        if (__atomic_load_n(&threads->list[i].state, __ATOMIC_ACQUIRE) == METE__THREAD_UNKNOWN)
            return false;
    return true;
}

void mete__guard_check(void) {
    struct mete__threads threads = {.count = 0};

    if (!is_started) return;
    bool is_single = mete__process_is_single();
    if (!is_single && mete__threads_stop(&threads, STOP_NS, false) != 0) return;
    if (is_single || stand_still(&threads)) {
        mete__cushion_each(check_live, NULL);
        mete__quarantine_each(&filled, check_held);
    }
    if (!is_single) mete__threads_resume(&threads);
}
