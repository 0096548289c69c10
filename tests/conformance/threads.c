/* Threads: born and ended by the thousand, on the smallest stacks, freeing after their own end. */
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fact.h"
#include "family.h"

#define MIB ((size_t)1 << 20)

static void work_a_little(unsigned seed) {
    void *blocks[40];
    for (unsigned i = 0; i < 40; i++) {
        blocks[i] = malloc(1 + (seed * 131 + i * i * 53) % 9000);
        memset(blocks[i], 1, 1);
    }
    for (unsigned i = 0; i < 40; i++) free(blocks[i]);
}

static void run_threads(unsigned total, void *(*body)(void *)) {
    pthread_t threads[8];
    for (unsigned i = 0; i < total; i += 8) {
        for (uintptr_t j = 0; j < 8; j++) {
            CHECK_EQUAL(pthread_create(&threads[j], NULL, body, (void *)(i + j)), 0);
        }
        for (unsigned j = 0; j < 8; j++) pthread_join(threads[j], NULL);
    }
}

/* The first threads pay for what is kept; after them nothing may grow. */
static void resident_stays_over_threads(unsigned total, void *(*body)(void *)) {
    run_threads(total / 10, body);
    size_t before = process_bytes("VmRSS:"), mapped = process_bytes("VmSize:");
    run_threads(total, body);
    size_t after = process_bytes("VmRSS:");
    fact_note("%u threads: resident %zu to %zu KiB", total, before / 1024, after / 1024);
    CHECK(after < before + 3 * MIB);
    CHECK(process_bytes("VmSize:") < mapped + 256 * MIB);
}

static void *short_thread(void *argument) {
    work_a_little((unsigned)(uintptr_t)argument);
    return NULL;
}

static void thousands_of_short_threads_leave_nothing(void) {
    resident_stays_over_threads(5000, short_thread);
}

/* ---- destructors of thread-specific data, in every round glibc makes ---- */

static pthread_key_t early_key, late_key;

static void destroy_and_come_again(void *value) {
    unsigned round = *(unsigned *)value;
    free(value);
    work_a_little(round);
    if (round + 1 >= PTHREAD_DESTRUCTOR_ITERATIONS) return;
    unsigned *next = malloc(sizeof *next);
    *next = round + 1;
    pthread_setspecific(early_key, next);
}

static void destroy_once(void *value) {
    free(value);
    work_a_little(3);
    free(calloc(1, 100000));
}

/* Before main, and before the heap can have made a key of its own. */
__attribute__((constructor(101))) static void make_early_key(void) {
    pthread_key_create(&early_key, destroy_and_come_again);
}

static void *thread_with_destructors(void *argument) {
    unsigned *value = malloc(sizeof *value);
    *value = 0;
    pthread_setspecific(early_key, value);
    pthread_setspecific(late_key, malloc(500));
    work_a_little((unsigned)(uintptr_t)argument);
    return NULL;
}

static void destructors_that_allocate_leave_nothing(void) {
    CHECK_EQUAL(pthread_key_create(&late_key, destroy_once), 0);
    resident_stays_over_threads(5000, thread_with_destructors);
}

/* The thread never allocated before its destructors ran. */
static void *thread_of_destructors_alone(void *argument) {
    static unsigned none = PTHREAD_DESTRUCTOR_ITERATIONS;
    (void)argument;
    pthread_setspecific(late_key, &none);
    return NULL;
}

static void allocate_only(void *value) {
    (void)value;
    work_a_little(1);
}

static void threads_that_allocate_in_destructors_only_leave_nothing(void) {
    CHECK_EQUAL(pthread_key_create(&late_key, allocate_only), 0);
    resident_stays_over_threads(5000, thread_of_destructors_alone);
}

/* ---- destructors of C++ thread_locals: they run before those of keys ---- */

extern int __cxa_thread_atexit_impl(void (*destroy)(void *), void *object, void *dso);
extern void *__dso_handle;

static void destroy_thread_local(void *object) {
    free(object);
    work_a_little(2);
}

static void *thread_with_thread_locals(void *argument) {
    CHECK_EQUAL(__cxa_thread_atexit_impl(destroy_thread_local, malloc(1000), &__dso_handle), 0);
    work_a_little((unsigned)(uintptr_t)argument);
    CHECK_EQUAL(__cxa_thread_atexit_impl(destroy_thread_local, malloc(70000), &__dso_handle), 0);
    return NULL;
}

static void destructors_of_thread_locals_leave_nothing(void) {
    resident_stays_over_threads(5000, thread_with_thread_locals);
}

/* ---- blocks that outlive their thread ---- */

enum { LEFT = 200 };

static void *leave_blocks(void *argument) {
    void **left = argument;
    for (unsigned i = 0; i < LEFT; i++) {
        left[i] = malloc(10 + i * 40);
        pattern_fill(left[i], 10 + i * 40, i);
    }
    return NULL;
}

static void blocks_outlive_their_thread(void) {
    size_t settled = 0;
    for (unsigned round = 0; round < 1500; round++) {
        void *left[LEFT];
        pthread_t thread;
        CHECK_EQUAL(pthread_create(&thread, NULL, leave_blocks, left), 0);
        pthread_join(thread, NULL);
        for (unsigned i = 0; i < LEFT; i++) {
            pattern_verify(left[i], 10 + i * 40, i);
            if (i % 3 == 0) left[i] = realloc(left[i], 20 + i * 80);
            if (i % 3 == 0) pattern_verify(left[i], 10 + i * 40, i);
            free(left[i]);
        }
        if (round == 150) settled = process_bytes("VmRSS:");
    }
    CHECK(process_bytes("VmRSS:") < settled + 4 * MIB);
}

/* One block of each ended thread stays for ever: the rest of its memory must serve others. */
static void *leave_one_block(void *argument) {
    void *many[2000];
    for (unsigned i = 0; i < 2000; i++) {
        many[i] = malloc(512);
        memset(many[i], 1, 512);
    }
    *(void **)argument = many[1000];
    for (unsigned i = 0; i < 2000; i++) {
        if (i != 1000) free(many[i]);
    }
    return NULL;
}

static void one_block_left_does_not_keep_a_threads_memory(void) {
    static void *left[400];
    for (unsigned i = 0; i < 400; i++) {
        pthread_t thread;
        CHECK_EQUAL(pthread_create(&thread, NULL, leave_one_block, &left[i]), 0);
        pthread_join(thread, NULL);
    }
    fact_note("resident with one block of each of 400 threads: %zu KiB",
              process_bytes("VmRSS:") / 1024);
    CHECK(process_bytes("VmRSS:") < 50 * MIB); /* they held 400 MB, 1 MB at a time */
    for (unsigned i = 0; i < 400; i++) free(left[i]);
}

/* ---- producer and consumer: every block is freed by a thread that did not allocate it ---- */

enum { RING = 1024 };
static void *_Atomic ring[RING];
static atomic_bool stop;

static void *produce(void *argument) {
    uint64_t random = (uint64_t)(uintptr_t)argument + 1;
    for (unsigned long i = 0; i < 1500000; i++) {
        size_t size = 16 + random_next(&random) % 500;
        unsigned *block = malloc(size);
        *block = 0x5a5a5a5a;
        void *expected = NULL;
        while (!atomic_compare_exchange_weak(&ring[i % RING], &expected, block)) {
            expected = NULL;
            sched_yield();
        }
    }
    atomic_store(&stop, true);
    return NULL;
}

static void *consume(void *argument) {
    (void)argument;
    while (!atomic_load(&stop)) {
        bool found = false;
        for (unsigned i = 0; i < RING; i++) {
            unsigned *block = atomic_exchange(&ring[i], NULL);
            if (block != NULL) CHECK_EQUAL(*block, 0x5a5a5a5a);
            found |= block != NULL;
            free(block);
        }
        if (!found) sched_yield();
    }
    return NULL;
}

static void blocks_freed_by_others_serve_their_owner_again(void) {
    pthread_t producer, consumer;
    CHECK_EQUAL(pthread_create(&producer, NULL, produce, NULL), 0);
    CHECK_EQUAL(pthread_create(&consumer, NULL, consume, NULL), 0);
    pthread_join(producer, NULL);
    pthread_join(consumer, NULL);
    fact_note("peak %zu KiB", process_bytes("VmHWM:") / 1024);
    CHECK(process_bytes("VmHWM:") < 48 * MIB); /* 1024 blocks live; 400 MB passed through */
}

/* ---- stacks, thread-locals, cancellation ---- */

static void *everything_on_a_small_stack(void *argument) {
    for (size_t size = 1; size < 3 * MIB; size += size / 2 + 1) {
        char *block = calloc(1, size);
        CHECK(block != NULL);
        block = realloc(block, size * 3);
        CHECK(block != NULL);
        free(block);
        block = memalign(8192, size);
        CHECK(block != NULL);
        free(block);
    }
    work_a_little((unsigned)(uintptr_t)argument);
    return NULL;
}

static void the_smallest_stack_is_enough(void) {
    pthread_attr_t attributes;
    pthread_t thread;
    pthread_attr_init(&attributes);
    size_t smallest = (size_t)sysconf(_SC_THREAD_STACK_MIN);
    fact_note("smallest stack: %zu bytes", smallest);
    CHECK_EQUAL(pthread_attr_setstacksize(&attributes, smallest), 0);
    for (unsigned i = 0; i < 100; i++) {
        CHECK_EQUAL(pthread_create(&thread, &attributes, everything_on_a_small_stack, NULL), 0);
        pthread_join(thread, NULL);
    }
}

/* 512 bytes are what the loader keeps for libraries loaded late; a heap that takes more than its
 * share makes some other library's dlopen fail. */
static void the_library_can_be_loaded_late(void) {
    const char *path = getenv("FACT_LATE_LIBRARY");
    if (path == NULL || path[0] == '\0') fact_skip("no FACT_LATE_LIBRARY");
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (library == NULL) fact_fail(__FILE__, __LINE__, "%s", dlerror());
    void *(*allocate)(size_t) = (void *(*)(size_t))dlsym(library, "malloc");
    void (*release)(void *) = (void (*)(void *))dlsym(library, "free");
    CHECK(allocate != NULL && release != NULL);
    for (unsigned i = 0; i < 10000; i++) release(allocate(i));
    work_a_little(5);
}

static const char *nothing_preloaded(void) {
    const char *preload = getenv("FACT_PRELOAD");
    setenv("FACT_LATE_LIBRARY", preload != NULL ? preload : "", 1);
    unsetenv("FACT_PRELOAD");
    return NULL;
}

static void *cancelled_before_it_allocates(void *argument) {
    unsigned *done = argument;
    pthread_cancel(pthread_self());
    for (size_t size = 1; size < 4 * MIB; size *= 2) {
        char *block = malloc(size);
        memset(block, 1, size);
        block = realloc(block, size * 2);
        free(block);
    }
    malloc_trim(0);
    *done = 1;
    pthread_testcancel();
    *done = 2;
    return NULL;
}

static void malloc_is_no_cancellation_point(void) {
    for (unsigned i = 0; i < 20; i++) {
        pthread_t thread;
        unsigned done = 0;
        void *result = NULL;
        CHECK_EQUAL(pthread_create(&thread, NULL, cancelled_before_it_allocates, &done), 0);
        pthread_join(thread, &result);
        CHECK_EQUAL(done, 1);
        CHECK(result == PTHREAD_CANCELED);
    }
}

static atomic_uint at_once;

static void *wait_with_blocks(void *argument) {
    void *block = malloc(100);
    memset(block, 1, 100);
    atomic_fetch_add(&at_once, 1);
    while (!atomic_load(&stop)) {
        const struct timespec pause = {.tv_nsec = 5000000};
        nanosleep(&pause, NULL);
    }
    free(block);
    return argument;
}

static void a_thousand_threads_at_once_cost_little_each(void) {
    enum { COUNT = 1000 };
    static pthread_t threads[COUNT];
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 65536);
    size_t before = process_bytes("VmRSS:");
    for (unsigned i = 0; i < COUNT; i++) {
        CHECK_EQUAL(pthread_create(&threads[i], &attributes, wait_with_blocks, NULL), 0);
    }
    while (atomic_load(&at_once) < COUNT) sched_yield();
    size_t each = (process_bytes("VmRSS:") - before) / COUNT;
    fact_note("%zu bytes resident for each waiting thread with one block", each);
    atomic_store(&stop, true);
    for (unsigned i = 0; i < COUNT; i++) pthread_join(threads[i], NULL);
    CHECK(each < 40000);
}

int main(int argc, char **argv) {
    static const fact facts[] = {
        FACT(thousands_of_short_threads_leave_nothing),
        FACT(destructors_that_allocate_leave_nothing),
        FACT(threads_that_allocate_in_destructors_only_leave_nothing),
        FACT(destructors_of_thread_locals_leave_nothing),
        FACT(blocks_outlive_their_thread),
        FACT(one_block_left_does_not_keep_a_threads_memory),
        FACT(blocks_freed_by_others_serve_their_owner_again),
        FACT(the_smallest_stack_is_enough),
        FACT_PREPARED(the_library_can_be_loaded_late, nothing_preloaded),
        FACT(malloc_is_no_cancellation_point),
        FACT(a_thousand_threads_at_once_cost_little_each),
    };
    return fact_main(facts, COUNT_OF(facts), argc, argv);
}
