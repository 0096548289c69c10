/* profile/writer.c: growth, limits, full disks, threads and forks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "profile/writer.h"
#include "support/fresh.h"

static char folder[] = "/tmp/mete-test-writer-XXXXXX";
static char file_path[sizeof folder + 16];

static int set_up(void **state) {
    (void)state;
    memcpy(folder + sizeof folder - 7, "XXXXXX", 6);
    if (mkdtemp(folder) == NULL) return -1;
    snprintf(file_path, sizeof file_path, "%s/p.mete", folder);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    mete__writer_close();
    unlink(file_path);
    return rmdir(folder);
}

static int open_file(uint64_t limit) {
    return mete__writer_open(
        &(struct mete__writer_options){.path = file_path, .limit_bytes = limit});
}

static void records_keep_their_place_and_content_through_growth(void **state) {
    (void)state;
    enum { COUNT = 100000 };
    struct mete_profile_node *first = NULL;
    assert_int_equal(open_file(0), 0);
    for (uint32_t i = 0; i < COUNT; i++) {
        struct mete_profile_node node = {.pc = i * 3 + 1, .parent = i / 2, .flags = i};
        assert_int_equal(mete__writer_append(METE_SECTION_NODES, &node), i);
        if (i == 0) first = mete__writer_record(METE_SECTION_NODES, 0);
    }
    assert_ptr_equal(first, mete__writer_record(METE_SECTION_NODES, 0));
    for (uint32_t i = 0; i < COUNT; i++) {
        const struct mete_profile_node *node = mete__writer_record(METE_SECTION_NODES, i);
        assert_int_equal(node->pc, i * 3 + 1);
        assert_int_equal(node->flags, i);
    }
    assert_int_equal(mete__writer_count(METE_SECTION_NODES), COUNT);
    assert_int_equal(mete__writer_header()->sections[METE_SECTION_NODES].count, COUNT);
}

static void the_file_is_private_sparse_and_as_long_as_its_limit(void **state) {
    (void)state;
    struct stat about;
    assert_int_equal(open_file(64 << 20), 0);
    assert_int_equal(stat(file_path, &about), 0);
    assert_int_equal(about.st_mode & 07777, 0600);
    assert_int_equal(about.st_size, 64 << 20);
    assert_true(about.st_blocks * 512 < 1 << 20);
    assert_true(mete__writer_header()->used_bytes <= (uint64_t)about.st_size);
}

static void no_descriptor_stays_open(void **state) {
    (void)state;
    int before = dup(0);
    assert_int_equal(open_file(0), 0);
    int after = dup(0);
    assert_int_equal(before + 1, after);
    close(before);
    close(after);
}

static void a_regular_file_is_replaced_by_a_new_inode(void **state) {
    (void)state;
    struct stat before, after;
    int old = open(file_path, O_CREAT | O_RDWR, 0644);
    assert_true(write(old, "old", 3) == 3);
    fstat(old, &before);
    assert_int_equal(open_file(0), 0);
    assert_int_equal(stat(file_path, &after), 0);
    assert_int_not_equal(before.st_ino, after.st_ino);
    fstat(old, &before);
    assert_int_equal(before.st_size, 3);
    close(old);
}

static void a_symbolic_link_is_not_followed_and_not_replaced(void **state) {
    (void)state;
    char target[sizeof folder + 16];
    struct stat about;
    snprintf(target, sizeof target, "%s/target", folder);
    assert_int_equal(symlink(target, file_path), 0);
    assert_int_equal(open_file(0), -EEXIST);
    assert_false(mete__writer_is_open());
    assert_int_equal(lstat(target, &about), -1);
    assert_int_equal(lstat(file_path, &about), 0);
}

static void an_absent_folder_is_an_error(void **state) {
    (void)state;
    struct mete__writer_options options = {.path = "/nonexistent/p.mete"};
    assert_int_equal(mete__writer_open(&options), -ENOENT);
    assert_int_equal(mete__writer_append(METE_SECTION_NODES, "0123456789abcdef"), -EBADF);
    assert_null(mete__writer_header());
}

static void strings_cross_chunks_and_are_terminated(void **state) {
    (void)state;
    char text[3000];
    uint64_t references[8];
    assert_int_equal(open_file(0), 0);
    for (int i = 0; i < 8; i++) {
        memset(text, 'a' + i, sizeof text);
        references[i] = mete__writer_string(text, sizeof text);
        assert_int_equal(references[i], 1 + (uint64_t)i * (sizeof text + 1));
    }
    for (int i = 0; i < 8; i++) {
        for (size_t j = 0; j <= sizeof text; j++) {
            const char *at = mete__writer_record(METE_SECTION_STRINGS, references[i] - 1 + j);
            assert_int_equal(*at, j == sizeof text ? 0 : 'a' + i);
        }
    }
}

static void the_limit_is_an_error_and_keeps_room_for_errors_and_leaks(void **state) {
    (void)state;
    struct mete_profile_node node = {.pc = 1};
    struct mete_profile_error error = {.kind = METE_ERROR_DOUBLE_FREE};
    struct mete_profile_leak leak = {.kind = METE_LEAK_DEFINITE};
    int64_t status = 0;
    assert_int_equal(open_file(2 << 20), 0);
    for (int i = 0; i < 1 << 20 && status >= 0; i++)
        status = mete__writer_append(METE_SECTION_NODES, &node);
    assert_int_equal(status, -ENOSPC);
    uint64_t count = mete__writer_count(METE_SECTION_NODES);
    assert_true(count > 50000);
    assert_int_equal(mete__writer_append(METE_SECTION_NODES, &node), -ENOSPC);
    assert_int_equal(mete__writer_count(METE_SECTION_NODES), count);
    assert_true(mete__writer_append(METE_SECTION_ERRORS, &error) >= 0);
    assert_true(mete__writer_append(METE_SECTION_LEAKS, &leak) >= 0);
    assert_true(mete__writer_header()->used_bytes <= 2 << 20);
}

static void a_limit_too_small_for_anything_is_refused_and_leaves_no_file(void **state) {
    (void)state;
    assert_int_equal(open_file(4096), -EFBIG);
    assert_int_equal(access(file_path, F_OK), -1);
}

/* Runs `body` in a child and hands back its exit status, so that limits and signals stay there. */
static int in_child(int (*body)(void)) {
    int status;
    pid_t child = fork();
    if (child == 0) _exit(body());
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static int fill_until_full(void) {
    struct mete_profile_node node = {.pc = 1};
    int64_t status = open_file(0);
    for (int i = 0; i < 1 << 22 && status >= 0; i++)
        status = mete__writer_append(METE_SECTION_NODES, &node);
    return status == -ENOSPC ? 0 : 1;
}

static int under_file_size_limit(void) {
    struct rlimit limit = {4 << 20, 4 << 20};
    struct stat about;
    setrlimit(RLIMIT_FSIZE, &limit);
    if (fill_until_full() != 0) return 1;
    return stat(file_path, &about) == 0 && about.st_size == 4 << 20 ? 0 : 2;
}

static void the_file_size_limit_of_the_process_is_respected(void **state) {
    (void)state;
    assert_int_equal(in_child(under_file_size_limit), 0);
}

static int under_no_file_size(void) {
    struct rlimit limit = {0, 0};
    setrlimit(RLIMIT_FSIZE, &limit);
    return open_file(0) == -EFBIG ? 0 : 1;
}

static void a_file_size_limit_of_zero_is_an_error_not_a_signal(void **state) {
    (void)state;
    assert_int_equal(in_child(under_no_file_size), 0);
    assert_int_equal(access(file_path, F_OK), -1);
}

static int under_address_space_limit(void) {
    struct rlimit limit = {512 << 20, 512 << 20};
    setrlimit(RLIMIT_AS, &limit);
    if (open_file(0) != 0) return 1;
    /* Most of it must be left to the program. */
    return mmap(NULL, 400 << 20, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? 2
                                                                                              : 0;
}

static void an_address_space_limit_leaves_the_program_most_of_it(void **state) {
    (void)state;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    skip(); /* the sanitizers' own shadow is above any limit */
#endif
    assert_int_equal(in_child(under_address_space_limit), 0);
}

static void a_full_disk_is_an_error_not_a_signal(void **state) {
    (void)state;
    if (mount("none", folder, "tmpfs", 0, "size=1m") != 0) skip(); /* not root */
    int status = in_child(fill_until_full);
    umount(folder);
    assert_int_equal(status, 0);
}

static int touch_all_after_mlockall(void) {
    struct rusage usage;
    if (open_file(0) != 0) return 1;
    if (mlockall(MCL_CURRENT) != 0 && errno == EPERM) return 0;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss < 200 * 1024 ? 0 : 2; /* KiB */
}

static void mlockall_does_not_fill_the_whole_mapping(void **state) {
    (void)state;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    skip(); /* the sanitizers' shadow would be locked too */
#endif
    assert_int_equal(in_child(touch_all_after_mlockall), 0);
}

static void without_a_path_everything_works_in_memory(void **state) {
    (void)state;
    struct mete_profile_node node = {.pc = 7};
    struct mete__writer_options options = {0};
    assert_int_equal(mete__writer_open(&options), 0);
    assert_false(mete__writer_has_file());
    for (int i = 0; i < 50000; i++)
        assert_int_equal(mete__writer_append(METE_SECTION_NODES, &node), i);
    assert_int_equal(mete__writer_save(file_path), 0);
    assert_int_equal(access(file_path, R_OK), 0);
}

static void sealing_cuts_the_file_to_what_is_in_use(void **state) {
    (void)state;
    struct mete_profile_node node = {.pc = 7};
    struct stat about;
    int64_t status = 0;
    assert_int_equal(open_file(0), 0);
    mete__writer_append(METE_SECTION_NODES, &node);
    assert_int_equal(mete__writer_seal(file_path), 0);
    assert_int_equal(stat(file_path, &about), 0);
    assert_int_equal(about.st_size, mete__writer_header()->used_bytes);
    /* What room there is stays usable; there is no more, and no signal either. */
    for (int i = 0; i < 100000 && status >= 0; i++)
        status = mete__writer_append(METE_SECTION_NODES, &node);
    assert_int_equal(status, -ENOSPC);
    assert_int_equal(mete__writer_append(METE_SECTION_LEAKS, &node), -ENOSPC);
}

static void sealing_leaves_another_file_of_that_name_alone(void **state) {
    (void)state;
    struct stat about;
    assert_int_equal(open_file(0), 0);
    unlink(file_path);
    int other = open(file_path, O_CREAT | O_RDWR, 0600);
    assert_int_equal(ftruncate(other, 1 << 20), 0);
    close(other);
    assert_int_equal(mete__writer_seal(file_path), -ESTALE);
    assert_int_equal(stat(file_path, &about), 0);
    assert_int_equal(about.st_size, 1 << 20);
}

/* ---- threads ---- */

enum { THREADS = 4, EACH = 20000 };

static void *append_many(void *argument) {
    uint64_t who = (uint64_t)(uintptr_t)argument;
    for (uint64_t i = 0; i < EACH; i++) {
        struct mete_profile_node node = {.pc = who << 32 | (i + 1)};
        if (mete__writer_append(METE_SECTION_NODES, &node) < 0) return (void *)1;
        if (i % 100 == 0 && mete__writer_string("text", 4) == 0) return (void *)1;
    }
    return NULL;
}

static void threads_append_without_losing_a_record(void **state) {
    (void)state;
    pthread_t threads[THREADS];
    uint64_t newest[THREADS + 1] = {0};
    assert_int_equal(open_file(0), 0);
    for (uintptr_t i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, append_many, (void *)(i + 1));
    for (int i = 0; i < THREADS; i++) {
        void *failed;
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
    assert_int_equal(mete__writer_count(METE_SECTION_NODES), THREADS * EACH);
    for (uint64_t i = 0; i < THREADS * EACH; i++) {
        const struct mete_profile_node *node = mete__writer_record(METE_SECTION_NODES, i);
        uint64_t who = node->pc >> 32;
        assert_true(who >= 1 && who <= THREADS);
        assert_true((uint32_t)node->pc == ++newest[who]);
    }
}

/* ---- forks ---- */

static char child_path[sizeof file_path + 8];

static int child_goes_on(void) {
    struct mete_profile_node node = {.pc = 99};
    const struct mete_profile_node *first = mete__writer_record(METE_SECTION_NODES, 0);
    if (mete__writer_fork(child_path) != 0) return 1;
    if (mete__writer_record(METE_SECTION_NODES, 0) != first || first->pc != 1) return 2;
    for (int i = 1; i < 100000; i++)
        if (mete__writer_append(METE_SECTION_NODES, &node) != i) return 3;
    if (mete__writer_count(METE_SECTION_ERRORS) != 0) return 4;
    return mete__writer_header()->pid == (uint32_t)getpid() ? 0 : 5;
}

static void a_forked_child_goes_on_in_a_file_of_its_own(void **state) {
    (void)state;
    struct mete_profile_node node = {.pc = 1};
    struct mete_profile_error error = {.kind = METE_ERROR_DOUBLE_FREE};
    struct stat about;
    snprintf(child_path, sizeof child_path, "%s.child", file_path);
    assert_int_equal(open_file(0), 0);
    mete__writer_append(METE_SECTION_NODES, &node);
    mete__writer_append(METE_SECTION_ERRORS, &error);
    assert_int_equal(in_child(child_goes_on), 0);
    assert_int_equal(mete__writer_header()->sections[METE_SECTION_NODES].count, 1);
    assert_int_equal(mete__writer_header()->sections[METE_SECTION_ERRORS].count, 1);
    assert_int_equal(mete__writer_header()->pid, getpid());
    assert_int_equal(stat(child_path, &about), 0);
    assert_int_equal(about.st_mode & 07777, 0600);
    unlink(child_path);
}

static int child_without_a_file(void) {
    struct mete_profile_node node = {.pc = 99};
    if (mete__writer_fork("/nonexistent/p.mete") != -ENOENT) return 1;
    if (mete__writer_has_file()) return 2;
    for (int i = 1; i < 100000; i++)
        if (mete__writer_append(METE_SECTION_NODES, &node) != i) return 3;
    const struct mete_profile_node *first = mete__writer_record(METE_SECTION_NODES, 0);
    return first->pc == 1 ? 0 : 4;
}

static void a_child_whose_file_cannot_be_made_goes_on_in_memory(void **state) {
    (void)state;
    struct mete_profile_node node = {.pc = 1};
    assert_int_equal(open_file(0), 0);
    mete__writer_append(METE_SECTION_NODES, &node);
    assert_int_equal(in_child(child_without_a_file), 0);
    assert_int_equal(mete__writer_header()->sections[METE_SECTION_NODES].count, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FACT(records_keep_their_place_and_content_through_growth),
        FACT(the_file_is_private_sparse_and_as_long_as_its_limit),
        FACT(no_descriptor_stays_open),
        FACT(a_regular_file_is_replaced_by_a_new_inode),
        FACT(a_symbolic_link_is_not_followed_and_not_replaced),
        FACT(an_absent_folder_is_an_error),
        FACT(strings_cross_chunks_and_are_terminated),
        FACT(the_limit_is_an_error_and_keeps_room_for_errors_and_leaks),
        FACT(a_limit_too_small_for_anything_is_refused_and_leaves_no_file),
        FACT(the_file_size_limit_of_the_process_is_respected),
        FACT(a_file_size_limit_of_zero_is_an_error_not_a_signal),
        FACT(an_address_space_limit_leaves_the_program_most_of_it),
        FACT(a_full_disk_is_an_error_not_a_signal),
        FACT(mlockall_does_not_fill_the_whole_mapping),
        FACT(without_a_path_everything_works_in_memory),
        FACT(sealing_cuts_the_file_to_what_is_in_use),
        FACT(sealing_leaves_another_file_of_that_name_alone),
        FACT(threads_append_without_losing_a_record),
        FACT(a_forked_child_goes_on_in_a_file_of_its_own),
        FACT(a_child_whose_file_cannot_be_made_goes_on_in_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
