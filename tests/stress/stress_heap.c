/*
 * stress_heap SECONDS [SEED]: every block is filled with a pattern of its own, and verified when it
 * ends.
 *
 * Threads allocate, resize and free blocks of all sizes and alignments, hand them to each other,
 * end, and are replaced; meanwhile the process forks, and the children use what they inherited. A
 * heap that gives a byte to two owners, loses one, or tears its lists at a fork is found sooner or
 * later. Running out of memory is no error (try it under `prlimit --as`), as long as the answer is
 * NULL with ENOMEM.
 */
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    THREADS = 4,
    HELD = 400,    /* blocks of each thread */
    SHARED = 1000, /* places where blocks change hands */
    STEPS = 30000, /* of a thread's life */
    LARGEST = 6 << 20,
};

struct block {
    unsigned char *bytes;
    size_t size;
    unsigned seed;
};

static struct block *_Atomic shared[SHARED]; /* descriptors are blocks, too */
static atomic_ulong steps_done, refusals, threads_born, forks_done;
static atomic_bool stop;
static unsigned long first_seed = 1;

static _Noreturn void fail(const char *what, const struct block *block, size_t at) {
    dprintf(STDERR_FILENO, "stress_heap: %s: block %p of %zu bytes, at %zu; seed %lu\n", what,
            (void *)block->bytes, block->size, at, first_seed);
    abort();
}

static uint64_t random_next(uint64_t *state) {
    uint64_t x = *state;
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    *state = x;
    return x * UINT64_C(2685821657736338717);
}

static size_t random_below(uint64_t *state, size_t limit) {
    return (size_t)((random_next(state) >> 32) * limit >> 32);
}

/* Mostly small; one in a thousand has megabytes. */
static size_t random_size(uint64_t *state) {
    static const size_t limits[] = {32, 64, 128, 256, 512, 1024, 4096, 16384, 65536};
    if (random_below(state, 1000) == 0) return 1 + random_below(state, LARGEST);
    return random_below(state, limits[random_below(state, sizeof limits / sizeof limits[0])]);
}

static unsigned char expected(const struct block *block, size_t at) {
    return (unsigned char)(block->seed + at * 37 + (at >> 8));
}

/* All of a small block, and of a large one both ends and a byte of each page. */
static size_t next_position(const struct block *block, size_t at) {
    if (block->size < 8192 || at < 256 || at >= block->size - 256) return at + 1;
    size_t next = at + 4093;
    return next < block->size - 256 ? next : block->size - 256;
}

static void fill(struct block *block) {
    for (size_t at = 0; at < block->size; at = next_position(block, at)) {
        block->bytes[at] = expected(block, at);
    }
}

/* `size` of the block's bytes as fill() left them. */
static void verify(const struct block *block, size_t size) {
    for (size_t at = 0; at < size; at = next_position(block, at)) {
        if (block->bytes[at] != expected(block, at)) fail("changed", block, at);
    }
}

static bool refused(const void *bytes, const struct block *block) {
    if (bytes != NULL) return false;
    if (errno != ENOMEM) fail("NULL without ENOMEM", block, 0);
    atomic_fetch_add(&refusals, 1);
    return true;
}

static void end(struct block *block) {
    if (block->bytes == NULL) return;
    verify(block, block->size);
    if (malloc_usable_size(block->bytes) < block->size) fail("usable size", block, 0);
    free(block->bytes);
    block->bytes = NULL;
}

static void begin(struct block *block, uint64_t *random) {
    size_t align = 16, size = random_size(random);
    bool zeroed = false;

    errno = 0;
    switch (random_below(random, 8)) {
    case 0:
        zeroed = true;
        block->bytes = calloc(1, size);
        break;
    case 1:
        align = (size_t)1 << random_below(random, 15);
        block->bytes = memalign(align, size);
        break;
    case 2: block->bytes = realloc(NULL, size); break;
    default: block->bytes = malloc(size);
    }
    block->size = size;
    block->seed = (unsigned)random_next(random);
    if (refused(block->bytes, block)) return;
    if ((uintptr_t)block->bytes % align != 0) fail("misaligned", block, align);
    for (size_t at = 0; zeroed && at < size; at = next_position(block, at)) {
        if (block->bytes[at] != 0) fail("calloc gave a byte that is not zero", block, at);
    }
    fill(block);
}

static void resize(struct block *block, uint64_t *random) {
    size_t size = random_below(random, 3) == 0 ? block->size * 3 / 2 + 1 : 1 + random_size(random);
    unsigned char *bytes;

    if (block->bytes == NULL) return;
    verify(block, block->size);
    errno = 0;
    bytes = realloc(block->bytes, size);
    if (refused(bytes, block)) return;
    block->bytes = bytes;
    /* In a large block only what lay on verified positions then and now can be told. */
    size_t kept = size < block->size ? size : block->size;
    verify(block, kept < 8192 ? kept : 256);
    block->size = size;
    fill(block);
}

/* Puts the block in a shared place, and takes what lies there. */
static void change_hands(struct block *block, uint64_t *random) {
    struct block *given = malloc(sizeof *given);
    if (given == NULL) return;
    *given = *block;
    struct block *taken = atomic_exchange(&shared[random_below(random, SHARED)], given);
    *block = taken != NULL ? *taken : (struct block){NULL, 0, 0};
    free(taken);
}

static void step(struct block *held, uint64_t *random) {
    struct block *block = &held[random_below(random, HELD)];
    switch (random_below(random, 8)) {
    case 0: resize(block, random); break;
    case 1:
    case 2: change_hands(block, random); break;
    default: end(block); begin(block, random);
    }
}

static void *live(void *argument) {
    struct block held[HELD] = {{NULL, 0, 0}};
    uint64_t random = (uint64_t)(uintptr_t)argument * 0x9e3779b97f4a7c15u | 1;

    for (unsigned i = 0; i < STEPS && !atomic_load(&stop); i++) step(held, &random);
    atomic_fetch_add(&steps_done, STEPS);
    /* Some blocks outlive their thread; the others end with it. */
    for (unsigned i = 0; i < HELD; i++) {
        if (i % 4 == 0) change_hands(&held[i], &random);
        end(&held[i]);
    }
    return NULL;
}

static void end_shared(void) {
    for (unsigned i = 0; i < SHARED; i++) {
        struct block *block = atomic_exchange(&shared[i], NULL);
        if (block == NULL) continue;
        end(block);
        free(block);
    }
}

/* In a child: the parent's blocks are whole and can end here, and threads can be started. A block
 * that some thread was just about to free or fill may be gone from its place, but what is in one is
 * whole. */
static _Noreturn void use_inheritance(unsigned long seed) {
    pthread_t threads[2];
    alarm(60);
    end_shared();
    for (uintptr_t i = 0; i < 2; i++) {
        if (pthread_create(&threads[i], NULL, live, (void *)(seed * 7 + i)) != 0) _exit(0);
    }
    for (unsigned i = 0; i < 2; i++) pthread_join(threads[i], NULL);
    end_shared();
    _exit(0);
}

static void fork_once(unsigned long seed) {
    int status;
    pid_t child = fork();

    if (child == 0) use_inheritance(seed);
    if (child < 0) return;
    while (waitpid(child, &status, 0) < 0) continue;
    if (status != 0) {
        dprintf(STDERR_FILENO, "stress_heap: a child ended with status 0x%x; seed %lu\n",
                (unsigned)status, first_seed);
        abort();
    }
    atomic_fetch_add(&forks_done, 1);
}

/* One of THREADS places in which threads follow each other. */
static void *follow(void *argument) {
    unsigned long seed = (unsigned long)(uintptr_t)argument;
    while (!atomic_load(&stop)) {
        pthread_t thread;
        seed += THREADS;
        if (pthread_create(&thread, NULL, live, (void *)(uintptr_t)seed) != 0) continue;
        pthread_join(thread, NULL);
        atomic_fetch_add(&threads_born, 1);
    }
    return NULL;
}

int main(int argc, char **argv) {
    pthread_t places[THREADS];
    time_t over = time(NULL) + (argc > 1 ? atol(argv[1]) : 5);

    if (argc > 2) first_seed = strtoul(argv[2], NULL, 10);
    for (uintptr_t i = 0; i < THREADS; i++) {
        if (pthread_create(&places[i], NULL, follow, (void *)(first_seed * 1000003 + i)) != 0) {
            return 2;
        }
    }
    for (unsigned long round = 0; time(NULL) < over; round++) fork_once(first_seed + round);
    atomic_store(&stop, true);
    for (unsigned i = 0; i < THREADS; i++) pthread_join(places[i], NULL);
    end_shared();
    printf("%lu steps, %lu threads, %lu forks, %lu refusals\n", atomic_load(&steps_done),
           atomic_load(&threads_born), atomic_load(&forks_done), atomic_load(&refusals));
    return 0;
}
