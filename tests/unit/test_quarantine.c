/* guard/quarantine.h: first in, first out, and never more than the bounds allow. */
#include "guard/quarantine.h"
#include "support/apart.h"

static char ground[METE__QUARANTINE_BLOCKS + 10]; /* never read: only addresses count */
static struct mete__quarantine quarantine = {.limit_bytes = 1000};

static void put(size_t number, size_t bytes) {
    CHECK(
        mete__quarantine_put(&quarantine, (struct mete__quarantine_entry){ground + number, bytes}));
}

static void blocks_stay_while_they_fit(void) {
    struct mete__quarantine_entry entry;
    CHECK(!mete__quarantine_take(&quarantine, true, &entry));
    for (size_t i = 0; i < 10; i++) put(i, 100);
    CHECK(!mete__quarantine_take(&quarantine, false, &entry));
}

static void the_oldest_leave_until_the_rest_fits(void) {
    struct mete__quarantine_entry entry;
    for (size_t i = 0; i < 10; i++) put(i, 100);
    put(10, 150);
    for (size_t i = 0; i < 2; i++) {
        CHECK(mete__quarantine_take(&quarantine, false, &entry));
        CHECK(entry.block == ground + i && entry.bytes == 100);
    }
    CHECK(!mete__quarantine_take(&quarantine, false, &entry));
}

static void what_is_larger_than_the_bound_leaves_at_once(void) {
    struct mete__quarantine_entry entry;
    put(0, 100);
    put(1, 5000);
    CHECK(mete__quarantine_take(&quarantine, false, &entry) && entry.block == ground);
    CHECK(mete__quarantine_take(&quarantine, false, &entry) && entry.block == ground + 1);
    CHECK(!mete__quarantine_take(&quarantine, true, &entry));
}

static void the_number_of_blocks_is_bounded_too(void) {
    struct mete__quarantine_entry entry;
    for (size_t i = 0; i < METE__QUARANTINE_BLOCKS; i++) put(i, 0);
    CHECK(!mete__quarantine_put(&quarantine, (struct mete__quarantine_entry){ground, 0}));
    CHECK(mete__quarantine_take(&quarantine, false, &entry) && entry.block == ground);
    put(METE__QUARANTINE_BLOCKS, 0);
    CHECK(mete__quarantine_take(&quarantine, false, &entry) && entry.block == ground + 1);
}

static size_t seen;
static void visit(char *block) {
    CHECK(block == ground + 3 + seen);
    seen++;
}

static void a_walk_meets_those_that_are_held_in_order(void) {
    struct mete__quarantine_entry entry;
    for (size_t i = 0; i < 8; i++) put(i, 1);
    for (size_t i = 0; i < 3; i++) CHECK(mete__quarantine_take(&quarantine, true, &entry));
    mete__quarantine_each(&quarantine, visit);
    CHECK(seen == 5);
}

static void a_fork_in_the_middle_of_it_leaves_the_bytes_right(void) {
    struct mete__quarantine_entry entry;
    for (size_t i = 0; i < 8; i++) put(i, 100);
    CHECK(mete__lock_try(&quarantine.lock, 64)); /* a thread that is no more */
    quarantine.bytes = 12345;
    mete__quarantine_after_fork(&quarantine);
    CHECK(quarantine.bytes == 800);
    put(8, 300);
    CHECK(mete__quarantine_take(&quarantine, false, &entry) && entry.block == ground);
    CHECK(!mete__quarantine_take(&quarantine, false, &entry));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FACT(blocks_stay_while_they_fit),
        FACT(the_oldest_leave_until_the_rest_fits),
        FACT(what_is_larger_than_the_bound_leaves_at_once),
        FACT(the_number_of_blocks_is_bounded_too),
        FACT(a_walk_meets_those_that_are_held_in_order),
        FACT(a_fork_in_the_middle_of_it_leaves_the_bytes_right),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
