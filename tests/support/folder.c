/* tests/support/folder.h */
#include "support/folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[256];

static int make_under(const char *place) {
    snprintf(folder, sizeof folder, "%s/mete-test-XXXXXX", place);
    return mkdtemp(folder) == NULL ? -1 : 0;
}

int folder_on_disk(void **fact) {
    const char *place = getenv("TMPDIR");
    (void)fact;
    return make_under(place != NULL ? place : "/var/tmp");
}

int folder_in_memory(void **fact) {
    (void)fact;
    return make_under("/dev/shm");
}

static size_t each_entry(void (*visit)(const char *path)) {
    char path[1024];
    size_t count = 0;
    struct dirent *entry;
    DIR *entries = opendir(folder);

    if (entries == NULL) return 0;
    while ((entry = readdir(entries)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (visit != NULL) visit(path);
        count++;
    }
    closedir(entries);
    return count;
}

static void remove_entry(const char *path) {
    remove(path);
}

int folder_remove(void **fact) {
    (void)fact;
    each_entry(remove_entry);
    return rmdir(folder);
}

size_t folder_entries(void) {
    return each_entry(NULL);
}

const char *folder_path(const char *name) {
    static char paths[8][512];
    static unsigned next;
    char *path = paths[next++ % 8];

    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

char folder_byte(size_t i) {
    return (char)(i * 31 + i / 4096 + 1);
}

const char *folder_file(const char *name, size_t size) {
    const char *path = folder_path(name);
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    char bytes[4096];

    CHECK(file >= 0);
    for (size_t at = 0; at < size;) {
        size_t step = size - at < sizeof bytes ? size - at : sizeof bytes;
        for (size_t i = 0; i < step; i++) bytes[i] = folder_byte(at + i);
        CHECK(write(file, bytes, step) == (ssize_t)step);
        at += step;
    }
    close(file);
    return path;
}

long folder_size(const char *name) {
    struct stat found;
    return stat(folder_path(name), &found) == 0 ? (long)found.st_size : -1;
}

void folder_make_small(size_t bytes) {
    char options[64];

    snprintf(options, sizeof options, "size=%zu", bytes);
    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("none", folder, "tmpfs", 0, options) != 0)
        apart_skip("no file systems may be mounted here");
}

void folder_make_disk(size_t claimed, size_t real) {
    char command[1024];

    if (access("/dev/loop-control", R_OK | W_OK) != 0) apart_skip("no loop devices");
    folder_make_small(real);
    snprintf(command, sizeof command,
             "PATH=$PATH:/usr/sbin:/sbin; cd '%s' && truncate -s %zu image && mkdir disk && "
             "mkfs.ext4 -q -F -O ^has_journal -E lazy_itable_init=1,nodiscard -e continue image && "
             "mount -o loop,errors=continue image disk",
             folder, claimed);
    if (system(command) != 0) apart_skip("no file system on a loop device here");
}

int folder_read(const char *name, long offset) {
    unsigned char byte;
    int file = open(folder_path(name), O_RDONLY | O_CLOEXEC);
    bool there = file >= 0 && pread(file, &byte, 1, offset) == 1;

    close(file);
    return there ? byte : -1;
}
