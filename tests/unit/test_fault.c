/* os/fault.h: what mete repairs it repairs; everything else is the program's, as if mete were not
 * there. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/fault.h"
#include "support/apart.h"

static char *good, *bad; /* pages: one that the taker repairs, one that nobody does */
static volatile int offered;

/* Opens `good` to accesses. */
static bool repair(const struct mete__fault *fault) {
    offered++;
    errno = EPROTO;
    return fault->address - (uintptr_t)good < 4096 && fault->context != NULL &&
           mprotect(good, 4096, PROT_READ | PROT_WRITE) == 0;
}

static void take(void) {
    CHECK(mete__fault_take(METE__FAULT_ACCESS, repair) == 0);
    good = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    bad = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(good != MAP_FAILED && bad != MAP_FAILED);
}

static char touch(const char *address) {
    return *(const volatile char *)address;
}

static void a_fault_that_is_repaired_is_no_fault_and_errno_kept(void) {
    volatile int *error = &errno; /* the compiler knows of no handler */

    take();
    *error = 0;
    CHECK(touch(good) == 0 && offered == 1 && *error == 0);
}

/* ---- handlers of the program's ---- */

static sigjmp_buf back;
static volatile int handled, plain_handled;
static void *volatile handled_address;
static sigset_t mask_inside;
static volatile uintptr_t stack_inside; /* of the handler */

static void leave(int number, siginfo_t *info, void *context) {
    (void)number, (void)context;
    handled++;
    stack_inside = (uintptr_t)__builtin_frame_address(0);
    handled_address = info->si_addr;
    sigprocmask(SIG_BLOCK, NULL, &mask_inside);
    siglongjmp(back, 1);
}

static void leave_plainly(int number) {
    (void)number;
    plain_handled++;
    siglongjmp(back, 1);
}

static void install(void (*handler)(int, siginfo_t *, void *), int flags) {
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = flags | SA_SIGINFO};
    sigemptyset(&action.sa_mask);
    sigaddset(&action.sa_mask, SIGUSR1);
    CHECK(sigaction(SIGSEGV, &action, NULL) == 0);
}

static void install_plain(void (*handler)(int), unsigned flags) {
    struct sigaction action = {.sa_handler = handler, .sa_flags = (int)flags};
    CHECK(sigaction(SIGSEGV, &action, NULL) == 0);
}

static void touch_bad(void) {
    if (sigsetjmp(back, 1) == 0) touch(bad);
}

static void other_faults_reach_the_handler_there_was_with_its_mask(void) {
    install(leave, 0);
    take();
    for (int i = 1; i <= 3; i++) {
        touch_bad();
        CHECK(handled == i && handled_address == bad);
        CHECK(sigismember(&mask_inside, SIGUSR1) && sigismember(&mask_inside, SIGSEGV));
    }
    CHECK(touch(good) == 0 && handled == 3);
}

static void a_handler_that_wants_its_signal_open_has_it_so(void) {
    install(leave, SA_NODEFER);
    take();
    touch_bad();
    CHECK(handled == 1 && !sigismember(&mask_inside, SIGSEGV));
}

static void a_handler_without_information_is_called_so(void) {
    install_plain(leave_plainly, 0);
    take();
    touch_bad();
    CHECK(plain_handled == 1);
}

/* How a child that runs `body` ends. */
static int end_of_child(void (*body)(void)) {
    int status;
    pid_t child = fork();

    if (child == 0) {
        body();
        _exit(0);
    }
    CHECK(waitpid(child, &status, 0) == child);
    return status;
}

static bool dies(void (*body)(void)) {
    int status = end_of_child(body);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV;
}

static void just_touch_bad(void) {
    touch(bad);
}

static void be_sent_one(void) {
    kill(getpid(), SIGSEGV);
}

static void a_handler_for_one_fault_runs_for_one(void) {
    install_plain(leave_plainly, SA_RESETHAND);
    take();
    touch_bad();
    CHECK(plain_handled == 1 && dies(just_touch_bad));
}

static void without_a_handler_the_default_happens(void) {
    signal(SIGSEGV, SIG_DFL);
    take();
    CHECK(dies(just_touch_bad) && dies(be_sent_one));
}

static void what_is_ignored_is_ignored_where_it_can_be(void) {
    signal(SIGSEGV, SIG_IGN);
    take();
    CHECK(dies(just_touch_bad) && end_of_child(be_sent_one) == 0);
}

static void a_signal_that_was_sent_is_nobodys_to_repair(void) {
    install(leave, 0);
    take();
    if (sigsetjmp(back, 1) == 0) kill(getpid(), SIGSEGV);
    CHECK(handled == 1 && offered == 0);
}

/* ---- in front of, behind ---- */

static struct sigaction behind;

/* As libraries do that were taught to chain. */
static void pass_on(int number, siginfo_t *info, void *context) {
    handled++;
    if ((behind.sa_flags & SA_SIGINFO) != 0) behind.sa_sigaction(number, info, context);
}

static void chain_in_front(void) {
    struct sigaction action = {.sa_sigaction = pass_on, .sa_flags = SA_SIGINFO};
    CHECK(sigaction(SIGSEGV, &action, &behind) == 0);
}

static void a_handler_in_front_that_chains_is_served(void) {
    take();
    chain_in_front();
    CHECK(touch(good) == 0 && handled == 1 && offered == 1);
}

static void handlers_that_call_each_other_end_at_what_was_there_first(void) {
    install_plain(leave_plainly, 0);
    take();
    chain_in_front();
    CHECK(mete__fault_take(METE__FAULT_ACCESS, repair) == 0); /* in front of the chain again */
    for (int i = 1; i <= 3; i++) {
        touch_bad();
        CHECK(handled == i && plain_handled == i);
    }
    CHECK(touch(good) == 0 && handled == 3);
}

static void it_runs_on_the_alternate_stack(void) {
    static char stack[65536];
    stack_t alternate = {.ss_sp = stack, .ss_size = sizeof stack};

    CHECK(sigaltstack(&alternate, NULL) == 0);
    install(leave, SA_ONSTACK);
    take();
    for (int i = 1; i <= 3; i++) {
        touch_bad();
        CHECK(handled == i && stack_inside - (uintptr_t)stack < sizeof stack);
    }
    CHECK(touch(good) == 0);
}

/* ---- those who only look ---- */

static volatile uintptr_t looked_at;
static volatile int looks;

static void look(uintptr_t address, const void *context) {
    looks += context != NULL;
    looked_at = address;
}

static void who_looks_sees_what_nobody_mends_before_the_handler_does(void) {
    install(leave, 0);
    take();
    CHECK(mete__fault_watch(look) == 0);
    touch_bad();
    CHECK(looks == 1 && looked_at == (uintptr_t)bad && handled == 1);
    CHECK(touch(good) == 0 && looks == 1);
    if (sigsetjmp(back, 1) == 0) kill(getpid(), SIGSEGV);
    CHECK(looks == 1 && handled == 2);
    signal(SIGBUS, SIG_IGN);
    CHECK(mete__fault_watch(look) == 0 && raise(SIGBUS) == 0 && looks == 1);
}

/* ---- what the program says later, where it says it to us ---- */

static void actions_that_are_kept_go_behind(void) {
    const struct sigaction plain = {.sa_handler = leave_plainly};
    struct sigaction old;

    CHECK(!mete__fault_keep(SIGSEGV, &plain, &old)); /* nobody is in front of it */
    install(leave, 0);
    take();
    CHECK(!mete__fault_keep(SIGUSR1, &plain, &old) && !mete__fault_keep(SIGBUS, &plain, &old));
    CHECK(mete__fault_keep(SIGSEGV, NULL, &old) && old.sa_sigaction == leave);
    CHECK(mete__fault_keep(SIGSEGV, &plain, &old) && old.sa_sigaction == leave);
    CHECK(mete__fault_keep(SIGSEGV, &plain, &old) && old.sa_handler == leave_plainly);
    touch_bad();
    CHECK(handled == 0 && plain_handled == 1 && touch(good) == 0);
    const struct sigaction once = {.sa_handler = leave_plainly, .sa_flags = (int)SA_RESETHAND};
    CHECK(mete__fault_keep(SIGSEGV, &once, NULL));
    touch_bad();
    CHECK(mete__fault_keep(SIGSEGV, NULL, &old) && old.sa_handler == SIG_DFL);
    CHECK(dies(just_touch_bad));
}

static void any_number_of_changes_can_be_kept(void) {
    take();
    for (int i = 0; i < 1000; i++) {
        const struct sigaction action = {.sa_handler = i % 2 != 0 ? leave_plainly : SIG_DFL};
        CHECK(mete__fault_keep(SIGSEGV, &action, NULL));
        install_plain(i % 3 != 0 ? leave_plainly : SIG_IGN, 0); /* behind our back */
        CHECK(mete__fault_take(METE__FAULT_ACCESS, repair) == 0);
    }
    install(leave, 0);
    CHECK(mete__fault_take(METE__FAULT_ACCESS, repair) == 0);
    touch_bad();
    CHECK(handled == 1 && plain_handled == 0 && touch(good) == 0);
}

static int stop;

static void *keep_changing(void *unused) {
    const struct sigaction handlers[2] = {
        {.sa_sigaction = leave, .sa_flags = SA_SIGINFO},
        {.sa_sigaction = leave, .sa_flags = SA_SIGINFO | SA_RESTART}};
    (void)unused;
    for (int i = 0; !__atomic_load_n(&stop, __ATOMIC_ACQUIRE); i++)
        if (!mete__fault_keep(SIGSEGV, &handlers[i % 2], NULL)) return &stop;
    return NULL;
}

static void changes_go_on_beside_faults(void) {
    pthread_t changer;
    void *failed;

    install(leave, 0);
    take();
    CHECK(pthread_create(&changer, NULL, keep_changing, NULL) == 0);
    for (int i = 0; i < 2000; i++) touch_bad();
    __atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
    CHECK(pthread_join(changer, &failed) == 0 && failed == NULL && handled == 2000);
}

static void taking_twice_is_once_and_there_is_an_end_to_takers(void) {
    take();
    CHECK(mete__fault_take(METE__FAULT_ACCESS, repair) == 0);
    install(leave, 0);
    CHECK(mete__fault_take(METE__FAULT_ACCESS, repair) == 0);
    touch_bad();
    CHECK(offered == 1 && handled == 1);
    for (uintptr_t i = 1; i < METE__FAULT_TAKERS; i++)
        CHECK(mete__fault_take(METE__FAULT_ACCESS, (mete__fault_taker *)i) == 0);
    CHECK(mete__fault_take(METE__FAULT_ACCESS, (mete__fault_taker *)99) == -EAGAIN);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FACT(a_fault_that_is_repaired_is_no_fault_and_errno_kept),
        FACT(other_faults_reach_the_handler_there_was_with_its_mask),
        FACT(a_handler_that_wants_its_signal_open_has_it_so),
        FACT(a_handler_without_information_is_called_so),
        FACT(a_handler_for_one_fault_runs_for_one),
        FACT(without_a_handler_the_default_happens),
        FACT(what_is_ignored_is_ignored_where_it_can_be),
        FACT(a_signal_that_was_sent_is_nobodys_to_repair),
        FACT(a_handler_in_front_that_chains_is_served),
        FACT(handlers_that_call_each_other_end_at_what_was_there_first),
        FACT(it_runs_on_the_alternate_stack),
        FACT(who_looks_sees_what_nobody_mends_before_the_handler_does),
        FACT(actions_that_are_kept_go_behind),
        FACT(any_number_of_changes_can_be_kept),
        FACT(changes_go_on_beside_faults),
        FACT(taking_twice_is_once_and_there_is_an_end_to_takers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
