/*
 * shim/mete_stats_every.c - mete/stats.h: a callback with the figures, every so often.
 *
 * From a thread of its own, not from the heap's slow path: there a program that does nothing would
 * never be called back, one that allocates at irregular times, and the callback itself could not
 * allocate.
 */
#include <errno.h>
#include <mete/stats.h>

#include "base/compiler.h"
#include "os/lock.h"
#include "os/meta.h"
#include "os/process.h"
#include "os/thread_start.h"

struct mete_stats_timer {
    void (*callback)(void *context, const mete_stats *stats);
    void *context;
    uint64_t period; /* ns */
    uint64_t due;    /* the next call's mete__process_clock(); the thread's own */
    uintptr_t thread;
    uintptr_t token;  /* atomic: the thread's name to locks; 0 until it runs */
    uint32_t process; /* where the thread is: a child of fork has none */
    uint32_t is_over; /* atomic: no callback begins any more; the thread waits on it */
    bool is_orphan;   /* the thread's own: nobody waits for it, it frees the timer */
};

static void forget(mete_stats_timer *timer) {
    mete__meta_free(timer, sizeof *timer);
}

/* The next multiple of the period, counted from `due`, that is later than `now`. */
static uint64_t next_due(uint64_t due, uint64_t period, uint64_t now) {
    return now < due + period ? due + period : now + period - (now - due) % period;
}

/* False where the timer is stopped before. */
static bool wait_until_due(mete_stats_timer *timer) {
    while (__atomic_load_n(&timer->is_over, __ATOMIC_ACQUIRE) == 0) {
        if (mete__process_clock() >= timer->due) return true;
        mete__process_wait_until(&timer->is_over, 0, timer->due);
    }
    return false;
}

static void *run(void *argument) {
    mete_stats_timer *timer = argument;
    uint32_t process = timer->process;

    __atomic_store_n(&timer->token, mete__lock_token(), __ATOMIC_RELAXED);
    while (wait_until_due(timer)) {
        mete_stats stats;
        (void)mete_stats_read(&stats);
        timer->callback(timer->context, &stats);
        /* The callback itself may have forked, and this be what the child returns to. There the
         * timer may have been stopped: nothing of it is to be read. */
        if (process != mete__process_id()) return NULL;
        timer->due = next_due(timer->due, timer->period, mete__process_clock());
    }
    if (timer->is_orphan) forget(timer);
    return NULL;
}

mete_stats_timer *mete_stats_every(uint32_t milliseconds,
                                   void (*callback)(void *context, const mete_stats *stats),
                                   void *context) {
    const uint64_t millisecond = 1000000; /* in ns */

    if (milliseconds == 0 || callback == NULL) {
        errno = EINVAL;
        return NULL;
    }
    mete_stats_timer *timer = mete__meta_alloc(sizeof *timer);
    if (timer == NULL) {
        errno = ENOMEM;
        return NULL;
    }
    *timer = (mete_stats_timer){
        .callback = callback,
        .context = context,
        .period = milliseconds * millisecond,
        .due = mete__process_clock() + milliseconds * millisecond,
        .process = mete__process_id(),
    };
    int status = mete__thread_start(&timer->thread, run, timer);
    if (status == 0) return timer;
    forget(timer);
    errno = -status;
    return NULL;
}

void mete_stats_every_stop(mete_stats_timer *timer) {
    if (timer == NULL) return;
    if (timer->process != mete__process_id()) {
        forget(timer);
    } else if (__atomic_load_n(&timer->token, __ATOMIC_RELAXED) == mete__lock_token()) {
        timer->is_orphan = true;
        __atomic_store_n(&timer->is_over, 1, __ATOMIC_RELEASE);
        mete__thread_start_detach();
    } else {
        __atomic_store_n(&timer->is_over, 1, __ATOMIC_RELEASE);
        mete__process_wake(&timer->is_over);
        mete__thread_start_join(timer->thread);
        forget(timer);
    }
}
