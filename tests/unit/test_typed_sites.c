/* track/typed_sites.h: what METE_ALLOC says is in the profile, once for each stack. */
#include <unistd.h>

#include <mete/adapters.h>
#include <mete/allocator.h>
#include <mete/malloc.h>
#include <mete/track.h>

#include "base/compiler.h"
#include "profile/writer.h"
#include "support/apart.h"
#include "track/typed_sites.h"

struct conn {
    char bytes[56];
};

static uint64_t count(void) {
    return mete__writer_count(METE_SECTION_TYPES);
}

/* Whether the text at a reference is this one; strings of one chunk only. */
static bool is_text(uint64_t reference, const char *text) {
    return reference != 0 &&
           strcmp(mete__writer_record(METE_SECTION_STRINGS, reference - 1), text) == 0;
}

static void begin(void) {
    CHECK(mete_track_start(METE_TRACK_EXACT) == 0);
}

static METE_NOINLINE void make_conn(void) {
    void *volatile conn = METE_ALLOC(mete_allocator_heap(), struct conn);
    CHECK(conn != NULL);
    mete_free(conn);
}

static void type_is_recorded_where_it_is_said(void) {
    begin();
    for (volatile int i = 0; i < 10; i++) make_conn(); /* not unrolled: one place */
    CHECK(count() == 1);
    const struct mete_profile_type *type = mete__writer_record(METE_SECTION_TYPES, 0);
    CHECK(type->stack != 0 && type->bytes == sizeof(struct conn));
    CHECK(is_text(type->name, "struct conn") && is_text(type->file, __FILE__) && type->line != 0);
}

static void who_says_nothing_is_not_recorded(void) {
    static const mete_site no_type = {__FILE__, NULL, 0, __LINE__};
    begin();
    mete_free(mete_malloc(48));
    const mete_allocator *heap = mete_allocator_heap();
    mete_allocator_free(heap, mete_allocator_alloc(heap, METE_LAYOUT_OF(long)),
                        METE_LAYOUT_OF(long));
    mete_allocator_free(heap, mete_allocator_alloc_at(heap, METE_LAYOUT_OF(long), &no_type),
                        METE_LAYOUT_OF(long));
    CHECK(count() == 0);
}

static void adapters_pass_the_type_on(void) {
    mete_allocator *counting = mete_allocator_counting(mete_allocator_heap(), NULL);
    begin();
    long *number = METE_ALLOC(counting, long);
    CHECK(count() == 1);
    METE_FREE(counting, number);
    mete_allocator_destroy(counting);
}

static void over_aligned_types_are_recorded(void) {
    struct line {
        METE_ALIGNED(64) char bytes[128];
    };
    begin();
    struct line *line = METE_ALLOC(mete_allocator_heap(), struct line);
    CHECK(line != NULL && count() == 1);
    METE_FREE(mete_allocator_heap(), line);
}

/* More than the first table takes. */
static void every_stack_and_every_type_has_its_record(void) {
    static mete_site sites[700];
    begin();
    for (int round = 0; round < 3; round++)
        for (uint32_t i = 0; i < METE_COUNT_OF(sites); i++) {
            sites[i].type = "int";
            mete__typed_sites_note(1, &sites[i]);
            mete__typed_sites_note(2 + i, &sites[0]);
            mete__typed_sites_note(0, &sites[i]); /* nowhere */
        }
    CHECK(count() == 2 * METE_COUNT_OF(sites));
}

static void allocate_in_child(void *unused) {
    (void)unused;
    CHECK(count() == 1);
    make_conn(); /* at another stack */
    CHECK(count() == 2);
}

static void child_goes_on_where_its_parent_was(void) {
    begin();
    make_conn();
    apart_in_child(allocate_in_child, NULL);
    CHECK(count() == 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FACT(type_is_recorded_where_it_is_said),
        FACT(who_says_nothing_is_not_recorded),
        FACT(adapters_pass_the_type_on),
        FACT(over_aligned_types_are_recorded),
        FACT(every_stack_and_every_type_has_its_record),
        FACT(child_goes_on_where_its_parent_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
