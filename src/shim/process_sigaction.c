/*
 * shim/process_sigaction.c - sigaction and signal, by which a program may take faults for itself.
 *
 * In guard mode an access to what is no block raises SIGSEGV, and mete looks at it first. Programs
 * with a handler of their own for crashes (compilers, interpreters, servers) would replace mete's;
 * so what they say about these two signals is kept, told them when they ask, and done after the
 * look.
 *
 * Only libmete_malloc.so has this file.
 */
#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stddef.h>

#include "base/compiler.h"
#include "os/fault.h"

static int (*next_sigaction)(int number, const struct sigaction *action, struct sigaction *old);

__attribute__((constructor)) static void look_up(void) {
    *(void **)&next_sigaction = dlsym(RTLD_NEXT, "sigaction");
}

METE_EXPORT int sigaction(int number, const struct sigaction *action, struct sigaction *old) {
    if (mete__fault_keep(number, action, old)) return 0;
    if (next_sigaction == NULL) look_up();
    if (next_sigaction == NULL) {
        errno = ENOSYS;
        return -1;
    }
    return next_sigaction(number, action, old);
}

/* As the C library's: system calls that it interrupts are begun again. */
METE_EXPORT sighandler_t signal(int number, sighandler_t handler) {
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART}, old;

    if (handler == SIG_ERR) {
        errno = EINVAL;
        return SIG_ERR;
    }
    sigemptyset(&action.sa_mask);
    sigaddset(&action.sa_mask, number);
    return sigaction(number, &action, &old) == 0 ? old.sa_handler : SIG_ERR;
}
