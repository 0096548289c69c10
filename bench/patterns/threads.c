/* Several threads: who frees whose blocks, and how long threads live. */
#include "patterns.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { THREADS = 4 };

static void run_threads(unsigned count, void *(*body)(void *), void *arguments, size_t size) {
    pthread_t threads[64];
    for (unsigned i = 0; i < count; i++) {
        if (pthread_create(&threads[i], NULL, body, (char *)arguments + i * size) != 0) abort();
    }
    for (unsigned i = 0; i < count; i++) pthread_join(threads[i], NULL);
}

/*
 * A server, after P.-Å. Larson and M. Krishnan, "Memory allocation for long-running server
 * applications", ISMM 1998: each thread replaces blocks at random; when it ends, a new thread goes
 * on with the blocks it leaves.
 */
enum { SERVED = 2000 };

struct server {
    void *blocks[SERVED];
    uint64_t random;
    size_t steps;
};

static void *serve(void *argument) {
    struct server *server = argument;
    for (size_t i = 0; i < server->steps; i++) {
        void **chosen = &server->blocks[random_below(&server->random, SERVED)];
        free(*chosen);
        *chosen = obtain(8 + random_below(&server->random, 500));
    }
    return NULL;
}

void pattern_server(unsigned work) {
    static struct server servers[THREADS];

    for (unsigned generation = 0; generation < 20; generation++) {
        for (unsigned i = 0; i < THREADS; i++) {
            servers[i].random = generation * THREADS + i + 1;
            servers[i].steps = 1000 * (size_t)work;
        }
        run_threads(THREADS, serve, servers, sizeof servers[0]);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        for (size_t j = 0; j < SERVED; j++) free(servers[i].blocks[j]);
    }
}

/* Producers and consumers: no block is freed by the thread that allocated it. Blocks travel a
 * hundred at a time. */
enum { BATCH = 100, RING = 16 };

struct lane {
    void **_Atomic ring[RING];
    size_t batches;
};

static void *produce(struct lane *lane) {
    uint64_t random = 7;
    for (size_t i = 0; i < lane->batches; i++) {
        void **batch = obtain(BATCH * sizeof *batch);
        for (unsigned j = 0; j < BATCH; j++) batch[j] = obtain(random_size(&random));
        while (atomic_load(&lane->ring[i % RING]) != NULL) sched_yield();
        atomic_store(&lane->ring[i % RING], batch);
    }
    return NULL;
}

static void *consume(struct lane *lane) {
    for (size_t i = 0; i < lane->batches; i++) {
        void **batch;
        while ((batch = atomic_load(&lane->ring[i % RING])) == NULL) sched_yield();
        atomic_store(&lane->ring[i % RING], NULL);
        for (unsigned j = 0; j < BATCH; j++) free(batch[j]);
        free(batch);
    }
    return NULL;
}

struct end_of_lane {
    struct lane *lane;
    void *(*work)(struct lane *lane);
};

static void *run_end(void *argument) {
    struct end_of_lane *end = argument;
    return end->work(end->lane);
}

void pattern_pipeline(unsigned work) {
    static struct lane lanes[2];
    struct end_of_lane ends[4] = {
        {&lanes[0], produce}, {&lanes[0], consume}, {&lanes[1], produce}, {&lanes[1], consume}};

    for (unsigned i = 0; i < 2; i++) lanes[i].batches = 200 * (size_t)work;
    run_threads(4, run_end, ends, sizeof ends[0]);
}

/* Every thread takes what any thread has left in a shared place, frees it, and leaves something
 * new. */
static void *_Atomic places[4096];

static void *exchange(void *argument) {
    uint64_t random = *(uint64_t *)argument;
    size_t steps = (size_t)(random >> 8);
    for (size_t i = 0; i < steps; i++) {
        void *block = obtain(random_size(&random));
        free(atomic_exchange(&places[random_below(&random, 4096)], block));
    }
    return NULL;
}

void pattern_exchange(unsigned work) {
    uint64_t arguments[THREADS];
    for (unsigned i = 0; i < THREADS; i++) arguments[i] = ((uint64_t)8000 * work) << 8 | (i + 1);
    run_threads(THREADS, exchange, arguments, sizeof arguments[0]);
    for (unsigned i = 0; i < 4096; i++) free(places[i]);
}

/* Threads that live for a few hundred allocations. */
static void *live_briefly(void *argument) {
    uint64_t random = *(uint64_t *)argument;
    void *blocks[100];
    for (unsigned round = 0; round < 4; round++) {
        for (unsigned i = 0; i < 100; i++) blocks[i] = obtain(random_size(&random));
        for (unsigned i = 0; i < 100; i++) free(blocks[i]);
    }
    return NULL;
}

void pattern_short_threads(unsigned work) {
    for (uint64_t i = 0; i < 20 * (uint64_t)work; i++) {
        uint64_t seeds[THREADS] = {4 * i + 1, 4 * i + 2, 4 * i + 3, 4 * i + 4};
        run_threads(THREADS, live_briefly, seeds, sizeof seeds[0]);
    }
}

/*
 * Cache lines, after E. Berger et al., "Hoard", ASPLOS 2000: each thread is given a small block by
 * the first thread, frees it, and from then on writes to small blocks of its own, which no other's
 * should share a line with.
 */
struct scratch {
    char *given;
    size_t rounds;
};

static void *scribble(void *argument) {
    const struct scratch *scratch = argument;
    free(scratch->given);
    for (size_t round = 0; round < scratch->rounds; round++) {
        volatile char *block = obtain(8);
        for (unsigned i = 0; i < 2000; i++) block[i % 8]++;
        free((void *)block);
    }
    return NULL;
}

void pattern_scratch(unsigned work) {
    struct scratch scratches[THREADS];
    for (unsigned i = 0; i < THREADS; i++) {
        scratches[i] = (struct scratch){obtain(8), 500 * (size_t)work};
    }
    run_threads(THREADS, scribble, scratches, sizeof scratches[0]);
}

/*
 * Bursts, as MicroQuill's SmartHeap benchmark for several processors makes them: small blocks in
 * batches of one size, some batches freed at once in either direction, others kept until later
 * batches have come and gone.
 */
static void *burst(void *argument) {
    enum { KEPT = 32, BURST = 120 };
    uint64_t random = *(uint64_t *)argument;
    size_t rounds = (size_t)(random >> 8);
    void *kept[KEPT][BURST] = {{NULL}};

    for (size_t round = 0; round < rounds; round++) {
        void **batch = kept[random_below(&random, KEPT)];
        size_t size = 8 + random_below(&random, 10) * random_below(&random, 100);
        bool forward = random_below(&random, 2) == 0;
        for (unsigned i = 0; i < BURST; i++) free(batch[forward ? i : BURST - 1 - i]);
        for (unsigned i = 0; i < BURST; i++) batch[i] = obtain(size + 8);
        if (random_below(&random, 3) != 0) continue;
        for (unsigned i = BURST; i-- > 0; batch[i] = NULL) free(batch[i]);
    }
    for (unsigned i = 0; i < KEPT * BURST; i++) free(kept[i / BURST][i % BURST]);
    return NULL;
}

void pattern_batches(unsigned work) {
    uint64_t arguments[THREADS];
    for (unsigned i = 0; i < THREADS; i++) arguments[i] = ((uint64_t)1000 * work) << 8 | (i + 1);
    run_threads(THREADS, burst, arguments, sizeof arguments[0]);
}
