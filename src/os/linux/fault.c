/* os/fault.h for Linux. */
#include "os/fault.h"

#include <errno.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "os/process.h"

/* The C library's own, where it lets others call that: sigaction may be mete's. */
int __sigaction(int number, const struct sigaction *action, // NOLINT(bugprone-reserved-identifier)
                struct sigaction *old) __attribute__((weak));

/*
 * What the program wants done: a record, which handlers read without a lock.
 *
 * Changed only while it is neither used nor read; published by `newest`. A reader counts itself,
 * looks whether the record is still the one it means, and copies it.
 */
struct former {
    struct sigaction action;
    struct former *older; /* what was before another handler of the program's; NULL: none */
    uint32_t readers;     /* atomic */
    uint32_t state;       /* atomic: enum state */
    bool spent;           /* atomic: SA_RESETHAND, and it has run */
};

/* In use is the newest, and what is older than one in use. */
enum state { FREE, BEING_WRITTEN, IN_USE };

enum { FORMERS = 8 };

/* A call of a former handler that has not returned. */
struct passing {
    struct former *older;  /* what was before the one that was called */
    const siginfo_t *info; /* whose frame it is; NULL: none */
    uintptr_t depth;       /* of the stack, at the call */
};

static const int signals[METE__FAULT_KINDS] = {
    [METE__FAULT_PAGE] = SIGBUS,
    [METE__FAULT_ACCESS] = SIGSEGV,
};

/* Atomic; NULL where there are no more. */
static mete__fault_taker *takers[METE__FAULT_KINDS][METE__FAULT_TAKERS];
static void (*look)(uintptr_t address, const void *context); /* atomic */
static struct former formers[METE__FAULT_KINDS][FORMERS];
static struct former *newest[METE__FAULT_KINDS]; /* atomic; NULL: mete has no handler */
static __thread struct passing passing;

/* ThreadSanitizer has to be told of handlers. */
#if defined(__SANITIZE_THREAD__)
#define IS_TOLD 1
#else
#define IS_TOLD 0
#endif

static int set_action(int number, const struct sigaction *action, struct sigaction *old) {
    int status = __sigaction != NULL && !IS_TOLD ? __sigaction(number, action, old)
                                                 : sigaction(number, action, old);
    return status == 0 ? 0 : -errno;
}

/* ---- records ---- */

/* Copies the record, where it is in use; and is the newest, if that is asked for. */
static bool copy_former(enum mete__fault_kind kind, struct former *former, bool must_be_newest,
                        struct former *copy) {
    bool valid = false;

    if (former == NULL) return false;
    __atomic_fetch_add(&former->readers, 1, __ATOMIC_ACQ_REL);
    if (must_be_newest)
        valid = __atomic_load_n(&newest[kind], __ATOMIC_ACQUIRE) == former;
    else
        valid = __atomic_load_n(&former->state, __ATOMIC_ACQUIRE) == IN_USE;
    if (valid) {
        copy->action = former->action;
        copy->older = former->older;
        copy->spent = __atomic_load_n(&former->spent, __ATOMIC_RELAXED);
    }
    __atomic_fetch_sub(&former->readers, 1, __ATOMIC_RELEASE);
    return valid;
}

/* Which it is, and what is in it. NULL: there is none. */
static struct former *copy_newest(enum mete__fault_kind kind, struct former *copy) {
    struct former *former;

    do former = __atomic_load_n(&newest[kind], __ATOMIC_ACQUIRE);
    while (former != NULL && !copy_former(kind, former, true, copy));
    return former;
}

static struct former *claim(enum mete__fault_kind kind) {
    for (size_t i = 0; i < FORMERS; i++) {
        struct former *former = &formers[kind][i];
        uint32_t free = FREE;
        if (__atomic_load_n(&former->readers, __ATOMIC_ACQUIRE) == 0 &&
            __atomic_compare_exchange_n(&former->state, &free, BEING_WRITTEN, false,
                                        __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
            return former;
    }
    return NULL;
}

static void release(struct former *former) {
    uint32_t in_use = IN_USE;
    (void)__atomic_compare_exchange_n(&former->state, &in_use, FREE, false, __ATOMIC_RELEASE,
                                      __ATOMIC_RELAXED);
}

/* Forgets what was before the newest, for want of records: a handler in a circle of so many ends in
 * the default. */
static void forget_older(enum mete__fault_kind kind) {
    struct former *kept = __atomic_load_n(&newest[kind], __ATOMIC_ACQUIRE);

    for (size_t i = 0; i < FORMERS; i++)
        if (&formers[kind][i] != kept) release(&formers[kind][i]);
}

/* Has `action` be what is done from now on; in the place of the newest, or in front of it. */
static int note(enum mete__fault_kind kind, const struct sigaction *action, bool replaces) {
    struct former *fresh = claim(kind), *before, copy;

    if (fresh == NULL) {
        forget_older(kind);
        fresh = claim(kind);
    }
    if (fresh == NULL) return -EAGAIN;
    fresh->action = *action;
    __atomic_store_n(&fresh->spent, false, __ATOMIC_RELAXED);
    do {
        before = copy_newest(kind, &copy);
        fresh->older = replaces && before != NULL ? copy.older : before;
    } while (!__atomic_compare_exchange_n(&newest[kind], &before, fresh, false, __ATOMIC_ACQ_REL,
                                          __ATOMIC_ACQUIRE));
    __atomic_store_n(&fresh->state, IN_USE, __ATOMIC_RELEASE);
    if (replaces && before != NULL) release(before);
    return 0;
}

/* ---- the handler ---- */

static bool offer(enum mete__fault_kind kind, const struct mete__fault *fault) {
    for (size_t i = 0; i < METE__FAULT_TAKERS; i++) {
        mete__fault_taker *taker = __atomic_load_n(&takers[kind][i], __ATOMIC_ACQUIRE);
        if (taker == NULL) return false;
        if (taker(fault)) return true;
    }
    return false;
}

/* Whether somebody has put right what the thread did itself. */
static bool is_mended(enum mete__fault_kind kind, const siginfo_t *info, const void *context) {
    const struct mete__fault fault = {(uintptr_t)info->si_addr, context};
    void (*watcher)(uintptr_t address, const void *context) =
        __atomic_load_n(&look, __ATOMIC_ACQUIRE);

    if (info->si_code <= 0) return false;
    if ((kind != METE__FAULT_PAGE || info->si_code == BUS_ADRERR) && offer(kind, &fault))
        return true;
    if (watcher != NULL) watcher(fault.address, context);
    return false;
}

/* Lets the default happen: at the instruction itself where that faults again, so that the core
 * shows it; else by sending the signal once more, for when this handler has returned. */
static void fall_to_default(int number, siginfo_t *info) {
    const struct sigaction plain = {.sa_handler = SIG_DFL};

    (void)set_action(number, &plain, NULL);
    if (info->si_code <= 0)
        syscall(SYS_rt_tgsigqueueinfo, mete__process_id(), mete__process_thread_id(), number, info);
}

/* The program's handler, in the surroundings it asked for. The mask needs no restoring: the kernel
 * does that when the signal frame is left. */
static void run(const struct sigaction *action, int number, siginfo_t *info, void *context) {
    sigset_t own;

    sigprocmask(SIG_BLOCK, &action->sa_mask, NULL);
    if ((action->sa_flags & SA_NODEFER) != 0) {
        sigemptyset(&own);
        sigaddset(&own, number);
        sigprocmask(SIG_UNBLOCK, &own, NULL);
    }
    if ((action->sa_flags & SA_SIGINFO) != 0)
        action->sa_sigaction(number, info, context);
    else
        action->sa_handler(number);
}

static bool is_plain(const struct sigaction *action, sighandler_t handler) {
    return (action->sa_flags & SA_SIGINFO) == 0 && action->sa_handler == handler;
}

/* A handler that was called from here, and calls here in turn, means what was before it. It is told
 * from one that was left by longjmp by its deeper place in the stack of the same signal frame. */
static bool is_circle(const siginfo_t *info, uintptr_t depth) {
    return passing.info == info && depth < passing.depth;
}

static void pass_on(enum mete__fault_kind kind, int number, siginfo_t *info, void *context) {
    uintptr_t depth = (uintptr_t)__builtin_frame_address(0);
    struct passing outer = passing;
    struct former *former, copy;

    if (is_circle(info, depth))
        former = copy_former(kind, outer.older, false, &copy) ? outer.older : NULL;
    else
        former = copy_newest(kind, &copy);
    if (former != NULL && ((unsigned)copy.action.sa_flags & SA_RESETHAND) != 0)
        copy.spent = __atomic_exchange_n(&former->spent, true, __ATOMIC_RELAXED);
    /* What a thread does itself cannot be ignored. */
    if (former == NULL || copy.spent || is_plain(&copy.action, SIG_DFL) ||
        (is_plain(&copy.action, SIG_IGN) && info->si_code > 0)) {
        fall_to_default(number, info);
        return;
    }
    if (is_plain(&copy.action, SIG_IGN)) return;
    passing = (struct passing){copy.older, info, depth};
    run(&copy.action, number, info, context);
    passing = outer;
}

static void handle(int number, siginfo_t *info, void *context) {
    enum mete__fault_kind kind = number == SIGBUS ? METE__FAULT_PAGE : METE__FAULT_ACCESS;
    int saved = errno;
    bool mended = is_mended(kind, info, context);

    errno = saved;
    if (!mended) pass_on(kind, number, info, context);
}

/* ---- installing ---- */

static bool is_same(const struct sigaction *a, const struct sigaction *b) {
    return a->sa_flags == b->sa_flags && a->sa_sigaction == b->sa_sigaction;
}

/* Two threads at once may both note the same action, and install the same handler: no harm. */
static int go_in_front(enum mete__fault_kind kind) {
    struct sigaction ours = {.sa_sigaction = handle,
                             .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART};
    struct sigaction found;
    struct former copy;

    int status = set_action(signals[kind], NULL, &found);
    if (status != 0 || ((found.sa_flags & SA_SIGINFO) != 0 && found.sa_sigaction == handle))
        return status;
    if (copy_newest(kind, &copy) == NULL || !is_same(&copy.action, &found) || copy.spent)
        status = note(kind, &found, false);
    if (status != 0) return status;
    sigemptyset(&ours.sa_mask);
    return set_action(signals[kind], &ours, NULL);
}

static int enter(enum mete__fault_kind kind, mete__fault_taker *taker) {
    for (size_t i = 0; i < METE__FAULT_TAKERS; i++) {
        mete__fault_taker *there = NULL;
        if (__atomic_compare_exchange_n(&takers[kind][i], &there, taker, false, __ATOMIC_ACQ_REL,
                                        __ATOMIC_ACQUIRE) ||
            there == taker)
            return 0;
    }
    return -EAGAIN;
}

int mete__fault_take(enum mete__fault_kind kind, mete__fault_taker *taker) {
    int saved = errno;
    int status = enter(kind, taker);

    if (status == 0) status = go_in_front(kind);
    errno = saved;
    return status;
}

int mete__fault_watch(void (*watcher)(uintptr_t address, const void *context)) {
    int saved = errno;

    __atomic_store_n(&look, watcher, __ATOMIC_RELEASE);
    int status = go_in_front(METE__FAULT_ACCESS);
    if (status == 0) status = go_in_front(METE__FAULT_PAGE);
    errno = saved;
    return status;
}

bool mete__fault_keep(int number, const struct sigaction *action, struct sigaction *old) {
    struct former before;

    if (number != SIGSEGV && number != SIGBUS) return false;
    enum mete__fault_kind kind = number == SIGBUS ? METE__FAULT_PAGE : METE__FAULT_ACCESS;
    if (copy_newest(kind, &before) == NULL) return false;
    if (before.spent) before.action = (struct sigaction){.sa_handler = SIG_DFL};
    if (action != NULL && note(kind, action, true) != 0) return false;
    if (old != NULL) *old = before.action;
    return true;
}
