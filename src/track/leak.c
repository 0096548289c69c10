/* track/leak.h */
#include "track/leak.h"

#include <errno.h>

#include "heap/heap.h"
#include "os/threads.h"
#include "profile/writer.h"
#include "registry/registry.h"
#include "track/leak_clique.h"
#include "track/leak_roots.h"
#include "track/leak_scan.h"
#include "track/leak_sum.h"
#include "track/tracker.h"

#define STOP_NS ((uint64_t)500 * 1000 * 1000) /* for threads to answer */
#define ABANDON_NS \
    ((uint64_t)1000 * 1000 * 1000) /* that the rest of an exit may wait for a stopped one */

/* One check, and all it holds while it runs. */
struct check {
    struct mete__threads threads;
    struct mete__maps maps;
    struct mete__peek *peek;
    struct mete__leak_scan scan;
    struct mete__leak_sums sums;
    int status; /* of adding up */
};

static bool add_up(void *context, void *block, struct mete__record *record) {
    static const enum mete_profile_leak_kind kinds[] = {
        [METE__LEAK_LOST] = METE_LEAK_DEFINITE,
        [METE__LEAK_POSSIBLE] = METE_LEAK_POSSIBLE,
        [METE__LEAK_REACHABLE] = METE_LEAK_REACHABLE,
        [METE__LEAK_INDIRECT] = METE_LEAK_INDIRECT,
    };
    struct check *check = context;
    (void)block;
    check->status =
        mete__leak_sum_add(&check->sums, record->stack, kinds[record->mark], record->size);
    return check->status == 0;
}

/* From the roots to the sums. */
static int examine(struct check *check, const struct mete__leak_roots *roots) {
    int status = mete__leak_scan_begin(&check->scan, &check->maps, check->peek);
    if (status != 0) return status;
    status = mete__leak_roots_scan(roots, &check->scan);
    if (status == 0) status = mete__leak_clique_divide(&check->scan);
    if (status == 0) status = mete__leak_sum_begin(&check->sums);
    if (status == 0) {
        mete__heap_each_watched(add_up, check);
        status = check->status;
    }
    mete__leak_scan_end(&check->scan);
    return status;
}

/* Lists what is mapped only when the other threads stand still. */
static int check_now(struct check *check, uintptr_t stack_pointer, bool at_exit) {
    const struct mete_profile_header *header = mete__writer_header();
    struct mete__leak_roots roots = {
        .threads = &check->threads,
        .stack_pointer = stack_pointer,
        .forked = header != NULL && header->inherited_allocations != 0,
    };
    /* A thread must not be stopped while it holds the registry, which the check reads. */
    roots.has_registry = mete__registry_hold();
    int status = mete__threads_stop(&check->threads, STOP_NS, !at_exit);
    if (status != 0) goto fail_stop;
    check->peek = mete__peek_open();
    status = check->peek == NULL ? -ENOMEM : mete__maps_read(&check->maps);
    if (status == 0) {
        status = examine(check, &roots);
        mete__maps_free(&check->maps);
    }
    mete__peek_close(check->peek);
    if (at_exit)
        mete__threads_abandon(&check->threads, ABANDON_NS);
    else
        mete__threads_resume(&check->threads);
fail_stop:
    if (roots.has_registry) mete__registry_release();
    return status;
}

/* Into the profile. The records of a section lie apart, so each is placed by itself. */
static int publish(const struct mete__leak_sums *sums) {
    if (sums->count == 0) return 0;
    int64_t next = mete__writer_reserve(METE_SECTION_LEAKS, sums->count);
    if (next < 0) return (int)next;
    for (size_t i = 0; i < sums->capacity; i++) {
        if (sums->table[i].kind == 0) continue;
        struct mete_profile_leak *record =
            mete__writer_record(METE_SECTION_LEAKS, (uint64_t)next++);
        *record = sums->table[i];
    }
    mete__writer_publish(METE_SECTION_LEAKS, (uint64_t)next - 1);
    return 0;
}

static void set_state(enum mete_profile_leak_check state, int status) {
    struct mete_profile_header *header = mete__writer_header();
    if (header == NULL) return;
    header->leak_check_errno = (uint32_t)-status;
    __atomic_store_n(&header->leak_check, (uint32_t)state, __ATOMIC_RELEASE);
}

static void total(const struct mete__leak_sums *sums, struct mete__leak_result *out) {
    *out = (struct mete__leak_result){0};
    for (size_t i = 0; i < sums->capacity; i++) {
        const struct mete_profile_leak *leak = &sums->table[i];
        out->kinds[leak->kind].bytes += leak->bytes;
        out->kinds[leak->kind].blocks += leak->blocks;
    }
}

/* Its caller's frame holds the registers: see mete__leak_check_run. */
static METE_NOINLINE int run(enum mete__leak_occasion occasion, struct mete__leak_result *out) {
    struct check check = {0};
    bool at_exit = occasion == METE__LEAK_AT_EXIT;

    if (at_exit) {
        mete__tracker_settle();
        set_state(METE_LEAK_CHECK_RUNNING, 0);
    }
    int status = check_now(&check, (uintptr_t)__builtin_frame_address(0), at_exit);
    if (status == 0 && at_exit) status = publish(&check.sums);
    if (at_exit) set_state(status == 0 ? METE_LEAK_CHECK_DONE : METE_LEAK_CHECK_FAILED, status);
    if (status == 0 && out != NULL) total(&check.sums, out);
    mete__leak_sum_end(&check.sums);
    return status;
}

int mete__leak_check_run(enum mete__leak_occasion occasion, struct mete__leak_result *out) {
    /* Registers that calls keep go to this frame, where the scan finds them: nothing below it
     * counts. */
    __builtin_unwind_init();
    int status = run(occasion, out);
    __asm__ volatile("" : : : "memory"); /* no tail call: the frame must be there meanwhile */
    return status;
}
