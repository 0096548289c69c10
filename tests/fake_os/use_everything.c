/*
 * One use of everything a program asks of malloc, whatever the system answers mete: threads, a
 * fork, large blocks that grow, trimming, deep stacks, and a leak. What is refused must be refused
 * by NULL and ENOMEM; what is not must keep its bytes. Prints "whole" where all that is so, and
 * where it has as many descriptors at the end as at the beginning; ends with 1 and a line else.
 */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fake_os/failing_calls.h"

enum { BLOCKS = 300, THREADS = 3, DEPTH = 40 };

#define HOLDS(condition)                                                           \
    do {                                                                           \
        if (!(condition)) {                                                        \
            static const char text[] = "use_everything: not so: " #condition "\n"; \
            _exit(write(STDOUT_FILENO, text, sizeof text - 1) < 0 ? 2 : 1);        \
        }                                                                          \
    } while (0)

static struct {
    char *block;
    size_t size;
} held[BLOCKS];

/* A block that has just been asked for: the first and the last byte are written. */
static void hold(size_t i, void *block, size_t size) {
    HOLDS(block != NULL || errno == ENOMEM);
    held[i].block = block;
    held[i].size = block == NULL ? 0 : size;
    if (held[i].size == 0) return;
    held[i].block[0] = held[i].block[size - 1] = (char)i;
}

static void drop(size_t i) {
    size_t size = held[i].size;
    if (size > 0) HOLDS(held[i].block[0] == (char)i && held[i].block[size - 1] == (char)i);
    errno = 5;
    free(held[i].block);
    HOLDS(errno == 5);
    held[i].block = NULL;
    held[i].size = 0;
}

static void resize(size_t i, size_t size) {
    char *block = realloc(held[i].block, size);
    if (block == NULL) {
        HOLDS(errno == ENOMEM);
        if (held[i].size > 0) HOLDS(held[i].block[0] == (char)i);
        return;
    }
    if (held[i].size > 0) HOLDS(block[0] == (char)i);
    hold(i, block, size);
}

/* Each depth is a stack of its own. */
static __attribute__((noinline)) void *from_depth(int depth, size_t size) {
    void *volatile block = depth == 0 ? malloc(size) : from_depth(depth - 1, size);
    return block;
}

static void use_sizes(void) {
    for (size_t i = 0; i < BLOCKS; i++) {
        size_t size = i * i % 5000 + 1;
        if (i % 4 == 3) {
            char *zeros = calloc(1, size);
            HOLDS(zeros == NULL || (zeros[0] == 0 && zeros[size - 1] == 0));
            hold(i, zeros, size);
        } else if (i % 7 == 6) {
            hold(i, memalign((size_t)16 << i % 12, size), size);
        } else {
            hold(i, from_depth((int)(i % DEPTH), size), size);
        }
    }
    for (size_t i = 0; i < BLOCKS; i += 2) drop(i);
}

static void use_large(void) {
    for (size_t size = 100000; size < (size_t)6 << 20; size += size / 2)
        for (size_t i = 0; i < 6; i += 2) resize(i, size);
    for (size_t i = 0; i < 6; i += 2) resize(i, 70000);
    hold(6, calloc(1, (size_t)40 << 20), (size_t)40 << 20);
    drop(6);
    malloc_trim(0);
    for (size_t i = 0; i < 6; i += 2) drop(i);
}

static void *in_thread(void *first) {
    for (size_t i = (size_t)(char *)first; i < BLOCKS; i += (size_t)2 * THREADS) {
        drop(i);                                     /* the main thread's */
        hold(i, from_depth((int)i % DEPTH, 80), 80); /* to be freed by it */
    }
    return first;
}

static void use_threads(void) {
    pthread_t threads[THREADS];
    size_t started = 0;
    while (started < THREADS &&
           pthread_create(&threads[started], NULL, in_thread, (char *)(2 * started + 1)) == 0)
        started++;
    for (size_t i = 0; i < started; i++) pthread_join(threads[i], NULL);
    for (size_t i = 1; i < BLOCKS; i += 4) drop(i);
}

static void use_fork(void) {
    int status;
    pid_t child = fork();
    if (child < 0) return;
    if (child == 0) {
        for (size_t i = 3; i < BLOCKS; i += 8) drop(i);
        for (size_t i = 3; i < BLOCKS; i += 8) hold(i, from_depth(3, 5000), 5000);
        exit(0);
    }
    HOLDS(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* Nothing is stuck: with the system as it should be, everything is granted again. */
static void use_again(void) {
    if (failing_calls_stop != NULL) failing_calls_stop();
    for (size_t i = 0; i < BLOCKS; i++) {
        drop(i);
        hold(i, malloc(i * 700 + 1), i * 700 + 1);
        HOLDS(held[i].block != NULL);
    }
    for (size_t i = 0; i < BLOCKS; i++) drop(i);
    if (failing_calls_resume != NULL) failing_calls_resume();
}

static size_t open_files(void) {
    size_t count = 0;
    for (int file = 0; file < 100; file++) count += fcntl(file, F_GETFD) >= 0;
    return count;
}

int main(void) {
    size_t files = open_files();

    if (failing_calls_resume != NULL) failing_calls_resume();
    use_sizes();
    use_large();
    use_threads();
    use_fork();
    use_again();
    void *volatile lost = malloc(1234); /* the leak */
    lost = NULL;
    (void)lost;
    HOLDS(open_files() == files);
    HOLDS(write(STDOUT_FILENO, "whole\n", 6) == 6);
    return 0;
}
