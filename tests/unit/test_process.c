/* os/process.h: ids, forks, waiting, the end of threads. */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/process.h"
#include "support/apart.h"

static void ids_are_the_kernels(void) {
    CHECK(mete__process_id() == (uint32_t)getpid());
    CHECK(mete__process_thread_id() == (uint32_t)getpid());
    CHECK(mete__process_parent_id() == (uint32_t)getppid());
}

static void *own_id(void *out) {
    *(uint32_t *)out = mete__process_thread_id();
    return NULL;
}

static void each_thread_has_its_own_id(void) {
    pthread_t thread;
    uint32_t id = 0;
    CHECK(pthread_create(&thread, NULL, own_id, &id) == 0);
    pthread_join(thread, NULL);
    CHECK(id != 0 && id != mete__process_thread_id());
}

static void the_machine_is_the_one_that_runs_this(void) {
    Elf64_Ehdr header;
    int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    if (file < 0) apart_skip("no /proc");
    CHECK(read(file, &header, sizeof header) == (ssize_t)sizeof header);
    close(file);
    CHECK(mete__process_machine() == header.e_machine);
}

static void check_wiped(void *word) {
    CHECK(*(uint32_t *)word == 0);
}

static void a_word_that_is_wiped_on_fork_says_so_to_the_child_only(void) {
    errno = 0;
    uint32_t *word = mete__process_wiped_on_fork(7);
    CHECK(errno == 0);
    if (word == NULL) apart_skip("Linux before 4.14");
    CHECK(*word == 7);
    apart_in_child(check_wiped, word);
    CHECK(*word == 7);
    long child = syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL); /* behind libc's back */
    if (child == 0) _exit(*word == 0 ? 0 : 1);
    int status;
    CHECK(waitpid((pid_t)child, &status, 0) == child && status == 0);
}

static int forks_seen;

static void see_fork(void) {
    forks_seen++;
}

static void check_seen(void *unused) {
    (void)unused;
    CHECK(forks_seen == 1);
}

static void a_fork_is_told_to_the_child_only(void) {
    mete__process_at_fork(see_fork);
    apart_in_child(check_seen, NULL);
    CHECK(forks_seen == 0);
}

static void waiting_for_what_has_happened_returns_at_once(void) {
    uint32_t word = 1;
    errno = 0;
    mete__process_wait(&word, 0);
    mete__process_wake(&word); /* nobody sleeps */
    mete__process_yield();
    CHECK(errno == 0);
}

static uint32_t word_to_wait_for;

static void *wait_for_word(void *unused) {
    while (__atomic_load_n(&word_to_wait_for, __ATOMIC_ACQUIRE) == 0)
        mete__process_wait(&word_to_wait_for, 0);
    return unused;
}

static void a_sleeper_wakes_up(void) {
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, wait_for_word, NULL) == 0);
    __atomic_store_n(&word_to_wait_for, 1, __ATOMIC_RELEASE);
    mete__process_wake(&word_to_wait_for);
    pthread_join(thread, NULL);
}

/* ---- the end of threads ---- */

static int calls;
static void *last_value;
static int asks_again; /* how often the exit function asks for more */
static bool granted_last;

static void on_exit_of_thread(void *value) {
    calls++;
    last_value = value;
    if (calls <= asks_again) granted_last = mete__process_at_thread_exit(value);
}

static void *ask_for_exit(void *value) {
    CHECK(mete__process_at_thread_exit(value));
    return NULL;
}

static void run_thread(void *(*body)(void *), void *argument) {
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, body, argument) == 0);
    pthread_join(thread, NULL);
}

static void a_thread_that_asked_is_called_at_its_end_with_its_value(void) {
    int value;
    mete__process_prepare_thread_exit(on_exit_of_thread);
    run_thread(ask_for_exit, &value);
    CHECK(calls == 1 && last_value == &value);
    run_thread(ask_for_exit, &calls);
    CHECK(calls == 2 && last_value == &calls);
}

static void *ask_nothing(void *unused) {
    return unused;
}

static void a_thread_that_did_not_ask_is_not_called(void) {
    mete__process_prepare_thread_exit(on_exit_of_thread);
    run_thread(ask_nothing, NULL);
    CHECK(calls == 0);
}

static void asking_again_is_granted_for_as_many_rounds_as_there_are(void) {
    if (APART_UNDER_TSAN) apart_skip("ThreadSanitizer ends threads before their last round");
    mete__process_prepare_thread_exit(on_exit_of_thread);
    asks_again = 100;
    run_thread(ask_for_exit, &calls);
    CHECK(calls == PTHREAD_DESTRUCTOR_ITERATIONS && !granted_last);
}

static void without_a_key_nobody_is_called_and_no_other_key_touched(void) {
    pthread_key_t first, key;
    CHECK(pthread_key_create(&first, NULL) == 0);
    CHECK(pthread_setspecific(first, &first) == 0);
    while (pthread_key_create(&key, NULL) == 0) {
    }
    errno = 0;
    mete__process_prepare_thread_exit(on_exit_of_thread);
    CHECK(!mete__process_at_thread_exit(&calls));
    CHECK(errno == 0);
    CHECK(pthread_getspecific(first) == &first);
    run_thread(ask_nothing, NULL);
    CHECK(calls == 0);
}

/* ---- clocks and complaints ---- */

static void clocks_go_forward_and_agree(void) {
    uint64_t coarse = mete__process_clock_coarse(), fine = mete__process_clock();
    CHECK(coarse > 0 && fine >= coarse);
    CHECK(mete__process_clock() >= fine);
    CHECK(mete__process_clock_coarse() >= coarse);
    CHECK(mete__process_clock_realtime() > (uint64_t)1600000000 * 1000000000);
}

static void a_complaint_arrives_whole(void) {
    int pipes[2];
    char text[6];
    CHECK(pipe(pipes) == 0 && dup2(pipes[1], STDERR_FILENO) == STDERR_FILENO);
    mete__process_complain("alas\n", 5);
    CHECK(read(pipes[0], text, sizeof text) == 5 && memcmp(text, "alas\n", 5) == 0);
}

static void a_complaint_to_nobody_is_no_harm(void) {
    close(STDERR_FILENO);
    errno = 0;
    mete__process_complain("alas\n", 5);
    CHECK(errno == 0);
}

static void *complain_while_cancelled(void *survived) {
    pthread_cancel(pthread_self());
    mete__process_complain("", 1);
    *(bool *)survived = true;
    return NULL;
}

static void a_complaint_is_no_cancellation_point(void) {
    bool survived = false;
    run_thread(complain_while_cancelled, &survived);
    CHECK(survived);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FACT(ids_are_the_kernels),
        FACT(each_thread_has_its_own_id),
        FACT(the_machine_is_the_one_that_runs_this),
        FACT(a_word_that_is_wiped_on_fork_says_so_to_the_child_only),
        FACT(a_fork_is_told_to_the_child_only),
        FACT(waiting_for_what_has_happened_returns_at_once),
        FACT(a_sleeper_wakes_up),
        FACT(a_thread_that_asked_is_called_at_its_end_with_its_value),
        FACT(a_thread_that_did_not_ask_is_not_called),
        FACT(asking_again_is_granted_for_as_many_rounds_as_there_are),
        FACT(without_a_key_nobody_is_called_and_no_other_key_touched),
        FACT(clocks_go_forward_and_agree),
        FACT(a_complaint_arrives_whole),
        FACT(a_complaint_to_nobody_is_no_harm),
        FACT(a_complaint_is_no_cancellation_point),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
