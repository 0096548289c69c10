/* os/file.h for Linux. */
#include "os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/bits.h"
#include "os/memory.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

/* A system call's result as a value or a negative errno; errno itself is kept. */
#define RAW(...)                                 \
    __extension__({                              \
        int saved_errno = errno;                 \
        long raw_result = syscall(__VA_ARGS__);  \
        if (raw_result < 0) raw_result = -errno; \
        errno = saved_errno;                     \
        raw_result;                              \
    })

static int create_exclusively(const char *path) {
    int flags = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY;
    return (int)RAW(SYS_openat, AT_FDCWD, path, flags, 0600);
}

static bool is_regular(const char *path) {
    struct stat found;
    int saved = errno;
    bool regular =
        fstatat(AT_FDCWD, path, &found, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(found.st_mode);
    errno = saved;
    return regular;
}

int mete__file_create(const char *path) {
    int file = create_exclusively(path);
    if (file != -EEXIST || !is_regular(path)) return file;
    int status = mete__file_remove(path);
    return status == 0 || status == -ENOENT ? create_exclusively(path) : status;
}

static int open_regular(const char *path, int flags) {
    int file = (int)RAW(SYS_openat, AT_FDCWD, path, flags | O_NONBLOCK | O_CLOEXEC | O_NOCTTY, 0);
    struct stat status;

    if (file < 0) return file;
    int saved = errno;
    bool regular = fstat(file, &status) == 0 && S_ISREG(status.st_mode);
    errno = saved;
    if (regular) return file;
    mete__file_close(file);
    return -ENODEV;
}

int mete__file_open(const char *path) {
    return open_regular(path, O_RDWR | O_NOFOLLOW);
}

int mete__file_open_to_read(const char *path) {
    return open_regular(path, O_RDONLY);
}

int mete__file_create_memory(void) {
    return (int)RAW(SYS_memfd_create, "mete", 1u /* MFD_CLOEXEC */);
}

void mete__file_close(int file) {
    (void)RAW(SYS_close, file);
}

int mete__file_remove(const char *path) {
    return (int)RAW(SYS_unlinkat, AT_FDCWD, path, 0);
}

int mete__file_rename(const char *from, const char *to) {
    long status = RAW(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE);
    if (status != -EINVAL && status != -ENOSYS) return (int)status;
    /* A file system (NFS) or kernel without it: a second name that must be new, then without the
     * first. */
    status = RAW(SYS_linkat, AT_FDCWD, from, AT_FDCWD, to, 0);
    return status == 0 ? mete__file_remove(from) : (int)status;
}

int mete__file_set_size(int file, uint64_t size) {
    if (size > mete__file_size_limit() || size > INT64_MAX) return -EFBIG;
    return (int)RAW(SYS_ftruncate, file, (off_t)size);
}

static int look_at(int file, struct stat *found) {
    int saved = errno;
    int status = fstat(file, found) == 0 ? 0 : -errno;
    errno = saved;
    return status;
}

int mete__file_identify(int file, struct mete__file_identity *identity) {
    struct stat found;
    int status = look_at(file, &found);
    if (status != 0) return status;
    *identity = (struct mete__file_identity){found.st_dev, found.st_ino};
    return 0;
}

int mete__file_trim(const char *path, const struct mete__file_identity *identity, uint64_t size) {
    int flags = O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
    struct stat found;
    int file = (int)RAW(SYS_openat, AT_FDCWD, path, flags, 0);
    if (file < 0) return file;
    int status = look_at(file, &found);
    if (status == 0 && (found.st_dev != identity->device || found.st_ino != identity->inode))
        status = -ESTALE;
    if (status == 0 && (uint64_t)found.st_size > size)
        status = (int)RAW(SYS_ftruncate, file, (off_t)size);
    mete__file_close(file);
    return status;
}

int mete__file_take_space(int file, uint64_t size) {
    return (int)RAW(SYS_fallocate, file, 0, (off_t)0, (off_t)size);
}

int64_t mete__file_read(int file, void *data, size_t size, uint64_t offset) {
    size_t done = 0;
    while (done < size) {
        long got = RAW(SYS_pread64, file, (char *)data + done, size - done, (off_t)(offset + done));
        if (got == -EINTR) continue;
        if (got < 0) return got;
        if (got == 0) break;
        done += (size_t)got;
    }
    return (int64_t)done;
}

int mete__file_append(int file, const void *data, size_t size) {
    const char *next = data;
    while (size > 0) {
        long written = RAW(SYS_write, file, next, size);
        if (written == -EINTR) continue;
        if (written < 0) return (int)written;
        if (written == 0) return -ENOSPC;
        next += written;
        size -= (size_t)written;
    }
    return 0;
}

int mete__file_write(int file, const void *data, size_t size, uint64_t offset) {
    const char *next = data;
    while (size > 0) {
        long written = RAW(SYS_pwrite64, file, next, size, (off_t)offset);
        if (written == -EINTR) continue;
        if (written < 0) return (int)written;
        if (written == 0) return -ENOSPC;
        next += written;
        size -= (size_t)written;
        offset += (uint64_t)written;
    }
    return 0;
}

int mete__file_map(int file, size_t size, void **out) {
    int saved = errno;
    void *start = mmap(NULL, size, PROT_NONE, MAP_SHARED | MAP_NORESERVE, file, 0);
    int status = start == MAP_FAILED ? -errno : 0;
    errno = saved;
    if (status == 0) *out = start;
    return status;
}

int mete__file_move_map(void *from, size_t size, void *to) {
    int saved = errno;
    void *moved = mremap(from, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, to);
    int status = moved == MAP_FAILED ? -errno : 0;
    errno = saved;
    return status;
}

int mete__file_populate(void *start, size_t size) {
    size_t page = mete__memory_page_size();
    uintptr_t low = mete__round_down((uintptr_t)start, page);
    uintptr_t high = mete__round_up((uintptr_t)start + size, page);
    long status;

    do status = RAW(SYS_madvise, low, high - low, MADV_POPULATE_WRITE);
    while (status == -EINTR || status == -EAGAIN);
    if (status == -EINVAL) return -ENOSYS;
    /* A page that cannot be had: the file system has no room (or no longer exists). */
    return status == -EFAULT || status == -EHWPOISON ? -ENOSPC : (int)status;
}

uint64_t mete__file_size_limit(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return UINT64_MAX;
    return limit.rlim_cur;
}

int mete__file_absolute(const char *path, char *out, size_t out_size) {
    size_t length = strlen(path);
    size_t prefix = 0;

    if (path[0] != '/') {
        long written = RAW(SYS_getcwd, out, out_size); /* counts the NUL */
        if (written < 0) return written == -ERANGE ? -ENAMETOOLONG : (int)written;
        prefix = (size_t)written - 1;
        if (prefix == 0 || out[0] != '/') return -ENOENT; /* "(unreachable)" */
        if (out[prefix - 1] != '/') out[prefix++] = '/';
    }
    if (prefix + length >= out_size) return -ENAMETOOLONG;
    memcpy(out + prefix, path, length + 1);
    return 0;
}
