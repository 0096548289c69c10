/* os/thread_start.h: a POSIX thread. */
#include "os/thread_start.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>

static_assert(sizeof(pthread_t) == sizeof(uintptr_t), "a thread's name fits into a word");

int mete__thread_start(uintptr_t *thread, void *(*run)(void *), void *argument) {
    sigset_t all;
    sigset_t before;

    sigfillset(&all);
    int status = pthread_sigmask(SIG_SETMASK, &all, &before); /* a new thread inherits the mask */
    if (status != 0) return -status;
    status = pthread_create((pthread_t *)thread, NULL, run, argument);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return -status;
}

void mete__thread_start_join(uintptr_t thread) {
    int before = PTHREAD_CANCEL_ENABLE;

    (void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
    (void)pthread_join((pthread_t)thread, NULL);
    (void)pthread_setcancelstate(before, NULL);
}

void mete__thread_start_detach(void) {
    (void)pthread_detach(pthread_self());
}
