/* report/web_sites.c: what does not fit a page is added up, and nothing is lost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "report/web_sites.h"
#include "sample_profile.h"
#include "support/fresh.h"

static char path[FRESH_PATH];
static struct mete__report *report;

static int set_up(void **state) {
    static const struct mete__report_options defaults = {0};
    char why[512];

    (void)state;
    if (fresh_file(path, "web-sites") != 0) return -1;
    if (sample_write(path) != 0) return -1;
    return mete__report_open(path, &defaults, &report, why, sizeof why);
}

static int tear_down(void **state) {
    (void)state;
    mete__report_close(report);
    mete__writer_close();
    return unlink(path);
}

static void few_sites_stay_as_they_are(void **state) {
    struct mete__web_sites sites;

    (void)state;
    assert_int_equal(mete__web_sites_choose(report, 3, &sites), 0);
    assert_int_equal(sites.count, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(sites.merged[i], 0);
        assert_ptr_equal(sites.pointers[i], &sites.items[i]);
    }
    /* All temporary allocations are at 3; 2 has 75 % of the peak, 4 next to nothing. */
    assert_int_equal(sites.items[0].stack, 3);
    assert_int_equal(sites.items[1].stack, 2);
    assert_int_equal(sites.items[2].stack, 4);
    mete__web_sites_free(&sites);
}

static void others_are_added_up_where_their_stacks_part(void **state) {
    struct mete__web_sites sites;

    (void)state;
    assert_int_equal(mete__web_sites_choose(report, 1, &sites), 0);
    /* Stacks 2 and 4 leave stack 3 at node 1. */
    assert_int_equal(sites.count, 2);
    assert_int_equal(sites.items[0].stack, 3);
    assert_int_equal(sites.items[1].stack, 1);
    assert_int_equal(sites.merged[0], 0);
    assert_int_equal(sites.merged[1], 2);
    assert_int_equal(sites.items[1].allocations, 11);
    assert_int_equal(sites.items[1].allocated_bytes, 10072);
    assert_int_equal(sites.items[1].live_bytes, 2072);
    assert_int_equal(sites.items[1].peak_live_bytes, 9072);
    mete__web_sites_free(&sites);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FACT(few_sites_stay_as_they_are),
        FACT(others_are_added_up_where_their_stacks_part),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
