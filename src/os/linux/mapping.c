/* os/mapping.h for Linux. */
#include "os/mapping.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/bits.h"
#include "os/linux/raw.h"
#include "os/memory.h"

/* Newer than the oldest headers mete is built with. */
#ifndef MADV_COLD
#define MADV_COLD 20
#endif
#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT 21
#endif
#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#endif
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif
#ifndef PR_SET_VMA
#define PR_SET_VMA 0x53564d41
#endif
#ifndef PR_SET_VMA_ANON_NAME
#define PR_SET_VMA_ANON_NAME 0
#endif
#ifndef MAP_HUGE_SHIFT
#define MAP_HUGE_SHIFT 26
#endif

/* A call's result, 0 or -1, as 0 or a negative errno; errno itself is kept. */
#define STATUS(call)                                \
    __extension__({                                 \
        int saved_errno = errno;                    \
        int call_status = (call) == 0 ? 0 : -errno; \
        errno = saved_errno;                        \
        call_status;                                \
    })

static int protection(unsigned flags) {
    return ((flags & METE__MAPPING_READ) != 0 ? PROT_READ : 0) |
           ((flags & METE__MAPPING_WRITE) != 0 ? PROT_WRITE : 0) |
           ((flags & METE__MAPPING_EXEC) != 0 ? PROT_EXEC : 0);
}

static int kind(const struct mete__mapping_request *request) {
    unsigned flags = request->flags;
    int kind = (flags & METE__MAPPING_SHARED) != 0 ? MAP_SHARED : MAP_PRIVATE;

    if (request->where != NULL) kind |= MAP_FIXED;
    if (request->file < 0) kind |= MAP_ANONYMOUS;
    if ((flags & METE__MAPPING_NO_RESERVE) != 0) kind |= MAP_NORESERVE;
    if ((flags & METE__MAPPING_STACK) != 0) kind |= MAP_STACK;
    if ((flags & METE__MAPPING_HUGE) != 0) kind |= MAP_HUGETLB;
    if ((flags & METE__MAPPING_HUGE) != 0 && request->huge_page != 0)
        kind |= (int)(mete__log2_floor(request->huge_page) << MAP_HUGE_SHIFT);
    return kind;
}

static int map(const struct mete__mapping_request *request, int protection, int kind, void **out) {
    int saved = errno;
    void *start = mmap(request->where, request->size, protection, kind, request->file,
                       (off_t)request->offset);
    int status = start == MAP_FAILED ? -errno : 0;

    errno = saved;
    if (status == 0) *out = start;
    return status;
}

int mete__mapping_make(const struct mete__mapping_request *request, void **out) {
    return map(request, protection(request->flags), kind(request), out);
}

void mete__mapping_remove(void *start, size_t size) {
    mete__memory_release(start, size);
}

int mete__mapping_reserve(void *where, size_t size, void **out) {
    struct mete__mapping_request request = {
        .where = where, .size = size, .flags = METE__MAPPING_NO_RESERVE, .file = -1};
    return map(&request, PROT_NONE, kind(&request), out);
}

int mete__mapping_cover(void *start, size_t size, unsigned flags) {
    int saved = errno;
    long covered = syscall(SYS_mmap, start, size, protection(flags),
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, (off_t)0);
    int status = covered == -1 ? -errno : 0;
    errno = saved;
    return status;
}

int mete__mapping_protect(void *start, size_t size, unsigned flags) {
    return STATUS(mprotect(start, size, protection(flags)));
}

int mete__mapping_resize(void **start, size_t old_size, size_t new_size, bool may_move) {
    int saved = errno;
    void *moved = mremap(*start, old_size, new_size, may_move ? MREMAP_MAYMOVE : 0);
    int status = moved == MAP_FAILED ? -errno : 0;

    errno = saved;
    if (status == 0) *start = moved;
    return status == -EINVAL ? -ENOMEM : status; /* larger than any address space */
}

int mete__mapping_advise(void *start, size_t size, enum mete__mapping_advice advice) {
    static const int kernels[] = {
        [METE__MAPPING_NORMAL] = MADV_NORMAL,
        [METE__MAPPING_RANDOM] = MADV_RANDOM,
        [METE__MAPPING_SEQUENTIAL] = MADV_SEQUENTIAL,
        [METE__MAPPING_WILL_NEED] = MADV_WILLNEED,
        [METE__MAPPING_COLD] = MADV_COLD,
        [METE__MAPPING_PAGE_OUT] = MADV_PAGEOUT,
        [METE__MAPPING_WANTS_HUGE] = MADV_HUGEPAGE,
        [METE__MAPPING_NO_HUGE] = MADV_NOHUGEPAGE,
        [METE__MAPPING_COLLAPSE] = MADV_COLLAPSE,
        [METE__MAPPING_MERGEABLE] = MADV_MERGEABLE,
        [METE__MAPPING_UNMERGEABLE] = MADV_UNMERGEABLE,
        [METE__MAPPING_DONT_FORK] = MADV_DONTFORK,
        [METE__MAPPING_DO_FORK] = MADV_DOFORK,
        [METE__MAPPING_WIPE_ON_FORK] = MADV_WIPEONFORK,
        [METE__MAPPING_KEEP_ON_FORK] = MADV_KEEPONFORK,
        [METE__MAPPING_DONT_DUMP] = MADV_DONTDUMP,
        [METE__MAPPING_DO_DUMP] = MADV_DODUMP,
        [METE__MAPPING_HW_POISON] = MADV_HWPOISON,
        [METE__MAPPING_DONT_NEED] = MADV_DONTNEED,
        [METE__MAPPING_FREE] = MADV_FREE,
        [METE__MAPPING_REMOVE] = MADV_REMOVE,
    };
    return STATUS(madvise(start, size, kernels[advice]));
}

int mete__mapping_populate(void *start, size_t size, bool writable) {
    int status;

    do status = STATUS(madvise(start, size, writable ? MADV_POPULATE_WRITE : MADV_POPULATE_READ));
    while (status == -EINTR || status == -EAGAIN);
    return status == -EINVAL ? -ENOSYS : status;
}

int mete__mapping_sync(void *start, size_t size) {
    int saved = errno;
    long status;

    do status = mete__raw_result(syscall(SYS_msync, start, size, MS_SYNC), saved);
    while (status == -EINTR);
    return (int)status;
}

int mete__mapping_lock(void *start, size_t size) {
    return STATUS(mlock(start, size));
}

int mete__mapping_unlock(void *start, size_t size) {
    return STATUS(munlock(start, size));
}

int mete__mapping_resident(void *start, size_t size, size_t *bytes) {
    size_t page = mete__memory_page_size(), found = 0;
    unsigned char present[1024];

    for (size_t done = 0; done < size;) {
        size_t step = size - done < sizeof present * page ? size - done : sizeof present * page;
        int status = STATUS(mincore((char *)start + done, step, present));
        if (status == -EAGAIN) continue;
        if (status != 0) return status;
        for (size_t i = 0; i < step / page; i++) found += present[i] & 1u;
        done += step;
    }
    *bytes = found * page;
    return 0;
}

int mete__mapping_name(void *start, size_t size, const char *name) {
    return STATUS(prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, start, size, name));
}

void mete__mapping_ready_code(void *start, size_t size) {
    __builtin___clear_cache(start, (char *)start + size);
}
