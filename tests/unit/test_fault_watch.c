/* os/fault.c: who looks, and what happens after the look, as the guard needs it. */
#include "os/fault.h"

#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/apart.h"

static volatile int looks, handled;
static volatile uintptr_t seen;
static sigjmp_buf back;
static char *closed; /* a page that cannot be accessed */

static void look(uintptr_t address, const void *context) {
    CHECK(context != NULL);
    looks++;
    seen = address;
}

static void prepare(void) {
    closed = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(closed != MAP_FAILED);
}

static char read_byte(const char *address) {
    return *(const volatile char *)address;
}

/* How a child ends that does this. */
static int end_of(void (*what)(void)) {
    int status;
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        signal(SIGSEGV, SIG_DFL); /* the test's own framework has one */
        what();
        _exit(looks);
    }
    CHECK(waitpid(child, &status, 0) == child);
    return status;
}

static void read_closed(void) {
    CHECK(mete__fault_watch(look) == 0);
    read_byte(closed + 5);
}

static void be_sent_one(void) {
    CHECK(mete__fault_watch(look) == 0);
    raise(SIGSEGV);
}

static void ignore_one(void) {
    signal(SIGBUS, SIG_IGN);
    CHECK(mete__fault_watch(look) == 0);
    raise(SIGBUS);
}

static void an_access_still_ends_the_program(void) {
    prepare();
    int status = end_of(read_closed);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
}

static void a_signal_that_was_sent_is_none_of_its_business_and_still_ends_the_program(void) {
    int status = end_of(be_sent_one);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
    status = end_of(ignore_one);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void handle(int number, siginfo_t *info, void *context) {
    (void)context;
    CHECK(number == SIGSEGV && looks == 1 && info->si_addr == closed + 5);
    handled++;
    siglongjmp(back, 1);
}

static void an_earlier_handler_is_called_after_the_look(void) {
    struct sigaction action = {.sa_sigaction = handle, .sa_flags = SA_SIGINFO};
    prepare();
    CHECK(sigaction(SIGSEGV, &action, NULL) == 0);
    CHECK(mete__fault_watch(look) == 0);
    if (sigsetjmp(back, 1) == 0) read_byte(closed + 5);
    CHECK(looks == 1 && handled == 1 && seen == (uintptr_t)closed + 5);
}

static void handle_plainly(int number) {
    CHECK(number == SIGSEGV);
    handled++;
    CHECK(mprotect(closed, 4096, PROT_READ) == 0);
}

static void a_handler_that_mends_it_lets_the_program_go_on(void) {
    prepare();
    signal(SIGSEGV, handle_plainly);
    CHECK(mete__fault_watch(look) == 0);
    CHECK(read_byte(closed) == 0);
    CHECK(looks == 1 && handled == 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FACT(an_access_still_ends_the_program),
        FACT(a_signal_that_was_sent_is_none_of_its_business_and_still_ends_the_program),
        FACT(an_earlier_handler_is_called_after_the_look),
        FACT(a_handler_that_mends_it_lets_the_program_go_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
