/*
 * shim/process_prctl.c - prctl, by which a process may forbid itself system calls.
 *
 * A program in a sandbox (seccomp) is killed by the first system call its filter does not know, and
 * the leak check makes several that no program needs. A filter cannot be asked for without such a
 * call; but whoever sets one begins with PR_SET_NO_NEW_PRIVS or PR_SET_SECCOMP, mostly by way of
 * libseccomp. From then on the end of the process is left as quiet as it would be without mete.
 *
 * Only libmete_malloc.so has this file.
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/prctl.h>

#include "base/compiler.h"
#include "shim/finish.h"

static int (*next_prctl)(int option, ...);

__attribute__((constructor)) static void look_up(void) {
    *(void **)&next_prctl = dlsym(RTLD_NEXT, "prctl");
}

METE_EXPORT int prctl(int option, ...) {
    unsigned long values[4];
    va_list rest;

    if (next_prctl == NULL) look_up();
    if (next_prctl == NULL) {
        errno = ENOSYS;
        return -1;
    }
    va_start(rest, option);
    for (size_t i = 0; i < METE_COUNT_OF(values); i++) values[i] = va_arg(rest, unsigned long);
    va_end(rest);
    int status = next_prctl(option, values[0], values[1], values[2], values[3]);
    if (status == 0 && (option == PR_SET_SECCOMP || option == PR_SET_NO_NEW_PRIVS))
        mete__finish_note_sandbox();
    return status;
}
