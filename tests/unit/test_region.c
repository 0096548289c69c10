/* heap/region.h: regions come and go while others look addresses up. */
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "heap/region.h"
#include "heap/slices.h"
#include "os/memory.h"
#include "support/apart.h"

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

int main(void) {
    const struct CMUnitTest tests[] = {
        FACT(a_region_may_go_while_it_is_looked_into),
        FACT(a_region_comes_back_to_where_it_was),
        FACT(where_others_have_moved_in_a_region_takes_a_new_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
