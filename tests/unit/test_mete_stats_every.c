/* mete/stats.h: figures at regular intervals, from a thread of mete's. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <mete/malloc.h>
#include <mete/stats.h>

#include "support/apart.h"

static struct {
    sem_t called;
    uint32_t calls; /* atomic */
    mete_stats_timer *timer;
    uint64_t live_blocks; /* atomic */
    uint32_t last_calls;  /* atomic: of one that stops its own timer */
    void *block;
} seen;

static void begin(void) {
    CHECK(sem_init(&seen.called, 0, 0) == 0);
}

static uint32_t calls(void) {
    return __atomic_load_n(&seen.calls, __ATOMIC_ACQUIRE);
}

static void wait_for_call(void) {
    while (sem_wait(&seen.called) != 0) CHECK(errno == EINTR);
}

static void note(void *context, const mete_stats *stats) {
    CHECK(context == &seen);
    __atomic_store_n(&seen.live_blocks, stats->live_blocks, __ATOMIC_RELAXED);
    __atomic_add_fetch(&seen.calls, 1, __ATOMIC_RELEASE);
    CHECK(sem_post(&seen.called) == 0);
}

static uint64_t clock_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void callback_is_given_the_figures(void) {
    begin();
    void *block = mete_malloc(100);
    mete_stats_timer *timer = mete_stats_every(1, note, &seen);
    CHECK(timer != NULL);
    wait_for_call();
    mete_stats_every_stop(timer);
    CHECK(__atomic_load_n(&seen.live_blocks, __ATOMIC_RELAXED) >= 1);
    mete_free(block);
}

static void calls_are_not_more_frequent_than_asked_for(void) {
    begin();
    uint64_t start = clock_ms();
    mete_stats_timer *timer = mete_stats_every(20, note, &seen);
    for (int i = 0; i < 3; i++) wait_for_call();
    CHECK(clock_ms() - start >= 59);
    mete_stats_every_stop(timer);
}

/* The first call takes longer than three intervals of 20 ms. */
static void take_long_at_first(void *context, const mete_stats *stats) {
    uint64_t end = clock_ms() + 70;
    while (calls() == 0 && clock_ms() < end) sched_yield();
    note(context, stats);
}

static void calls_do_not_pile_up(void) {
    begin();
    uint64_t start = clock_ms();
    mete_stats_timer *timer = mete_stats_every(20, take_long_at_first, &seen);
    for (int i = 0; i < 3; i++) wait_for_call();
    mete_stats_every_stop(timer);
    /* From 20 to 90, at 100 and at 120; made up for, the last two would come at 90. */
    CHECK(clock_ms() - start >= 119);
}

static void take_long_once_called(void *context, const mete_stats *stats) {
    (void)stats;
    CHECK(sem_post(&seen.called) == 0);
    uint64_t end = clock_ms() + 30;
    while (clock_ms() < end) sched_yield();
    __atomic_store_n((uint32_t *)context, 1, __ATOMIC_RELEASE);
}

static void stop_waits_for_a_running_callback(void) {
    begin();
    mete_stats_timer *timer = mete_stats_every(1, take_long_once_called, &seen.calls);
    wait_for_call();
    mete_stats_every_stop(timer);
    CHECK(calls() == 1);
}

static void stop_does_not_wait_for_the_next_call(void) {
    uint64_t start = clock_ms();
    begin();
    mete_stats_timer *timer = mete_stats_every(UINT32_MAX, note, &seen);
    CHECK(timer != NULL);
    mete_stats_every_stop(timer);
    CHECK(calls() == 0 && clock_ms() - start < 50000);
}

static void stop_itself(void *context, const mete_stats *stats) {
    while (__atomic_load_n(&seen.timer, __ATOMIC_ACQUIRE) == NULL) sched_yield();
    mete_stats_every_stop(seen.timer);
    __atomic_add_fetch(&seen.last_calls, 1, __ATOMIC_RELAXED);
    note(context, stats);
}

static void callback_may_stop_its_own_timer(void) {
    begin();
    __atomic_store_n(&seen.timer, mete_stats_every(1, stop_itself, &seen), __ATOMIC_RELEASE);
    wait_for_call();
    /* Another timer of the same interval has come round three times: the first would have, too. */
    mete_stats_timer *other = mete_stats_every(1, note, &seen);
    for (int i = 0; i < 3; i++) wait_for_call();
    mete_stats_every_stop(other);
    CHECK(__atomic_load_n(&seen.last_calls, __ATOMIC_RELAXED) == 1);
}

static void look_at_signals(void *context, const mete_stats *stats) {
    sigset_t set;
    (void)stats;
    CHECK(pthread_sigmask(SIG_BLOCK, NULL, &set) == 0);
    for (int i = 1; i <= SIGSYS; i++)
        if (i != SIGKILL && i != SIGSTOP) CHECK(sigismember(&set, i) == 1);
    *(void **)context = mete_malloc(1000);
    CHECK(sem_post(&seen.called) == 0);
}

static void callback_has_signals_blocked_and_may_allocate(void) {
    sigset_t before, after;
    begin();
    CHECK(pthread_sigmask(SIG_BLOCK, NULL, &before) == 0);
    mete_stats_timer *timer = mete_stats_every(1, look_at_signals, &seen.block);
    wait_for_call();
    mete_stats_every_stop(timer);
    CHECK(seen.block != NULL);
    CHECK(pthread_sigmask(SIG_BLOCK, NULL, &after) == 0);
    CHECK(sigismember(&before, SIGUSR1) == sigismember(&after, SIGUSR1));
}

static void in_child(void *context) {
    uint32_t before = calls();
    mete_stats_every_stop(context);
    CHECK(calls() == before);
    seen.calls = 0;
    mete_stats_timer *own = mete_stats_every(1, note, &seen);
    wait_for_call();
    mete_stats_every_stop(own);
}

static void child_of_fork_has_no_timer_but_may_start_one(void) {
    if (APART_UNDER_TSAN) apart_skip("ThreadSanitizer starts no threads after a fork of many");
    begin();
    mete_stats_timer *timer = mete_stats_every(1, note, &seen);
    for (int i = 0; i < 20; i++) {
        wait_for_call();
        apart_in_child(in_child, timer);
    }
    uint32_t before = calls();
    while (calls() == before) sched_yield(); /* goes on in the parent */
    mete_stats_every_stop(timer);
}

static void fork_once(void *context, const mete_stats *stats) {
    if (calls() == 0) {
        pid_t child = fork();
        CHECK(child >= 0);
        if (child == 0) return;
        int status;
        CHECK(waitpid(child, &status, 0) == child);
        CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    note(context, stats);
}

static void child_of_the_callback_ends_with_it(void) {
    if (APART_SANITIZED) apart_skip("the sanitizers' own end wants the first thread");
    begin();
    mete_stats_timer *timer = mete_stats_every(1, fork_once, &seen);
    wait_for_call();
    mete_stats_every_stop(timer);
}

static void *start_and_stop(void *unused) {
    for (int i = 0; i < 50; i++) {
        mete_stats_timer *timer = mete_stats_every(1, note, &seen);
        CHECK(timer != NULL);
        if (i % 5 == 0) wait_for_call();
        mete_stats_every_stop(timer);
    }
    return unused;
}

static void many_timers_do_not_disturb_each_other(void) {
    pthread_t threads[3];
    begin();
    for (int i = 0; i < 3; i++) CHECK(pthread_create(&threads[i], NULL, start_and_stop, NULL) == 0);
    for (int i = 0; i < 3; i++) CHECK(pthread_join(threads[i], NULL) == 0);
}

static void what_is_no_interval_is_refused(void) {
    errno = 0;
    CHECK(mete_stats_every(0, note, &seen) == NULL && errno == EINVAL);
    errno = 0;
    CHECK(mete_stats_every(1, NULL, &seen) == NULL && errno == EINVAL);
    mete_stats_every_stop(NULL);
}

static void no_room_for_a_thread_is_an_error(void) {
    if (APART_SANITIZED) apart_skip("the sanitizers need address space");
    struct rlimit limit = {64 << 20, 64 << 20};
    begin();
    CHECK(setrlimit(RLIMIT_STACK, &(struct rlimit){32 << 20, RLIM_INFINITY}) == 0);
    CHECK(setrlimit(RLIMIT_AS, &limit) == 0);
    mete_stats_timer *timers[8];
    int started = 0;
    errno = 0;
    while (started < 8 && (timers[started] = mete_stats_every(1, note, &seen)) != NULL) started++;
    CHECK(started < 8 && (errno == EAGAIN || errno == ENOMEM));
    while (started > 0) mete_stats_every_stop(timers[--started]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FACT(callback_is_given_the_figures),
        FACT(calls_are_not_more_frequent_than_asked_for),
        FACT(calls_do_not_pile_up),
        FACT(stop_waits_for_a_running_callback),
        FACT(stop_does_not_wait_for_the_next_call),
        FACT(callback_may_stop_its_own_timer),
        FACT(callback_has_signals_blocked_and_may_allocate),
        FACT(child_of_fork_has_no_timer_but_may_start_one),
        FACT(child_of_the_callback_ends_with_it),
        FACT(many_timers_do_not_disturb_each_other),
        FACT(what_is_no_interval_is_refused),
        FACT(no_room_for_a_thread_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
