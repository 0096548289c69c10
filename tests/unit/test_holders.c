/* track/holders.h: who created what, in the profile's records. */
#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

#include <mete/arena.h>
#include <mete/pool.h>
#include <mete/track.h>

#include "base/text.h"
#include "profile/writer.h"
#include "support/apart.h"
#include "track/holders.h"

static mete_pool *create(const char *name) {
    return mete_pool_create(&(mete_pool_options){.block_size = 48, .name = name});
}

/* The newest record. */
static const struct mete_profile_holder *last(void) {
    uint64_t count = mete__writer_count(METE_SECTION_HOLDERS);
    CHECK(count > 0);
    return mete__writer_record(METE_SECTION_HOLDERS, count - 1);
}

static void begin(void) {
    CHECK(mete_track_start(METE_TRACK_EXACT) == 0);
}

static void pool_is_recorded_when_it_is_created(void) {
    begin();
    mete_pool *pool = create("nodes");
    CHECK(last()->kind == METE_HOLDER_POOL && last()->stack != 0);
    CHECK(last()->created == 1 && last()->destroyed == 0);
    mete_pool_destroy(pool);
    CHECK(last()->created == 1 && last()->destroyed == 1);
}

static void pools_of_one_place_share_a_record(void) {
    mete_pool *pools[10];
    begin();
    for (volatile size_t i = 0; i < METE_COUNT_OF(pools); i++) /* not unrolled: one place */
        pools[i] = create("nodes");
    CHECK(mete__writer_count(METE_SECTION_HOLDERS) == 1);
    CHECK(last()->created == 10);
    for (size_t i = 0; i < 3; i++) mete_pool_destroy(pools[i]);
    CHECK(last()->destroyed == 3);
    create("others");
    CHECK(mete__writer_count(METE_SECTION_HOLDERS) == 2);
}

static void figures_are_of_those_that_exist(void) {
    begin();
    mete_pool *pool = create("nodes"), *gone = create("gone");
    CHECK(mete_pool_alloc(pool) != NULL && mete_pool_alloc(gone) != NULL);
    for (int i = 0; i < 2; i++) { /* not added up twice */
        mete__holders_update();
        CHECK(last()->live_blocks == 1 && last()->live_bytes == 48);
    }
    mete_pool_destroy(gone);
    mete__holders_update();
    CHECK(last()->live_blocks == 0 && last()->reserved_bytes == 0 && last()->peak_bytes == 48);
    mete_pool_destroy(pool);
}

static void pool_from_before_the_start_is_entered_late(void) {
    mete_pool *pool = create("early");
    begin();
    CHECK(mete__writer_count(METE_SECTION_HOLDERS) == 0);
    mete__holders_update();
    CHECK(last()->created == 1 && last()->stack == 0);
    mete_pool_destroy(pool);
    CHECK(last()->destroyed == 1);
}

static void scratch_arena_is_nobodys_leak(void) {
    begin();
    mete_scratch scratch = mete_scratch_begin(NULL, 0);
    CHECK(scratch.arena != NULL);
    mete__holders_update();
    CHECK(last()->kind == METE_HOLDER_ARENA && last()->created == 1 && last()->kept == 1);
}

static void more_than_there_is_room_for_do_no_harm(void) {
    char name[16];
    begin();
    for (int i = 0; i < 2000; i++) {
        struct mete__text text = mete__text_in(name, sizeof name);
        mete__text_add(&text, "pool %d", i);
        mete_pool *pool = create(name);
        if (i % 2 == 0) mete_pool_destroy(pool);
    }
    mete__holders_update();
    CHECK(mete__writer_count(METE_SECTION_HOLDERS) == 768);
}

static void destroy_inherited(void *pool) {
    mete_pool_destroy(pool);
    CHECK(last()->created == 1 && last()->destroyed == 1);
    create("of the child");
    CHECK(mete__writer_count(METE_SECTION_HOLDERS) == 2);
}

static void child_goes_on_where_its_parent_was(void) {
    begin();
    mete_pool *pool = create("nodes");
    apart_in_child(destroy_inherited, pool);
    CHECK(last()->destroyed == 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FACT(pool_is_recorded_when_it_is_created), FACT(pools_of_one_place_share_a_record),
        FACT(figures_are_of_those_that_exist),     FACT(pool_from_before_the_start_is_entered_late),
        FACT(scratch_arena_is_nobodys_leak),       FACT(more_than_there_is_room_for_do_no_harm),
        FACT(child_goes_on_where_its_parent_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
