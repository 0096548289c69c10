/* What sanitizers are told. Runs with all builds, and tells more in that with AddressSanitizer. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "os/checkers.h"

enum { WORKERS = 3, FORKS = 150 };

static bool stop; /* atomic */

static void *tell(void *unused) {
    static _Thread_local char memory[64];

    (void)unused;
    while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
        mete__checkers_root(memory, sizeof memory);
        mete__checkers_unroot(memory, sizeof memory);
    }
    return NULL;
}

/* LeakSanitizer itself leaves the mutex of its roots as another thread held it. A child that waits
 * for what it has not got is ended by the alarm. */
static void a_child_of_fork_can_tell_while_others_did(void **state) {
    pthread_t threads[WORKERS];

    (void)state;
    for (int i = 0; i < WORKERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, tell, NULL), 0);
    for (int i = 0; i < FORKS; i++) {
        static char memory[64];
        int status;
        pid_t child = fork();
        if (child == 0) {
            alarm(20);
            mete__checkers_root(memory, sizeof memory);
            mete__checkers_unroot(memory, sizeof memory);
            _exit(0);
        }
        assert_true(child > 0);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
    }
    __atomic_store_n(&stop, true, __ATOMIC_RELAXED);
    for (int i = 0; i < WORKERS; i++) assert_int_equal(pthread_join(threads[i], NULL), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_child_of_fork_can_tell_while_others_did),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
