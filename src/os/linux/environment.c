/* os/environment.h for Linux. */
#include "os/environment.h"

#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Where the kernel put argc, and behind it argv and the environment. The loader of a dynamic
 * program says so (glibc); in a static one the word means something else, but there `environ` is
 * set before anything else. */
extern void *__libc_stack_end __attribute__((weak)); // NOLINT(bugprone-reserved-identifier)

/* The kernel's argc from the loader, or NULL. */
static const long *count_from_loader(void) {
    if (&__libc_stack_end == NULL || __libc_stack_end == NULL) return NULL;
    const long *count = __libc_stack_end;
    bool is_count = count[0] > 0 && count[0] < INT32_MAX && count[1 + count[0]] == 0;
    return is_count ? count : NULL;
}

/* The same from `environ`, which argv ends before, as long as it is the array on the stack: that
 * lies between our frame and the texts it points to. */
static const long *count_from_environ(const struct mete__environment *known) {
    const long *end = (const long *)(void *)environ - 1; /* argv's NULL */
    bool is_on_stack = (uintptr_t)end > (uintptr_t)__builtin_frame_address(0) &&
                       (uintptr_t)end < (uintptr_t)known->started_as;

    if (environ == NULL || !is_on_stack || *end != 0) return NULL;
    for (long count = 1; count < INT32_MAX; count++)
        if (end[-1 - count] == count) return &end[-1 - count];
    return NULL;
}

/* From the bytes the kernel makes at each exec for whoever needs random ones. Others make secrets
 * of them, so they are mixed beyond recovery. */
static uint64_t image_number(void) {
    const unsigned char *random = (const unsigned char *)getauxval(AT_RANDOM);
    uint64_t low, high;

    if (random == NULL) return 0;
    memcpy(&low, random, sizeof low);
    memcpy(&high, random + sizeof low, sizeof high);
    uint64_t mixed = (low ^ (low >> 31)) * (high | 1) + (high ^ (high >> 29)) * 0x9e3779b97f4a7c15u;
    return mixed ^ (mixed >> 32);
}

void mete__environment_read(struct mete__environment *out) {
    static char *nothing[] = {NULL};
    int saved = errno;

    *out = (struct mete__environment){
        .variables = nothing,
        .started_as = (const char *)getauxval(AT_EXECFN),
        .image = image_number(),
        .is_secure = getauxval(AT_SECURE) != 0,
    };
    const long *count = count_from_loader();
    if (count == NULL) count = count_from_environ(out);
    if (count != NULL) {
        out->argc = (uint32_t)*count;
        out->argv = (const char *const *)(const void *)(count + 1);
        out->variables = (char **)(uintptr_t)(count + 1 + *count + 1);
    }
    if (environ != NULL) out->variables = environ;
    errno = saved;
}

bool mete__environment_is_static(void) {
    const ElfW(Phdr) *segment = (const ElfW(Phdr) *)getauxval(AT_PHDR);
    unsigned long count = segment != NULL ? getauxval(AT_PHNUM) : 0;

    for (; count > 0; count--, segment++)
        if (segment->p_type == PT_INTERP) return false;
    return segment != NULL;
}

void mete__environment_executable(char *out, size_t size) {
    int saved = errno;
    long length = syscall(SYS_readlinkat, AT_FDCWD, "/proc/self/exe", out, size - 1);
    out[length > 0 ? length : 0] = '\0';
    errno = saved;
}
