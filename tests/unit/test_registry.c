/* registry/registry.h: the list, and what a child of fork finds of it. */
#include "registry/registry.h"
#include "support/apart.h"

static const struct mete__holder_methods methods = {.kind = METE__HOLDER_POOL};
static struct mete__holder first, second, third;

static bool count(void *context, struct mete__holder *holder) {
    const struct mete__holder **seen = context;
    while (*seen != NULL) seen++;
    *seen = holder;
    return true;
}

static bool are_in_it(const struct mete__holder *a, const struct mete__holder *b) {
    const struct mete__holder *seen[4] = {NULL};
    return mete__registry_each(count, seen) && seen[0] == a && seen[1] == b && seen[2] == NULL;
}

static void enter(struct mete__holder *holder) {
    mete__registry_enter(holder, &methods, "x", NULL);
}

static void the_newest_comes_first(void) {
    enter(&first);
    enter(&second);
    CHECK(are_in_it(&second, &first));
    mete__registry_leave(&second);
    enter(&third);
    CHECK(are_in_it(&third, &first));
}

/* As a fork finds it while another thread is about to enter the third. */
static void a_child_can_take_out_what_another_was_about_to_enter_before(void) {
    enter(&first);
    enter(&second);
    second.previous = &third;
    mete__registry_after_fork();
    mete__registry_leave(&second);
    CHECK(are_in_it(&first, NULL));
}

/* As a fork finds it while another thread is taking out the second. */
static void a_child_can_take_out_what_came_after_one_that_was_leaving(void) {
    enter(&first);
    enter(&second);
    enter(&third);
    third.next = &first;
    mete__registry_after_fork();
    mete__registry_leave(&first);
    CHECK(are_in_it(&third, NULL));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FACT(the_newest_comes_first),
        FACT(a_child_can_take_out_what_another_was_about_to_enter_before),
        FACT(a_child_can_take_out_what_came_after_one_that_was_leaving),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
