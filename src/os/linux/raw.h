/*
 * os/linux/raw.h - files of /proc, read by bare system calls.
 *
 * The C library's open and read are cancellation points, and other preloaded libraries replace
 * them; what looks at a process from inside, at its end or with its threads stopped, must meet
 * neither. All return a negative errno on failure and keep errno.
 */
#ifndef METE_OS_LINUX_RAW_H
#define METE_OS_LINUX_RAW_H

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/compiler.h"

METE_INLINE long mete__raw_result(long result, int saved) {
    if (result < 0) result = -errno;
    errno = saved;
    return result;
}

METE_INLINE int mete__raw_open(const char *path, int flags) {
    int saved = errno;
    return (int)mete__raw_result(syscall(SYS_openat, AT_FDCWD, path, flags | O_CLOEXEC), saved);
}

METE_INLINE void mete__raw_close(int file) {
    int saved = errno;
    syscall(SYS_close, file);
    errno = saved;
}

/* Reads at the file's position; 0 at the end. */
METE_INLINE long mete__raw_read(int file, void *to, size_t size) {
    int saved = errno;
    return mete__raw_result(syscall(SYS_read, file, to, size), saved);
}

METE_INLINE long mete__raw_read_at(int file, void *to, size_t size, uint64_t offset) {
    int saved = errno;
    return mete__raw_result(syscall(SYS_pread64, file, to, size, (off_t)offset), saved);
}

/* The first `size` - 1 bytes of a small file as a string; its length, or a negative errno. */
METE_INLINE long mete__raw_slurp(const char *path, char *to, size_t size) {
    size_t length = 0;
    long got;
    int file = mete__raw_open(path, O_RDONLY);
    if (file < 0) return file;
    while (length < size - 1 && (got = mete__raw_read(file, to + length, size - 1 - length)) > 0)
        length += (size_t)got;
    to[length] = '\0';
    mete__raw_close(file);
    return (long)length;
}

#endif
