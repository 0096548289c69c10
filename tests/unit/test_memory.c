/* os/memory.h: what the heap may expect of address space and pages. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/bits.h"
#include "os/memory.h"
#include "os/probe.h"
#include "support/apart.h"

static const size_t mib = (size_t)1 << 20;

static bool readable(const char *address) {
    return mete__probe_readable((uintptr_t)address);
}

static bool all_are(const char *bytes, size_t size, char value) {
    for (size_t i = 0; i < size; i++)
        if (bytes[i] != value) return false;
    return true;
}

/* Committed memory full of `value`. */
static char *filled(size_t size, char value) {
    char *memory = mete__memory_reserve(size, mete__memory_page_size());
    CHECK(memory != NULL && mete__memory_commit(memory, size) == 0);
    memset(memory, value, size);
    return memory;
}

static size_t resident_pages(char *start, size_t size) {
    size_t page = mete__memory_page_size(), count = 0;
    unsigned char state[1024];

    CHECK(size / page <= sizeof state && mincore(start, size, state) == 0);
    for (size_t i = 0; i < size / page; i++) count += state[i] & 1u;
    return count;
}

static void page_size_is_the_systems(void) {
    CHECK(mete__memory_page_size() == (size_t)sysconf(_SC_PAGESIZE));
}

static void reserved_space_is_aligned_and_inaccessible(void) {
    for (size_t align = mete__memory_page_size(); align <= 64 * mib; align *= 2) {
        char *start = mete__memory_reserve(3 * mib, align);
        CHECK(start != NULL && (uintptr_t)start % align == 0);
        CHECK(!readable(start) && !readable(start + 3 * mib - 8));
        mete__memory_release(start, 3 * mib);
    }
}

static void reserving_with_alignment_leaves_nothing_beside_it(void) {
    size_t before = apart_mappings();
    for (int i = 0; i < 8; i++) {
        char *start = mete__memory_reserve(mib, 64 * mib);
        CHECK(start != NULL);
        mete__memory_release(start, mib);
    }
    CHECK(apart_mappings() <= before);
}

static void too_large_a_reservation_is_refused_and_errno_kept(void) {
    errno = 0;
    CHECK(mete__memory_reserve(SIZE_MAX - 4095, 4096) == NULL);
    CHECK(mete__memory_reserve(SIZE_MAX - 4095, mib) == NULL);
    CHECK(mete__memory_reserve((size_t)1 << 60, 4096) == NULL);
    CHECK(mete__memory_map((size_t)1 << 60) == NULL);
    CHECK(errno == 0);
}

static void committed_pages_can_be_written_and_are_zero(void) {
    char *start = mete__memory_reserve(4 * mib, mib);
    CHECK(mete__memory_commit(start + mib, mib) == 0);
    CHECK(all_are(start + mib, mib, 0));
    memset(start + mib, 1, mib);
    CHECK(mete__memory_commit(start + mib, mib) == 0); /* again: harmless */
    CHECK(all_are(start + mib, mib, 1));
    CHECK(!readable(start + mib - 8) && !readable(start + 2 * mib));
}

static void committing_what_is_not_reserved_fails_and_keeps_errno(void) {
    char *start = mete__memory_reserve(mib, mib);
    mete__memory_release(start, mib);
    errno = 0;
    CHECK(mete__memory_commit(start, mib) == -ENOMEM);
    CHECK(errno == 0);
}

static void decommitted_pages_are_inaccessible_and_come_back_as_zero(void) {
    char *start = filled(2 * mib, 7);
    CHECK(mete__memory_decommit(start, mib) == 0);
    CHECK(!readable(start));
    CHECK(all_are(start + mib, mib, 7));
    CHECK(mete__memory_commit(start, mib) == 0);
    CHECK(all_are(start, mib, 0));
}

static void purged_pages_are_zero_and_not_resident(void) {
    char *start = filled(2 * mib, 7);
    CHECK(mete__memory_purge(start, mib) == 0);
    CHECK(resident_pages(start, mib) == 0);
    CHECK(resident_pages(start + mib, mib) == mib / mete__memory_page_size());
    CHECK(all_are(start, mib, 0));
    CHECK(all_are(start + mib, mib, 7));
}

static void locked_pages_refuse_to_be_purged(void) {
    size_t page = mete__memory_page_size();
    char *start = filled(4 * page, 7);
    /* By system call: AddressSanitizer makes mlock do nothing. */
    if (syscall(SYS_mlock, start, 4 * page) != 0) apart_skip("no memory may be locked");
    errno = 0;
    CHECK(mete__memory_purge(start, 4 * page) == -EINVAL);
    CHECK(errno == 0);
    CHECK(all_are(start, 4 * page, 7));
}

static void moved_pages_arrive_with_their_bytes_and_leave_zeros(void) {
    char *from = filled(2 * mib, 5), *to = filled(4 * mib, 6);
    errno = 0;
    int status = mete__memory_move(from, 2 * mib, to, 3 * mib);
    CHECK(errno == 0);
    if (status == -EINVAL) apart_skip("Linux before 5.7");
    CHECK(status == 0);
    CHECK(all_are(to, 2 * mib, 5));
    CHECK(all_are(to + 2 * mib, mib, 0)); /* the rest of the room */
    CHECK(all_are(to + 3 * mib, mib, 6));
    CHECK(all_are(from, 2 * mib, 0));
    memset(from, 1, 2 * mib);
    memset(to, 2, 4 * mib);
}

static void a_block_that_was_moved_can_be_moved_again(void) {
    char *a = filled(mib, 5), *b = filled(2 * mib, 6), *c = filled(3 * mib, 7);
    if (mete__memory_move(a, mib, b, 2 * mib) == -EINVAL) apart_skip("Linux before 5.7");
    b[2 * mib - 1] = 5;
    CHECK(mete__memory_move(b, 2 * mib, c, 3 * mib) == 0);
    CHECK(all_are(c, mib, 5) && c[2 * mib - 1] == 5);
    CHECK(all_are(b, 2 * mib, 0));
}

static void a_move_from_two_mappings_fails_without_harm(void) {
    char *from = filled(2 * mib, 5), *to = filled(2 * mib, 6);
    /* What a program may do to a block of its own. */
    CHECK(mprotect(from + mib, mib, PROT_READ) == 0);
    size_t before = apart_mappings();
    CHECK(mete__memory_move(from, 2 * mib, to, 2 * mib) < 0);
    CHECK(apart_mappings() == before);
    CHECK(all_are(from, 2 * mib, 5));
    CHECK(all_are(to, 2 * mib, 6));
}

static void a_move_that_fails_half_way_brings_the_bytes_back(void) {
    size_t page = mete__memory_page_size();
    char *from = filled(mib, 5), *to = filled(2 * mib, 6);
    size_t before = apart_mappings();
    /* The kernel takes the source to an address of its choice, but refuses this target. */
    int status = mete__memory_move(from, mib, to + 1, mib);
    if (status == -EINVAL) apart_skip("Linux before 5.7");
    CHECK(status == -ENOTRECOVERABLE);
    CHECK(all_are(from, mib, 5));
    CHECK(all_are(to, 2 * mib, 6));
    CHECK(apart_mappings() <= before);
    memset(from + page, 1, page);
}

static void renewed_pages_are_zero_and_merge_with_their_neighbours(void) {
    char *from = filled(mib, 5), *to = filled(8 * mib, 6);
    size_t before = apart_mappings();
    if (mete__memory_move(from, mib, to + 3 * mib, mib) == -EINVAL) apart_skip("Linux before 5.7");
    CHECK(apart_mappings() > before);
    mete__memory_purge(to + 3 * mib, mib);
    CHECK(apart_mappings() > before); /* what makes renewing necessary */
    mete__memory_renew(to + 3 * mib, mib);
    CHECK(all_are(to + 3 * mib, mib, 0));
    CHECK(resident_pages(to + 3 * mib, mib) == 0 || all_are(to + 3 * mib, mib, 0));
    CHECK(apart_mappings() == before);
    CHECK(all_are(to, 3 * mib, 6) && all_are(to + 4 * mib, 4 * mib, 6));
}

static void mapped_tables_are_zero_and_writable(void) {
    char *table = mete__memory_map(mib);
    CHECK(table != NULL && all_are(table, mib, 0));
    memset(table, 1, mib);
    mete__memory_wish_huge(table, mib, true);
    mete__memory_wish_huge(table, mib, false);
    CHECK(all_are(table, mib, 1));
}

static void without_a_limit_there_is_no_end_of_address_space(void) {
    struct rlimit limit;
    CHECK(getrlimit(RLIMIT_AS, &limit) == 0);
    if (limit.rlim_cur != RLIM_INFINITY) apart_skip("the tests run under a limit");
    CHECK(mete__memory_unlimited());
    CHECK(mete__memory_left() == SIZE_MAX);
}

static void limit_address_space(size_t bytes) {
    struct rlimit limit = {bytes, bytes};
    if (APART_SANITIZED) apart_skip("a sanitizer needs its address space");
    CHECK(setrlimit(RLIMIT_AS, &limit) == 0);
}

static void under_a_limit_what_is_left_shrinks_as_it_is_taken(void) {
    limit_address_space(512 * mib);
    CHECK(!mete__memory_unlimited());
    size_t before = mete__memory_left();
    CHECK(before > 64 * mib && before < 512 * mib);
    CHECK(mete__memory_reserve(32 * mib, mib) != NULL);
    CHECK(mete__memory_left() == before - 32 * mib);
    CHECK(mete__memory_reserve(512 * mib, mib) == NULL);
}

static void the_last_of_a_limited_space_can_be_had_aligned(void) {
    limit_address_space(512 * mib);
    mete__memory_left(); /* opens what it reads once, perhaps */
    size_t spare = mib + mib / 2;
    CHECK(mete__memory_reserve(mete__round_down(mete__memory_left() - spare, 4096), 4096) != NULL);
    char *start = mete__memory_reserve(mib, mib);
    CHECK(start != NULL && (uintptr_t)start % mib == 0);
    CHECK(mete__memory_left() <= mib / 2);
    CHECK(mete__memory_reserve(mib, mib) == NULL);
}

static void beyond_the_limit_nothing_is_left(void) {
    limit_address_space(mib);
    CHECK(mete__memory_left() == 0);
}

static void strict_is_what_the_kernel_says(void) {
    FILE *file = fopen("/proc/sys/vm/overcommit_memory", "r");
    int mode;
    if (file == NULL) apart_skip("no /proc");
    CHECK(fscanf(file, "%d", &mode) == 1);
    fclose(file);
    CHECK(mete__memory_strict() == (mode == 2));
}

static void *ask_while_cancelled(void *answered) {
    pthread_cancel(pthread_self());
    mete__memory_strict();
    mete__memory_left();
    *(bool *)answered = true;
    return NULL;
}

static void asking_is_no_cancellation_point(void) {
    pthread_t thread;
    bool answered = false;
    limit_address_space(1024 * mib); /* or nothing needs to be read */
    CHECK(pthread_create(&thread, NULL, ask_while_cancelled, &answered) == 0);
    pthread_join(thread, NULL);
    CHECK(answered);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FACT(page_size_is_the_systems),
        FACT(reserved_space_is_aligned_and_inaccessible),
        FACT(reserving_with_alignment_leaves_nothing_beside_it),
        FACT(too_large_a_reservation_is_refused_and_errno_kept),
        FACT(committed_pages_can_be_written_and_are_zero),
        FACT(committing_what_is_not_reserved_fails_and_keeps_errno),
        FACT(decommitted_pages_are_inaccessible_and_come_back_as_zero),
        FACT(purged_pages_are_zero_and_not_resident),
        FACT(locked_pages_refuse_to_be_purged),
        FACT(moved_pages_arrive_with_their_bytes_and_leave_zeros),
        FACT(a_block_that_was_moved_can_be_moved_again),
        FACT(a_move_from_two_mappings_fails_without_harm),
        FACT(a_move_that_fails_half_way_brings_the_bytes_back),
        FACT(renewed_pages_are_zero_and_merge_with_their_neighbours),
        FACT(mapped_tables_are_zero_and_writable),
        FACT(without_a_limit_there_is_no_end_of_address_space),
        FACT(under_a_limit_what_is_left_shrinks_as_it_is_taken),
        FACT(the_last_of_a_limited_space_can_be_had_aligned),
        FACT(beyond_the_limit_nothing_is_left),
        FACT(strict_is_what_the_kernel_says),
        FACT(asking_is_no_cancellation_point),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
