/* os/file.h: files made new, whatever lies at their name, and mapped without a signal. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/file.h"
#include "os/memory.h"
#include "support/apart.h"

/* Every fact has a folder of its own as its working directory. */
static void enter_folder(void) {
    static char folder[] = "/tmp/mete-test-file-XXXXXX";
    CHECK(mkdtemp(folder) != NULL && chdir(folder) == 0);
}

static void leave_folder(void) {
    char folder[PATH_MAX];
    unlink("file");
    unlink("other");
    CHECK(getcwd(folder, sizeof folder) != NULL && chdir("/") == 0 && rmdir(folder) == 0);
}

static void make(const char *name, const char *text) {
    int file = open(name, O_WRONLY | O_CREAT | O_EXCL, 0644);
    CHECK(file >= 0 && write(file, text, strlen(text)) == (ssize_t)strlen(text));
    close(file);
}

static ino_t inode_of(const char *name) {
    struct stat found;
    return lstat(name, &found) == 0 ? found.st_ino : 0;
}

static void a_new_file_is_ours_alone_and_not_inherited(void) {
    struct stat found;
    enter_folder();
    umask(0);
    int file = mete__file_create("file");
    CHECK(file >= 0 && fstat(file, &found) == 0);
    CHECK((found.st_mode & 07777) == 0600 && found.st_size == 0);
    CHECK((fcntl(file, F_GETFD) & FD_CLOEXEC) != 0);
    mete__file_close(file);
    CHECK(fcntl(file, F_GETFD) < 0);
    leave_folder();
}

static void a_file_of_that_name_is_replaced_not_written_to(void) {
    char text[8] = "";
    enter_folder();
    make("file", "theirs");
    CHECK(link("file", "other") == 0);
    ino_t theirs = inode_of("file");
    int file = mete__file_create("file");
    CHECK(file >= 0 && inode_of("file") != theirs);
    CHECK(mete__file_write(file, "ours", 4, 0) == 0);
    int other = mete__file_open("other");
    CHECK(other >= 0 && mete__file_read(other, text, sizeof text, 0) == 6);
    CHECK(memcmp(text, "theirs", 6) == 0);
    leave_folder();
}

static void what_is_no_file_is_left_alone(void) {
    enter_folder();
    CHECK(symlink("nowhere", "file") == 0 && mete__file_create("file") == -EEXIST);
    CHECK(mete__file_open("file") == -ELOOP);
    CHECK(unlink("file") == 0 && mkdir("file", 0700) == 0);
    CHECK(mete__file_create("file") == -EEXIST && rmdir("file") == 0);
    CHECK(mkfifo("file", 0600) == 0);
    CHECK(mete__file_create("file") == -EEXIST);
    CHECK(mete__file_open("file") == -ENODEV); /* and does not wait for a reader */
    CHECK(mete__file_create("no/such/folder") == -ENOENT);
    CHECK(mete__file_open("nothing") == -ENOENT);
    leave_folder();
}

static void a_rename_takes_nobodys_place(void) {
    enter_folder();
    make("file", "one");
    make("other", "two");
    ino_t one = inode_of("file"), two = inode_of("other");
    CHECK(mete__file_rename("file", "other") == -EEXIST);
    CHECK(inode_of("file") == one && inode_of("other") == two);
    CHECK(mete__file_remove("other") == 0 && mete__file_rename("file", "other") == 0);
    CHECK(inode_of("other") == one && inode_of("file") == 0);
    CHECK(mete__file_remove("file") == -ENOENT);
    leave_folder();
}

static void only_the_same_file_is_trimmed_and_only_where_it_is_longer(void) {
    struct mete__file_identity identity, wrong;
    struct stat found;
    enter_folder();
    int file = mete__file_create("file");
    CHECK(mete__file_set_size(file, 100000) == 0 && mete__file_identify(file, &identity) == 0);
    CHECK(mete__file_trim("file", &identity, 200000) == 0);
    CHECK(stat("file", &found) == 0 && found.st_size == 100000);
    CHECK(mete__file_trim("file", &identity, 5000) == 0);
    CHECK(stat("file", &found) == 0 && found.st_size == 5000);
    wrong = identity;
    wrong.inode++;
    CHECK(mete__file_trim("file", &wrong, 10) == -ESTALE);
    CHECK(mete__file_trim("nothing", &identity, 10) == -ENOENT);
    CHECK(stat("file", &found) == 0 && found.st_size == 5000);
    leave_folder();
}

static void reading_ends_where_the_file_does(void) {
    char text[16];
    enter_folder();
    int file = mete__file_create("file");
    CHECK(mete__file_write(file, "0123456789", 10, 3) == 0);
    CHECK(mete__file_read(file, text, sizeof text, 0) == 13 && text[2] == 0 && text[3] == '0');
    CHECK(mete__file_read(file, text, 4, 3) == 4);
    CHECK(mete__file_read(file, text, sizeof text, 12) == 1 && text[0] == '9');
    CHECK(mete__file_read(file, text, sizeof text, 13) == 0);
    CHECK(mete__file_read(-1, text, 1, 0) == -EBADF && mete__file_write(-1, text, 1, 0) == -EBADF);
    leave_folder();
}

static void a_limit_on_file_sizes_is_an_error_and_no_signal(void) {
    struct rlimit limit = {50000, RLIM_INFINITY};
    enter_folder();
    CHECK(mete__file_size_limit() == UINT64_MAX);
    setrlimit(RLIMIT_FSIZE, &limit);
    CHECK(mete__file_size_limit() == 50000);
    int file = mete__file_create("file");
    CHECK(mete__file_set_size(file, 50001) == -EFBIG);
    CHECK(mete__file_set_size(file, 50000) == 0);
    CHECK(mete__file_set_size(file, UINT64_MAX) == -EFBIG);
    leave_folder();
}

static void a_map_is_inaccessible_until_committed_and_shared_then(void) {
    void *map;
    char byte = 0;
    enter_folder();
    int file = mete__file_create("file");
    CHECK(mete__file_set_size(file, 1 << 20) == 0 && mete__file_map(file, 1 << 20, &map) == 0);
    CHECK(mete__memory_commit(map, 4096) == 0);
    int status = mete__file_populate((char *)map + 10, 100);
    if (status == -ENOSYS) apart_skip("before Linux 5.14");
    CHECK(status == 0);
    ((char *)map)[99] = 'x';
    CHECK(mete__file_read(file, &byte, 1, 99) == 1 && byte == 'x');
    void *untouched = &byte;
    CHECK(mete__file_map(-1, 4096, &untouched) == -EBADF && untouched == &byte);
    leave_folder();
}

static void a_page_that_the_file_does_not_have_is_an_error_and_no_signal(void) {
    void *map;
    enter_folder();
    int file = mete__file_create("file");
    CHECK(mete__file_set_size(file, 8192) == 0 && mete__file_map(file, 8192, &map) == 0);
    CHECK(mete__memory_commit(map, 8192) == 0 && mete__file_set_size(file, 4096) == 0);
    int status = mete__file_populate((char *)map + 4096, 10);
    CHECK(status == -ENOSPC || status == -ENOSYS);
    leave_folder();
}

static void a_map_moves_over_another_whole(void) {
    void *first, *second;
    enter_folder();
    int one = mete__file_create("file"), two = mete__file_create("other");
    CHECK(mete__file_write(one, "one", 3, 0) == 0 && mete__file_write(two, "two", 3, 0) == 0);
    CHECK(mete__file_set_size(one, 4096) == 0 && mete__file_set_size(two, 4096) == 0);
    CHECK(mete__file_map(one, 4096, &first) == 0 && mete__file_map(two, 4096, &second) == 0);
    CHECK(mete__file_move_map(second, 4096, first) == 0);
    CHECK(mete__memory_commit(first, 4096) == 0 && memcmp(first, "two", 3) == 0);
    CHECK(msync(second, 4096, MS_ASYNC) != 0);
    leave_folder();
}

static void a_file_in_memory_has_no_name(void) {
    char byte = 0;
    int file = mete__file_create_memory();
    CHECK(file >= 0 && (fcntl(file, F_GETFD) & FD_CLOEXEC) != 0);
    CHECK(mete__file_write(file, "m", 1, 70000) == 0);
    CHECK(mete__file_read(file, &byte, 1, 70000) == 1 && byte == 'm');
    mete__file_close(file);
}

static void paths_are_told_from_the_root(void) {
    char path[PATH_MAX], folder[PATH_MAX], small[12];
    enter_folder();
    CHECK(getcwd(folder, sizeof folder) != NULL);
    CHECK(mete__file_absolute("/a/b", path, sizeof path) == 0 && strcmp(path, "/a/b") == 0);
    CHECK(mete__file_absolute("x", path, sizeof path) == 0);
    CHECK(strncmp(path, folder, strlen(folder)) == 0 && strcmp(path + strlen(folder), "/x") == 0);
    CHECK(mete__file_absolute("/a/long/name", small, sizeof small) == -ENAMETOOLONG);
    CHECK(mete__file_absolute("x", small, sizeof small) == -ENAMETOOLONG);
    leave_folder();
    CHECK(mete__file_absolute("x", path, sizeof path) == 0 && strcmp(path, "/x") == 0);
}

static void a_folder_that_is_gone_has_no_path(void) {
    char folder[PATH_MAX], path[PATH_MAX];
    enter_folder();
    CHECK(getcwd(folder, sizeof folder) != NULL && rmdir(folder) == 0);
    CHECK(mete__file_absolute("x", path, sizeof path) == -ENOENT);
}

static void errno_is_kept(void) {
    char byte;
    errno = 77;
    (void)mete__file_open("/nothing/there");
    (void)mete__file_create("/nothing/there");
    (void)mete__file_remove("/nothing/there");
    (void)mete__file_read(-1, &byte, 1, 0);
    (void)mete__file_set_size(-1, 1);
    (void)mete__file_populate(NULL, 1);
    CHECK(errno == 77);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FACT(a_new_file_is_ours_alone_and_not_inherited),
        FACT(a_file_of_that_name_is_replaced_not_written_to),
        FACT(what_is_no_file_is_left_alone),
        FACT(a_rename_takes_nobodys_place),
        FACT(only_the_same_file_is_trimmed_and_only_where_it_is_longer),
        FACT(reading_ends_where_the_file_does),
        FACT(a_limit_on_file_sizes_is_an_error_and_no_signal),
        FACT(a_map_is_inaccessible_until_committed_and_shared_then),
        FACT(a_page_that_the_file_does_not_have_is_an_error_and_no_signal),
        FACT(a_map_moves_over_another_whole),
        FACT(a_file_in_memory_has_no_name),
        FACT(paths_are_told_from_the_root),
        FACT(a_folder_that_is_gone_has_no_path),
        FACT(errno_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
