/* Signal handlers, alternate stacks, coroutines and long jumps beside a working heap. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include "fact.h"
#include "family.h"

static volatile sig_atomic_t handled;
static void *kept[256];

/* Frees what an earlier run of it allocated. */
static void allocate_in_handler(int signal_number) {
    int saved = errno;
    unsigned i = (unsigned)handled % 256;
    (void)signal_number;
    free(kept[i]);
    kept[i] = malloc(10 + 37 * i);
    memset(kept[i], 1, 10 + 37 * i);
    kept[i] = realloc(kept[i], 20 + 74 * i);
    free(calloc(3, 5000));
    handled++;
    errno = saved;
}

static void every_millisecond(void (*handler)(int), int flags) {
    struct sigaction action = {.sa_handler = handler, .sa_flags = flags | SA_RESTART};
    const struct itimerval often = {{0, 500}, {0, 500}};
    CHECK_EQUAL(sigaction(SIGALRM, &action, NULL), 0);
    CHECK_EQUAL(setitimer(ITIMER_REAL, &often, NULL), 0);
}

/* The main thread only computes; its handler is free to allocate. Another thread allocates too. */
static void *allocate_until_told(void *argument) {
    sigset_t alarm;
    sigemptyset(&alarm);
    sigaddset(&alarm, SIGALRM);
    pthread_sigmask(SIG_BLOCK, &alarm, NULL);
    while (!atomic_load((atomic_bool *)argument)) free(malloc(100));
    return NULL;
}

static void a_handler_outside_malloc_may_allocate(void) {
    atomic_bool stop = false;
    pthread_t thread;
    volatile unsigned long work = 0;
    CHECK_EQUAL(pthread_create(&thread, NULL, allocate_until_told, &stop), 0);
    every_millisecond(allocate_in_handler, 0);
    while (handled < 1500) work++;
    atomic_store(&stop, true);
    pthread_join(thread, NULL);
}

static void a_handler_on_an_alternate_stack_may_allocate(void) {
    static char stack[16384] __attribute__((aligned(16)));
    const stack_t alternate = {.ss_sp = stack, .ss_size = sizeof stack};
    volatile unsigned long work = 0;
    CHECK_EQUAL(sigaltstack(&alternate, NULL), 0);
    every_millisecond(allocate_in_handler, SA_ONSTACK);
    while (handled < 500) work++;
}

/* The first allocation of a thread is made by its signal handler. */
static void *wait_for_a_signal(void *argument) {
    sigset_t none;
    (void)argument;
    sigemptyset(&none);
    sigsuspend(&none);
    return NULL;
}

static void a_threads_first_allocation_may_be_in_a_handler(void) {
    struct sigaction action = {.sa_handler = allocate_in_handler};
    sigset_t usr1;
    sigemptyset(&usr1);
    sigaddset(&usr1, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &usr1, NULL);
    sigaction(SIGUSR1, &action, NULL);
    for (unsigned i = 0; i < 200; i++) {
        pthread_t thread;
        CHECK_EQUAL(pthread_create(&thread, NULL, wait_for_a_signal, NULL), 0);
        pthread_kill(thread, SIGUSR1);
        pthread_join(thread, NULL);
    }
    CHECK_EQUAL(handled, 200);
}

/*
 * A handler that interrupts malloc itself and allocates is undefined, here as in glibc. What it
 * must never do is wait for a lock that the interrupted call holds: a fault is seen, a deadlock is
 * not. So any end but the time-out is accepted, and the child's heap is not looked at.
 */
static void a_handler_inside_malloc_never_deadlocks(void) {
    if (!malloc_is_mete()) fact_skip("a fact about mete: glibc deadlocks");
    for (unsigned round = 0; round < 5; round++) {
        pid_t child = fork();
        if (child == 0) {
            uint64_t random = round + 1;
            every_millisecond(allocate_in_handler, 0);
            while (handled < 300) {
                void *block = malloc(random_size(&random, 400000));
                free(block);
            }
            _exit(0);
        }
        int status;
        while (waitpid(child, &status, 0) < 0) CHECK_EQUAL(errno, EINTR);
        if (WIFSIGNALED(status)) fact_note("round %u: signal %d", round, WTERMSIG(status));
    }
}

static void the_signal_mask_and_handlers_stay_the_programs(void) {
    sigset_t before, after;
    pthread_sigmask(SIG_BLOCK, NULL, &before);
    for (size_t size = 1; size < 5000000; size *= 2) {
        free(realloc(malloc(size), size * 3));
        free(memalign(65536, size));
    }
    pthread_sigmask(SIG_BLOCK, NULL, &after);
    for (int number = 1; number < NSIG; number++) {
        CHECK_EQUAL(sigismember(&before, number), sigismember(&after, number));
    }
    for (int number = 1; number < 32; number++) {
        struct sigaction action;
        if (number == SIGKILL || number == SIGSTOP) continue;
        CHECK_EQUAL(sigaction(number, NULL, &action), 0);
        if (action.sa_handler != SIG_DFL && action.sa_handler != SIG_IGN) {
            fact_fail(__FILE__, __LINE__, "signal %d has a handler", number);
        }
    }
}

/* ---- stacks made by the program ---- */

enum { COROUTINES = 50, COROUTINE_STACK = 16384, TURNS = 40 };

static ucontext_t main_context, contexts[COROUTINES];
static unsigned current;

static void coroutine(void) {
    unsigned self = current;
    for (unsigned turn = 0; turn < TURNS; turn++) {
        size_t size = 1 + (self * 977 + turn * 7919) % 60000;
        char *block = malloc(size);
        CHECK(block != NULL);
        pattern_fill(block, size, self);
        swapcontext(&contexts[self], &main_context);
        pattern_verify(block, size, self);
        free(block);
    }
}

static void coroutines_on_malloced_stacks_may_allocate(void) {
    char *stacks[COROUTINES];
    for (unsigned i = 0; i < COROUTINES; i++) {
        stacks[i] = malloc(COROUTINE_STACK);
        getcontext(&contexts[i]);
        contexts[i].uc_stack.ss_sp = stacks[i];
        contexts[i].uc_stack.ss_size = COROUTINE_STACK;
        contexts[i].uc_link = &main_context;
        makecontext(&contexts[i], coroutine, 0);
    }
    for (unsigned turn = 0; turn <= TURNS; turn++) {
        for (current = 0; current < COROUTINES; current++) {
            swapcontext(&main_context, &contexts[current]);
        }
    }
    for (unsigned i = 0; i < COROUTINES; i++) free(stacks[i]);
}

static jmp_buf back;

static void jump_with_blocks(unsigned depth) {
    char *block = malloc(depth * 100 + 1);
    memset(block, 1, depth * 100 + 1);
    kept[depth] = block;
    if (depth < 50) jump_with_blocks(depth + 1);
    if (depth == 50) longjmp(back, 1);
}

static void long_jumps_over_allocating_frames_are_harmless(void) {
    for (volatile unsigned round = 0; round < 500; round++) {
        if (setjmp(back) == 0) jump_with_blocks(0);
        for (unsigned i = 0; i <= 50; i++) free(kept[i]);
        memset(kept, 0, sizeof kept);
    }
}

int main(int argc, char **argv) {
    static const fact facts[] = {
        FACT(a_handler_outside_malloc_may_allocate),
        FACT(a_handler_on_an_alternate_stack_may_allocate),
        FACT(a_threads_first_allocation_may_be_in_a_handler),
        FACT(a_handler_inside_malloc_never_deadlocks),
        FACT(the_signal_mask_and_handlers_stay_the_programs),
        FACT(coroutines_on_malloced_stacks_may_allocate),
        FACT(long_jumps_over_allocating_frames_are_harmless),
    };
    return fact_main(facts, COUNT_OF(facts), argc, argv);
}
