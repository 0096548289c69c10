#include "cli/output.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "analysis/array.h"

/* ---- the name ---- */

static const char *base_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

void mete__output_name(struct mete__output *output, const char *program, pid_t pid) {
    if (!output->has_default_name) return;
    snprintf(output->path + output->folder_length, sizeof output->path - output->folder_length,
             "/mete.%.*s.%d.mete", METE_PROFILE_PROGRAM_MAX, base_name(program), (int)pid);
}

/* The name made absolute, because the program may change its directory before it forks. */
static int make_absolute(struct mete__output *out, const char *file) {
    char folder[PATH_MAX] = "";
    int size;

    if (file[0] != '/' && !getcwd(folder, sizeof folder)) return -errno;
    if (file[0] != '/' && folder[0] != '/') return -ENOENT; /* "(unreachable)…" */
    if (folder[0] && !folder[1]) folder[0] = '\0';
    size = snprintf(out->path, sizeof out->path, "%s%s%s", folder, file[0] == '/' ? "" : "/", file);
    if (size >= PATH_MAX) return -ENAMETOOLONG;
    out->folder_length = (size_t)(strrchr(out->path, '/') - out->path);
    return 0;
}

/* Removes what is there, if it is a plain file, and tries whether a new one can be made. */
static int try_path(const char *path) {
    struct stat status;

    if (lstat(path, &status) == 0) {
        if (S_ISDIR(status.st_mode)) return -EISDIR;
        if (!S_ISREG(status.st_mode)) return -EEXIST;
        if (unlink(path) != 0) return -errno;
    }
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) return -errno;
    close(fd);
    unlink(path);
    return 0;
}

int mete__output_prepare(struct mete__output *out, const char *file, const char *program, char *why,
                         size_t why_size) {
    *out = (struct mete__output){.has_default_name = !file};
    while (out->run == 0)
        if (getrandom(&out->run, sizeof out->run, 0) < 0) out->run = (uint64_t)getpid();
    int status = make_absolute(out, file ? file : "mete.mete");
    if (status == 0) {
        mete__output_name(out, program, getpid()); /* as good as the program's own id for a try */
        status = try_path(out->path);
    }
    if (status == -EEXIST)
        snprintf(why, why_size, "cannot write the profile '%s': it exists and is no regular file",
                 file ? file : out->path);
    else if (status < 0)
        snprintf(why, why_size, "cannot write the profile '%s': %s", file ? file : out->path,
                 strerror(-status));
    return status;
}

/* ---- the end ---- */

static bool read_header(int fd, struct mete_profile_header *header) {
    return pread(fd, header, sizeof *header, 0) == (ssize_t)sizeof *header &&
           memcmp(header->magic, METE_PROFILE_MAGIC, sizeof header->magic) == 0 &&
           header->version == METE_PROFILE_VERSION;
}

/* Cuts a profile that nobody writes any more. It is sparse beyond what is in use. */
static void trim(int fd, const struct mete_profile_header *header) {
    struct stat status;
    if (header->used_bytes < METE_PROFILE_HEADER_SIZE || header->used_bytes > INT64_MAX) return;
    if (fstat(fd, &status) != 0 || (uint64_t)status.st_size <= header->used_bytes) return;
    (void)!ftruncate(fd, (off_t)header->used_bytes);
}

static void mark_end(int fd, const struct mete_profile_header *header, int wait_status) {
    bool is_signal = WIFSIGNALED(wait_status);
    const uint32_t end[] = {
        is_signal ? METE_PROFILE_END_SIGNAL : METE_PROFILE_END_EXIT,
        (uint32_t)(is_signal ? WTERMSIG(wait_status) : WEXITSTATUS(wait_status)),
    };
    static_assert(offsetof(struct mete_profile_header, end_code) ==
                      offsetof(struct mete_profile_header, end) + sizeof end[0],
                  "written as one");
    (void)!pwrite(fd, end, sizeof end, offsetof(struct mete_profile_header, end));

    /* A program that was killed could not say when. */
    struct timespec now;
    if (header->end_clock != 0 || clock_gettime(CLOCK_MONOTONIC, &now) != 0) return;
    uint64_t clock = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
    (void)!pwrite(fd, &clock, sizeof clock, offsetof(struct mete_profile_header, end_clock));
}

int mete__output_finish(const struct mete__output *output, int wait_status) {
    struct mete_profile_header header;
    int fd = open(output->path, O_RDWR | O_NOFOLLOW | O_CLOEXEC);

    if (fd < 0) return -errno;
    bool is_ours = read_header(fd, &header) && header.run == output->run;
    if (is_ours) {
        mark_end(fd, &header, wait_status);
        trim(fd, &header);
    }
    close(fd);
    return is_ours ? 0 : -ENOENT;
}

/* ---- the others ---- */

/* Whether the file is another profile of the run; then it is described, and cut if its process is
 * gone. */
static bool read_sibling(const struct mete__output *output, const char *path,
                         struct mete__output_sibling *sibling) {
    struct mete_profile_header header;
    int fd = open(path, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

    if (fd < 0) return false;
    bool is_ours = read_header(fd, &header) && header.run == output->run;
    if (is_ours) {
        *sibling = (struct mete__output_sibling){
            .pid = header.pid, .state = header.state, .start_clock = header.start_clock};
        bool is_over = header.state == METE_PROFILE_EXECED ||
                       (kill((pid_t)header.pid, 0) != 0 && errno == ESRCH);
        if (is_over) trim(fd, &header);
    }
    close(fd);
    return is_ours;
}

static int compare_start(const void *a, const void *b) {
    const struct mete__output_sibling *one = a, *other = b;
    return (one->start_clock > other->start_clock) - (one->start_clock < other->start_clock);
}

size_t mete__output_siblings(const struct mete__output *output,
                             struct mete__output_sibling **siblings) {
    char folder[PATH_MAX], here[PATH_MAX], path[PATH_MAX + NAME_MAX + 2];
    size_t count = 0, capacity = 0;
    struct dirent *entry;

    *siblings = NULL;
    snprintf(folder, sizeof folder, "%.*s", (int)output->folder_length, output->path);
    DIR *listing = opendir(folder[0] ? folder : "/");
    if (!listing) return 0;
    bool is_here = getcwd(here, sizeof here) && strcmp(here, folder) == 0;
    while ((entry = readdir(listing))) {
        struct mete__output_sibling sibling;
        if (fnmatch("mete.*.mete", entry->d_name, 0) != 0) continue;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (strcmp(path, output->path) == 0 || !read_sibling(output, path, &sibling)) continue;
        void *grown = mete__array_room(*siblings, count, &capacity, sizeof **siblings);
        if (grown == NULL) break;
        *siblings = grown;
        sibling.path = strdup(is_here ? entry->d_name : path);
        if (sibling.path) (*siblings)[count++] = sibling;
    }
    closedir(listing);
    if (count > 0) qsort(*siblings, count, sizeof **siblings, compare_start);
    return count;
}

void mete__output_free_siblings(struct mete__output_sibling *siblings, size_t count) {
    for (size_t i = 0; i < count; i++) free(siblings[i].path);
    free(siblings);
}
