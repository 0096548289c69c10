/* os/peek.h for Linux. Presence by /proc/thread-self/pagemap; see pagemap.rst of the kernel. All is
 * asked for this thread, because the main thread has no memory any more once it has ended. */
#include "os/peek.h"

#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>

#include "base/bits.h"
#include "os/linux/raw.h"
#include "os/memory.h"
#include "os/process.h"

/* ---- the kernel's interface, where headers are older than it (Linux 6.7) ---- */

struct page_run { /* struct page_region */
    uint64_t start;
    uint64_t end;
    uint64_t categories;
};

struct page_scan { /* struct pm_scan_arg */
    uint64_t size, flags, start, end, walk_end, runs, run_count, most_pages;
    uint64_t inverted, all_of, any_of, returned;
};
#define SCAN_PAGES   _IOWR('f', 16, struct page_scan) /* PAGEMAP_SCAN */
#define IS_PRESENT   ((uint64_t)1 << 3)
#define IS_SWAPPED   ((uint64_t)1 << 4)
#define IS_ZERO_PAGE ((uint64_t)1 << 5)

/* In entries of the pagemap file. */
#define ENTRY_SWAPPED ((uint64_t)1 << 62)
#define ENTRY_PRESENT ((uint64_t)1 << 63)

enum {
    WINDOW_PAGES =
        512, /* looked up at a time where the kernel does not scan: 2 MiB of address space */
    RUNS = WINDOW_PAGES / 2,  /* as many as a window can have */
    BUFFER_BYTES = 16 * 1024, /* copied at a time: stays in the first-level cache */
    KEPT_BITS = 6,            /* 2^6 pages, for mete__peek_copy */
    KEPT_PAGES = 1 << KEPT_BITS,
    KEPT_BYTES = 4096, /* of each: the smallest page of any machine mete knows */
};

/* Asking for the contents of every page of a larger shared mapping takes too long: what this
 * process has not touched of it is taken for empty. */
#define SHARED_MOST ((uintptr_t)64 << 30)

struct mete__peek {
    long thread;  /* kernel id of the one that looks */
    int pagemap;  /* negative: unreadable, every page counts as present */
    int memory;   /* /proc/thread-self/mem, opened when process_vm_readv is refused; negative: not
                     open */
    bool refused; /* process_vm_readv */
    bool no_scan; /* the kernel does not scan */
    /* What is known of [known, known_end), which was looked up as shared or not: the pages with
     * contents. */
    uintptr_t known;
    uintptr_t known_end;
    bool known_shared;
    size_t run_count;
    struct page_run runs[RUNS];
    uint64_t entries[WINDOW_PAGES];
    unsigned char resident[WINDOW_PAGES];
    uint64_t buffer[BUFFER_BYTES / sizeof(uint64_t)];
    uintptr_t kept[KEPT_PAGES]; /* addresses of the pages in `pages`; 0: none */
    char pages[KEPT_PAGES][KEPT_BYTES];
};

struct mete__peek *mete__peek_open(void) {
    struct mete__peek *peek = mete__memory_map(sizeof *peek);
    if (peek == NULL) return NULL;
    peek->memory = -1;
    peek->thread = (long)mete__process_thread_id();
    peek->pagemap = mete__raw_open("/proc/thread-self/pagemap", O_RDONLY);
    return peek;
}

void mete__peek_close(struct mete__peek *peek) {
    if (peek == NULL) return;
    if (peek->pagemap >= 0) mete__raw_close(peek->pagemap);
    if (peek->memory >= 0) mete__raw_close(peek->memory);
    mete__memory_release(peek, sizeof *peek);
}

void mete__peek_extent(const struct mete__peek *peek, uintptr_t *start, size_t *size) {
    *start = (uintptr_t)peek;
    *size = mete__round_up(sizeof *peek, mete__memory_page_size());
}

/* ---- which pages have contents ---- */

/* Costs what is in the page table, not what is reserved. False where the kernel cannot. */
static bool scan_pages(struct mete__peek *peek, uintptr_t start, uintptr_t end) {
    struct page_scan scan = {
        .size = sizeof scan,
        .start = start,
        .end = end,
        .runs = (uint64_t)(uintptr_t)peek->runs,
        .run_count = RUNS,
        .inverted = IS_ZERO_PAGE,
        .all_of = IS_ZERO_PAGE, /* inverted: none of it */
        .any_of = IS_PRESENT | IS_SWAPPED,
        .returned = IS_PRESENT | IS_SWAPPED,
    };
    int saved = errno;
    long count = syscall(SYS_ioctl, peek->pagemap, SCAN_PAGES, &scan);
    errno = saved;
    if (count < 0 || scan.walk_end <= start) return false;
    peek->run_count = (size_t)count;
    peek->known_end = (uintptr_t)scan.walk_end;
    return true;
}

static void add_page(struct mete__peek *peek, uintptr_t address, size_t page) {
    if (peek->run_count > 0 && peek->runs[peek->run_count - 1].end == address)
        peek->runs[peek->run_count - 1].end = address + page;
    else
        peek->runs[peek->run_count++] = (struct page_run){.start = address, .end = address + page};
}

/* Page by page. A shared page that this process has not touched, or that was unmapped to be
 * reclaimed, is not in its page table; where its contents are in memory, reading it costs no I/O.
 * Where nothing can be learnt, all pages count. */
static void look_up_window(struct mete__peek *peek, uintptr_t start, uintptr_t end, bool shared) {
    size_t page = mete__memory_page_size();
    size_t pages = (end - start) / page;
    long got = -ENOENT;

    if (pages > WINDOW_PAGES) pages = WINDOW_PAGES;
    memset(peek->resident, 0, pages);
    if (peek->pagemap >= 0)
        got = mete__raw_read_at(peek->pagemap, peek->entries, pages * sizeof(uint64_t),
                                start / page * sizeof(uint64_t));
    size_t known = got > 0 ? (size_t)got / sizeof(uint64_t) : 0;
    if (shared && known > 0) {
        int saved = errno;
        syscall(SYS_mincore, start, known * page, peek->resident);
        errno = saved;
    }
    peek->run_count = 0;
    for (size_t i = 0; i < pages; i++)
        if (i >= known || (peek->entries[i] & (ENTRY_PRESENT | ENTRY_SWAPPED)) != 0 ||
            (peek->resident[i] & 1) != 0)
            add_page(peek, start + i * page, page);
    peek->known_end = start + pages * page;
}

static void look_up(struct mete__peek *peek, uintptr_t start, uintptr_t end, bool shared) {
    end = mete__round_up(end, mete__memory_page_size());
    peek->known_shared = shared;
    if (shared && end - start > SHARED_MOST) shared = false;
    if (peek->pagemap < 0 || shared || peek->no_scan || !scan_pages(peek, start, end)) {
        if (peek->pagemap >= 0 && !shared) peek->no_scan = true;
        look_up_window(peek, start, end, shared);
    }
    peek->known = start;
}

/* Moves *start to the next byte with contents, and says where its pages end; false where there is
 * none. */
static bool next_run(struct mete__peek *peek, uintptr_t *start, uintptr_t end, bool shared,
                     uintptr_t *run_end) {
    size_t page = mete__memory_page_size();

    while (*start < end) {
        if (*start < peek->known || *start >= peek->known_end || shared != peek->known_shared)
            look_up(peek, mete__round_down(*start, page), end, shared);
        size_t low = 0, high = peek->run_count; /* the first run that ends above */
        while (low < high) {
            size_t middle = low + (high - low) / 2;
            if (peek->runs[middle].end <= *start)
                low = middle + 1;
            else
                high = middle;
        }
        if (low < peek->run_count) {
            if (peek->runs[low].start > *start) *start = (uintptr_t)peek->runs[low].start;
            *run_end = (uintptr_t)peek->runs[low].end < end ? (uintptr_t)peek->runs[low].end : end;
            return *start < end;
        }
        *start = peek->known_end;
    }
    return false;
}

/* ---- reading ---- */

/* How many bytes from `from` on could be copied. */
static size_t copy(struct mete__peek *peek, void *to, uintptr_t from, size_t size) {
    if (!peek->refused) {
        struct iovec local = {.iov_base = to, .iov_len = size};
        struct iovec remote = {.iov_base = (void *)from, .iov_len = size};
        int saved = errno;
        long got = mete__raw_result(
            syscall(SYS_process_vm_readv, peek->thread, &local, 1L, &remote, 1L, 0L), saved);
        if (got >= 0) return (size_t)got;
        if (got == -EFAULT) return 0;
        peek->refused = true; /* seccomp, or a kernel without it */
        peek->memory = mete__raw_open("/proc/thread-self/mem", O_RDONLY);
    }
    if (peek->memory < 0) {
        /* Nothing is left but to trust the list of mappings. */
        memcpy(to, (const void *)from, size);
        return size;
    }
    long got = mete__raw_read_at(peek->memory, to, size, from);
    return got > 0 ? (size_t)got : 0;
}

/* The page's contents, as they were when first asked for; NULL where it cannot be read. */
static const char *keep_page(struct mete__peek *peek, uintptr_t page) {
    size_t place = page / KEPT_BYTES * 0x9e3779b97f4a7c15u >> (64 - KEPT_BITS);
    if (peek->kept[place] == page) return peek->pages[place];
    peek->kept[place] = 0;
    if (copy(peek, peek->pages[place], page, KEPT_BYTES) != KEPT_BYTES) return NULL;
    peek->kept[place] = page;
    return peek->pages[place];
}

bool mete__peek_copy(struct mete__peek *peek, void *to, uintptr_t from, size_t size) {
    while (size > 0) {
        uintptr_t page = mete__round_down(from, KEPT_BYTES);
        size_t some = page + KEPT_BYTES - from < size ? page + KEPT_BYTES - from : size;
        const char *contents = page == 0 ? NULL : keep_page(peek, page);
        if (contents == NULL) return false;
        memcpy(to, contents + (from - page), some);
        to = (char *)to + some;
        from += some;
        size -= some;
    }
    return true;
}

const void *mete__peek_next(struct mete__peek *peek, uintptr_t *at, uintptr_t end, bool shared,
                            size_t *size) {
    uintptr_t start = *at, run_end;

    while (next_run(peek, &start, end, shared, &run_end)) {
        size_t want = run_end - start < BUFFER_BYTES ? run_end - start : BUFFER_BYTES;
        size_t got = mete__round_down(copy(peek, peek->buffer, start, want), sizeof(uint64_t));
        if (got > 0) {
            *at = start;
            *size = got;
            return peek->buffer;
        }
        start = mete__round_down(start, mete__memory_page_size()) + mete__memory_page_size();
    }
    return NULL;
}
