/* heap/region.h: one home region where address space is free, small ones where it is not, which
 * come and go while others look addresses up. */
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "heap/region.h"
#include "heap/slices.h"
#include "os/memory.h"
#include "support/apart.h"
#include "support/whole.h"

static const size_t mib = (size_t)1 << 20;

/* Where there is a limit there is no home region. */
static void limit_address_space(size_t bytes) {
    const struct rlimit limit = {bytes, bytes};
    if (APART_SANITIZED) apart_skip("a sanitizer needs its address space");
    CHECK(setrlimit(RLIMIT_AS, &limit) == 0);
}

static void *volatile wanted; /* NULL: enough */

static void *look_up(void *count) {
    void *address;
    while ((address = wanted) != NULL) {
        char *memory;
        CHECK(mete__slices_find(address, &memory) == NULL);
        CHECK(mete__slices_find_former(address, &memory) == NULL);
        ++*(unsigned long *)count;
    }
    return NULL;
}

static void *in_region(const struct mete__region *region) {
    return (char *)region->base + (region->first << METE__SLICE_SHIFT) + 100;
}

/* As the address of no block may be looked up at any time, by a leak check for instance. */
static void a_region_may_go_while_it_is_looked_into(void) {
    pthread_t thread;
    unsigned long looks = 0;
    limit_address_space(512 * mib);
    struct mete__region *region = mete__region_add(4);
    CHECK(region != NULL);
    wanted = in_region(region);
    CHECK(pthread_create(&thread, NULL, look_up, &looks) == 0);
    for (int i = 0; i < 5000; i++) {
        mete__region_remove(region);
        region = mete__region_add(4);
        CHECK(region != NULL);
        wanted = in_region(region);
    }
    wanted = NULL;
    pthread_join(thread, NULL);
    CHECK(looks > 0);
}

static void a_region_comes_back_to_where_it_was(void) {
    limit_address_space(512 * mib);
    struct mete__region *first = mete__region_add(4);
    CHECK(first != NULL);
    uintptr_t base = first->base;
    size_t left = mete__memory_left(), slices = first->slices;
    memset(first->words, 0, sizeof *first->words); /* they must be as new afterwards */
    first->words[0].dirty = first->words[0].start = UINT64_MAX;
    mete__region_remove(first);
    CHECK(mete__region_of((void *)(base + 65536)) == NULL);
    CHECK(mete__memory_left() >= left + ((slices - 1) << METE__SLICE_SHIFT));
    CHECK(mete__region_add(4) == first && first->base == base && first->slices == slices);
    CHECK(mete__region_of((void *)(base + 65536)) == first);
    CHECK(first->words[0].dirty == 0 && first->words[0].start == 0);
    CHECK(mete__memory_left() == left && mete__region_count() == 1);
}

static void where_others_have_moved_in_a_region_takes_a_new_place(void) {
    limit_address_space(512 * mib);
    struct mete__region *first = mete__region_add(4);
    CHECK(first != NULL);
    uintptr_t last = first->base + ((first->slices - 1) << METE__SLICE_SHIFT);
    mete__region_remove(first);
    char *theirs = mmap((void *)last, 4096, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    CHECK(theirs == (char *)last);
    *theirs = 'x';
    struct mete__region *second = mete__region_add(4);
    CHECK(second != NULL && second != first && mete__region_count() == 2);
    CHECK(*theirs == 'x');
}

/* The same, but so many bytes beside what is mapped. */
static void leave_address_space(size_t left) {
    char text[64] = "";
    if (APART_SANITIZED) apart_skip("a sanitizer needs its address space");
    int statm = open("/proc/self/statm", O_RDONLY);
    CHECK(read(statm, text, sizeof text - 1) > 0);
    close(statm);
    limit_address_space(strtoul(text, NULL, 10) * mete__memory_page_size() + left);
}

static void the_first_region_is_home_where_nothing_is_limited(void) {
    if (APART_SANITIZED) apart_skip("a sanitizer has taken address space");
    struct mete__region *region = mete__region_add(1);
    CHECK(region != NULL && region == mete__region_at(0) && mete__region_count() == 1);
    CHECK(mete__region_home.base == region->base);
    CHECK(region->slices << METE__SLICE_SHIFT >= (size_t)16 << 30);
    CHECK(mete__region_of((char *)region->base) == region);
    CHECK(mete__region_of((char *)region->base - 1) == NULL);
    /* What is not ready yet is not looked up. */
    CHECK(mete__region_of((char *)region->base + mete__region_home.extent) == NULL);
    CHECK(mete__region_make_ready(region, region->ready + 1));
    CHECK(mete__region_home.extent == region->ready << METE__SLICE_SHIFT);
    CHECK(mete__region_of((char *)region->base + mete__region_home.extent - 1) == region);
    CHECK(!mete__region_make_ready(region, region->slices + 1));
}

static void limited_regions_grow_and_stay_below_an_eighth_of_what_is_left(void) {
    leave_address_space(200 * mib);
    size_t sizes[6], total = 0;
    for (size_t i = 0; i < 6; i++) {
        struct mete__region *region = mete__region_add(1);
        CHECK(region != NULL);
        sizes[i] = region->slices << METE__SLICE_SHIFT;
        CHECK(sizes[i] <= (200 * mib - total) / 8 + mib);
        CHECK(region->ready == region->slices);
        total += sizes[i];
    }
    CHECK(sizes[0] == mib && sizes[1] == 2 * mib && sizes[2] == 4 * mib && sizes[3] == 8 * mib);
    CHECK(mete__region_home.extent == 0 && mete__region_count() == 6);
    CHECK(whole());
}

static void every_byte_of_a_limited_region_leads_to_it_and_no_other(void) {
    leave_address_space(100 * mib);
    for (size_t i = 0; i < 4; i++) CHECK(mete__region_add(1) != NULL);
    for (size_t i = 0; i < 4; i++) {
        struct mete__region *region = mete__region_at(i);
        char *start = (char *)region->base;
        size_t size = region->slices << METE__SLICE_SHIFT;
        for (size_t at = 0; at < size; at += 60000) CHECK(mete__region_of(start + at) == region);
        CHECK(mete__region_of(start + size - 1) == region);
        CHECK(mete__region_of(start - 1) != region && mete__region_of(start + size) != region);
    }
    CHECK(mete__region_of(NULL) == NULL && mete__region_of((void *)UINTPTR_MAX) == NULL);
}

static void a_region_is_as_large_as_what_it_is_for(void) {
    leave_address_space(100 * mib);
    struct mete__region *region = mete__region_add(40 * 16);
    CHECK(region != NULL && region->slices - region->first >= (size_t)40 * 16);
    CHECK(mete__region_add(200 * 16) == NULL); /* more than there is */
    CHECK(mete__region_add(SIZE_MAX >> METE__SLICE_SHIFT) == NULL);
    CHECK(mete__region_count() == 1 && whole());
}

static void a_removed_region_is_found_no_more_and_its_place_is_used_again(void) {
    leave_address_space(100 * mib);
    struct mete__region *first = mete__region_add(1), *second = mete__region_add(1);
    void *start = (void *)first->base;
    mete__region_remove(first);
    CHECK(mete__region_of(start) == NULL && mete__region_count() == 2 && first->slices == 0);
    CHECK(mete__region_of((void *)second->base) == second);
    CHECK(mete__region_add(1) == first && mete__region_count() == 2);
    CHECK(mete__region_of((void *)first->base) == first);
    CHECK(whole());
}

/* So that one that cannot be had does not make the next one dear. */
static void a_failed_try_makes_the_next_region_no_larger(void) {
    leave_address_space(300 * mib);
    for (size_t i = 0; i < 20; i++) CHECK(mete__region_add(400 * 16) == NULL);
    struct mete__region *region = mete__region_add(1);
    CHECK(region != NULL && region->slices << METE__SLICE_SHIFT == mib);
}

static void masks_cut_runs_at_the_words_edges(void) {
    CHECK(mete__region_mask(0, 0, 64) == UINT64_MAX);
    CHECK(mete__region_mask(1, 64, 64) == UINT64_MAX);
    CHECK(mete__region_mask(0, 60, 10) == (uint64_t)0xf << 60);
    CHECK(mete__region_mask(1, 60, 10) == 0x3f);
    CHECK(mete__region_mask(1, 0, 1000) == UINT64_MAX);
    CHECK(mete__region_mask(2, 130, 1) == 4);
}

/* Against a look at every bit. */
static void the_next_slice_is_the_one_a_plain_search_finds(void) {
    enum { SLICES = 9000 };
    static struct mete__slice_word words[SLICES / 64 + 1];
    static uint64_t full[3];
    struct mete__region region = {.slices = SLICES, .words = words, .full = full};
    srand(1);
    for (size_t word = 0; word < SLICES / 64 + 1; word++) {
        /* The second group of 4096 is full. */
        bool is_full = word / 64 == 1 || rand() % 3 == 0;
        words[word].used = is_full ? UINT64_MAX : (uint64_t)rand() << 32 | (uint64_t)rand();
        if (is_full) full[word / 64] |= (uint64_t)1 << word % 64;
    }
    for (size_t from = 0; from < SLICES; from += 1 + (size_t)rand() % 50) {
        size_t limit = from + (size_t)rand() % (SLICES - from) + 1;
        for (int used = 0; used < 2; used++) {
            size_t slice = from;
            while (slice < limit && (words[slice / 64].used >> slice % 64 & 1) != (uint64_t)used)
                slice++;
            CHECK(mete__region_next(&region, from, limit, used != 0) == slice);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FACT(a_region_may_go_while_it_is_looked_into),
        FACT(a_region_comes_back_to_where_it_was),
        FACT(where_others_have_moved_in_a_region_takes_a_new_place),
        FACT(the_first_region_is_home_where_nothing_is_limited),
        FACT(limited_regions_grow_and_stay_below_an_eighth_of_what_is_left),
        FACT(every_byte_of_a_limited_region_leads_to_it_and_no_other),
        FACT(a_region_is_as_large_as_what_it_is_for),
        FACT(a_removed_region_is_found_no_more_and_its_place_is_used_again),
        FACT(a_failed_try_makes_the_next_region_no_larger),
        FACT(masks_cut_runs_at_the_words_edges),
        FACT(the_next_slice_is_the_one_a_plain_search_finds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
