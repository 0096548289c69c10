/* os/thread_end.h: one key of the C library's for all. */
#include "os/thread_end.h"

#include <errno.h>
#include <pthread.h>
#include <stddef.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key;
static bool has_key;

/* A list that is added to meanwhile is run again, in the C library's next round. */
static void run_all(void *value) {
    struct mete__thread_end *end = value;

    while (end != NULL) {
        struct mete__thread_end *next = end->next;
        end->run(end);
        end = next;
    }
}

static void make_key(void) {
    has_key = pthread_key_create(&key, run_all) == 0;
}

bool mete__thread_end_add(struct mete__thread_end *end) {
    int saved = errno;

    (void)pthread_once(&once, make_key);
    if (has_key) {
        end->next = pthread_getspecific(key);
        if (pthread_setspecific(key, end) == 0) {
            errno = saved;
            return true;
        }
    }
    errno = saved;
    return false;
}
