/* os/process.h for Linux. */
#include "os/process.h"

#include <elf.h>
#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "os/memory.h"

uint32_t mete__process_id(void) {
    return (uint32_t)syscall(SYS_getpid);
}

uint32_t mete__process_thread_id(void) {
    return (uint32_t)syscall(SYS_gettid);
}

uint32_t mete__process_parent_id(void) {
    return (uint32_t)syscall(SYS_getppid);
}

bool mete__process_exists(uint32_t process) {
    int saved = errno;
    bool exists = syscall(SYS_kill, (pid_t)process, 0) == 0 || errno != ESRCH;
    errno = saved;
    return exists;
}

bool mete__process_is_single(void) {
    struct stat tasks;
    int saved = errno;
    /* A folder's links: its own two names, and one for each folder in it, here one a thread. */
    bool single = stat("/proc/self/task", &tasks) == 0 && tasks.st_nlink == 3;
    errno = saved;
    return single;
}

void mete__process_exit(int status) {
    for (;;) syscall(SYS_exit_group, status);
}

uint32_t mete__process_machine(void) {
#if defined(__x86_64__)
    return EM_X86_64;
#elif defined(__aarch64__)
    return EM_AARCH64;
#else
#error "mete knows x86-64 and aarch64"
#endif
}

uint32_t *mete__process_wiped_on_fork(uint32_t value) {
    size_t page = mete__memory_page_size();
    uint32_t *word = mete__memory_map(page);
    if (word == NULL) return NULL;
    int saved = errno;
    bool refused = madvise(word, page, MADV_WIPEONFORK) != 0;
    errno = saved;
    if (refused) {
        mete__memory_release(word, page);
        return NULL;
    }
    *word = value;
    return word;
}

void mete__process_at_fork(void (*in_child)(void)) {
    pthread_atfork(NULL, NULL, in_child);
}

void mete__process_around_fork(void (*before)(void), void (*in_parent)(void),
                               void (*in_child)(void)) {
    pthread_atfork(before, in_parent, in_child);
}

void mete__process_wait(uint32_t *word, uint32_t value) {
    int saved = errno;
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0);
    errno = saved;
}

void mete__process_wait_until(uint32_t *word, uint32_t value, uint64_t deadline) {
    const uint64_t second = 1000000000;
    struct timespec end = {(time_t)(deadline / second), (long)(deadline % second)};
    int saved = errno;
    /* Of the two ways to wait this is the one whose time is a point of CLOCK_MONOTONIC. */
    syscall(SYS_futex, word, FUTEX_WAIT_BITSET_PRIVATE, value, &end, NULL, FUTEX_BITSET_MATCH_ANY);
    errno = saved;
}

void mete__process_wake(uint32_t *word) {
    int saved = errno;
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
    errno = saved;
}

void mete__process_yield(void) {
    sched_yield();
}

static pthread_key_t exit_key;
static bool exit_key_is_ours; /* else the number is somebody else's key */
static void (*exit_function)(void *value);
static __thread unsigned char exit_rounds;

static void thread_exits(void *value) {
    exit_rounds++;
    exit_function(value);
}

void mete__process_prepare_thread_exit(void (*exits)(void *value)) {
    exit_function = exits;
    exit_key_is_ours = pthread_key_create(&exit_key, thread_exits) == 0;
}

bool mete__process_at_thread_exit(void *value) {
    if (!exit_key_is_ours || exit_rounds >= PTHREAD_DESTRUCTOR_ITERATIONS) return false;
    int saved = errno;
    bool granted = pthread_setspecific(exit_key, value) == 0;
    errno = saved;
    return granted;
}

static uint64_t clock_ns(clockid_t clock) {
    struct timespec now = {0, 0};
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t mete__process_clock(void) {
    return clock_ns(CLOCK_MONOTONIC);
}

uint64_t mete__process_clock_coarse(void) {
    return clock_ns(CLOCK_MONOTONIC_COARSE);
}

uint64_t mete__process_clock_realtime(void) {
    return clock_ns(CLOCK_REALTIME);
}

void mete__process_complain(const char *text, size_t length) {
    int saved = errno;
    while (length > 0) {
        /* Not write(): a thread could be cancelled in it. */
        long written = syscall(SYS_write, STDERR_FILENO, text, length);
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) break;
        text += written;
        length -= (size_t)written;
    }
    errno = saved;
}
