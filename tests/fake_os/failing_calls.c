/* tests/fake_os/failing_calls.h */
#include "fake_os/failing_calls.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

enum { ERRORS_MAX = 4 };

static struct {
    uint32_t ready; /* atomic: 0 not yet, 1 being made, 2 made */
    uint32_t at, error;
    uint32_t stopped; /* atomic */
    bool after, talks;
    struct failing_state *state; /* shared by all processes of the run; NULL: nothing fails */
} plan;

/* ---- calls that nobody answers but the kernel ---- */

#if defined(__x86_64__)
static long call(long number, long a, long b, long c, long d, long e, long f) {
    long result;
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}
#elif defined(__aarch64__)
static long call(long number, long a, long b, long c, long d, long e, long f) {
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = d;
    register long x4 __asm__("x4") = e;
    register long x5 __asm__("x5") = f;
    __asm__ volatile("svc 0"
                     : "+r"(x0)
                     : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
                     : "memory");
    return x0;
}
#else
#error "mete knows x86-64 and aarch64"
#endif

static long as_libc(long result) {
    if (result >= 0 || result < -4095) return result;
    errno = (int)-result;
    return -1;
}

/* ---- the plan ---- */

static uint32_t number(const char *text) {
    uint32_t value = 0;
    for (; *text >= '0' && *text <= '9'; text++) value = value * 10 + (uint32_t)(*text - '0');
    return value;
}

static void map_state(const char *path) {
    long file = call(SYS_openat, AT_FDCWD, (long)path, O_RDWR | O_CLOEXEC, 0, 0, 0);
    if (file < 0) return;
    long start = call(SYS_mmap, 0, sizeof *plan.state, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    call(SYS_close, file, 0, 0, 0, 0, 0);
    if (start > 0 || start < -4095) plan.state = (struct failing_state *)start;
}

/* What follows NAME= in `variable`; NULL where that is another one. */
static const char *value_of(const char *variable, const char *name) {
    size_t length = strlen(name);
    return strncmp(variable, name, length) == 0 ? variable + length : NULL;
}

/* From the kernel: the loader calls malloc before the C library knows its environment. */
static void make_plan(void) {
    static char variables[32768];
    const char *value;
    long file = call(SYS_openat, AT_FDCWD, (long)"/proc/self/environ", O_RDONLY, 0, 0, 0);
    long length = call(SYS_read, file, (long)variables, sizeof variables - 1, 0, 0, 0);

    call(SYS_close, file, 0, 0, 0, 0, 0);
    for (char *next = variables; next < variables + length; next += strlen(next) + 1) {
        if ((value = value_of(next, "FAILING_AT=")) != NULL) plan.at = number(value);
        if ((value = value_of(next, "FAILING_ERROR=")) != NULL) plan.error = number(value);
        if ((value = value_of(next, "FAILING_AFTER=")) != NULL) plan.after = number(value) != 0;
        if (value_of(next, "FAILING_SAY=") != NULL) plan.talks = true;
        if ((value = value_of(next, "FAILING_STATE=")) != NULL) map_state(value);
    }
    plan.stopped = plan.after;
}

/* The object's first address where that is mete's, else NULL. */
static const char *metes_start(const void *caller) {
    struct dl_find_object found;
    bool known = _dl_find_object((void *)caller, &found) == 0;
    if (!known || strstr(found.dlfo_link_map->l_name, "libmete_malloc") == NULL) return NULL;
    return found.dlfo_map_start;
}

/* On standard error, for addr2line. */
static void say(ptrdiff_t offset) {
    static const char digits[] = "0123456789abcdef";
    char line[] = "failing_calls: failed at libmete_malloc.so+0x00000000\n";
    for (size_t end = sizeof line - 2; offset != 0; offset /= 16) line[--end] = digits[offset % 16];
    call(SYS_write, STDERR_FILENO, (long)line, sizeof line - 1, 0, 0, 0);
}

/* Whether this call of mete's is to fail; errno is set then. Which error: one of those given, 0
 * ends them. */
static bool fails(const void *caller, const int errors[ERRORS_MAX]) {
    uint32_t expected = 0;

    const char *start = metes_start(caller);
    if (start == NULL) return false;
    if (__atomic_compare_exchange_n(&plan.ready, &expected, 1, false, __ATOMIC_ACQUIRE,
                                    __ATOMIC_ACQUIRE)) {
        make_plan();
        __atomic_store_n(&plan.ready, 2, __ATOMIC_RELEASE);
    }
    if (__atomic_load_n(&plan.ready, __ATOMIC_ACQUIRE) != 2 || plan.state == NULL) return false;
    if (__atomic_load_n(&plan.stopped, __ATOMIC_ACQUIRE)) return false;
    uint32_t count = __atomic_add_fetch(&plan.state->calls, 1, __ATOMIC_RELAXED);
    if (plan.at == 0 || (plan.after ? count < plan.at : count != plan.at)) return false;
    __atomic_add_fetch(&plan.state->failed, 1, __ATOMIC_RELAXED);
    if (plan.talks) say((const char *)caller - start);
    uint32_t known = 0;
    while (known < ERRORS_MAX && errors[known] != 0) known++;
    errno = errors[plan.error % known];
    return true;
}

EXPORT void failing_calls_stop(void) {
    __atomic_store_n(&plan.stopped, 1, __ATOMIC_RELEASE);
}

EXPORT void failing_calls_resume(void) {
    __atomic_store_n(&plan.stopped, 0, __ATOMIC_RELEASE);
}

/* ---- what fails ---- */

#define FAILS(...) fails(__builtin_return_address(0), (const int[ERRORS_MAX]){__VA_ARGS__})

EXPORT void *mmap(void *where, size_t size, int protection, int flags, int file, off_t offset) {
    if (file < 0 ? FAILS(ENOMEM, EPERM) : FAILS(ENOMEM, ENODEV, EACCES)) return MAP_FAILED;
    return (void *)as_libc(
        call(SYS_mmap, (long)where, (long)size, protection, flags, file, offset));
}

EXPORT int mprotect(void *start, size_t size, int protection) {
    if (FAILS(ENOMEM, EACCES)) return -1;
    return (int)as_libc(call(SYS_mprotect, (long)start, (long)size, protection, 0, 0, 0));
}

EXPORT int madvise(void *start, size_t size, int advice) {
    if (FAILS(EINVAL, ENOMEM, EPERM)) return -1;
    return (int)as_libc(call(SYS_madvise, (long)start, (long)size, advice, 0, 0, 0));
}

EXPORT void *mremap(void *from, size_t old_size, size_t size, int flags, ...) {
    va_list arguments;
    va_start(arguments, flags);
    void *to = va_arg(arguments, void *);
    va_end(arguments);
    if (FAILS(ENOMEM, EFAULT, EINVAL)) return MAP_FAILED;
    return (void *)as_libc(
        call(SYS_mremap, (long)from, (long)old_size, (long)size, flags, (long)to, 0));
}

EXPORT int fstat(int file, struct stat *out) {
    if (FAILS(EIO, ENOMEM)) return -1;
    return (int)as_libc(call(SYS_fstat, file, (long)out, 0, 0, 0, 0));
}

EXPORT int fstatat(int folder, const char *path, struct stat *out, int flags) {
    if (FAILS(EIO, EACCES)) return -1;
    return (int)as_libc(call(SYS_newfstatat, folder, (long)path, (long)out, flags, 0, 0));
}

/* The errors of a call made by number; all 0 where it never fails, or is none of the system's. */
static const int *errors_of(long number_of_call) {
    static const struct {
        long number;
        int errors[ERRORS_MAX];
    } known[] = {
        {SYS_openat, {EMFILE, EACCES, ENOSPC, EROFS}},
        {SYS_memfd_create, {EMFILE, EPERM}},
        {SYS_unlinkat, {EACCES, EROFS}},
        {SYS_ftruncate, {EFBIG, ENOSPC, EIO}},
        {SYS_fallocate, {ENOSPC, EOPNOTSUPP}},
        {SYS_pread64, {EIO, EPERM}},
        {SYS_pwrite64, {ENOSPC, EIO}},
        {SYS_read, {EIO, EPERM}},
        {SYS_write, {EPIPE, EAGAIN}},
        {SYS_renameat2, {EINVAL, EACCES}},
        {SYS_linkat, {EPERM, EEXIST}},
        {SYS_getdents64, {EIO, EACCES}},
        {SYS_getcwd, {ENOENT, ERANGE}},
        {SYS_madvise, {EFAULT, EINVAL, EHWPOISON}}, /* as a disk that is full, an old kernel */
        {SYS_process_vm_readv, {EPERM, ENOSYS}},
        {SYS_rt_tgsigqueueinfo, {EAGAIN, EPERM}},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (known[i].number == number_of_call) return known[i].errors;
    return NULL;
}

EXPORT long syscall(long number_of_call, ...) {
    va_list rest;
    long a[6];
    const int *errors = errors_of(number_of_call);

    va_start(rest, number_of_call);
    for (int i = 0; i < 6; i++) a[i] = va_arg(rest, long); /* more than it has: the rest is junk */
    va_end(rest);
    /* Where nothing works any more, at least a file that was begun can be taken away. */
    if (number_of_call == SYS_unlinkat && plan.after) errors = NULL;
    if (errors != NULL && fails(__builtin_return_address(0), errors)) return -1;
    return as_libc(call(number_of_call, a[0], a[1], a[2], a[3], a[4], a[5]));
}
