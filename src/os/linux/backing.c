/* os/backing.h for Linux. */
#include "os/backing.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/memfd.h>
#include <mete/map.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/text.h"
#include "os/file.h"
#include "os/linux/raw.h"

#ifndef BLKGETSIZE64
#define BLKGETSIZE64 _IOR(0x12, 114, size_t)
#endif
#ifndef MFD_HUGE_SHIFT
#define MFD_HUGE_SHIFT 26
#endif
#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 16
#endif

/* NOLINTNEXTLINE(misc-redundant-expression): that is what is asked */
_Static_assert(METE__BACKING_HERE == AT_FDCWD, "the kernel's name for the working directory");
/* mete/map.h numbers seals as the kernel. */
_Static_assert(METE_MAP_SEAL_SEAL == F_SEAL_SEAL, "seals");
_Static_assert(METE_MAP_SEAL_SHRINK == F_SEAL_SHRINK, "seals");
_Static_assert(METE_MAP_SEAL_GROW == F_SEAL_GROW, "seals");
_Static_assert(METE_MAP_SEAL_WRITE == F_SEAL_WRITE, "seals");
_Static_assert(METE_MAP_SEAL_FUTURE_WRITE == F_SEAL_FUTURE_WRITE, "seals");

/* A system call's result as a value or a negative errno; errno itself is kept. */
#define RAW(...)                                             \
    __extension__({                                          \
        int saved_errno = errno;                             \
        mete__raw_result(syscall(__VA_ARGS__), saved_errno); \
    })

/* The same, again and again while signals interrupt it. */
#define RAW_AGAIN(...)                     \
    __extension__({                        \
        long last_result;                  \
        do last_result = RAW(__VA_ARGS__); \
        while (last_result == -EINTR);     \
        (int)last_result;                  \
    })

/* Another descriptor of the same, none of a standard stream. */
static int duplicate(int file) {
    int other = (int)RAW(SYS_fcntl, file, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    return other == -EINVAL ? -EMFILE : other; /* so few are allowed */
}

/* 0, 1 and 2 are the standard streams, also to a program that has closed them: what it prints must
 * not end up in a file of its maps. */
static int apart_from_streams(int file) {
    if (file < 0 || file > STDERR_FILENO) return file;
    int other = duplicate(file);
    mete__raw_close(file);
    return other;
}

int mete__backing_open(int directory, const char *path, unsigned flags, unsigned mode) {
    int how = O_CLOEXEC | O_NOCTTY | O_NONBLOCK;

    how |= (flags & METE__BACKING_WRITE) != 0 ? O_RDWR : O_RDONLY;
    if ((flags & METE__BACKING_NEW) != 0) how |= O_CREAT | O_EXCL;
    if ((flags & METE__BACKING_NO_FOLLOW) != 0) how |= O_NOFOLLOW;
    int file = RAW_AGAIN(SYS_openat, directory, path, how, mode);
    if (file < 0) return file == -EISDIR || file == -ENXIO ? -ENODEV : file;
    file = apart_from_streams(file);
    if (file < 0 && (flags & METE__BACKING_NEW) != 0) (void)mete__backing_remove(directory, path);
    return file;
}

int mete__backing_duplicate(int file) {
    return duplicate(file);
}

void mete__backing_close(int file) {
    mete__raw_close(file);
}

int mete__backing_look(int file, struct mete__backing_facts *facts) {
    struct stat found;
    int saved = errno;
    int status = fstat(file, &found) == 0 ? 0 : -errno;
    uint64_t size = 0;

    errno = saved;
    if (status != 0) return status;
    if (S_ISBLK(found.st_mode)) /* its size is not the inode's */
        status = (int)RAW(SYS_ioctl, file, BLKGETSIZE64, &size);
    if (status != 0) return status;
    *facts = (struct mete__backing_facts){
        .size = S_ISBLK(found.st_mode) ? size : (uint64_t)found.st_size,
        .identity = {found.st_dev, found.st_ino},
        .mode = found.st_mode & 07777,
        .mappable = S_ISREG(found.st_mode) || S_ISBLK(found.st_mode),
    };
    return 0;
}

bool mete__backing_is(int file, const struct mete__backing_identity *identity) {
    struct mete__backing_facts now;
    return file >= 0 && mete__backing_look(file, &now) == 0 &&
           now.identity.device == identity->device && now.identity.inode == identity->inode;
}

void mete__backing_close_own(int file, const struct mete__backing_identity *identity) {
    if (mete__backing_is(file, identity)) mete__backing_close(file);
}

size_t mete__backing_huge_page(int file) {
    struct statfs found;
    int saved = errno;
    bool huge = fstatfs(file, &found) == 0 && found.f_type == HUGETLBFS_MAGIC;

    errno = saved;
    return huge ? (size_t)found.f_bsize : 0;
}

bool mete__backing_is_writable(int file) {
    long flags = RAW(SYS_fcntl, file, F_GETFL);
    return flags >= 0 && (flags & O_ACCMODE) == O_RDWR;
}

/* For file systems that cannot set space aside: writing takes it, too. */
static int write_zeros(int file, uint64_t offset, uint64_t end) {
    static const char zeros[16384];

    while (offset < end) {
        size_t step = end - offset < sizeof zeros ? (size_t)(end - offset) : sizeof zeros;
        int status = mete__file_write(file, zeros, step, offset);
        if (status != 0) return status;
        offset += step;
    }
    return 0;
}

int mete__backing_grow(int file, uint64_t old_size, uint64_t new_size, bool take_space) {
    struct mete__backing_facts now;
    int status;

    if (new_size > INT64_MAX || new_size > mete__file_size_limit()) return -EFBIG;
    if (!take_space) return mete__backing_cut(file, new_size);
    status = RAW_AGAIN(SYS_fallocate, file, 0, (off_t)old_size, (off_t)(new_size - old_size));
    if (status == -EOPNOTSUPP || status == -ENOSYS) status = write_zeros(file, old_size, new_size);
    /* Part of it may have been had. What is longer than asked for, somebody else has written. */
    if (status != 0 && mete__backing_look(file, &now) == 0 && now.size >= old_size &&
        now.size <= new_size)
        (void)mete__backing_cut(file, old_size);
    return status;
}

int mete__backing_take(int file, uint64_t offset, uint64_t size) {
    int status = RAW_AGAIN(SYS_fallocate, file, FALLOC_FL_KEEP_SIZE, (off_t)offset, (off_t)size);
    return status == -ENOSYS ? -EOPNOTSUPP : status;
}

int mete__backing_cut(int file, uint64_t size) {
    return RAW_AGAIN(SYS_ftruncate, file, (off_t)size);
}

int mete__backing_start_writing(int file, uint64_t offset, uint64_t size) {
    return RAW_AGAIN(SYS_sync_file_range, file, (off_t)offset, (off_t)size, SYNC_FILE_RANGE_WRITE);
}

int mete__backing_sync(int file) {
    return RAW_AGAIN(SYS_fsync, file);
}

/* ---- directories ---- */

const char *mete__backing_last_part(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash == NULL ? path : slash + 1;
}

int mete__backing_open_directory(const char *path) {
    enum { LONGEST = 4096 };
    size_t length = (size_t)(mete__backing_last_part(path) - path);
    char directory[LONGEST];

    if (length >= sizeof directory) return -ENAMETOOLONG;
    memcpy(directory, length == 0 ? "." : path, length == 0 ? 1 : length);
    directory[length == 0 ? 1 : length] = '\0';
    return apart_from_streams(
        RAW_AGAIN(SYS_openat, AT_FDCWD, directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0));
}

/* A name that nobody else has: the caller finds out whether nobody does. */
static void invent_name(char name[METE__BACKING_NAME_MAX]) {
    static uint32_t counter;
    struct mete__text text = mete__text_in(name, METE__BACKING_NAME_MAX);
    uint64_t value = 0;

    if (RAW(SYS_getrandom, &value, sizeof value, 1u /* GRND_NONBLOCK */) != sizeof value)
        value = (uint64_t)RAW(SYS_getpid) << 32 | __atomic_add_fetch(&counter, 1, __ATOMIC_RELAXED);
    mete__text_add(&text, ".mete-%llx", (unsigned long long)value);
}

enum { NAME_TRIES = 64 };

static int create_named(int directory, unsigned mode, char name[METE__BACKING_NAME_MAX]) {
    char invented[METE__BACKING_NAME_MAX];
    int file = -EEXIST;

    for (int i = 0; i < NAME_TRIES && file == -EEXIST; i++) {
        invent_name(invented);
        file =
            mete__backing_open(directory, invented, METE__BACKING_WRITE | METE__BACKING_NEW, mode);
    }
    if (file >= 0) memcpy(name, invented, sizeof invented);
    return file;
}

int mete__backing_create_hidden(int directory, unsigned mode, char name[METE__BACKING_NAME_MAX]) {
    /* It can be given a name only through /proc. */
    int file = (int)RAW(SYS_faccessat, AT_FDCWD, "/proc/self/fd", X_OK);

    if (file == 0)
        file = apart_from_streams(
            RAW_AGAIN(SYS_openat, directory, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, mode));
    if (file < 0) return create_named(directory, mode, name);
    name[0] = '\0';
    return file;
}

int mete__backing_give_name(int file, int directory, char name[METE__BACKING_NAME_MAX]) {
    char link[32], invented[METE__BACKING_NAME_MAX];
    struct mete__text text = mete__text_in(link, sizeof link);
    int status = -EEXIST;

    mete__text_add(&text, "/proc/self/fd/%d", file);
    for (int i = 0; i < NAME_TRIES && status == -EEXIST; i++) {
        invent_name(invented);
        status = (int)RAW(SYS_linkat, AT_FDCWD, link, directory, invented, AT_SYMLINK_FOLLOW);
    }
    if (status == 0) memcpy(name, invented, sizeof invented);
    return status;
}

int mete__backing_rename(int directory, const char *from, const char *to) {
    return (int)RAW(SYS_renameat2, directory, from, directory, to, 0);
}

int mete__backing_remove(int directory, const char *name) {
    return (int)RAW(SYS_unlinkat, directory, name, 0);
}

int mete__backing_mode_of(int directory, const char *name, unsigned *mode) {
    struct stat found;
    int saved = errno;
    int status = fstatat(directory, name, &found, AT_SYMLINK_NOFOLLOW) == 0 ? 0 : -errno;

    errno = saved;
    if (status != 0) return status;
    if (S_ISLNK(found.st_mode)) return -ELOOP;
    if (!S_ISREG(found.st_mode)) return -ENODEV;
    *mode = found.st_mode & 07777;
    return 0;
}

int mete__backing_set_mode(int file, unsigned mode) {
    return (int)RAW(SYS_fchmod, file, mode);
}

/* ---- memory files ---- */

int mete__backing_create_memory(const char *name, size_t huge_page) {
    unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;

    if (huge_page != 0) flags |= MFD_HUGETLB | mete__log2_floor(huge_page) << MFD_HUGE_SHIFT;
    return apart_from_streams((int)RAW(SYS_memfd_create, name, flags));
}

int mete__backing_seal(int file, unsigned seals) {
    return (int)RAW(SYS_fcntl, file, F_ADD_SEALS, seals);
}

unsigned mete__backing_seals(int file) {
    long seals = RAW(SYS_fcntl, file, F_GET_SEALS);
    return seals < 0 ? 0 : (unsigned)seals;
}
