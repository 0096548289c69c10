/*
 * What a program may find, or have taken away, before its first malloc: no /proc, no standard
 * streams, no file descriptors, system calls refused, memory locked, an early or a late hour.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fact.h"
#include "family.h"

#define MIB ((size_t)1 << 20)

static void use_the_heap(void) {
    static void *blocks[3000];
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = 0; i < 3000; i++) {
            size_t size = 1 + i * 17;
            blocks[i] = i % 3 == 0   ? calloc(1, size)
                        : i % 3 == 1 ? malloc(size)
                                     : memalign(64, size);
            CHECK(blocks[i] != NULL);
            memset(blocks[i], 1, size);
        }
        for (unsigned i = 0; i < 3000; i++) {
            blocks[i] = realloc(blocks[i], 1 + i * 30);
            CHECK(blocks[i] != NULL);
            free(blocks[i]);
        }
    }
    char *large = malloc(20 * MIB);
    CHECK(large != NULL);
    memset(large, 7, 20 * MIB);
    large = realloc(large, 50 * MIB);
    CHECK(large != NULL && large[20 * MIB - 1] == 7);
    free(large);
}

static void *use_the_heap_in_thread(void *argument) {
    for (unsigned i = 1; i < 20000; i++) free(malloc(i));
    return argument;
}

static void use_the_heap_with_threads(void) {
    pthread_t threads[4];
    use_the_heap();
    for (unsigned i = 0; i < 4; i++) {
        CHECK_EQUAL(pthread_create(&threads[i], NULL, use_the_heap_in_thread, NULL), 0);
    }
    for (unsigned i = 0; i < 4; i++) pthread_join(threads[i], NULL);
}

/* ---- early and late ---- */

static void *early_blocks[4];
static bool early_worked;

static void before_every_constructor(void) {
    early_blocks[0] = malloc(100);
    early_blocks[1] = calloc(10, 1000);
    early_blocks[2] = memalign(4096, 100);
    early_blocks[3] = realloc(malloc(10), 200000);
    free(malloc(50));
    early_worked = early_blocks[0] && early_blocks[1] && early_blocks[2] && early_blocks[3];
    for (unsigned i = 0; i < 4; i++) memset(early_blocks[i], (int)i, 100);
}

__attribute__((section(".preinit_array"),
               used)) static void (*const preinit)(void) = before_every_constructor;

static void a_preinit_function_may_allocate(void) {
    CHECK(early_worked);
    for (unsigned i = 0; i < 4; i++) {
        CHECK_EQUAL(((char *)early_blocks[i])[99], i);
        early_blocks[i] = realloc(early_blocks[i], 300);
        CHECK_EQUAL(((char *)early_blocks[i])[99], i);
        free(early_blocks[i]);
    }
}

static void *constructed;

__attribute__((constructor(101))) static void first_constructor(void) {
    constructed = malloc(500);
    pattern_fill(constructed, 500, 4);
}

/* After every other destructor, and after stdio's own. */
__attribute__((destructor(101))) static void last_destructor(void) {
    if (constructed == NULL) return;
    pattern_verify(constructed, 500, 4);
    free(constructed);
    for (unsigned i = 1; i < 5000; i++) free(malloc(i));
    free(calloc(1, 300000));
}

static void at_exit(void) {
    use_the_heap();
}

static void destructors_and_exit_handlers_may_allocate(void) {
    CHECK_EQUAL(atexit(at_exit), 0);
    use_the_heap();
    exit(0);
}

/* ---- descriptors ---- */

static const char *close_standard_streams(void) {
    for (int fd = 0; fd <= 2; fd++) close(fd);
    return NULL;
}

static unsigned count_descriptors(void) {
    unsigned open = 0;
    for (int fd = 0; fd < 1024; fd++) open += fcntl(fd, F_GETFD) != -1;
    return open;
}

static void the_heap_opens_nothing_in_place_of_the_standard_streams(void) {
    use_the_heap_with_threads();
    for (int fd = 0; fd <= 2; fd++) CHECK_EQUAL(fcntl(fd, F_GETFD), -1);
    CHECK_EQUAL(count_descriptors(), 1); /* the report's own */
}

static void the_heap_keeps_no_descriptor_and_no_thread(void) {
    unsigned before = count_descriptors();
    use_the_heap_with_threads();
    CHECK_EQUAL(count_descriptors(), before);
    CHECK_EQUAL(before, 4);
    CHECK_EQUAL(access("/proc/self/task", R_OK), 0);
    char path[64];
    unsigned tasks = 0;
    for (pid_t id = getpid(); id < getpid() + 200; id++) {
        snprintf(path, sizeof path, "/proc/self/task/%d", id);
        tasks += access(path, F_OK) == 0;
    }
    CHECK_EQUAL(tasks, 1);
}

static void no_descriptor_is_needed(void) {
    const struct rlimit none = {0, 0};
    CHECK_EQUAL(setrlimit(RLIMIT_NOFILE, &none), 0);
    CHECK_EQUAL(setrlimit(RLIMIT_FSIZE, &none), 0);
    use_the_heap_with_threads();
}

static void a_daemon_may_close_every_descriptor(void) {
    void *block = malloc(100);
    for (int fd = 0; fd < 1024; fd++) close(fd);
    CHECK_EQUAL(chdir("/"), 0);
    free(block);
    use_the_heap_with_threads();
}

/* ---- the file system ---- */

static const char *hide_proc_and_sys(void) {
    if (unshare(CLONE_NEWNS) != 0) return "unshare needs root";
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0) return "mounts can't be private";
    umount2("/sys", MNT_DETACH);
    if (mount("none", "/proc", "tmpfs", 0, NULL) != 0) return "/proc can't be hidden";
    return NULL;
}

static void no_proc_is_needed(void) {
    CHECK(access("/proc/self/maps", F_OK) != 0);
    use_the_heap_with_threads();
}

static void an_unprivileged_user_in_an_empty_root_may_allocate(void) {
    if (chroot("/proc/self/fdinfo") != 0 || chdir("/") != 0) fact_skip("chroot needs root");
    if (setgid(65534) != 0 || setuid(65534) != 0) fact_skip("setuid needs root");
    use_the_heap_with_threads();
}

/* ---- refused system calls ---- */

static bool install_filter(const struct sock_filter *rules, unsigned short count) {
    struct sock_fprog program = {.len = count, .filter = (struct sock_filter *)(uintptr_t)rules};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return false;
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) == 0;
}

#define LOAD_NUMBER BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr))
#define ON(call, action) \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (call), 0, 1), BPF_STMT(BPF_RET | BPF_K, (action))
#define REFUSE(call) ON(call, SECCOMP_RET_ERRNO | EPERM)
#define ALLOW(call)  ON(call, SECCOMP_RET_ALLOW)

/* What a container's profile may take away from a program before it starts. */
static const char *refuse_what_is_not_vital(void) {
    static const struct sock_filter rules[] = {LOAD_NUMBER,
                                               REFUSE(SYS_getrandom),
                                               REFUSE(SYS_membarrier),
                                               REFUSE(SYS_madvise),
                                               REFUSE(SYS_mremap),
                                               REFUSE(SYS_rseq),
                                               REFUSE(SYS_sched_getaffinity),
                                               REFUSE(SYS_getcpu),
                                               REFUSE(SYS_process_vm_readv),
                                               REFUSE(SYS_ptrace),
                                               REFUSE(SYS_mbind),
                                               REFUSE(SYS_sysinfo),
                                               REFUSE(SYS_memfd_create),
                                               REFUSE(SYS_process_madvise),
                                               BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
    return install_filter(rules, COUNT_OF(rules)) ? NULL : "seccomp is refused";
}

static void refused_advice_and_moves_do_no_harm(void) {
    char *block = malloc(30 * MIB);
    memset(block, 3, 30 * MIB);
    block = realloc(block, 70 * MIB);
    CHECK(block != NULL && block[0] == 3 && block[30 * MIB - 1] == 3);
    free(block);
    char *zeroed = calloc(1, 30 * MIB);
    zero_verify(zeroed, 30 * MIB);
    memset(zeroed, 1, 30 * MIB);
    free(zeroed);
    zeroed = calloc(1, 30 * MIB);
    zero_verify(zeroed, 30 * MIB);
    free(zeroed);
    use_the_heap_with_threads();
}

/* A sandboxed program: after its start, any other call than these kills it. */
static void a_strict_sandbox_of_memory_calls_is_enough(void) {
    static const struct sock_filter rules[] = {LOAD_NUMBER,
                                               ALLOW(SYS_read),
                                               ALLOW(SYS_write),
                                               ALLOW(SYS_exit),
                                               ALLOW(SYS_exit_group),
                                               ALLOW(SYS_rt_sigreturn),
                                               ALLOW(SYS_brk),
                                               ALLOW(SYS_mmap),
                                               ALLOW(SYS_munmap),
                                               ALLOW(SYS_mprotect),
                                               ALLOW(SYS_mremap),
                                               ALLOW(SYS_madvise),
                                               ALLOW(SYS_futex),
                                               ALLOW(SYS_clock_gettime),
                                               BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS)};
    if (!install_filter(rules, COUNT_OF(rules))) fact_skip("seccomp is refused");
    use_the_heap();
}

/* ---- locked memory, other layouts, the program's own brk ---- */

static void locking_all_memory_locks_little(void) {
    if (mlockall(MCL_CURRENT | MCL_FUTURE) != 0) fact_skip("mlockall is refused");
    free(malloc(100));
    fact_note("%zu KiB resident once everything is locked", process_bytes("VmRSS:") / 1024);
    CHECK(process_bytes("VmRSS:") < 64 * MIB);
    use_the_heap();
    CHECK(process_bytes("VmRSS:") < 256 * MIB);
    munlockall();
}

/* Where the limit counts (memory mapped before is not locked by MCL_FUTURE), the end is ENOMEM. */
static void a_limit_on_locked_memory_ends_in_ENOMEM(void) {
    enum { COUNT = 400, SIZE = 65536 };
    static void *blocks[COUNT];
    const struct rlimit limit = {8 * MIB, 8 * MIB};
    unsigned got = 0;

    if (setrlimit(RLIMIT_MEMLOCK, &limit) != 0) fact_skip("RLIMIT_MEMLOCK can't be set");
    if (setgid(65534) != 0 || setuid(65534) != 0) fact_skip("needs root to become nobody");
    if (mlockall(MCL_FUTURE) != 0) fact_skip("mlockall is refused");
    for (unsigned i = 0; i < COUNT; i++) {
        errno = 0;
        blocks[i] = malloc(SIZE);
        if (blocks[i] == NULL) CHECK_EQUAL(errno, ENOMEM);
        if (blocks[i] != NULL) memset(blocks[i], 1, SIZE);
        got += blocks[i] != NULL;
    }
    fact_note("%u KiB served where 8192 may be locked", got * SIZE / 1024);
    CHECK(got > 16);
    for (unsigned i = 0; i < COUNT; i++) free(blocks[i]);
    CHECK(malloc(1000) != NULL);
}

static const char *legacy_layout(void) {
    const struct rlimit unlimited = {RLIM_INFINITY, RLIM_INFINITY};
    if (setrlimit(RLIMIT_STACK, &unlimited) != 0) return "the stack's limit can't be raised";
    return personality(ADDR_COMPAT_LAYOUT | ADDR_NO_RANDOMIZE) >= 0 ? NULL : "personality refused";
}

static void a_legacy_address_layout_is_fine(void) {
    use_the_heap_with_threads();
}

static void the_programs_own_brk_is_left_alone(void) {
    for (unsigned i = 0; i < 200; i++) {
        size_t step = 4096 + i * 1000;
        char *own = sbrk((intptr_t)step);
        CHECK(own != (void *)-1);
        void *block = malloc(3000 + i * 100);
        memset(block, 1, 3000 + i * 100);
        pattern_fill(own, step, i);
        free(block);
        free(malloc(200000));
        pattern_verify(own, step, i);
    }
}

/* Every madvise of the heap must be its own pages': shared and file maps keep their contents. */
static void the_programs_own_maps_are_left_alone(void) {
    enum { COUNT = 200, SIZE = 65536 };
    static char *maps[COUNT];
    for (unsigned i = 0; i < COUNT; i++) {
        maps[i] = mmap(NULL, SIZE, PROT_READ | PROT_WRITE,
                       MAP_ANONYMOUS | (i % 2 == 0 ? MAP_PRIVATE : MAP_SHARED), -1, 0);
        CHECK(maps[i] != MAP_FAILED);
        pattern_fill(maps[i], SIZE, i);
        free(malloc(i * 5000));
        if (i % 10 == 9) munmap(maps[i - 3], SIZE);
    }
    use_the_heap();
    for (unsigned i = 0; i < COUNT; i++) {
        if (i % 10 != 6) pattern_verify(maps[i], SIZE, i);
    }
}

int main(int argc, char **argv) {
    static const fact facts[] = {
        FACT(a_preinit_function_may_allocate),
        FACT(destructors_and_exit_handlers_may_allocate),
        FACT_PREPARED(the_heap_opens_nothing_in_place_of_the_standard_streams,
                      close_standard_streams),
        FACT(the_heap_keeps_no_descriptor_and_no_thread),
        FACT(no_descriptor_is_needed),
        FACT(a_daemon_may_close_every_descriptor),
        FACT_PREPARED(no_proc_is_needed, hide_proc_and_sys),
        FACT(an_unprivileged_user_in_an_empty_root_may_allocate),
        FACT_WITH(refused_advice_and_moves_do_no_harm, refuse_what_is_not_vital, NULL,
                  "a refused purge counts as zeroing"),
        FACT(a_strict_sandbox_of_memory_calls_is_enough),
        FACT(locking_all_memory_locks_little),
        FACT(a_limit_on_locked_memory_ends_in_ENOMEM),
        FACT_PREPARED(a_legacy_address_layout_is_fine, legacy_layout),
        FACT(the_programs_own_brk_is_left_alone),
        FACT(the_programs_own_maps_are_left_alone),
    };
    return fact_main(facts, COUNT_OF(facts), argc, argv);
}
