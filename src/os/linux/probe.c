/* os/probe.h for Linux. */
#include "os/probe.h"

#include <errno.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

/* rt_sigprocmask copies the new set in before it looks at `how`, so that a `how` which does not
 * exist changes nothing and the error tells whether the set could be read (Abseil's
 * AddressIsReadable). Every sandbox allows it: libc itself needs it. */
bool mete__probe_readable(uintptr_t address) {
    const size_t kernel_set_bytes = 8;
    int saved = errno;
    long status = syscall(SYS_rt_sigprocmask, -1, address, NULL, kernel_set_bytes);
    bool readable = status == 0 || errno != EFAULT;
    errno = saved;
    return readable;
}

bool mete__probe_on_signal_stack(void) {
    stack_t stack = {.ss_flags = 0};
    int saved = errno;
    bool known = syscall(SYS_sigaltstack, NULL, &stack) == 0;
    errno = saved;
    return known && (stack.ss_flags & SS_ONSTACK) != 0;
}
