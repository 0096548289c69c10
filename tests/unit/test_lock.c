/* os/lock.h: one holder at a time, known by its token, whatever interrupts it. */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/lock.h"
#include "support/apart.h"

static struct mete__lock lock;
static __thread char name; /* its address is the thread's token */

static uintptr_t token(void) {
    return (uintptr_t)&name;
}

static void a_fresh_lock_is_free_and_taken_once(void) {
    CHECK(!mete__lock_is_held(&lock));
    CHECK(mete__lock_try(&lock, token()));
    CHECK(mete__lock_is_held(&lock) && mete__lock_is_own(&lock, token()));
    CHECK(!mete__lock_try(&lock, token()));
    CHECK(!mete__lock_try(&lock, token() + 1));
    CHECK(!mete__lock_is_own(&lock, token() + 1));
    mete__lock_release(&lock);
    CHECK(!mete__lock_is_held(&lock) && !mete__lock_is_own(&lock, token()));
    CHECK(mete__lock_acquire(&lock, token()));
}

static void its_holder_is_refused_and_still_holds_it(void) {
    CHECK(mete__lock_acquire(&lock, token()));
    CHECK(!mete__lock_acquire(&lock, token()));
    CHECK(!mete__lock_acquire(&lock, token()));
    CHECK(mete__lock_is_own(&lock, token()));
    mete__lock_release(&lock);
    CHECK(!mete__lock_is_held(&lock));
}

static void its_holder_is_refused_while_others_wait_too(void) {
    CHECK(mete__lock_acquire(&lock, token()));
    lock.word |= 1; /* as one who waits leaves it */
    CHECK(mete__lock_is_own(&lock, token()));
    CHECK(!mete__lock_acquire(&lock, token()));
    mete__lock_release(&lock);
    CHECK(!mete__lock_is_held(&lock));
}

static void a_reset_frees_a_lock_whose_holder_is_gone(void) {
    CHECK(mete__lock_acquire(&lock, token() + 64));
    mete__lock_reset(&lock);
    CHECK(mete__lock_acquire(&lock, token()));
}

enum { THREADS = 4, TURNS = 20000 };
static unsigned long plain_count; /* only the lock keeps it right */

static void *take_turns(void *unused) {
    for (int i = 0; i < TURNS; i++) {
        CHECK(mete__lock_acquire(&lock, token()));
        plain_count++;
        if (i % 64 == 0) mete__process_yield(); /* so that others find it taken, and sleep */
        mete__lock_release(&lock);
    }
    return unused;
}

static void threads_hold_it_one_at_a_time(void) {
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, take_turns, NULL) == 0);
    for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    CHECK(plain_count == (unsigned long)THREADS * TURNS);
    CHECK(!mete__lock_is_held(&lock));
}

static void *wait_for_it(void *has_it) {
    CHECK(mete__lock_acquire(&lock, token()));
    __atomic_store_n((bool *)has_it, true, __ATOMIC_RELEASE);
    mete__lock_release(&lock);
    return NULL;
}

static void a_sleeper_is_woken_by_the_release(void) {
    pthread_t thread;
    bool has_it = false;
    CHECK(mete__lock_acquire(&lock, token()));
    CHECK(pthread_create(&thread, NULL, wait_for_it, &has_it) == 0);
    /* The waiter has said that it will sleep. */
    while ((__atomic_load_n(&lock.word, __ATOMIC_RELAXED) & 1) == 0) mete__process_yield();
    CHECK(!__atomic_load_n(&has_it, __ATOMIC_ACQUIRE));
    mete__lock_release(&lock);
    pthread_join(thread, NULL);
    CHECK(has_it);
}

/* ---- a signal at every instruction ---- */

static volatile sig_atomic_t handled;

/* Takes the lock if it can, as an allocating handler would. */
static void interrupt(int number) {
    (void)number;
    if (mete__lock_acquire(&lock, token())) mete__lock_release(&lock);
    handled = 1;
}

/* What the child does under the debugger, between two stops. */
static METE_NOINLINE void hold_it_once(void) {
    raise(SIGSTOP);
    if (mete__lock_acquire(&lock, token())) mete__lock_release(&lock);
    raise(SIGSTOP);
}

static int wait_for_stop(pid_t child) {
    int status;
    CHECK(waitpid(child, &status, 0) == child);
    return status;
}

static bool is_stopped_by(int status, int number) {
    return WIFSTOPPED(status) && WSTOPSIG(status) == number;
}

/* Lets a fresh child go `steps` instructions into hold_it_once, and interrupts it there. False
 * where it had got to the end before. */
static bool interrupted_after(unsigned steps) {
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        signal(SIGUSR1, interrupt);
        if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0) _exit(77);
        alarm(5); /* a handler that waits for ever is what this is about */
        hold_it_once();
        _exit(handled ? 0 : 1);
    }
    int status = wait_for_stop(child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77) apart_skip("no debugging here");
    CHECK(is_stopped_by(status, SIGSTOP));
    bool at_end = false;
    for (unsigned i = 0; i < steps && !at_end; i++) {
        CHECK(ptrace(PTRACE_SINGLESTEP, child, NULL, NULL) == 0);
        status = wait_for_stop(child);
        at_end = is_stopped_by(status, SIGSTOP);
        CHECK(at_end || is_stopped_by(status, SIGTRAP));
    }
    CHECK(ptrace(PTRACE_CONT, child, NULL, (void *)(uintptr_t)SIGUSR1) == 0);
    status = wait_for_stop(child);
    if (is_stopped_by(status, SIGSTOP)) { /* the second one of hold_it_once */
        CHECK(ptrace(PTRACE_CONT, child, NULL, NULL) == 0);
        status = wait_for_stop(child);
    }
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    return !at_end;
}

static void a_handler_never_waits_for_the_thread_it_interrupts(void) {
    unsigned steps = 0;
    if (APART_SANITIZED) apart_skip("a sanitizer's handlers are not the kernel's");
    while (interrupted_after(steps)) steps++;
    CHECK(steps > 20); /* two calls of raise and the lock in between */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FACT(a_fresh_lock_is_free_and_taken_once),
        FACT(its_holder_is_refused_and_still_holds_it),
        FACT(its_holder_is_refused_while_others_wait_too),
        FACT(a_reset_frees_a_lock_whose_holder_is_gone),
        FACT(threads_hold_it_one_at_a_time),
        FACT(a_sleeper_is_woken_by_the_release),
        FACT(a_handler_never_waits_for_the_thread_it_interrupts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
