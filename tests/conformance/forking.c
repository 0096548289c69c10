/* fork, vfork, exec and spawn, from programs whose other threads are in the middle of malloc. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fact.h"
#include "family.h"

enum { THREADS = 4, SHARED = 64 };

static atomic_bool stop;
static void *_Atomic shared[SHARED]; /* blocks that pass from thread to thread */

/* Allocates for all sizes, and frees what other threads allocated. */
static void *allocate_forever(void *argument) {
    uint64_t random = (uint64_t)(uintptr_t)argument + 1;
    while (!atomic_load(&stop)) {
        size_t size = random_size(&random, 40000);
        char *block = malloc(size);
        CHECK(block != NULL);
        block[0] = block[size - 1] = 1;
        free(atomic_exchange(&shared[random_next(&random) % SHARED], block));
    }
    return NULL;
}

static pthread_t threads[THREADS];

static void start_threads(void *(*body)(void *)) {
    for (uintptr_t i = 0; i < THREADS; i++) {
        CHECK_EQUAL(pthread_create(&threads[i], NULL, body, (void *)i), 0);
    }
}

static void end_threads(void) {
    atomic_store(&stop, true);
    for (unsigned i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
}

/* What a child does first: new blocks of every size, and an end to its parent's. */
static void use_the_heap(void) {
    for (size_t size = 1; size < 600000; size += size / 4 + 1) {
        char *block = calloc(1, size);
        CHECK(block != NULL);
        zero_verify(block, size);
        memset(block, 1, size);
        block = realloc(block, size * 2);
        CHECK(block != NULL && block[size - 1] == 1);
        free(block);
    }
    for (unsigned i = 0; i < SHARED; i++) free(atomic_exchange(&shared[i], NULL));
}

/* A child after the other, each of which does what `life` does, and all is well. */
static void fork_often(unsigned rounds, void (*life)(void)) {
    for (unsigned round = 0; round < rounds; round++) {
        pid_t child = fork();
        if (child == 0) {
            life();
            _exit(0);
        }
        await_child(child);
    }
}

static void the_child_of_a_threaded_program_has_a_whole_heap(void) {
    start_threads(allocate_forever);
    fork_often(300, use_the_heap);
    end_threads();
}

static void *allocate_some(void *argument) {
    for (unsigned i = 0; i < 2000; i++) {
        char *block = malloc(1 + i * 7);
        block[0] = 1;
        free(atomic_exchange(&shared[i % SHARED], block));
    }
    return argument;
}

static void use_threads(void) {
    start_threads(allocate_some);
    use_the_heap();
    end_threads();
}

static void the_child_can_start_threads_of_its_own(void) {
    start_threads(allocate_forever);
    fork_often(50, use_threads);
    end_threads();
}

static void children_of_children_work(void) {
    char *block = malloc(1000);
    pattern_fill(block, 1000, 1);
    start_threads(allocate_forever);
    for (unsigned depth = 0; depth < 20; depth++) {
        pid_t child = fork();
        if (child != 0) {
            await_child(child);
            if (depth > 0) _exit(0);
            end_threads();
            return;
        }
        pattern_verify(block, 1000, depth + 1);
        block = realloc(block, 1000 + 5000 * depth);
        pattern_fill(block, 1000, depth + 2);
        use_the_heap();
    }
    _exit(0);
}

static void *fork_in_a_thread(void *argument) {
    fork_often(50, use_the_heap);
    return argument;
}

static void several_threads_may_fork_at_once(void) {
    start_threads(fork_in_a_thread);
    use_the_heap();
    end_threads();
}

/* ---- stdio: its locks are taken by fork, and held by others while they allocate ---- */

static ssize_t cookie_write(void *cookie, const char *data, size_t size) {
    void *block = malloc(5000);
    (void)cookie, (void)data;
    memset(block, 1, 5000);
    free(block);
    return (ssize_t)size;
}

/* The stream's own function allocates, under the stream's lock and, in fflush(NULL), the list's. */
static void *print_forever(void *argument) {
    cookie_io_functions_t functions = {.write = cookie_write};
    while (!atomic_load(&stop)) {
        FILE *stream = fopencookie(NULL, "w", functions);
        CHECK(stream != NULL);
        for (int i = 0; i < 20; i++) fprintf(stream, "line %d of %p\n", i, argument);
        fflush(NULL);
        fclose(stream);
    }
    return NULL;
}

static void use_stdio(void) {
    use_the_heap();
    FILE *stream = fopen("/dev/null", "w");
    CHECK(stream != NULL);
    fprintf(stream, "%0200d", 1);
    fclose(stream);
}

static void fork_beside_stdio_never_deadlocks(void) {
    start_threads(print_forever);
    fork_often(300, use_stdio);
    end_threads();
}

/* ---- pthread_atfork: other libraries' handlers allocate, before and after ours ---- */

static void *handler_block;

static void allocate_in_handler(void) {
    handler_block = realloc(handler_block, 20000);
    CHECK(handler_block != NULL);
    memset(handler_block, 1, 20000);
    free(malloc(100));
}

static void atfork_handlers_may_allocate(void) {
    CHECK_EQUAL(pthread_atfork(allocate_in_handler, allocate_in_handler, allocate_in_handler), 0);
    start_threads(allocate_forever);
    fork_often(100, use_the_heap);
    end_threads();
}

/* ---- the ways round fork() ---- */

/* No atfork handler runs here. One thread only: what others held would be lost in any heap. */
static void a_raw_fork_system_call_works(void) {
    use_the_heap();
    for (unsigned round = 0; round < 50; round++) {
        void *block = malloc(3000);
        pid_t child = (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
        if (child == 0) {
            free(block);
            use_the_heap();
            _exit(0);
        }
        await_child(child);
        free(block);
    }
}

static void programs_can_be_started_beside_threads(void) {
    static char name[] = "true";
    char *const arguments[] = {name, NULL};
    start_threads(allocate_forever);
    for (unsigned round = 0; round < 40; round++) {
        pid_t child;
        CHECK_EQUAL(posix_spawnp(&child, "true", NULL, NULL, arguments, environ), 0);
        await_child(child);
        CHECK_EQUAL(system("exit 0"), 0);
        FILE *pipe = popen("echo text", "r");
        char line[16] = "";
        CHECK(fgets(line, sizeof line, pipe) != NULL && strcmp(line, "text\n") == 0);
        CHECK_EQUAL(pclose(pipe), 0);
    }
    end_threads();
}

/* A vfork child runs in its parent's memory: what it allocates is its parent's. */
static void allocate_in_vfork(char *volatile *block) {
    pid_t child = vfork();
    if (child == 0) {
        *block = malloc(5000);
        execlp("true", "true", (char *)NULL);
        _exit(3);
    }
    await_child(child);
}

static void a_vfork_child_leaves_the_parents_heap_whole(void) {
    for (unsigned round = 0; round < 100; round++) {
        char *volatile block = NULL;
        allocate_in_vfork(&block);
        CHECK(block != NULL);
        memset(block, 1, 5000);
        free(block);
    }
    use_the_heap();
}

static char clone_stack[65536] __attribute__((aligned(16)));

static int allocate_in_clone(void *argument) {
    char *volatile *block = argument;
    *block = malloc(70000);
    for (unsigned i = 0; i < 1000; i++) free(malloc(i * 10));
    return *block == NULL;
}

/* A CLONE_VM child is a process of its own in our memory, with our thread's TLS. */
static void a_child_that_shares_memory_shares_the_heap(void) {
    for (unsigned round = 0; round < 50; round++) {
        char *volatile block = NULL;
        pid_t child = clone(allocate_in_clone, clone_stack + sizeof clone_stack,
                            CLONE_VM | CLONE_VFORK | SIGCHLD, (void *)&block);
        await_child(child);
        CHECK(block != NULL);
        memset(block, 1, 70000);
        free(block);
    }
    use_the_heap();
}

static void *exec_from_here(void *argument) {
    execlp("true", "true", (char *)NULL);
    return argument;
}

static void exec_beside_threads(void) {
    pthread_t thread;
    start_threads(allocate_forever);
    CHECK_EQUAL(pthread_create(&thread, NULL, exec_from_here, NULL), 0);
    pthread_join(thread, NULL);
    _exit(5);
}

static void a_thread_may_exec_while_others_allocate(void) {
    fork_often(20, exec_beside_threads);
}

/* Copy on write: a child that frees little must not touch, and so double, all of the heap. */
static void a_child_does_not_copy_the_whole_heap(void) {
    enum { COUNT = 100000 };
    static void *blocks[COUNT];
    for (unsigned i = 0; i < COUNT; i++) {
        blocks[i] = malloc(1000);
        memset(blocks[i], 1, 1000);
    }
    pid_t child = fork();
    if (child == 0) {
        use_the_heap();
        for (unsigned i = 0; i < 100; i++) free(blocks[i]);
        char text[4096];
        FILE *rollup = fopen("/proc/self/smaps_rollup", "r");
        if (rollup == NULL) fact_skip("no /proc/self/smaps_rollup");
        size_t length = fread(text, 1, sizeof text - 1, rollup);
        text[length] = '\0';
        const char *dirty = strstr(text, "Private_Dirty:");
        CHECK(dirty != NULL);
        unsigned long kib = strtoul(dirty + 14, NULL, 10);
        fact_note("%lu KiB of 100 MB made private by the child", kib);
        CHECK(kib < 16384);
        _exit(0);
    }
    await_child(child);
}

int main(int argc, char **argv) {
    static const fact facts[] = {
        FACT(the_child_of_a_threaded_program_has_a_whole_heap),
        FACT(the_child_can_start_threads_of_its_own),
        FACT(children_of_children_work),
        FACT(several_threads_may_fork_at_once),
        FACT(fork_beside_stdio_never_deadlocks),
        FACT(atfork_handlers_may_allocate),
        FACT(a_raw_fork_system_call_works),
        FACT(programs_can_be_started_beside_threads),
        FACT(a_vfork_child_leaves_the_parents_heap_whole),
        FACT(a_child_that_shares_memory_shares_the_heap),
        FACT(a_thread_may_exec_while_others_allocate),
        FACT(a_child_does_not_copy_the_whole_heap),
    };
    return fact_main(facts, COUNT_OF(facts), argc, argv);
}
