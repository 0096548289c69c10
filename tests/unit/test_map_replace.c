/* mete/map.h: a new file takes an old one's place whole, or not at all. */
#include <errno.h>
#include <fcntl.h>
#include <mete/map.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "map/extent.h"
#include "support/folder.h"

static mete_map *replacing(const char *path, size_t size) {
    mete_map *map = NULL;
    CHECK(mete_map_replace(&map, path, &(mete_map_options){.create_size = size}) == 0);
    return map;
}

static bool has(const char *name, const char *text) {
    char bytes[64] = "";
    int file = open(folder_path(name), O_RDONLY | O_CLOEXEC);
    ssize_t length = file < 0 ? -1 : read(file, bytes, sizeof bytes - 1);
    close(file);
    return length == (ssize_t)strlen(text) && strcmp(bytes, text) == 0;
}

static void write_old(void) {
    int file = open(folder_path("f"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    CHECK(write(file, "old", 3) == 3 && fchmod(file, 0604) == 0);
    close(file);
}

static void a_commit_changes_the_file_at_once(void) {
    struct stat found;

    write_old();
    umask(077); /* has no say in what is replaced */
    mete_map *map = replacing(folder_path("f"), 5);
    memcpy(mete_map_data(map), "newer", 5);
    CHECK(has("f", "old") && mete_map_commit(map) == 0 && has("f", "newer"));
    CHECK(folder_entries() == 1 && mete_map_commit(map) == -EINVAL);
    CHECK(stat(folder_path("f"), &found) == 0 && (found.st_mode & 0777) == 0604);
    ((char *)mete_map_data(map))[0] = 'N'; /* it is that file's map now */
    CHECK(has("f", "Newer") && mete_map_flush(map, 0, 0) == 0 && mete_map_close(map) == 0);
}

static void without_a_commit_nothing_has_been(void) {
    write_old();
    mete_map *map = replacing(folder_path("f"), 5);
    memcpy(mete_map_data(map), "newer", 5);
    CHECK(mete_map_flush(map, 0, 0) == 0 && mete_map_close(map) == 0);
    CHECK(has("f", "old") && folder_entries() == 1);
}

static void there_need_be_no_file_before(void) {
    struct stat found;
    mete_map *map = NULL;
    const mete_map_options options = {.create_size = 3, .create_mode = 0640};

    umask(022);
    CHECK(mete_map_replace(&map, folder_path("new"), &options) == 0 && folder_size("new") == -1);
    memcpy(mete_map_data(map), "new", 3);
    CHECK(mete_map_resize(map, 4) == 0 && mete_map_commit(map) == 0 && folder_size("new") == 4);
    CHECK(stat(folder_path("new"), &found) == 0 && (found.st_mode & 0777) == 0640);
    CHECK(mete_map_close(map) == 0 && folder_entries() == 1);
}

static void an_empty_file_can_be_the_new_one(void) {
    write_old();
    mete_map *map = replacing(folder_path("f"), 0);
    CHECK(mete_map_size(map) == 0 && mete_map_commit(map) == 0 && has("f", ""));
}

static void a_path_of_the_working_directory_stays_there(void) {
    char before[512];

    write_old();
    CHECK(getcwd(before, sizeof before) != NULL && chdir(folder_path("")) == 0);
    mete_map *map = replacing("f", 5);
    CHECK(chdir("/") == 0); /* as daemons do */
    memcpy(mete_map_data(map), "newer", 5);
    CHECK(mete_map_commit(map) == 0 && has("f", "newer") && mete_map_close(map) == 0);
}

static void what_is_no_file_is_not_replaced(void) {
    mete_map *map = NULL;
    char long_name[300];

    write_old();
    memset(long_name, 'x', sizeof long_name - 1);
    long_name[sizeof long_name - 1] = '\0';
    CHECK(symlink("f", folder_path("link")) == 0);
    CHECK(mkdir(folder_path("folder"), 0700) == 0);
    CHECK(mete_map_replace(&map, folder_path("link"), NULL) == -ELOOP);
    CHECK(mete_map_replace(&map, folder_path("folder"), NULL) == -ENODEV);
    CHECK(mete_map_replace(&map, folder_path("folder/"), NULL) == -EINVAL);
    CHECK(mete_map_replace(&map, folder_path("."), NULL) == -EINVAL);
    CHECK(mete_map_replace(&map, folder_path("no/such"), NULL) == -ENOENT);
    CHECK(mete_map_replace(&map, folder_path("f/g"), NULL) == -ENOTDIR);
    CHECK(mete_map_replace(&map, folder_path(long_name), NULL) == -ENAMETOOLONG);
    CHECK(mete_map_replace(&map, folder_path("f"), &(mete_map_options){.offset = 1}) == -EINVAL);
    CHECK(mete_map_replace(&map, folder_path("f"), &(mete_map_options){.access = METE_MAP_READ}) ==
          -EINVAL);
    CHECK(mete_map_replace(&map, NULL, NULL) == -EINVAL && map == NULL && folder_entries() == 3);
    CHECK(rmdir(folder_path("folder")) == 0);
}

static void a_full_disk_leaves_the_old_file(void) {
    mete_map *map = NULL;

    folder_make_small(256 << 10);
    write_old();
    CHECK(mete_map_replace(&map, folder_path("f"), &(mete_map_options){.create_size = 1 << 20}) ==
          -ENOSPC);
    CHECK(map == NULL && has("f", "old") && folder_entries() == 1);
}

/* The target has become a folder meanwhile: a name that cannot be taken. */
static void a_commit_that_failed_can_be_tried_again(void) {
    mete_map *map = replacing(folder_path("f"), 3);

    memcpy(mete_map_data(map), "new", 3);
    CHECK(mkdir(folder_path("f"), 0700) == 0 && mete_map_commit(map) == -EISDIR);
    CHECK(rmdir(folder_path("f")) == 0 && mete_map_commit(map) == 0 && has("f", "new"));
    CHECK(folder_entries() == 1);
    mete_map *other = replacing(folder_path("g"), 3);
    CHECK(mkdir(folder_path("g"), 0700) == 0 && mete_map_commit(other) == -EISDIR);
    CHECK(mete_map_close(other) == 0 && folder_entries() == 2 && rmdir(folder_path("g")) == 0);
}

static void close_it(void *map) {
    CHECK(mete_map_close(map) == 0);
}

/* As where the system has no files without names. */
static void a_child_takes_nothing_away(void) {
    mete_map *map = replacing(folder_path("f"), 3);
    struct mete__replacement *replacement = map->extent->replacement;

    CHECK(mkdir(folder_path("f"), 0700) == 0 && mete_map_commit(map) == -EISDIR);
    CHECK(replacement->name[0] == '.' && folder_entries() == 2);
    apart_in_child(close_it, map);
    CHECK(folder_entries() == 2 && rmdir(folder_path("f")) == 0 && mete_map_commit(map) == 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FACT_ON_FILES(a_commit_changes_the_file_at_once),
        FACT_ON_FILES(without_a_commit_nothing_has_been),
        FACT_ON_FILES(there_need_be_no_file_before),
        FACT_ON_FILES(an_empty_file_can_be_the_new_one),
        FACT_ON_FILES(a_path_of_the_working_directory_stays_there),
        FACT_ON_FILES(what_is_no_file_is_not_replaced),
        FACT_ON_FILES(a_full_disk_leaves_the_old_file),
        FACT_ON_FILES(a_commit_that_failed_can_be_tried_again),
        FACT_ON_FILES(a_child_takes_nothing_away),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
