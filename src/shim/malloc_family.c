/*
 * shim/malloc_family.c - the malloc family under the C library's own names.
 *
 * Only libmete_malloc has this file. Everything that glibc's malloc.c defines is here, because a
 * single missing name would let one of its blocks reach our free, or one of ours its.
 */
#include <errno.h>
#include <limits.h>
#include <malloc.h>
#include <mete/stats.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/bits.h"
#include "base/text.h"
#include "heap/alloc.h"
#include "heap/blocks.h"
#include "heap/malloc_family.h"
#include "heap/slices.h"
#include "heap/stats.h"
#include "os/memory.h"
#include "os/process.h"
#include "profile/format.h"
#include "shim/startup.h"

#if __has_attribute(copy)
#define OWN_AS(name)  __attribute__((alias(#name), copy(name)))
#define SAME_AS(name) __attribute__((alias(#name), copy(name), visibility("default")))
#else
#define OWN_AS(name)  __attribute__((alias(#name)))
#define SAME_AS(name) __attribute__((alias(#name), visibility("default")))
#endif

/* NOLINTBEGIN(bugprone-reserved-identifier) */
/* Seen from another mete in the process, libmete: the program's malloc is mete's already, and what
 * is to be tracked is tracked there (shim/startup.c). */
METE_EXPORT const char mete_malloc_family[] = "libmete_malloc";
const bool mete__malloc_family_is_own = true;

/* By this note `mete run` can tell, also of a stripped program, that it was linked with
 * libmete_malloc.a: its malloc is mete's, and nothing needs to be preloaded. */
__attribute__((section(".note.mete"), used, aligned(4))) static const struct {
    uint32_t name_bytes, description_bytes, type;
    char name[8];
    uint32_t format_version;
} linked_note = {sizeof "mete", sizeof(uint32_t), 1, "mete", METE_PROFILE_VERSION};

/* Names that C23 or the C library's own internals have and glibc 2.36's headers do not declare. */
void free_sized(void *block, size_t size);
void free_aligned_sized(void *block, size_t align, size_t size);
void cfree(void *block);
void *__libc_malloc(size_t size);
void __libc_free(void *block);
void __libc_cfree(void *block);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *block, size_t size);
void *__libc_memalign(size_t align, size_t size);
void *__libc_valloc(size_t size);
void *__libc_pvalloc(size_t size);
int __posix_memalign(void **out, size_t align, size_t size);
void *__libc_reallocarray(void *block, size_t count, size_t size);
int __libc_mallopt(int parameter, int value);
struct mallinfo __libc_mallinfo(void);
/* NOLINTEND(bugprone-reserved-identifier) */

/* The C library's headers name the parameters in their own way. */
/* NOLINTBEGIN(readability-inconsistent-declaration-parameter-name) */

METE_EXPORT void *malloc(size_t size) {
    return mete__alloc(size);
}

METE_EXPORT void free(void *block) {
    mete__alloc_free(block);
}

METE_EXPORT void *calloc(size_t count, size_t size) {
    size_t total;

    if (METE_UNLIKELY(mete__mul_overflows(count, size, &total))) total = SIZE_MAX;
    return mete__alloc_zeroed(total);
}

METE_EXPORT void *realloc(void *block, size_t size) {
    return mete__alloc_resize(block, size);
}

METE_EXPORT void *reallocarray(void *block, size_t count, size_t size) {
    struct mete__caller caller = METE__CALLER;
    size_t total;

    if (METE_UNLIKELY(mete__mul_overflows(count, size, &total))) {
        errno = ENOMEM;
        return NULL;
    }
    return mete__alloc_resize_for(block, total, &caller);
}

/* glibc's memalign rounds a strange alignment up to a power of two; POSIX's and C's refuse it. */
METE_EXPORT void *memalign(size_t align, size_t size) {
    if (align > SIZE_MAX / 2 + 1) {
        errno = EINVAL;
        return NULL;
    }
    return mete__alloc_aligned(size, mete__power_of_two_ceil(align));
}

METE_EXPORT void *aligned_alloc(size_t align, size_t size) {
    if (!mete__is_power_of_two(align)) {
        errno = EINVAL;
        return NULL;
    }
    return mete__alloc_aligned(size, align);
}

METE_EXPORT int posix_memalign(void **out, size_t align, size_t size) {
    struct mete__caller caller = METE__CALLER;

    if (!mete__is_power_of_two(align) || align % sizeof(void *) != 0) return EINVAL;
    void *block = mete__alloc_aligned_for(size, align, &caller);
    if (block == NULL) return ENOMEM; /* and so says errno, as the C library's does */
    *out = block;
    return 0;
}

METE_EXPORT void *valloc(size_t size) {
    struct mete__caller caller = METE__CALLER;
    return mete__alloc_aligned_for(size, mete__memory_page_size(), &caller);
}

METE_EXPORT void *pvalloc(size_t size) {
    struct mete__caller caller = METE__CALLER;
    size_t page = mete__memory_page_size();
    size_t whole = size > SIZE_MAX - page ? SIZE_MAX : mete__round_up(size, page);
    return mete__alloc_aligned_for(whole, page, &caller);
}

/* By names that nobody else can define. */
OWN_AS(malloc) static void *own_malloc(size_t size);
OWN_AS(realloc) static void *own_realloc(void *block, size_t size);
OWN_AS(free) static void own_free(void *block);
const struct mete__malloc_family mete__malloc_family_own = {own_malloc, own_realloc, own_free};

METE_EXPORT void free_sized(void *block, size_t size) {
    mete__alloc_free_sized(block, size);
}

METE_EXPORT void free_aligned_sized(void *block, size_t align, size_t size) {
    (void)align;
    mete__alloc_free_sized(block, size);
}

METE_EXPORT size_t malloc_usable_size(void *block) {
    struct mete__caller caller = METE__CALLER;
    return mete__alloc_usable(block, &caller);
}

METE_EXPORT int malloc_trim(size_t keep) {
    size_t given = 0;
    struct mete__cache *cache = mete__cache_enter();

    (void)keep;
    if (cache != NULL) {
        given = mete__blocks_trim(cache);
        mete__cache_leave(cache);
    }
    return mete__slices_purge() + given > 0;
}

/* The parameters describe glibc's arenas and thresholds, of which there are none here. 1 is "done".
 */
METE_EXPORT int mallopt(int parameter, int value) {
    (void)parameter;
    (void)value;
    return 1;
}

METE_EXPORT struct mallinfo2 mallinfo2(void) {
    struct mete__heap_stats heap;
    mete_stats all;

    mete__stats_read(&heap);
    mete_stats_read(&all);
    return (struct mallinfo2){
        .arena = (size_t)heap.committed_bytes,
        .uordblks = (size_t)all.live_bytes,
        .fordblks = (size_t)(heap.committed_bytes - all.live_bytes),
        .keepcost = (size_t)heap.dirty_bytes,
        .usmblks = (size_t)heap.peak_span_bytes,
    };
}

static int clipped(size_t value) {
    return value > INT_MAX ? INT_MAX : (int)value;
}

METE_EXPORT struct mallinfo mallinfo(void) {
    struct mallinfo2 wide = mallinfo2();
    return (struct mallinfo){
        .arena = clipped(wide.arena),
        .uordblks = clipped(wide.uordblks),
        .fordblks = clipped(wide.fordblks),
        .keepcost = clipped(wide.keepcost),
        .usmblks = clipped(wide.usmblks),
    };
}

static struct mete__text describe(char *buffer, size_t size, const char *format) {
    struct mete__text text = mete__text_in(buffer, size);
    struct mete__heap_stats heap;
    mete_stats all;

    mete__stats_read(&heap);
    mete_stats_read(&all);
    mete__text_add(&text, format, (unsigned long long)all.allocations,
                   (unsigned long long)all.frees, (unsigned long long)all.live_blocks,
                   (unsigned long long)all.live_bytes, (unsigned long long)heap.span_bytes,
                   (unsigned long long)heap.peak_span_bytes,
                   (unsigned long long)heap.committed_bytes);
    return text;
}

METE_EXPORT int malloc_info(int options, FILE *stream) {
    char buffer[512];

    if (options != 0) {
        errno = EINVAL;
        return -1;
    }
    struct mete__text text =
        describe(buffer, sizeof buffer,
                 "<malloc version=\"mete-1\">\n"
                 "<allocations count=\"%llu\"/>\n<frees count=\"%llu\"/>\n"
                 "<live count=\"%llu\" size=\"%llu\"/>\n"
                 "<spans size=\"%llu\" peak=\"%llu\"/>\n<committed size=\"%llu\"/>\n</malloc>\n");
    /* The stream is the program's own, and it asked for this: stdio may allocate here. */
    return fputs(text.start, stream) < 0 ? -1 : 0;
}

METE_EXPORT void malloc_stats(void) {
    char buffer[512];
    struct mete__text text =
        describe(buffer, sizeof buffer,
                 "mete: %llu allocations, %llu frees, %llu blocks live in %llu bytes\n"
                 "mete: %llu bytes in spans, %llu at the peak, %llu committed\n");
    mete__process_complain(text.start, text.length);
}

SAME_AS(free) void cfree(void *block);
SAME_AS(malloc) void *__libc_malloc(size_t size);
SAME_AS(free) void __libc_free(void *block);
SAME_AS(free) void __libc_cfree(void *block);
SAME_AS(calloc) void *__libc_calloc(size_t count, size_t size);
SAME_AS(realloc) void *__libc_realloc(void *block, size_t size);
SAME_AS(memalign) void *__libc_memalign(size_t align, size_t size);
SAME_AS(valloc) void *__libc_valloc(size_t size);
SAME_AS(pvalloc) void *__libc_pvalloc(size_t size);
SAME_AS(posix_memalign) int __posix_memalign(void **out, size_t align, size_t size);
SAME_AS(reallocarray) void *__libc_reallocarray(void *block, size_t count, size_t size);

SAME_AS(mallopt) int __libc_mallopt(int parameter, int value);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations" /* that is why it must still be here */
SAME_AS(mallinfo) struct mallinfo __libc_mallinfo(void);
#pragma GCC diagnostic pop

/* NOLINTEND(readability-inconsistent-declaration-parameter-name) */
