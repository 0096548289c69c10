/* os/fault.h for Linux. */
#include "os/fault.h"

#include <errno.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The C library's own, where it lets others call that: sigaction may be mete's. */
int __sigaction(int number, const struct sigaction *action, // NOLINT(bugprone-reserved-identifier)
                struct sigaction *old) __attribute__((weak));

static int set_action(int number, const struct sigaction *action, struct sigaction *old) {
    return __sigaction != NULL ? __sigaction(number, action, old) : sigaction(number, action, old);
}

static void (*look)(uintptr_t address, const void *context);
/* What the program wants done. Whoever changes that while a thread faults may have either. */
static struct sigaction wanted_for_segv, wanted_for_bus;
static bool is_watching; /* atomic */

static struct sigaction *wanted_for(int number) {
    return number == SIGBUS ? &wanted_for_bus : &wanted_for_segv;
}

/* As if nobody had watched. An access comes again when the handler returns; a signal that somebody
 * sent must be sent again. */
static void do_default(int number, const siginfo_t *info) {
    const struct sigaction fallback = {.sa_handler = SIG_DFL};

    set_action(number, &fallback, NULL);
    if (info->si_code <= 0) syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), number);
}

/* Calls the program's handler with the signals held back that it wants to be. */
static void do_wanted(struct sigaction *wanted, int number, siginfo_t *info, void *context) {
    struct sigaction action = *wanted;

    if (((unsigned)action.sa_flags & SA_RESETHAND) != 0) wanted->sa_handler = SIG_DFL;
    sigprocmask(SIG_BLOCK, &action.sa_mask, NULL);
    if ((action.sa_flags & SA_NODEFER) != 0) {
        sigset_t own;
        sigemptyset(&own);
        sigaddset(&own, number);
        sigprocmask(SIG_UNBLOCK, &own, NULL);
    }
    if ((action.sa_flags & SA_SIGINFO) != 0)
        action.sa_sigaction(number, info, context);
    else
        action.sa_handler(number);
}

static void on_fault(int number, siginfo_t *info, void *context) {
    struct sigaction *wanted = wanted_for(number);
    int saved = errno;

    if (info->si_code > 0) look((uintptr_t)info->si_addr, context);
    errno = saved;
    if (wanted->sa_handler == SIG_IGN && info->si_code <= 0) return;
    if (wanted->sa_handler == SIG_DFL || wanted->sa_handler == SIG_IGN)
        do_default(number, info); /* an access cannot be ignored */
    else
        do_wanted(wanted, number, info, context);
}

int mete__fault_watch(void (*new_look)(uintptr_t address, const void *context)) {
    struct sigaction action = {.sa_sigaction = on_fault,
                               .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART};
    int saved = errno, status = 0;

    look = new_look;
    sigemptyset(&action.sa_mask);
    if (set_action(SIGSEGV, &action, &wanted_for_segv) != 0 ||
        set_action(SIGBUS, &action, &wanted_for_bus) != 0)
        status = -errno;
    __atomic_store_n(&is_watching, status == 0, __ATOMIC_RELEASE);
    errno = saved;
    return status;
}

bool mete__fault_keep(int number, const struct sigaction *action, struct sigaction *old) {
    if (number != SIGSEGV && number != SIGBUS) return false;
    if (!__atomic_load_n(&is_watching, __ATOMIC_ACQUIRE)) return false;
    struct sigaction before = *wanted_for(number);
    if (action != NULL) *wanted_for(number) = *action;
    if (old != NULL) *old = before;
    return true;
}
