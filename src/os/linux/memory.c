/* os/memory.h for Linux. */
#include "os/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/bits.h"

#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif
#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#define MADV_GUARD_REMOVE  103
#endif
#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

size_t mete__memory_page_size(void) {
    static size_t known; /* races write the same value */
    if (METE_UNLIKELY(known == 0)) {
        size_t answer = getauxval(AT_PAGESZ);
        known = answer != 0 ? answer : 4096;
    }
    return known;
}

static void *map(void *where, size_t size, int protection, int flags) {
    int saved = errno;
    void *start = mmap(where, size, protection, flags | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    errno = saved;
    return start == MAP_FAILED ? NULL : start;
}

bool mete__memory_reserve_at(void *where, size_t size) {
    void *start = map(where, size, PROT_NONE, MAP_NORESERVE | MAP_FIXED_NOREPLACE);
    if (start == where) return true;
    if (start != NULL) mete__memory_release(start, size); /* before Linux 4.17: a hint */
    return false;
}

/* Where address space has no room for the slack: the kernel fills it from the top, so that what
 * lies below a range that it chose is mostly free. */
static void *reserve_tight(size_t size, size_t align) {
    enum { TRIES = 16 };
    char *start = map(NULL, size, PROT_NONE, MAP_NORESERVE);

    if (start == NULL || (uintptr_t)start % align == 0) return start;
    mete__memory_release(start, size);
    uintptr_t below = mete__round_down((uintptr_t)start, align);
    for (int i = 0; i < TRIES && below > align; i++, below -= align)
        if (mete__memory_reserve_at((void *)below, size)) return (void *)below;
    return NULL;
}

void *mete__memory_reserve(size_t size, size_t align) {
    size_t page = mete__memory_page_size();
    size_t slack = align > page ? align - page : 0;
    size_t total;

    if (mete__add_overflows(size, slack, &total)) return NULL;
    char *start = map(NULL, total, PROT_NONE, MAP_NORESERVE);
    if (start == NULL) return slack == 0 ? NULL : reserve_tight(size, align);
    char *aligned = (char *)mete__round_up((uintptr_t)start, align);
    size_t before = (size_t)(aligned - start);
    size_t after = total - size - before;
    if (before > 0) mete__memory_release(start, before);
    if (after > 0) mete__memory_release(aligned + size, after);
    return aligned;
}

void mete__memory_release(void *start, size_t size) {
    int saved = errno;
    munmap(start, size);
    errno = saved;
}

int mete__memory_commit(void *start, size_t size) {
    int saved = errno;
    int status = mprotect(start, size, PROT_READ | PROT_WRITE) == 0 ? 0 : -errno;
    errno = saved;
    return status;
}

int mete__memory_decommit(void *start, size_t size) {
    /* A new mapping over the old: madvise would drop the pages but keep the charge. */
    return map(start, size, PROT_NONE, MAP_FIXED | MAP_NORESERVE) != NULL ? 0 : -ENOMEM;
}

static int advise(void *start, size_t size, int advice) {
    int saved = errno;
    int status = madvise(start, size, advice) == 0 ? 0 : -errno;
    errno = saved;
    return status;
}

int mete__memory_purge(void *start, size_t size) {
    return advise(start, size, MADV_DONTNEED);
}

void mete__memory_renew(void *start, size_t size) {
    (void)map(start, size, PROT_READ | PROT_WRITE, MAP_FIXED | MAP_NORESERVE);
}

void mete__memory_wish_huge(void *start, size_t size, bool huge) {
    int saved = errno;
    madvise(start, size, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
    errno = saved;
}

/* Closes the hole that a failed mremap may have left at `to`, unless somebody was quicker. */
static int close_hole(void *to, size_t size) {
    void *filled = map(to, size, PROT_READ | PROT_WRITE, MAP_FIXED_NOREPLACE | MAP_NORESERVE);

    if (filled == to) return -ENOMEM;
    if (filled != NULL) munmap(filled, size); /* before Linux 4.17 the flag is only a hint */
    return -ENOTRECOVERABLE;
}

/* In two steps. mremap to a fixed address unmaps what is there first, and only then finds (until
 * Linux 6.17) that the source is more than one mapping: that would leave a hole. To an address of
 * the kernel's own choice it fails without harm, and what has arrived there is one mapping. The
 * second step stretches it over all of the room, so that the block is one mapping still when it has
 * grown. */
int mete__memory_move(void *from, size_t size, void *to, size_t room) {
    int saved = errno, status = 0;
    /* The address is a hint here, and passed on whether it is given or not. */
    void *between = mremap(from, size, size, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL);

    if (between == MAP_FAILED) {
        status = -errno;
    } else if (mremap(between, size, room, MREMAP_MAYMOVE | MREMAP_FIXED, to) == MAP_FAILED) {
        status = close_hole(to, room);
        memcpy(from, between, size);
        munmap(between, size);
    }
    errno = saved;
    return status;
}

int mete__memory_fence(void *start, size_t size, bool marked) {
    return marked ? advise(start, size, MADV_GUARD_INSTALL) : mete__memory_decommit(start, size);
}

int mete__memory_unfence(void *start, size_t size, bool marked) {
    return marked ? advise(start, size, MADV_GUARD_REMOVE) : mete__memory_commit(start, size);
}

bool mete__memory_knows_marks(void) {
    size_t page = mete__memory_page_size();
    void *start = map(NULL, page, PROT_READ | PROT_WRITE, MAP_NORESERVE);
    if (start == NULL) return false;
    bool known = mete__memory_fence(start, page, true) == 0;
    mete__memory_release(start, page);
    return known;
}

/* By a mapping that is charged, unlike all others here: the kernel refuses one that is larger than
 * what it could ever have. */
bool mete__memory_has(size_t size) {
    void *start = map(NULL, size, PROT_READ | PROT_WRITE, 0);
    if (start == NULL) return false;
    munmap(start, size);
    return true;
}

void *mete__memory_map(size_t size) {
    void *start = map(NULL, size, PROT_READ | PROT_WRITE, MAP_NORESERVE);
    if (start != NULL) mete__memory_wish_huge(start, size, false);
    return start;
}

bool mete__memory_unlimited(void) {
    struct rlimit limit;
    return getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY;
}

/* The first number in a small file of /proc, or -1. By system call: stdio would allocate, and open
 * and read are points where a thread can be cancelled, here with a lock held. */
static long long first_number(const char *path) {
    char text[64];
    long long value = -1;
    int saved = errno;
    long file = syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);

    if (file >= 0) {
        long length = syscall(SYS_read, file, text, sizeof text);
        for (long i = 0; i < length && text[i] >= '0' && text[i] <= '9'; i++)
            value = (value < 0 ? 0 : value * 10) + (text[i] - '0');
        syscall(SYS_close, file);
    }
    errno = saved;
    return value;
}

size_t mete__memory_left(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return SIZE_MAX;
    long long pages = first_number("/proc/self/statm");
    /* Without /proc nobody can tell: half of the limit is a guess that leaves it room. */
    size_t used = pages < 0 ? (size_t)limit.rlim_cur / 2 : (size_t)pages * mete__memory_page_size();
    return used < limit.rlim_cur ? (size_t)limit.rlim_cur - used : 0;
}

size_t mete__memory_mappings_max(void) {
    long long most = first_number("/proc/sys/vm/max_map_count");
    return most < 0 ? 65530 : (size_t)most; /* the kernel's default */
}

bool mete__memory_strict(void) {
    return first_number("/proc/sys/vm/overcommit_memory") == 2;
}
