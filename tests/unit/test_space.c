/* profile/space.h: ranges that grow from the front, and a forked child's own in their place. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/memory.h"
#include "profile/space.h"
#include "support/apart.h"

enum { PAGE = 4096, MIB = 1 << 20 };

static struct mete__space space;

static void enter_folder(void) {
    static char folder[] = "/tmp/mete-test-space-XXXXXX";
    CHECK(mkdtemp(folder) != NULL && chdir(folder) == 0);
}

static void leave_folder(void) {
    char folder[PATH_MAX];
    unlink("file");
    unlink("child");
    CHECK(getcwd(folder, sizeof folder) != NULL && chdir("/") == 0 && rmdir(folder) == 0);
}

static off_t length_of(const char *name) {
    struct stat found;
    return stat(name, &found) == 0 ? found.st_size : -1;
}

/* What the file has at an offset. */
static int byte_at(const char *name, off_t offset) {
    unsigned char byte;
    int file = open(name, O_RDONLY);
    ssize_t got = pread(file, &byte, 1, offset);
    close(file);
    return got == 1 ? byte : -1;
}

static void ranges_follow_one_another_up_to_their_share(void) {
    enter_folder();
    CHECK(mete__space_open(&space, "file", 8 * MIB, PAGE) == 0);
    CHECK(space.used == PAGE && space.has_file && !space.unsaved);
    CHECK(mete__space_take(&space, PAGE, 8) == PAGE);
    CHECK(mete__space_take(&space, 3 * PAGE, 8) == 2 * PAGE);
    /* An eighth is a MiB, of which five pages are gone. */
    CHECK(mete__space_take(&space, MIB - 4 * PAGE, 1) == -ENOSPC);
    CHECK(mete__space_take(&space, MIB - 5 * PAGE, 1) == 5 * PAGE);
    CHECK(mete__space_take(&space, PAGE, 1) == -ENOSPC);
    CHECK(mete__space_take(&space, 7 * MIB, 8) == MIB);
    CHECK(mete__space_take(&space, PAGE, 8) == -ENOSPC);
    CHECK(mete__space_take(&space, SIZE_MAX - PAGE + 1, 8) == -ENOSPC);
    mete__space_close(&space);
    CHECK(space.base == NULL);
    leave_folder();
}

static void what_is_taken_is_zero_and_in_the_file(void) {
    enter_folder();
    CHECK(mete__space_open(&space, "file", 8 * MIB, PAGE) == 0);
    int64_t offset = mete__space_take(&space, 2 * PAGE, 8);
    CHECK(mete__space_populate(&space, (uint64_t)offset, 2 * PAGE) == 0);
    for (size_t i = 0; i < 2 * PAGE; i++) CHECK(space.base[(size_t)offset + i] == 0);
    space.base[offset] = 200;
    CHECK(byte_at("file", offset) == 200);
    leave_folder();
}

static void a_sealed_space_ends_the_file_and_gives_no_more(void) {
    enter_folder();
    CHECK(mete__space_open(&space, "file", 8 * MIB, PAGE) == 0);
    CHECK(length_of("file") == 8 * MIB);
    int64_t offset = mete__space_take(&space, PAGE, 8);
    CHECK(mete__space_seal(&space, "file") == 0);
    CHECK(length_of("file") == 2 * PAGE);
    CHECK(mete__space_take(&space, PAGE, 8) == -ENOSPC);
    CHECK(mete__space_populate(&space, (uint64_t)offset, PAGE) == 0);
    space.base[offset] = 1; /* no SIGBUS: it is in the file still */
    leave_folder();
}

static void limits_of_the_process_make_it_smaller(void) {
    struct rlimit limit = {3 * MIB + 100, RLIM_INFINITY};
    enter_folder();
    setrlimit(RLIMIT_FSIZE, &limit);
    CHECK(mete__space_open(&space, "file", (uint64_t)1 << 30, PAGE) == 0);
    CHECK(space.size == 3 * MIB);
    mete__space_close(&space);
    limit.rlim_cur = MIB - 1;
    setrlimit(RLIMIT_FSIZE, &limit);
    unlink("file");
    CHECK(mete__space_open(&space, "file", (uint64_t)1 << 30, PAGE) == -EFBIG);
    CHECK(length_of("file") == -1);
    /* Private memory is no file. */
    CHECK(mete__space_open(&space, NULL, 16 * MIB, PAGE) == 0 && space.size == 16 * MIB);
    leave_folder();
}

static void a_file_that_cannot_be_made_leaves_nothing_open(void) {
    CHECK(mete__space_open(&space, "/no/such/folder/file", 8 * MIB, PAGE) == -ENOENT);
    CHECK(space.base == NULL);
    CHECK(mete__space_open(&space, NULL, 1000, PAGE) == -EFBIG);
}

static void memory_serves_where_no_file_is_wanted(void) {
    CHECK(mete__space_open(&space, NULL, 8 * MIB, PAGE) == 0);
    CHECK(!space.has_file && !space.unsaved);
    int64_t offset = mete__space_take(&space, PAGE, 8);
    CHECK(mete__space_populate(&space, (uint64_t)offset, PAGE) == 0);
    space.base[offset] = 7;
    mete__space_close(&space);
    mete__space_close(&space); /* twice is once */
}

static void *image_of(unsigned char first) {
    unsigned char *image = mete__memory_map(space.used);
    CHECK(image != NULL);
    image[0] = first;
    return image;
}

static void a_child_writes_into_its_own_file_at_the_same_address(void) {
    enter_folder();
    CHECK(mete__space_open(&space, "file", 8 * MIB, PAGE) == 0);
    int64_t offset = mete__space_take(&space, PAGE, 8);
    unsigned char *base = space.base;
    base[offset] = 1;
    CHECK(mete__space_replace(&space, "child", image_of(9)) == 0);
    CHECK(space.base == base && base[0] == 9 && base[offset] == 0);
    base[offset] = 2;
    CHECK(byte_at("file", offset) == 1 && byte_at("child", offset) == 2);
    CHECK(mete__space_take(&space, PAGE, 8) == offset + PAGE);
    leave_folder();
}

static void a_child_without_a_file_goes_on_in_memory(void) {
    enter_folder();
    CHECK(mete__space_open(&space, "file", 8 * MIB, PAGE) == 0);
    unsigned char *base = space.base;
    base[0] = 1;
    CHECK(mete__space_replace(&space, "/no/such/folder/child", image_of(9)) == -ENOENT);
    CHECK(space.base == base && !space.has_file && base[0] == 9);
    base[0] = 3;
    CHECK(byte_at("file", 0) == 1); /* the parent's is out of reach */
    CHECK(mete__space_take(&space, PAGE, 8) == PAGE);
    leave_folder();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FACT(ranges_follow_one_another_up_to_their_share),
        FACT(what_is_taken_is_zero_and_in_the_file),
        FACT(a_sealed_space_ends_the_file_and_gives_no_more),
        FACT(limits_of_the_process_make_it_smaller),
        FACT(a_file_that_cannot_be_made_leaves_nothing_open),
        FACT(memory_serves_where_no_file_is_wanted),
        FACT(a_child_writes_into_its_own_file_at_the_same_address),
        FACT(a_child_without_a_file_goes_on_in_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
