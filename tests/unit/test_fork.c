/* track/fork.h: a child of fork is noticed, settles once, and has a state of its own. */
#include <pthread.h>
#include <unistd.h>

#include "support/apart.h"
#include "track/fork.h"

static unsigned settled; /* atomic */

static void settle(void) {
    __atomic_add_fetch(&settled, 1, __ATOMIC_RELAXED);
}

static void before_it_watches_nothing_settles(void) {
    mete__fork_settle(settle);
    CHECK(settled == 0);
}

static void a_process_that_has_not_forked_has_nothing_to_settle(void) {
    mete__fork_watch();
    uint32_t state = mete__fork_state();
    mete__fork_settle(settle);
    CHECK(settled == 0 && state != 0 && mete__fork_state() == state);
    CHECK(mete__fork_state_to_keep() == state);
}

static void a_change_of_state_is_seen(void) {
    mete__fork_watch();
    uint32_t state = mete__fork_state();
    mete__fork_change_state();
    CHECK(mete__fork_state() != state && mete__fork_state() != METE__FORK_NO_STATE);
    CHECK(mete__fork_state_to_keep() == mete__fork_state());
}

static void settle_in_child(void *parents_state) {
    CHECK(mete__fork_state() != *(uint32_t *)parents_state); /* whoever kept it stops and thinks */
    mete__fork_settle(settle);
    mete__fork_settle(settle);
    CHECK(settled == 1 && mete__fork_state() == *(uint32_t *)parents_state);
}

static void a_child_settles_once_and_so_does_its_own_child(void) {
    mete__fork_watch();
    uint32_t state = mete__fork_state();
    apart_in_child(settle_in_child, &state);
    CHECK(settled == 0 && mete__fork_state() == state); /* the parent noticed nothing */
    apart_in_child(settle_in_child, &state);
}

/* No counter without a place may take a child's wiped state for its own. */
static void no_process_has_the_state_of_none(void *unused) {
    (void)unused;
    CHECK(mete__fork_state() != METE__FORK_NO_STATE);
    mete__fork_settle(settle);
    CHECK(mete__fork_state() != METE__FORK_NO_STATE);
}

static void the_state_of_none_is_nobodys_in_the_child_either(void) {
    mete__fork_watch();
    no_process_has_the_state_of_none(NULL);
    apart_in_child(no_process_has_the_state_of_none, NULL);
}

static void *settle_in_thread(void *unused) {
    mete__fork_settle(settle);
    CHECK(mete__fork_state() > 1);
    return unused;
}

static void settle_in_many_threads(void *unused) {
    pthread_t threads[8];
    (void)unused;
    for (int i = 0; i < 8; i++)
        CHECK(pthread_create(&threads[i], NULL, settle_in_thread, NULL) == 0);
    for (int i = 0; i < 8; i++) pthread_join(threads[i], NULL);
    CHECK(settled == 1);
}

static void of_a_childs_threads_one_settles_and_the_others_wait(void) {
    mete__fork_watch();
    for (int i = 0; i < 20; i++) apart_in_child(settle_in_many_threads, NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FACT(before_it_watches_nothing_settles),
        FACT(a_process_that_has_not_forked_has_nothing_to_settle),
        FACT(a_change_of_state_is_seen),
        FACT(a_child_settles_once_and_so_does_its_own_child),
        FACT(the_state_of_none_is_nobodys_in_the_child_either),
        FACT(of_a_childs_threads_one_settles_and_the_others_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
