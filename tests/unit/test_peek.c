/* os/peek.h: what is there is read, what is not is passed over. */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "os/peek.h"

enum { PAGE = 4096 };

static char *map(size_t pages, int flags, int file) {
    char *start = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, flags, file, 0);
    assert_ptr_not_equal(start, MAP_FAILED);
    return start;
}

/* Reads all of the range; what is read must be what lies there. The number of bytes read. */
static size_t read_all(const char *start, size_t bytes, bool shared) {
    struct mete__peek *peek = mete__peek_open();
    uintptr_t at = (uintptr_t)start, end = at + bytes;
    size_t size, sum = 0;
    const void *piece;

    assert_non_null(peek);
    while ((piece = mete__peek_next(peek, &at, end, shared, &size)) != NULL) {
        assert_true(at >= (uintptr_t)start && at + size <= end && size > 0 && size % 8 == 0);
        assert_memory_equal(piece, (const void *)at, size);
        sum += size;
        at += size;
    }
    mete__peek_close(peek);
    return sum;
}

static void only_touched_pages_are_read(void **state) {
    (void)state;
    size_t pages = (size_t)1 << 28;
    char *start = map(pages, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1);
    madvise(start, pages * PAGE, MADV_NOHUGEPAGE);
    memset(start + 5 * PAGE, 1, 2 * PAGE);
    start[600 * PAGE] = 2;
    start[10000 * PAGE + 17] = 3;
    assert_int_equal(read_all(start, 20000 * PAGE, false), 4 * PAGE);
    munmap(start, pages * PAGE);
}

static void ranges_need_not_begin_or_end_with_a_page(void **state) {
    (void)state;
    char *start = map(40, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    for (size_t i = 0; i < 40 * PAGE; i++) start[i] = (char)(i * 7 + i / PAGE);
    assert_int_equal(read_all(start + 8, 40 * PAGE - 24, false), 40 * PAGE - 24);
    assert_int_equal(read_all(start + PAGE - 8, 16, false), 16);
    assert_int_equal(read_all(start + PAGE, 0, false), 0);
    munmap(start, 40 * PAGE);
}

static void pages_without_the_right_to_read_are_passed_over(void **state) {
    (void)state;
    char *start = map(10, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    memset(start, 1, 10 * PAGE);
    assert_int_equal(mprotect(start + 3 * PAGE, 2 * PAGE, PROT_NONE), 0);
    munmap(start + 7 * PAGE, PAGE);
    size_t sum = read_all(start, 3 * PAGE, false) + read_all(start + 5 * PAGE, 2 * PAGE, false);
    struct mete__peek *peek = mete__peek_open();
    uintptr_t at = (uintptr_t)start;
    size_t size, all = 0;
    while (mete__peek_next(peek, &at, (uintptr_t)start + 10 * PAGE, false, &size) != NULL) {
        all += size;
        at += size;
    }
    mete__peek_close(peek);
    assert_int_equal(sum, 5 * PAGE);
    if (all != 9 * PAGE) /* /proc/self/mem is allowed to read everything */
        assert_int_equal(all, 7 * PAGE);
    munmap(start, 10 * PAGE);
}

static void what_others_wrote_into_shared_memory_is_read(void **state) {
    (void)state;
    int file = memfd_create("shared", MFD_CLOEXEC);
    assert_int_equal(ftruncate(file, 100 * PAGE), 0);
    char *theirs = map(100, MAP_SHARED, file);
    memset(theirs + 20 * PAGE, 1, 3 * PAGE);
    munmap(theirs, 100 * PAGE);
    char *ours = map(100, MAP_SHARED, file);
    assert_int_equal(read_all(ours, 100 * PAGE, true), 3 * PAGE);
    munmap(ours, 100 * PAGE);
    close(file);
}

static void a_file_cut_short_raises_no_signal(void **state) {
    (void)state;
    int file = memfd_create("cut", MFD_CLOEXEC);
    assert_int_equal(ftruncate(file, 10 * PAGE), 0);
    char *start = map(10, MAP_SHARED, file);
    memset(start, 1, 10 * PAGE);
    assert_int_equal(ftruncate(file, 4 * PAGE), 0);
    assert_int_equal(read_all(start, 10 * PAGE, true), 4 * PAGE);
    munmap(start, 10 * PAGE);
    close(file);
}

static void a_copy_is_whole_or_refused(void **state) {
    (void)state;
    char *start = map(2, MAP_PRIVATE | MAP_ANONYMOUS, -1), to[64];
    struct mete__peek *peek = mete__peek_open();
    memset(start, 9, PAGE);
    munmap(start + PAGE, PAGE);
    assert_true(mete__peek_copy(peek, to, (uintptr_t)start + PAGE - 64, 64));
    assert_memory_equal(to, start + PAGE - 64, 64);
    assert_false(mete__peek_copy(peek, to, (uintptr_t)start + PAGE - 32, 64));
    assert_false(mete__peek_copy(peek, to, 8, 8));
    mete__peek_close(peek);
    munmap(start, PAGE);
}

/* One look per page, however often it is asked for: the kernel is not asked again. */
static void a_page_that_was_copied_from_is_kept(void **state) {
    (void)state;
    char *start = map(2, MAP_PRIVATE | MAP_ANONYMOUS, -1), to[64];
    struct mete__peek *peek = mete__peek_open();
    memset(start, 9, 2 * PAGE);
    assert_true(mete__peek_copy(peek, to, (uintptr_t)start + PAGE - 32, 64));
    assert_memory_equal(to, start + PAGE - 32, 64);
    munmap(start, 2 * PAGE);
    memset(to, 0, sizeof to);
    assert_true(mete__peek_copy(peek, to, (uintptr_t)start + 2 * PAGE - 8, 8));
    assert_memory_equal(to, ((char[8]){9, 9, 9, 9, 9, 9, 9, 9}), 8);
    mete__peek_close(peek);
}

/* Denies the newer system calls, as a container or an older kernel would. For good. */
static int deny(void **state) {
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_process_vm_readv, 1, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ioctl, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog filter = {.len = METE_COUNT_OF(code), .filter = code};
    (void)state;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return -1;
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_touched_pages_are_read),
        cmocka_unit_test(ranges_need_not_begin_or_end_with_a_page),
        cmocka_unit_test(pages_without_the_right_to_read_are_passed_over),
        cmocka_unit_test(what_others_wrote_into_shared_memory_is_read),
        cmocka_unit_test(a_file_cut_short_raises_no_signal),
        cmocka_unit_test(a_copy_is_whole_or_refused),
        cmocka_unit_test(a_page_that_was_copied_from_is_kept),
        /* Once more, without the newer calls. */
        cmocka_unit_test_setup(only_touched_pages_are_read, deny),
        cmocka_unit_test_setup(ranges_need_not_begin_or_end_with_a_page, deny),
        cmocka_unit_test_setup(pages_without_the_right_to_read_are_passed_over, deny),
        cmocka_unit_test_setup(what_others_wrote_into_shared_memory_is_read, deny),
        cmocka_unit_test_setup(a_file_cut_short_raises_no_signal, deny),
        cmocka_unit_test_setup(a_copy_is_whole_or_refused, deny),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
