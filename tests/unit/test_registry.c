/* registry/registry.h: the list, and what a child of fork finds of it. */
#include "registry/registry.h"

#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

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

/* ---- ranges ---- */

static char memory[64];
static struct mete__territory outer, inner;

static bool note(void *context, struct mete__holder *holder) {
    *(struct mete__holder **)context = holder;
    return false;
}

static struct mete__holder *who_has(const void *address) {
    struct mete__holder *holder = NULL;
    bool none = mete__registry_ask(address, note, &holder);
    return none == (holder == NULL) ? holder : NULL;
}

static void the_innermost_range_answers(void) {
    enter(&first);
    enter(&second);
    mete__registry_claim(&inner, &first, memory + 16, 16);
    mete__registry_claim(&outer, &second, memory, sizeof memory);
    CHECK(who_has(memory + 15) == &second && who_has(memory + 16) == &first);
    mete__registry_hand_over(&inner, &second);
    CHECK(who_has(memory + 16) == &second);
    mete__registry_disclaim(&inner);
    mete__registry_disclaim(&inner);
    mete__registry_disclaim(&outer);
    CHECK(who_has(memory + 16) == NULL);
}

static void a_range_is_nobodys_before_its_holder_is_entered_and_after_it_left(void) {
    mete__registry_claim(&outer, &first, memory, sizeof memory);
    CHECK(who_has(memory) == NULL);
    enter(&first);
    CHECK(who_has(memory) == &first);
    mete__registry_leave(&first);
    CHECK(who_has(memory) == NULL);
}

/* The handler's own question is answered from the list, and the ranges are found afterwards. */
static bool ask_again(void *context, struct mete__holder *holder) {
    (void)holder;
    *(bool *)context = who_has(memory + sizeof memory) == &second; /* the newest is asked first */
    return true;
}

static void who_is_asking_already_is_answered_from_the_list(void) {
    bool was_from_list = false;

    enter(&first);
    enter(&second);
    mete__registry_claim(&outer, &first, memory, sizeof memory);
    CHECK(mete__registry_ask(memory, ask_again, &was_from_list) && was_from_list);
    CHECK(who_has(memory) == &first && who_has(memory + sizeof memory) == NULL);
}

static int asked, answered; /* ends of pipes */

static bool block(void *context, struct mete__holder *holder) {
    char byte = 0;
    (void)context, (void)holder;
    return write(asked, &byte, 1) == 1 && read(answered, &byte, 1) == 1;
}

static void *ask_for_long(void *unused) {
    (void)mete__registry_ask(memory, block, NULL);
    return unused;
}

static void a_child_of_a_fork_in_the_midst_asks_them_all(void) {
    int to_test[2], to_thread[2], status = -1;
    pthread_t thread;
    char byte = 0;

    enter(&first);
    mete__registry_claim(&outer, &first, memory, sizeof memory);
    CHECK(pipe(to_test) == 0 && pipe(to_thread) == 0);
    asked = to_test[1];
    answered = to_thread[0];
    CHECK(pthread_create(&thread, NULL, ask_for_long, NULL) == 0 &&
          read(to_test[0], &byte, 1) == 1);
    pid_t child = fork();
    if (child == 0) {
        alarm(20); /* it hears of the fork by itself, and does not wait for a lock */
        mete__registry_claim(&inner, &first, memory, 16);
        mete__registry_disclaim(&outer);
        _exit(who_has(memory + sizeof memory) == &first ? 0 : 1);
    }
    CHECK(child > 0 && waitpid(child, &status, 0) == child && status == 0);
    CHECK(write(to_thread[1], &byte, 1) == 1 && pthread_join(thread, NULL) == 0);
    CHECK(who_has(memory) == &first && who_has(memory + sizeof memory) == NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FACT(the_newest_comes_first),
        FACT(a_child_can_take_out_what_another_was_about_to_enter_before),
        FACT(a_child_can_take_out_what_came_after_one_that_was_leaving),
        FACT(the_innermost_range_answers),
        FACT(a_range_is_nobodys_before_its_holder_is_entered_and_after_it_left),
        FACT(who_is_asking_already_is_answered_from_the_list),
        FACT(a_child_of_a_fork_in_the_midst_asks_them_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
