/*
 * Another thread forks while one is in the middle of any call of the system that the heap makes:
 * the child, where that thread does not exist, has a whole heap and goes on with it.
 */
#include <pthread.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fake_os/fake_os.h"
#include "fake_os/scenario.h"
#include "fake_os/strides.h"
#include "support/apart.h"
#include "support/hooks.h"
#include "support/whole.h"

/* Another thread than the one that is in the call: that one does not exist in the child. */
static void *fork_now(void *unused) {
    int status;
    pid_t child = fork();

    CHECK(child >= 0);
    if (child == 0) {
        alarm(APART_SECONDS);
        fake_os.at_call = NULL;
        hooks_seen = (struct hooks_seen){.allocated = 0};
        CHECK(scenario_run() == 0);
        CHECK(whole_deeply());
        _exit(0);
    }
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    return unused;
}

static void fork_here(void) {
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, fork_now, NULL) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
}

static void run_with_fork(void *unused) {
    (void)unused;
    CHECK(scenario_run() == 0);
    _exit(fake_os.calls < fake_os.call_at ? 3 : 0);
}

static void fork_everywhere(void) {
    size_t stride = strides_between(APART_SANITIZED ? 20 : 8);

    fake_os.at_call = fork_here;
    for (fake_os.call_at = 1;; fake_os.call_at += stride) {
        int status;
        pid_t child = fork();
        CHECK(child >= 0);
        if (child == 0) run_with_fork(NULL);
        CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status));
        alarm(APART_SECONDS);
        if (WEXITSTATUS(status) == 3) break;
        CHECK(WEXITSTATUS(status) == 0);
    }
    CHECK(fake_os.call_at > 40);
}

static void a_fork_during_any_call_leaves_the_child_whole(void) {
    fork_everywhere();
}

static void the_same_in_small_regions(void) {
    fake_os.limited = true;
    fake_os.left = (size_t)1 << 30;
    fork_everywhere();
}

static void the_same_where_every_page_is_charged(void) {
    fake_os.strict = true;
    fork_everywhere();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FACT(a_fork_during_any_call_leaves_the_child_whole),
        FACT(the_same_in_small_regions),
        FACT(the_same_where_every_page_is_charged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
