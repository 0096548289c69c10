/* os/threads.h and os/stacks.h: threads in every state are found, stopped, and let go. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

#include "base/compiler.h"
#include "os/process.h"
#include "os/stacks.h"
#include "os/threads.h"

#define PATIENCE ((uint64_t)10 * 1000 * 1000 * 1000)

/* ---- threads of the test: each says who it is, then does one thing until told to end ---- */

struct actor {
    pthread_t thread;
    uintptr_t frame;
    atomic_ulong turns;
    atomic_uint id; /* kernel id, when it is there */
    int pipe[2];
    int error; /* errno of its system call, 0 where that ended well */
};

static atomic_bool over;

static void arrive(struct actor *self, uintptr_t frame) {
    self->frame = frame;
    atomic_store(&self->id, mete__process_thread_id());
}

static void *spin(void *argument) {
    struct actor *self = argument;
    arrive(self, (uintptr_t)__builtin_frame_address(0));
    while (!atomic_load(&over)) atomic_fetch_add(&self->turns, 1);
    return NULL;
}

static void block_all_signals(void) {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, NULL);
}

static void *spin_deaf(void *argument) {
    block_all_signals();
    return spin(argument);
}

static void *read_pipe(void *argument) {
    struct actor *self = argument;
    char byte;
    arrive(self, (uintptr_t)__builtin_frame_address(0));
    self->error = read(self->pipe[0], &byte, 1) == 1 ? 0 : errno;
    return NULL;
}

static void *read_pipe_deaf(void *argument) {
    block_all_signals();
    return read_pipe(argument);
}

/* Sleeps until the pipe's writing end says so; only a signal could end it before. */
static void *sleep_long(void *argument) {
    struct actor *self = argument;
    struct timespec hour = {.tv_sec = 3600};
    arrive(self, (uintptr_t)__builtin_frame_address(0));
    self->error = nanosleep(&hour, NULL) == 0 ? 0 : errno;
    return NULL;
}

static void start(struct actor *actor, void *(*act)(void *)) {
    *actor = (struct actor){0};
    assert_int_equal(pipe(actor->pipe), 0);
    assert_int_equal(pthread_create(&actor->thread, NULL, act, actor), 0);
    while (atomic_load(&actor->id) == 0) sched_yield();
}

static void end(struct actor *actor) {
    if (write(actor->pipe[1], "x", 1) != 1) fail();
    assert_int_equal(pthread_join(actor->thread, NULL), 0);
    close(actor->pipe[0]);
    close(actor->pipe[1]);
}

static const struct mete__thread *find(const struct mete__threads *threads, uint32_t id) {
    for (size_t i = 0; i < threads->count; i++)
        if (threads->list[i].id == id) return &threads->list[i];
    fail_msg("thread %u is not listed", id);
    return NULL;
}

static bool is_just_below(uintptr_t pointer, uintptr_t frame) {
    return pointer < frame && pointer > frame - 16384;
}

/* ---- facts ---- */

static void running_threads_stand_still_until_they_are_let_go(void **state) {
    struct actor actor;
    struct mete__threads threads;
    (void)state;
    atomic_store(&over, false);
    start(&actor, spin);
    while (atomic_load(&actor.turns) == 0) sched_yield();

    assert_int_equal(mete__threads_stop(&threads, PATIENCE, false), 0);
    const struct mete__thread *seen = find(&threads, atomic_load(&actor.id));
    assert_int_equal(seen->state, METE__THREAD_STOPPED);
    assert_true(seen->register_count > 8);
    assert_true(is_just_below(seen->stack_pointer, actor.frame));
    unsigned long turns = atomic_load(&actor.turns);
    for (int i = 0; i < 1000; i++) sched_yield();
    assert_int_equal(atomic_load(&actor.turns), turns);
    mete__threads_resume(&threads);
    while (atomic_load(&actor.turns) == turns) sched_yield();
    atomic_store(&over, true);
    end(&actor);
}

static void a_blocked_read_goes_on_as_if_nothing_had_been(void **state) {
    struct actor actor;
    struct mete__threads threads;
    (void)state;
    start(&actor, read_pipe);
    for (int round = 0; round < 3; round++) {
        assert_int_equal(mete__threads_stop(&threads, PATIENCE, true), 0);
        const struct mete__thread *seen = find(&threads, atomic_load(&actor.id));
        assert_int_equal(seen->state, METE__THREAD_STOPPED);
        assert_true(is_just_below(seen->stack_pointer, actor.frame));
        mete__threads_resume(&threads);
    }
    end(&actor);
    assert_int_equal(actor.error, 0);
}

static void wait_until_asleep(const struct actor *actor) {
    struct mete__threads threads;
    uint32_t seen_state;
    do {
        assert_int_equal(mete__threads_stop(&threads, PATIENCE, true), 0);
        seen_state = find(&threads, atomic_load(&actor->id))->state;
        mete__threads_resume(&threads);
    } while (seen_state != METE__THREAD_BLOCKED);
}

static void an_invisible_stop_wakes_no_sleeper(void **state) {
    struct actor actor;
    struct mete__threads threads;
    (void)state;
    start(&actor, sleep_long);
    wait_until_asleep(&actor);
    assert_int_equal(mete__threads_stop(&threads, PATIENCE, true), 0);
    const struct mete__thread *seen = find(&threads, atomic_load(&actor.id));
    assert_int_equal(seen->state, METE__THREAD_BLOCKED);
    assert_true(is_just_below(seen->stack_pointer, actor.frame));
    mete__threads_resume(&threads);
    /* A visible one does, and knows the registers for it. */
    assert_int_equal(mete__threads_stop(&threads, PATIENCE, false), 0);
    assert_int_equal(find(&threads, atomic_load(&actor.id))->state, METE__THREAD_STOPPED);
    mete__threads_resume(&threads);
    end(&actor);
    assert_int_equal(actor.error, EINTR);
}

static void deaf_threads_cost_patience_but_no_more(void **state) {
    struct actor spinner, sleeper;
    struct mete__threads threads;
    (void)state;
    atomic_store(&over, false);
    start(&spinner, spin_deaf);
    start(&sleeper, read_pipe_deaf);
    while (atomic_load(&spinner.turns) == 0) sched_yield();

    assert_int_equal(mete__threads_stop(&threads, PATIENCE, false), 0);
    const struct mete__thread *seen = find(&threads, atomic_load(&spinner.id));
    assert_int_not_equal(seen->state, METE__THREAD_STOPPED);
    seen = find(&threads, atomic_load(&sleeper.id));
    assert_int_not_equal(seen->state, METE__THREAD_STOPPED);
    if (seen->state == METE__THREAD_BLOCKED)
        assert_true(is_just_below(seen->stack_pointer, sleeper.frame));
    mete__threads_resume(&threads);
    atomic_store(&over, true);
    end(&spinner);
    end(&sleeper);
}

static void the_signal_used_is_put_back(void **state) {
    struct actor actor;
    struct mete__threads threads;
    (void)state;
    start(&actor, read_pipe);
    assert_int_equal(mete__threads_stop(&threads, PATIENCE, false), 0);
    int number = threads.signal;
    assert_true(number >= SIGRTMIN && number <= SIGRTMAX);
    mete__threads_resume(&threads);
    struct sigaction action;
    assert_int_equal(sigaction(number, NULL, &action), 0);
    assert_true(action.sa_handler == SIG_DFL);
    end(&actor);
}

static void handled(int number) {
    (void)number;
}

static void signals_the_program_uses_are_left_alone(void **state) {
    struct actor actor;
    struct mete__threads threads;
    struct sigaction mine = {.sa_handler = handled}, now;
    (void)state;
    for (int number = SIGRTMIN; number <= SIGRTMAX; number++)
        if (number != SIGRTMIN + 5) assert_int_equal(sigaction(number, &mine, NULL), 0);
    start(&actor, read_pipe);
    assert_int_equal(mete__threads_stop(&threads, PATIENCE, false), 0);
    assert_int_equal(threads.signal, SIGRTMIN + 5);
    mete__threads_resume(&threads);
    mine.sa_handler = SIG_DFL;
    for (int number = SIGRTMIN; number <= SIGRTMAX; number++) {
        assert_int_equal(sigaction(number, NULL, &now), 0);
        assert_true(now.sa_handler == (number == SIGRTMIN + 5 ? SIG_DFL : handled));
        assert_int_equal(sigaction(number, &mine, NULL), 0);
    }
    end(&actor);
}

static void a_second_stop_meanwhile_is_refused(void **state) {
    struct mete__threads threads, again;
    (void)state;
    assert_int_equal(mete__threads_stop(&threads, PATIENCE, false), 0);
    assert_int_equal(mete__threads_stop(&again, PATIENCE, false), -EBUSY);
    mete__threads_resume(&threads);
    assert_int_equal(mete__threads_stop(&threads, PATIENCE, false), 0);
    assert_int_equal(threads.count, 0);
    mete__threads_resume(&threads);
}

static void many_threads_stop_within_a_second(void **state) {
    enum { COUNT = 100 };
    static struct actor actors[COUNT];
    struct mete__threads threads;
    (void)state;
    for (int i = 0; i < COUNT; i++) start(&actors[i], read_pipe);
    uint64_t begin = mete__process_clock();
    assert_int_equal(mete__threads_stop(&threads, PATIENCE, false), 0);
    assert_int_equal(threads.count, COUNT);
    for (int i = 0; i < COUNT; i++) assert_int_equal(threads.list[i].state, METE__THREAD_STOPPED);
    mete__threads_resume(&threads);
    assert_true(mete__process_clock() - begin < PATIENCE);
    for (int i = 0; i < COUNT; i++) end(&actors[i]);
}

/* ---- stacks ---- */

struct sought {
    uintptr_t frame;
    struct mete__stack found;
    size_t count;
};

static void keep_if_sought(void *context, const struct mete__stack *stack) {
    struct sought *sought = context;
    if (sought->frame < stack->low || sought->frame >= stack->high) return;
    sought->found = *stack;
    sought->count++;
}

static struct sought find_stack(uintptr_t frame) {
    struct sought sought = {.frame = frame};
    struct mete__maps maps;
    struct mete__peek *peek = mete__peek_open();
    assert_int_equal(mete__maps_read(&maps), 0);
    for (size_t i = 0; i < maps.count; i++)
        if (maps.list[i].flags == (METE__MAP_READ | METE__MAP_WRITE))
            mete__stacks_find(&maps.list[i], peek, keep_if_sought, &sought);
    mete__maps_free(&maps);
    mete__peek_close(peek);
    return sought;
}

static __thread char local[1000];
static uintptr_t local_address;

static void *note_local(void *argument) {
    local[0] = 1;
    local_address = (uintptr_t)local;
    return read_pipe(argument);
}

static void a_living_threads_stack_is_found_with_its_owner(void **state) {
    struct actor actor;
    (void)state;
    start(&actor, note_local);
    struct sought sought = find_stack(actor.frame);
    assert_int_equal(sought.count, 1);
    assert_int_equal(sought.found.thread, atomic_load(&actor.id));
    assert_true(sought.found.high <= local_address); /* thread-locals are not stack */
    assert_true(sought.found.high - actor.frame < 65536);
    end(&actor);
    /* glibc keeps the stack for a later thread. */
    sought = find_stack(actor.frame);
    assert_int_equal(sought.count, 1);
    assert_int_equal(sought.found.thread, 0);
    assert_true(sought.found.high <= local_address);
}

static void a_stack_the_program_made_itself_is_found(void **state) {
    static _Alignas(64) char own[256 * 1024];
    struct actor actor = {0};
    pthread_attr_t attributes;
    (void)state;
    assert_int_equal(pipe(actor.pipe), 0);
    pthread_attr_init(&attributes);
    assert_int_equal(pthread_attr_setstack(&attributes, own, sizeof own), 0);
    assert_int_equal(pthread_create(&actor.thread, &attributes, read_pipe, &actor), 0);
    while (atomic_load(&actor.id) == 0) sched_yield();
    struct sought sought = find_stack(actor.frame);
    if (sought.count > 0) { /* it lies in .bss, which is anonymous where it is large */
        assert_int_equal(sought.found.low, (uintptr_t)own);
        assert_int_equal(sought.found.thread, atomic_load(&actor.id));
    }
    end(&actor);
    pthread_attr_destroy(&attributes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(running_threads_stand_still_until_they_are_let_go),
        cmocka_unit_test(a_blocked_read_goes_on_as_if_nothing_had_been),
        cmocka_unit_test(an_invisible_stop_wakes_no_sleeper),
        cmocka_unit_test(deaf_threads_cost_patience_but_no_more),
        cmocka_unit_test(the_signal_used_is_put_back),
        cmocka_unit_test(signals_the_program_uses_are_left_alone),
        cmocka_unit_test(a_second_stop_meanwhile_is_refused),
        cmocka_unit_test(many_threads_stop_within_a_second),
        cmocka_unit_test(a_living_threads_stack_is_found_with_its_owner),
        cmocka_unit_test(a_stack_the_program_made_itself_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
