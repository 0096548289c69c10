/* track/timeline.h: moments over any length of time in a fixed number of records. The clock is the
 * test's: the linker wraps it (--wrap). */
#include "os/process.h"
#include "profile/writer.h"
#include "support/apart.h"
#include "track/timeline.h"

static uint64_t now = 1000000000; /* ns */

/* The linker's names. NOLINTBEGIN(bugprone-reserved-identifier) */
uint64_t __wrap_mete__process_clock(void);
uint64_t __wrap_mete__process_clock(void) {
    return now;
}

uint64_t __wrap_mete__process_clock_coarse(void);
uint64_t __wrap_mete__process_clock_coarse(void) {
    return now;
}
/* NOLINTEND(bugprone-reserved-identifier) */

static void start(void) {
    const struct mete__writer_options options = {.path = NULL};
    CHECK(mete__writer_open(&options) == 0);
    mete__timeline_start();
}

static uint64_t count(void) {
    return mete__writer_header()->sections[METE_SECTION_TIMELINE].count;
}

static const struct mete_profile_moment *moment(uint64_t index) {
    return mete__writer_record(METE_SECTION_TIMELINE, index);
}

static void the_first_moment_is_the_start_and_the_last_the_end(void) {
    start();
    CHECK(count() == 1 && moment(0)->clock == 0);
    now += 1;
    mete__timeline_finish();
    CHECK(count() == 2 && moment(1)->clock == 1);
}

static void a_moment_is_taken_when_it_is_due_and_not_before(void) {
    start();
    now += METE__TIMELINE_FIRST_STEP - 1;
    mete__timeline_tick();
    CHECK(count() == 1);
    now += 1;
    mete__timeline_tick();
    mete__timeline_tick();
    CHECK(count() == 2 && moment(1)->clock == METE__TIMELINE_FIRST_STEP);
}

static void a_clock_behind_the_start_counts_as_the_start(void) {
    start();
    now -= 5000000; /* the coarse clock lags */
    mete__timeline_tick();
    CHECK(count() == 1 && moment(0)->clock == 0);
}

/* Ten minutes in steps of a millisecond. */
static void the_moments_are_few_even_spaced_and_in_order_however_long_it_takes(void) {
    const uint64_t step = 1000000, end = 600u * 1000u * step;
    start();
    for (uint64_t at = step; at <= end; at += step) {
        now += step;
        mete__timeline_tick();
        CHECK(count() <= METE_MOMENTS_MAX);
    }
    CHECK(count() >= METE_MOMENTS_MAX / 2 && moment(0)->clock == 0);
    uint64_t distance = moment(1)->clock;
    CHECK(distance >= end / METE_MOMENTS_MAX && distance <= end / METE_MOMENTS_MAX * 4);
    for (uint64_t i = 1; i < count(); i++) {
        uint64_t between = moment(i)->clock - moment(i - 1)->clock;
        CHECK(moment(i)->clock > moment(i - 1)->clock);
        CHECK(between >= distance - step && between <= distance + step);
    }
    CHECK(end - moment(count() - 1)->clock <= distance);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FACT(the_first_moment_is_the_start_and_the_last_the_end),
        FACT(a_moment_is_taken_when_it_is_due_and_not_before),
        FACT(a_clock_behind_the_start_counts_as_the_start),
        FACT(the_moments_are_few_even_spaced_and_in_order_however_long_it_takes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
