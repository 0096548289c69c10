/* os/backing.h: the program's files, opened without trust, grown without a surprise. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/backing.h"
#include "support/folder.h"

static int opened(const char *path, unsigned flags) {
    return mete__backing_open(METE__BACKING_HERE, path, flags, 0600);
}

static void opening_tells_what_it_is(void) {
    struct mete__backing_facts facts;
    const char *path = folder_file("f", 5000);
    int file = opened(path, 0), writable = opened(path, METE__BACKING_WRITE);

    CHECK(file >= 0 && mete__backing_look(file, &facts) == 0 && facts.size == 5000);
    CHECK(facts.mappable && facts.mode == 0600 && !mete__backing_is_writable(file));
    CHECK(writable >= 0 && mete__backing_is_writable(writable));
    CHECK(opened(path, METE__BACKING_WRITE | METE__BACKING_NEW) == -EEXIST);
    CHECK(opened(folder_path(""), METE__BACKING_WRITE) == -ENODEV);
    CHECK(symlink(path, folder_path("link")) == 0);
    CHECK(opened(folder_path("link"), METE__BACKING_NO_FOLLOW) == -ELOOP);
    int folder = opened(folder_path(""), 0);
    CHECK(mete__backing_look(folder, &facts) == 0 && !facts.mappable);
    CHECK(mete__backing_look(-1, &facts) == -EBADF && !mete__backing_is_writable(-1));
}

static void a_pipe_is_not_waited_for(void) {
    struct mete__backing_facts facts;
    CHECK(mkfifo(folder_path("pipe"), 0600) == 0);
    int pipe = opened(folder_path("pipe"), 0);
    CHECK(pipe >= 0 && mete__backing_look(pipe, &facts) == 0 && !facts.mappable);
}

static void a_block_device_has_its_size(void) {
    struct mete__backing_facts facts;
    int device = opened("/dev/loop0", 0);
    if (device < 0) apart_skip("no block device may be opened");
    CHECK(mete__backing_look(device, &facts) == 0 && facts.mappable);
    CHECK(lseek(device, 0, SEEK_END) == (off_t)facts.size);
}

static void growth_takes_space_and_keeps_what_there_is(void) {
    int file = opened(folder_file("f", 5000), METE__BACKING_WRITE);
    struct stat found;
    char byte;

    CHECK(mete__backing_grow(file, 5000, 1 << 20, true) == 0 && folder_size("f") == 1 << 20);
    CHECK(fstat(file, &found) == 0 && found.st_blocks * 512 >= 1 << 20);
    CHECK(pread(file, &byte, 1, 4999) == 1 && byte == folder_byte(4999));
    CHECK(pread(file, &byte, 1, 5000) == 1 && byte == 0);
    CHECK(mete__backing_grow(file, 1 << 20, 1 << 30, false) == 0 && folder_size("f") == 1 << 30);
    CHECK(mete__backing_grow(file, 1 << 30, UINT64_MAX, true) == -EFBIG);
    CHECK(mete__backing_cut(file, 10) == 0 && folder_size("f") == 10);
}

static void growth_that_fails_leaves_the_length(void) {
    folder_make_small(128 << 10);
    int file = opened(folder_file("f", 5000), METE__BACKING_WRITE);
    CHECK(mete__backing_grow(file, 5000, 1 << 20, true) == -ENOSPC && folder_size("f") == 5000);
    CHECK(mete__backing_take(file, 0, 1 << 20) == -ENOSPC && folder_size("f") == 5000);
}

/* ext4 takes what it can, and lengthens the file as it goes. */
static void growth_that_half_succeeds_is_taken_back(void) {
    struct stat before, after;

    folder_make_disk((size_t)64 << 20, (size_t)128 << 20);
    int file = opened(folder_file("disk/f", 5000), METE__BACKING_WRITE);
    CHECK(fsync(file) == 0 && fstat(file, &before) == 0);
    CHECK(mete__backing_grow(file, 5000, (size_t)1 << 30, true) == -ENOSPC);
    CHECK(fstat(file, &after) == 0 && after.st_size == 5000);
    CHECK(after.st_blocks < before.st_blocks + 64); /* a few that list the others stay */
}

static void paths_have_a_folder_and_a_last_part(void) {
    CHECK(strcmp(mete__backing_last_part("a/b/c"), "c") == 0);
    CHECK(strcmp(mete__backing_last_part("c"), "c") == 0);
    CHECK(strcmp(mete__backing_last_part("a/"), "") == 0);
    CHECK(strcmp(mete__backing_last_part("/c"), "c") == 0);
    static const char *const paths[] = {"f", "/f", "/tmp/f", "./f"};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        int folder = mete__backing_open_directory(paths[i]);
        CHECK(folder >= 0);
        mete__backing_close(folder);
    }
    char long_path[5000];
    memset(long_path, 'x', sizeof long_path - 3);
    memcpy(long_path + sizeof long_path - 3, "/f", 3);
    CHECK(mete__backing_open_directory(long_path) == -ENAMETOOLONG);
    CHECK(mete__backing_open_directory("/no/such/folder") == -ENOENT);
}

static void a_hidden_file_can_be_given_a_name(void) {
    char name[METE__BACKING_NAME_MAX];
    int folder = mete__backing_open_directory(folder_path("f"));
    int file = mete__backing_create_hidden(folder, 0600, name);
    unsigned mode = 0;

    CHECK(file >= 0);
    if (name[0] == '\0') {
        CHECK(folder_entries() == 0);
        CHECK(mete__backing_give_name(file, folder, name) == 0);
    }
    CHECK(folder_entries() == 1 && folder_size(name) == 0);
    CHECK(mete__backing_rename(folder, name, "f") == 0 && folder_size("f") == 0);
    CHECK(mete__backing_mode_of(folder, "f", &mode) == 0 && mode == 0600);
    CHECK(mete__backing_set_mode(file, 0640) == 0);
    CHECK(mete__backing_mode_of(folder, "f", &mode) == 0 && mode == 0640);
    CHECK(mete__backing_mode_of(folder, "g", &mode) == -ENOENT && mode == 0640);
    CHECK(mete__backing_remove(folder, "f") == 0 && folder_entries() == 0);
}

static void memory_files_take_seals(void) {
    int file = mete__backing_create_memory("test", 0);

    CHECK(file >= 0 && mete__backing_seals(file) == 0);
    CHECK(mete__backing_seal(file, 4) == 0 && mete__backing_seals(file) == 4);
    CHECK(mete__backing_grow(file, 0, 4096, false) == -EPERM);
    CHECK(mete__backing_seals(0) == 0 || mete__backing_seals(0) == 1);
}

/* What a program prints that has closed its streams must not reach a file it maps. */
static void no_descriptor_is_that_of_a_stream(void) {
    char name[METE__BACKING_NAME_MAX];
    const char *path = folder_file("f", 10), *fresh = folder_path("new");
    int folder = mete__backing_open_directory(path);

    CHECK(close(STDIN_FILENO) == 0);
    CHECK(opened(path, 0) > STDERR_FILENO && mete__backing_duplicate(folder) > STDERR_FILENO);
    CHECK(mete__backing_open_directory(path) > STDERR_FILENO);
    CHECK(mete__backing_create_hidden(folder, 0600, name) > STDERR_FILENO);
    CHECK(mete__backing_create_memory("test", 0) > STDERR_FILENO);
    CHECK(fcntl(STDIN_FILENO, F_GETFD) == -1);
    CHECK(setrlimit(RLIMIT_NOFILE, &(struct rlimit){1, 1}) == 0);
    CHECK(opened(fresh, METE__BACKING_WRITE | METE__BACKING_NEW) == -EMFILE);
    CHECK(mete__backing_duplicate(folder) == -EMFILE && access(fresh, F_OK) != 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FACT_ON_FILES(opening_tells_what_it_is),
        FACT_ON_FILES(a_pipe_is_not_waited_for),
        FACT(a_block_device_has_its_size),
        FACT_ON_FILES(growth_takes_space_and_keeps_what_there_is),
        FACT_ON_FILES(growth_that_fails_leaves_the_length),
        {"growth_that_half_succeeds_is_taken_back", apart_holds, folder_in_memory, folder_remove,
         (void *)growth_that_half_succeeds_is_taken_back},
        FACT(paths_have_a_folder_and_a_last_part),
        FACT_ON_FILES(a_hidden_file_can_be_given_a_name),
        FACT(memory_files_take_seals),
        FACT_ON_FILES(no_descriptor_is_that_of_a_stream),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
