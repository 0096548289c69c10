/*
 * Every call of the system that the heap makes fails once, and from each one on everything fails:
 * the heap stays whole, says ENOMEM and nothing worse, loses nothing, and works again afterwards.
 */
#include <sys/mman.h>
#include <unistd.h>

#include "fake_os/fake_os.h"
#include "fake_os/scenario.h"
#include "fake_os/strides.h"
#include "heap/cache.h"
#include "heap/slices.h"
#include "support/apart.h"

/* With every block freed: the bytes in spans. None of them may hold a block still. */
static bool add_unused(void *context, struct mete__span *span, char *memory) {
    size_t *bytes = context;
    bool is_lost = span->kind == METE__SPAN_LARGE && mete__span_owner(span) == 0;

    (void)memory;
    CHECK(span->used == 0 && (is_lost || mete__span_owner(span) != 0));
    *bytes += is_lost ? 0 : span->slices * METE__SLICE_SIZE;
    return true;
}

static size_t unused_bytes(void) {
    struct mete__cache *cache = mete__cache_enter(); /* takes in what others have freed */
    size_t bytes = 0;

    CHECK(cache != NULL);
    mete__cache_leave(cache);
    mete__slices_each(add_unused, &bytes);
    return bytes;
}

static size_t *calls_made; /* by the child that ran last, shared with it; 0: none of them failed */

/* The scenario with the failure, then without any, as often as it takes to see whether something
 * is lost by each. */
static void run_with_failure(void *unused) {
    (void)unused;
    scenario_run();
    size_t failed = fake_os.failed, calls = fake_os.calls;
    fake_os.fail_at = 0;
    CHECK(scenario_run() == 0 && scenario_run() == 0);
    size_t bytes = unused_bytes(), mapped = fake_os.mapped;
    CHECK(scenario_run() == 0);
    CHECK(unused_bytes() == bytes && fake_os.mapped <= mapped);
    *calls_made = failed == 0 ? 0 : calls;
}

static void fail_everywhere(bool after) {
    size_t stride = strides_between(APART_SANITIZED ? 20 : 8);

    calls_made =
        mmap(NULL, sizeof *calls_made, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(calls_made != MAP_FAILED);
    fake_os.fail_after = after;
    for (fake_os.fail_at = 1;; fake_os.fail_at += stride) {
        alarm(APART_SECONDS);
        apart_in_child(run_with_failure, NULL);
        if (*calls_made == 0) break;
    }
    CHECK(fake_os.fail_at > 40); /* or it was no test */
}

static void one_failure_at_any_call_is_survived(void) {
    fail_everywhere(false);
}

static void failing_from_any_call_on_is_survived(void) {
    fail_everywhere(true);
}

static void the_same_in_small_regions(void) {
    fake_os.limited = true;
    fake_os.left = (size_t)1 << 30;
    fail_everywhere(false);
}

static void the_same_in_small_regions_from_any_call_on(void) {
    fake_os.limited = true;
    fake_os.left = (size_t)1 << 30;
    fail_everywhere(true);
}

static void the_same_where_every_page_is_charged(void) {
    fake_os.strict = true;
    fail_everywhere(false);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FACT(one_failure_at_any_call_is_survived),
        FACT(failing_from_any_call_on_is_survived),
        FACT(the_same_in_small_regions),
        FACT(the_same_in_small_regions_from_any_call_on),
        FACT(the_same_where_every_page_is_charged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
