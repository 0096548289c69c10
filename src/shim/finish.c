/* shim/finish.h */
#include "shim/finish.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "guard/guard.h"
#include "os/process.h"
#include "profile/writer.h"
#include "shim/startup.h"
#include "track/holders.h"
#include "track/leak.h"
#include "track/tracker.h"

/* The C library's: calls `function` when the process ends by exit (quick_exit); a NULL `library` is
 * never unloaded. */
int __cxa_atexit(void (*function)(void *), void *argument, void *library);
int __cxa_at_quick_exit(void (*function)(void *), void *library);

/* Both libraries have a function that gives back what they would keep to the end; NULL where there
 * is none. */
extern void __libc_freeres(void) __attribute__((weak)); // NOLINT(bugprone-reserved-identifier)
extern void free_cxx_pool(void) __asm__("_ZN9__gnu_cxx9__freeresEv") __attribute__((weak));

/* Whose end it is. The word is 1 in the process that set it and in vfork children of it, 0 in
 * forked ones that have not noticed yet. */
static uint32_t *own_memory;
static uint32_t own_process;

static uint32_t finishing_thread; /* atomic: kernel id of the thread that does it; 0: nobody yet */
static uint32_t is_finished;      /* atomic */
static uint32_t is_sandboxed;     /* atomic */

void mete__finish_note_sandbox(void) {
    __atomic_store_n(&is_sandboxed, 1, __ATOMIC_RELAXED);
}

static void become_owner(void) {
    own_process = mete__process_id();
    if (own_memory != NULL) *own_memory = 1;
}

/* In a forked child, for which the end of its parent, should that have begun, is nothing. */
static void note_fork(void) {
    become_owner();
    __atomic_store_n(&finishing_thread, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&is_finished, 0, __ATOMIC_RELAXED);
}

/* Whether this process's memory is its own to finish, which a vfork child's is not. */
static bool owns_memory(void) {
    if (own_process == mete__process_id()) return true;
    if (own_memory == NULL || *own_memory != 0) return false;
    note_fork(); /* forked by a system call, past the handlers of fork() */
    return true;
}

static void free_libraries(void) {
    if (!mete__process_is_single()) return;
    if (free_cxx_pool != NULL) free_cxx_pool();
    if (__libc_freeres != NULL) __libc_freeres();
}

/* Which block is lost can only be told then. */
static bool knows_every_block(void) {
    const struct mete__settings *settings = mete__startup_settings();
    return settings->mode == METE_PROFILE_EXACT || settings->mode == METE_PROFILE_CHECK ||
           (settings->mode == METE_PROFILE_GUARD && settings->sample_blocks == 1);
}

static void finish(bool is_exit) {
    mete__tracker_settle();
    if (!mete__tracker_is_started()) return; /* a child that is to be left alone */
    if (is_exit) free_libraries();
    mete__guard_check();
    mete__holders_update(); /* while no thread is stopped that may have a pool's lock */
    if (knows_every_block() && !mete__startup_settings()->no_leaks)
        (void)mete__leak_check_run(METE__LEAK_AT_EXIT, NULL);
    mete__tracker_finish(METE_PROFILE_ENDED);
}

/* Without a system call, not even to ask who we are. */
static void finish_quietly(void) {
    struct mete_profile_header *header = mete__writer_header();

    if (!mete__startup_settings()->no_leaks) {
        header->leak_check_errno = EPERM;
        __atomic_store_n(&header->leak_check, METE_LEAK_CHECK_FAILED, __ATOMIC_RELEASE);
    }
    mete__tracker_mark_end(METE_PROFILE_ENDED);
}

static void run(bool is_exit) {
    uint32_t expected = 0;

    if (!mete__tracker_is_started()) return;
    if (__atomic_load_n(&is_sandboxed, __ATOMIC_RELAXED)) {
        finish_quietly();
        return;
    }
    if (!owns_memory()) return;
    uint32_t thread = mete__process_thread_id();
    if (__atomic_compare_exchange_n(&finishing_thread, &expected, thread, false, __ATOMIC_ACQ_REL,
                                    __ATOMIC_ACQUIRE)) {
        int saved = errno;
        finish(is_exit);
        errno = saved;
        __atomic_store_n(&is_finished, 1, __ATOMIC_RELEASE);
        mete__process_wake(&is_finished);
        return;
    }
    if (expected == thread) return;
    while (__atomic_load_n(&is_finished, __ATOMIC_ACQUIRE) == 0)
        mete__process_wait(&is_finished, 0);
    mete__process_wake(&is_finished); /* one waiter wakes the next */
}

void mete__finish_run(void) {
    run(false);
}

static void run_at_exit(void *unused) {
    (void)unused;
    run(true);
}

static void run_at_quick_exit(void *unused) {
    (void)unused;
    run(false);
}

void mete__finish_prepare(void) {
    if (!mete__tracker_is_started()) return;
    own_memory = mete__process_wiped_on_fork(1);
    become_owner();
    pthread_atfork(NULL, NULL, note_fork);
    __cxa_at_quick_exit(run_at_quick_exit, NULL);
}

__attribute__((destructor)) static void finish_after_destructors(void) {
    if (mete__tracker_is_started()) __cxa_atexit(run_at_exit, NULL, NULL);
}
