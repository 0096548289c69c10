/*
 * bench/costs/peers.c - blocks of 64 bytes from mete's allocators and from those of others.
 *
 * Each way allocates a batch, writes to every block, and frees it: one by one where it can, else
 * all at once. The ways take turns in short runs, with glibc's malloc and free before each; the
 * figure is the median of the ratios to it, so that what else the machine does hits both alike.
 * Which peers there are is told by the build (HAVE_*).
 */
#include <malloc.h>
#include <mete/allocator.h>
#include <mete/arena.h>
#include <mete/heap.h>
#include <mete/pool.h>
#include <obstack.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "peers.h"

#ifdef HAVE_APR
#include <apr_pools.h>
#endif
#ifdef HAVE_TALLOC
#include <talloc.h>
#endif
#ifdef HAVE_GLIB
#include <glib.h>
#endif

#define obstack_chunk_alloc malloc
#define obstack_chunk_free  free

enum { SIZE = 64, TURNS = 61, BLOCKS = 20000, BATCH_MAX = 1000 };

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static mete_pool *pool, *unfilled, *other_size, *shared, *with_handles, *unfilled_handles,
    *looked_up;
static mete_arena *arena;
static mete_heap *heap;
static const mete_allocator *pool_behind, *heap_behind;
static struct obstack obstack;
#ifdef HAVE_APR
static apr_pool_t *apr;
#endif

/* ---- hand-written ---- */

struct link {
    struct link *next;
};
static struct link *list;
static char *bump_start, *bump_next;

static inline void *list_alloc(void) {
    struct link *block = list;
    list = block->next;
    return block;
}

static inline void list_free(void *block) {
    struct link *link = block;
    link->next = list;
    list = link;
}

static inline void *bump_alloc(void) {
    char *block = bump_next;
    bump_next += SIZE;
    return block;
}

/* ---- a run: `count` blocks in batches ---- */

/* own: where blocks come from, known to the loop as a program's function knows its pool; alloc: an
 * expression; one(block): frees one; all: frees the batch. */
#define WAY(name, own, alloc, one, all)                        \
    static void name(size_t batch, size_t count) {             \
        void *blocks[BATCH_MAX];                               \
        own;                                                   \
        for (size_t done = 0; done < count; done += batch) {   \
            for (size_t i = 0; i < batch; i++) {               \
                blocks[i] = (alloc);                           \
                *(volatile uint64_t *)blocks[i] = i;           \
            }                                                  \
            for (size_t i = 0; i < batch; i++) one(blocks[i]); \
            all;                                               \
        }                                                      \
    }
#define NONE(block)  (void)(block)
#define NOTHING      (void)0
#define LAYOUT       ((mete_layout){SIZE, 16})
#define FROM(a_pool) mete_pool *const own = (a_pool)
#define BY(a)        const mete_allocator *const own = (a)
#define POOL_FREE(b) mete_pool_free(own, b)
#define CALL_FREE(b) mete__pool_free(own, b)
#define BEHIND(b)    mete_allocator_free(own, b, LAYOUT)

WAY(by_malloc, NOTHING, malloc(SIZE), free, NOTHING)
WAY(by_pool, FROM(pool), mete_pool_alloc(own), POOL_FREE, NOTHING)
WAY(by_call, FROM(pool), mete__pool_alloc(own), CALL_FREE, NOTHING)
WAY(by_unfilled, FROM(unfilled), mete_pool_alloc(own), POOL_FREE, NOTHING)
WAY(by_other_size, FROM(other_size), mete_pool_alloc(own), POOL_FREE, NOTHING)
WAY(by_shared, FROM(shared), mete_pool_alloc(own), POOL_FREE, NOTHING)
#define HEAP_FREE(b) mete_heap_free(own, b)
WAY(by_heap, mete_heap *const own = heap, mete_heap_alloc(own, SIZE), HEAP_FREE, NOTHING)
WAY(by_arena, mete_arena *const own = arena, mete_arena_alloc(own, SIZE, 16), NONE,
    mete_arena_reset(own))
WAY(by_pool_behind, BY(pool_behind), mete_allocator_alloc(own, LAYOUT), BEHIND, NOTHING)
WAY(by_list, NOTHING, list_alloc(), list_free, NOTHING)
WAY(by_bump, NOTHING, bump_alloc(), NONE, bump_next = bump_start)
/* NOLINTNEXTLINE(clang-analyzer-core.*): a batch has a first block */
WAY(by_obstack, NOTHING, obstack_alloc(&obstack, SIZE), NONE, obstack_free(&obstack, blocks[0]))
#ifdef HAVE_APR
WAY(by_apr, apr_pool_t *const own = apr, apr_palloc(own, SIZE), NONE, apr_pool_clear(own))
#endif
#ifdef HAVE_TALLOC
WAY(by_talloc, NOTHING, talloc_size(NULL, SIZE), talloc_free, NOTHING)
#endif
#ifdef HAVE_GLIB
#define SLICE_FREE(b) g_slice_free1(SIZE, b)
WAY(by_slice, NOTHING, g_slice_alloc(SIZE), SLICE_FREE, NOTHING)
#endif
#ifdef HAVE_BOOST
WAY(by_boost, NOTHING, bench_boost_alloc(), bench_boost_free, NOTHING)
#endif

/* Every block by its handle. */
#define BY_HANDLE(name, a_pool)                                               \
    static void name(size_t batch, size_t count) {                            \
        mete_pool_handle handles[BATCH_MAX];                                  \
        mete_pool *const own = (a_pool);                                      \
        for (size_t done = 0; done < count; done += batch) {                  \
            for (size_t i = 0; i < batch; i++) {                              \
                const void *block = mete_pool_alloc_handle(own, &handles[i]); \
                (void)block;                                                  \
            }                                                                 \
            for (size_t i = 0; i < batch; i++) {                              \
                mete_pool_handle handle = handles[i];                         \
                *(volatile uint64_t *)mete_pool_get(own, handle) = i;         \
                mete_pool_free_handle(own, handle);                           \
            }                                                                 \
        }                                                                     \
    }
BY_HANDLE(by_handles, with_handles)
BY_HANDLE(by_unfilled_handles, unfilled_handles)

/* The same, with a handle made where there is need of one. */
static void by_handles_made(size_t batch, size_t count) {
    mete_pool_handle handles[BATCH_MAX];
    mete_pool *const own = with_handles;
    for (size_t done = 0; done < count; done += batch) {
        for (size_t i = 0; i < batch; i++)
            handles[i] = mete_pool_handle_of(own, mete_pool_alloc(own));
        for (size_t i = 0; i < batch; i++) {
            uint64_t *block = mete_pool_get(own, handles[i]);
            *(volatile uint64_t *)block = i;
            mete_pool_free(own, block);
        }
    }
}

/* Nothing but looking a block up by its handle. */
static void by_lookup(size_t batch, size_t count) {
    static mete_pool_handle handles[BATCH_MAX];
    if (handles[0] == 0)
        for (size_t i = 0; i < BATCH_MAX; i++)
            handles[i] = mete_pool_handle_of(looked_up, mete_pool_alloc(looked_up));
    for (size_t done = 0; done < count; done += batch)
        for (size_t i = 0; i < batch; i++)
            *(volatile uint64_t *)mete_pool_get(looked_up, handles[i]) = i;
}

struct way {
    const char *name;
    void (*run)(size_t batch, size_t count);
    double mark; /* 0: none */
};

static const struct way ways[] = {
    {"mete pool, all checks and statistics", by_pool, 0.30},
    {"mete pool, by calls that are not inline", by_call, 0},
    {"mete pool, does_not_fill", by_unfilled, 0},
    {"mete pool, blocks of 40", by_other_size, 0},
    {"mete pool, shared, all checks", by_shared, 0},
    {"mete pool, each block by its handle", by_handles, 0},
    {"the same, alloc, handle_of, get, free", by_handles_made, 0},
    {"by its handle, does_not_fill", by_unfilled_handles, 0.25},
    {"mete_pool_get and touch alone", by_lookup, 0},
    {"mete pool behind mete_allocator", by_pool_behind, 0},
    {"mete arena, reset", by_arena, 0.14},
    {"mete private heap, all checks", by_heap, 0},
    {"hand-written free list, inline", by_list, 0},
    {"hand-written bump, inline", by_bump, 0},
    {"glibc obstack", by_obstack, 0},
#ifdef HAVE_APR
    {"apr_palloc, apr_pool_clear", by_apr, 0},
#endif
#ifdef HAVE_TALLOC
    {"talloc", by_talloc, 0},
#endif
#ifdef HAVE_GLIB
    {"g_slice", by_slice, 0},
#endif
#ifdef HAVE_BOOST
    {"boost::pool", by_boost, 0},
#endif
};
enum { WAYS = sizeof ways / sizeof *ways };

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, size_t count) {
    qsort(values, count, sizeof *values, by_value);
    return values[count / 2];
}

/* With the stack at another place each time, of all there are in a page: what lies where in the
 * page, which is chance, decides how long a load waits for a store beside it. */
static double time_of(void (*run)(size_t, size_t), size_t batch) {
    static _Thread_local unsigned times;
    const size_t blocks = BLOCKS / batch * batch;
    volatile char *below = __builtin_alloca(16 + times * 1168 % 4096);

    times++;
    below[0] = 0;
    double start = now();
    run(batch, blocks);
    return (now() - start) / (double)blocks;
}

static void print_line(const char *name, const double *figures, size_t count, double mark) {
    printf("%-40s", name);
    for (size_t i = 0; i < count; i++) printf(" %7.2f", figures[i]);
    if (mark != 0) printf("   mark %.2f", mark);
    printf("\n");
}

static void compare_alone(void) {
    static const size_t batches[] = {16, 100, 1000};
    enum { BATCHES = sizeof batches / sizeof *batches };
    static double ratios[WAYS][BATCHES][TURNS], units[BATCHES][TURNS];

    for (int turn = -1; turn < TURNS; turn++)
        for (size_t b = 0; b < BATCHES; b++)
            for (size_t w = 0; w < WAYS; w++) {
                double unit = time_of(by_malloc, batches[b]);
                double taken = time_of(ways[w].run, batches[b]);
                if (turn < 0) continue;
                units[b][turn] = unit;
                ratios[w][b][turn] = taken / unit;
            }
    double figures[BATCHES];
    printf("one thread; batches of                       16     100    1000\n");
    for (size_t b = 0; b < BATCHES; b++) figures[b] = median(units[b], TURNS);
    print_line("malloc and free, ns", figures, BATCHES, 0);
    for (size_t w = 0; w < WAYS; w++) {
        for (size_t b = 0; b < BATCHES; b++) figures[b] = median(ratios[w][b], TURNS);
        print_line(ways[w].name, figures, BATCHES, ways[w].mark);
    }
}

/* ---- two threads ---- */

static pthread_barrier_t barrier;
static double shared_units[2][TURNS], shared_ratios[2][TURNS];

static void *run_beside(void *number) {
    double *ratios = shared_ratios[(size_t)(uintptr_t)number];
    for (int turn = 0; turn < TURNS; turn++) {
        (void)pthread_barrier_wait(&barrier);
        double unit = time_of(by_malloc, 100);
        (void)pthread_barrier_wait(&barrier);
        ratios[turn] = time_of(by_shared, 100) / unit;
        shared_units[(size_t)(uintptr_t)number][turn] = unit;
    }
    return NULL;
}

/* Of each thread: malloc and free in ns, and the pool in units of that. */
static void measure_on_two_threads(double figures[4]) {
    pthread_t thread;

    if (pthread_barrier_init(&barrier, NULL, 2) != 0 ||
        pthread_create(&thread, NULL, run_beside, (void *)(uintptr_t)1) != 0)
        abort();
    (void)run_beside(NULL);
    (void)pthread_join(thread, NULL);
    for (size_t i = 0; i < 2; i++) {
        figures[i] = median(shared_units[i], TURNS);
        figures[2 + i] = median(shared_ratios[i], TURNS);
    }
}

/* ---- memory ---- */

static void compare_memory(void) {
    enum { COUNT = 100000 };
    mete_pool *fresh = mete_pool_create(&(mete_pool_options){.block_size = SIZE});
    mete_pool_stats stats;

    for (int i = 0; i < COUNT; i++)
        if (mete_pool_alloc(fresh) == NULL) abort();
    (void)mete_pool_stats_read(fresh, &stats);
    printf("\nbytes for a block of 64, of %d\n", (int)COUNT);
    printf("%-40s %7.1f\n", "mete pool", (double)stats.reserved_bytes / COUNT);
    mete_pool_destroy(fresh);
    void **blocks = malloc(COUNT * sizeof *blocks);
    if (blocks == NULL) abort();
    struct mallinfo2 before = mallinfo2();
    for (int i = 0; i < COUNT; i++) blocks[i] = malloc(SIZE);
    printf("%-40s %7.1f\n", "malloc", (double)(mallinfo2().uordblks - before.uordblks) / COUNT);
    for (int i = 0; i < COUNT; i++) free(blocks[i]);
#ifdef HAVE_TALLOC
    before = mallinfo2();
    for (int i = 0; i < COUNT; i++) blocks[i] = talloc_size(NULL, SIZE);
    printf("%-40s %7.1f\n", "talloc", (double)(mallinfo2().uordblks - before.uordblks) / COUNT);
    for (int i = 0; i < COUNT; i++) talloc_free(blocks[i]);
#endif
    free(blocks);
}

/* ---- the indirection ---- */

WAY(by_heap_behind, BY(heap_behind), mete_allocator_alloc(own, LAYOUT), BEHIND, NOTHING)

/* Of a pool, and of malloc and free of libc. */
static void measure_indirection(double figures[2]) {
    static double pools[TURNS], heaps[TURNS];

    for (int turn = 0; turn < TURNS; turn++) {
        double direct = time_of(by_call, 100);
        pools[turn] = time_of(by_pool_behind, 100) / direct;
        direct = time_of(by_malloc, 100);
        heaps[turn] = time_of(by_heap_behind, 100) / direct;
    }
    figures[0] = median(pools, TURNS);
    figures[1] = median(heaps, TURNS);
}

/* ---- several processes ---- */

/* Where its memory lies, which is chance, decides in a process what a processor takes for one and
 * the same. So these are medians of several processes. */
enum { PROCESSES = 9, FIGURES = 6 };

static int measure_alone(void) {
    double figures[FIGURES];

    measure_on_two_threads(figures);
    measure_indirection(figures + 4);
    for (int i = 0; i < FIGURES; i++) printf("%.17g\n", figures[i]);
    return 0;
}

static void read_process(const char *program, double figures[FIGURES]) {
    char command[4096];

    (void)snprintf(command, sizeof command, "exec '%s' --one-process", program);
    FILE *process = popen(command, "r"); /* NOLINT(cert-env33-c): this very program */
    if (process == NULL) abort();
    for (int i = 0; i < FIGURES; i++)
        if (fscanf(process, "%lf", &figures[i]) != 1) abort(); /* NOLINT(cert-err34-c): own text */
    if (pclose(process) != 0) abort();
}

static void compare_in_processes(const char *program) {
    static double of[FIGURES][PROCESSES];
    double figures[FIGURES];

    for (int process = 0; process < PROCESSES; process++) {
        read_process(program, figures);
        for (int i = 0; i < FIGURES; i++) of[i][process] = figures[i];
    }
    for (int i = 0; i < FIGURES; i++) figures[i] = median(of[i], PROCESSES);
    printf("\ntwo threads at once, processor time of each, batches of 100\n");
    print_line("malloc and free, ns", figures, 2, 0);
    print_line("mete pool, shared, all checks", figures + 2, 2, 0.25);
    printf("\nmete_allocator's indirection, in units of a direct call, batches of 100\n");
    print_line("pool", figures + 4, 1, 1.10);
    print_line("malloc and free of libc", figures + 5, 1, 1.10);
}

int main(int argc, char **argv) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    pool = mete_pool_create(&(mete_pool_options){.block_size = SIZE});
    unfilled = mete_pool_create(&(mete_pool_options){.block_size = SIZE, .does_not_fill = true});
    other_size = mete_pool_create(&(mete_pool_options){.block_size = 40});
    shared = mete_pool_create(&(mete_pool_options){.block_size = SIZE, .shared = true});
    with_handles = mete_pool_create(&(mete_pool_options){.block_size = SIZE, .handles = true});
    unfilled_handles = mete_pool_create(
        &(mete_pool_options){.block_size = SIZE, .handles = true, .does_not_fill = true});
    looked_up = mete_pool_create(&(mete_pool_options){.block_size = SIZE, .handles = true});
    arena = mete_arena_create(&(mete_arena_options){.reserve = (size_t)1 << 24});
    heap = mete_heap_create(NULL);
    bump_start = bump_next = malloc(BATCH_MAX * SIZE);
    static char *cells; /* for as long as the program runs */
    cells = malloc(BATCH_MAX * SIZE);
    if (pool == NULL || unfilled == NULL || other_size == NULL || shared == NULL ||
        with_handles == NULL || unfilled_handles == NULL || looked_up == NULL || arena == NULL ||
        heap == NULL || bump_start == NULL || cells == NULL)
        return 1;
    for (size_t i = 0; i < BATCH_MAX; i++) list_free(cells + i * SIZE);
    pool_behind = mete_pool_allocator(pool);
    heap_behind = mete_allocator_system();
    obstack_begin(&obstack, 1 << 17); /* a batch fits in a chunk, as it does in an arena */
#ifdef HAVE_APR
    if (apr_initialize() != 0 || apr_pool_create(&apr, NULL) != 0) return 1;
#endif
    if (argc == 2 && strcmp(argv[1], "--one-process") == 0) return measure_alone();
    compare_alone();
    compare_in_processes(argv[0]);
    compare_memory();
    return 0;
}
