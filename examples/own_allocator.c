/*
 * examples/own_allocator.c - an allocator of one's own, and what can be stacked on any allocator.
 *
 *     cc own_allocator.c $(pkg-config --cflags --libs mete) -o own_allocator && ./own_allocator
 *
 * A list of numbers does not care where its memory comes from: it is given an allocator. So it can
 * be measured, held to a limit, checked, and made to run out of memory at every single request,
 * without a word of it being changed.
 */
#include <mete/adapters.h>
#include <mete/allocator.h>

#include <stdio.h>
#include <string.h>

/* ---- what is served ---- */

struct list {
    struct list *next;
    int number;
};

static void list_free(const mete_allocator *allocator, struct list *list) {
    while (list != NULL) {
        struct list *next = list->next;
        METE_FREE(allocator, list);
        list = next;
    }
}

/* 1 to `count` into *out: 0, or a negative errno, and then nothing is left behind. */
static int list_of(const mete_allocator *allocator, int count, struct list **out) {
    struct list *list = NULL;

    for (int i = count; i > 0; i--) {
        struct list *first = METE_ALLOC(allocator, struct list);
        if (first == NULL) {
            int status = -errno;
            list_free(allocator, list);
            return status;
        }
        *first = (struct list){list, i};
        list = first;
    }
    *out = list;
    return 0;
}

/* ---- who serves ---- */

/* Eight places for blocks of up to 32 bytes, as a small machine might have them: a bit for each. */
struct shelf {
    _Alignas(16) char places[8][32];
    unsigned taken;
};

static void *shelf_alloc(void *state, mete_layout layout, const mete_site *site) {
    struct shelf *shelf = state;

    (void)site;
    for (unsigned i = 0; layout.size <= 32 && layout.align <= 16 && i < 8; i++) {
        if ((shelf->taken >> i & 1) != 0) continue;
        shelf->taken |= 1u << i;
        return shelf->places[i];
    }
    errno = layout.size <= 32 && layout.align <= 16 ? ENOBUFS : EINVAL;
    return NULL;
}

static void shelf_free(void *state, void *block, mete_layout layout) {
    struct shelf *shelf = state;

    (void)layout;
    shelf->taken &= ~(1u << ((char(*)[32])block - shelf->places));
}

static const mete_allocator_methods shelf_methods = {.name = "shelf",
                                                     .capabilities = METE_ALLOCATOR_FREES,
                                                     .alloc = shelf_alloc,
                                                     .free = shelf_free};

/* ---- both ---- */

static int make_and_free(void *context, const mete_allocator *allocator) {
    struct list *list;
    int status = list_of(allocator, *(const int *)context, &list);

    if (status == 0) list_free(allocator, list);
    return status == -ENOMEM ? 0 : status; /* to run out of memory well is to cope */
}

static int lose_two(const mete_allocator *under) {
    mete_allocator *tracking = mete_allocator_tracking(under);
    struct list *list;
    char report[256];

    if (tracking == NULL || list_of(tracking, 3, &list) != 0) return 1;
    METE_FREE(tracking, list); /* the first, and not those that it points to */
    long lost = mete_allocator_tracking_report(tracking, report, sizeof report);
    printf("%ld blocks left over:\n%s", lost, report);
    mete_allocator_destroy(tracking);
    return 0;
}

int main(void) {
    struct shelf shelf = {.taken = 0};
    mete_allocator own = {&shelf_methods, &shelf};
    mete_allocator *counting = mete_allocator_counting(&own, "lists");
    mete_allocator_stats stats;
    struct list *list;
    uint64_t requests;
    int count = 5;

    if (counting == NULL) return 1;
    printf("eight numbers: %s\n", strerror(-list_of(counting, 8, &list)));
    list_free(counting, list);
    printf("nine numbers: %s\n", strerror(-list_of(counting, 9, &list)));
    mete_allocator_stats_read(counting, &stats);
    printf("%ju allocations, %ju frees, %ju failed, %ju bytes at most\n",
           (uintmax_t)stats.allocations, (uintmax_t)stats.frees, (uintmax_t)stats.failures,
           (uintmax_t)stats.peak_live_bytes);

    int status = mete_allocator_failing_each(counting, make_and_free, &count, &requests);
    printf("out of memory at each of %ju requests: %s\n", (uintmax_t)requests, strerror(-status));
    mete_allocator_destroy(counting);
    return lose_two(mete_allocator_heap());
}
