/*
 * track/tracker.c on the real heap and unwinder: what a profile says of programs that thread, fork,
 * misbehave and die.
 *
 * A process is tracked once and for good, so each test runs in a process of its own, whose memory
 * comes from mete_malloc; the tests' own comes from the C library.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <mete/malloc.h>
#include <mete/stats.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "heap/watch.h"
#include "os/process.h"
#include "profile/reader.h"
#include "profile/summary.h"
#include "profile/writer.h"
#include "support/fresh.h"
#include "support/holds.h"
#include "track/census.h"
#include "track/shard.h"
#include "track/tracker.h"

static char folder[64];
static char path[96];

static int set_up(void **state) {
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/mete-test-tracker-XXXXXX");
    if (mkdtemp(folder) == NULL) return -1;
    snprintf(path, sizeof path, "%s/p.mete", folder);
    return 0;
}

static int tear_down(void **state) {
    char command[128];
    (void)state;
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command);
}

static void start_with(struct mete__tracker_options options) {
    static const char *const arguments[] = {"prog", "an argument"};
    options.path = path;
    options.program = "prog";
    options.argv = arguments;
    options.argc = 2;
    options.mode = METE_PROFILE_EXACT;
    HOLDS(mete__tracker_start(&options) == 0);
    mete__watch_set(METE__WATCH_ALL, 0, mete__tracker_hooks());
}

static void start(void) {
    start_with((struct mete__tracker_options){.path = NULL});
}

/* The wait status of a process that runs `body`. */
static int status_of(void (*body)(void), pid_t *id) {
    int status;
    pid_t child = fork();
    if (child == 0) {
        body();
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    if (id != NULL) *id = child;
    return status;
}

struct seen {
    struct mete__profile *profile;
    struct mete__summary *summary;
    const struct mete_profile_header *header;
    struct mete__summary_totals totals;
};

static struct seen see(const char *file) {
    struct seen seen = {.profile = NULL};
    char why[200];
    if (mete__profile_open(file, &seen.profile, why, sizeof why) != 0) {
        fprintf(stderr, "%s\n", why);
        abort();
    }
    if (mete__summary_make(seen.profile, &seen.summary) != 0) abort();
    seen.header = mete__profile_header(seen.profile);
    seen.totals = seen.summary->totals;
    return seen;
}

static void forget(struct seen *seen) {
    mete__summary_free(seen->summary);
    mete__profile_close(seen->profile);
}

static uint64_t sum_of_sites(const struct mete__summary *summary) {
    uint64_t allocations = 0;
    for (size_t i = 0; i < summary->site_count; i++) allocations += summary->sites[i].allocations;
    return allocations;
}

/* ---- counts ---- */

static void *volatile kept; /* so that no call is optimised away */

static void allocate_in_every_way(void) {
    start();
    void *plain = mete_malloc(100);
    kept = mete_calloc(10, 7);
    kept = mete_aligned_alloc(64, 30);
    kept = mete_malloc(0);
    kept = mete_realloc(NULL, 5);
    plain = mete_realloc(plain, 50000); /* copied */
    plain = mete_realloc(plain, 49000); /* in place */
    mete_free_sized(plain, 49000);
    mete_free_sized(NULL, 1);
    mete_free(NULL);
    kept = mete_malloc(1 << 20);
    kept = mete_realloc(kept, 3 << 20);
    HOLDS(mete_malloc(SIZE_MAX / 2) == NULL);
    mete__tracker_finish(METE_PROFILE_ENDED);
}

static void every_call_is_counted_as_the_rules_say(void **state) {
    (void)state;
    assert_int_equal(status_of(allocate_in_every_way, NULL), 0);
    struct seen seen = see(path);
    assert_int_equal(seen.totals.allocations, 9);
    assert_int_equal(seen.totals.frees, 4);
    assert_int_equal(seen.totals.allocated_bytes,
                     100 + 70 + 30 + 0 + 5 + 50000 + 49000 + (1 << 20) + (3 << 20));
    assert_int_equal(seen.totals.live_bytes, 70 + 30 + 0 + 5 + (3 << 20));
    assert_int_equal(seen.totals.live_blocks, 5);
    assert_int_equal(seen.totals.peak_live_bytes, seen.totals.live_bytes);
    assert_int_equal(seen.totals.temporary, 3);
    assert_int_equal(seen.totals.failed, 1);
    assert_int_equal(sum_of_sites(seen.summary), 9);
    assert_true(seen.summary->peak_is_exact);
    assert_int_equal(seen.header->state, METE_PROFILE_ENDED);
    assert_string_equal(mete__profile_argument(seen.profile, 1), "an argument");
    assert_string_equal(mete__profile_string(seen.profile, seen.header->program), "prog");
    forget(&seen);
}

static void grow_and_shrink(void) {
    start();
    void *first = mete_malloc(1000), *second = mete_malloc(2000);
    mete_free(first);
    kept = mete_malloc(500);
    mete_free(second);
    mete__tracker_finish(METE_PROFILE_ENDED);
}

static void the_peak_names_the_sites_that_made_it(void **state) {
    (void)state;
    assert_int_equal(status_of(grow_and_shrink, NULL), 0);
    struct seen seen = see(path);
    uint64_t at_peak = 0;
    assert_int_equal(seen.totals.peak_live_bytes, 3000);
    for (size_t i = 0; i < seen.summary->site_count; i++)
        at_peak += seen.summary->sites[i].peak_live_bytes;
    assert_int_equal(at_peak, 3000);
    assert_int_equal(seen.totals.live_bytes, 500);
    forget(&seen);
}

static void the_file_of_an_ended_process_is_no_longer_than_it_must_be(void **state) {
    (void)state;
    struct stat about;
    assert_int_equal(status_of(grow_and_shrink, NULL), 0);
    assert_int_equal(stat(path, &about), 0);
    assert_true(about.st_size < 1 << 20);
}

static void die_by_a_signal(void) {
    start();
    for (int i = 0; i < 1000; i++) kept = mete_malloc(10);
    raise(SIGKILL);
}

static void a_killed_process_leaves_a_whole_profile(void **state) {
    (void)state;
    assert_true(WIFSIGNALED(status_of(die_by_a_signal, NULL)));
    struct seen seen = see(path);
    assert_int_equal(seen.totals.allocations, 1000);
    assert_int_equal(seen.totals.live_bytes, 10000);
    assert_int_equal(seen.header->state, METE_PROFILE_RUNNING);
    forget(&seen);
}

static void read_own_statistics(void) {
    mete_stats before, after;
    HOLDS(mete_stats_read(NULL) == -EINVAL);
    HOLDS(mete_stats_read(&before) == 0);
    HOLDS((before.exact & METE_STATS_BYTES) == 0);
    start();
    void *blocks[3] = {mete_malloc(100), mete_malloc(200), mete_malloc(300)};
    mete_free(blocks[1]);
    HOLDS(mete_stats_read(&after) == 0);
    HOLDS(after.allocations == 3 && after.frees == 1 && after.live_blocks == 2);
    HOLDS(after.allocated_bytes == 600 && after.freed_bytes == 200 && after.live_bytes == 400);
    HOLDS(after.peak_live_bytes == 600);
    HOLDS(after.exact == (METE_STATS_COUNTS | METE_STATS_BYTES | METE_STATS_PEAK));
}

static void statistics_are_exact_while_everything_is_tracked(void **state) {
    (void)state;
    assert_int_equal(status_of(read_own_statistics, NULL), 0);
}

static void read_untracked_statistics(void) {
    mete_stats stats;
    void *blocks[100];
    for (int i = 0; i < 100; i++) blocks[i] = mete_malloc(1000);
    void *large = mete_malloc(1 << 20);
    for (int i = 0; i < 40; i++) mete_free(blocks[i]);
    HOLDS(mete_stats_read(&stats) == 0);
    HOLDS(stats.allocations == 101 && stats.frees == 40 && stats.live_blocks == 61);
    HOLDS(stats.exact == METE_STATS_COUNTS);
    HOLDS(stats.live_bytes >= 60 * 1000 + (1 << 20) && stats.live_bytes < 2 << 20);
    HOLDS(stats.allocated_bytes - stats.freed_bytes == stats.live_bytes);
    HOLDS(stats.peak_live_bytes >= stats.live_bytes && stats.held_bytes >= stats.live_bytes);
    mete_free(large);
}

static void statistics_without_tracking_count_blocks(void **state) {
    (void)state;
    assert_int_equal(status_of(read_untracked_statistics, NULL), 0);
}

enum { COUNTED = 100000 };

static void count_for_a_while_and_be_killed(void) {
    static void *blocks[COUNTED];
    struct mete__tracker_options options = {
        .path = path, .program = "prog", .mode = METE_PROFILE_STATS};
    HOLDS(mete__tracker_start(&options) == 0);
    mete__watch_set_tick(mete__tracker_tick);
    for (size_t i = 0; i < COUNTED; i++) blocks[i] = mete_malloc(100);
    for (size_t i = 0; i < COUNTED / 2; i++) mete_free(blocks[i]);
    kept = mete_malloc((size_t)10 << 20);
    for (uint64_t start = mete__process_clock();
         mete__process_clock() - start < (uint64_t)10 * METE__CENSUS_APART;)
        mete_free(mete_malloc(1000));
    kill(getpid(), SIGKILL);
}

static void statistics_survive_a_kill(void **state) {
    (void)state;
    assert_int_equal(status_of(count_for_a_while_and_be_killed, NULL), SIGKILL);
    struct seen seen = see(path);
    assert_true(seen.totals.allocations > COUNTED && seen.totals.frees >= COUNTED / 2);
    assert_true(seen.totals.live_bytes >= COUNTED / 2 * 100 + ((uint64_t)10 << 20));
    assert_true(seen.totals.live_bytes < COUNTED * 100 + ((uint64_t)10 << 20));
    assert_true(mete__profile_count(seen.profile, METE_SECTION_TIMELINE) > 5);
    forget(&seen);
}

static void read_sampled_statistics(void) {
    static void *blocks[10000];
    mete_stats stats;
    struct mete__tracker_options options = {
        .path = path, .program = "prog", .mode = METE_PROFILE_SAMPLED, .sample_bytes = 4096};
    HOLDS(mete__tracker_start(&options) == 0);
    mete__watch_set(METE__WATCH_SAMPLED, 4096, mete__tracker_hooks());
    for (int i = 0; i < 10000; i++) blocks[i] = mete_malloc(1000);
    for (int i = 0; i < 4000; i++) mete_free(blocks[i]);
    HOLDS(mete_stats_read(&stats) == 0);
    HOLDS(mete__shard_sum().samples > 1000);
    HOLDS(stats.allocations == 10000 && stats.frees == 4000 && stats.live_blocks == 6000);
    HOLDS(stats.live_bytes >= 6000 * 1000 && stats.live_bytes < 6000 * 1100);
}

static void samples_count_once_in_statistics(void **state) {
    (void)state;
    assert_int_equal(status_of(read_sampled_statistics, NULL), 0);
}

/* ---- limits ---- */

static METE_NOINLINE uint32_t turn_left(uint32_t path_bits, int depth);
static METE_NOINLINE uint32_t turn_right(uint32_t path_bits, int depth);

/* Allocates at the end of a path of calls that `path_bits` spells: a stack of its own for each. */
static uint32_t turn(uint32_t path_bits, int depth) {
    if (depth > 0) {
        return (path_bits & 1) != 0 ? turn_left(path_bits >> 1, depth - 1)
                                    : turn_right(path_bits >> 1, depth - 1);
    }
    mete_free(mete_malloc(8));
    kept = mete_malloc(1);
    return path_bits;
}

static uint32_t turn_left(uint32_t path_bits, int depth) {
    uint32_t result = turn(path_bits, depth);
    __asm__ volatile("" : "+r"(result)); /* no tail call */
    return result + 1;
}

static uint32_t turn_right(uint32_t path_bits, int depth) {
    uint32_t result = turn(path_bits, depth);
    __asm__ volatile("" : "+r"(result));
    return result + 2;
}

static void outgrow_the_profile(void) {
    start_with((struct mete__tracker_options){.limit_bytes = 1 << 20});
    for (uint32_t i = 0; i < 1 << 16; i++) HOLDS(turn(i, 16) >= 16);
    mete__tracker_finish(METE_PROFILE_ENDED);
}

static void a_full_profile_drops_stacks_but_no_counts(void **state) {
    (void)state;
    assert_int_equal(status_of(outgrow_the_profile, NULL), 0);
    struct seen seen = see(path);
    assert_int_equal(seen.totals.allocations, 2 << 16);
    assert_int_equal(seen.totals.frees, 1 << 16);
    assert_int_equal(seen.totals.live_bytes, 1 << 16);
    assert_int_equal(sum_of_sites(seen.summary), 2 << 16);
    assert_int_equal(seen.summary->sites[0].stack, 0);
    assert_int_equal(seen.header->dropped_allocations, seen.summary->sites[0].allocations);
    assert_true(seen.summary->site_count > 1000);
    forget(&seen);
}

/* ---- threads ---- */

enum { THREADS = 4, ROUNDS = 20000, EXCHANGE = 64 };
static void *exchange[EXCHANGE]; /* atomic: blocks on their way to another thread */
static pthread_barrier_t together;

static void *churn(void *argument) {
    uint32_t random = (uint32_t)(uintptr_t)argument * 7919 + 1;
    for (int i = 0; i < ROUNDS; i++) {
        random = random * 1664525 + 1013904223;
        void *block = mete_malloc(1 + (random >> 8) % 300);
        block = __atomic_exchange_n(&exchange[random % EXCHANGE], block, __ATOMIC_ACQ_REL);
        mete_free(block);
    }
    return NULL;
}

/* ThreadSanitizer forgets a thread before its last destructors run, forks only single threads, and
 * knows no vfork. */
#if defined(__SANITIZE_THREAD__)
enum { UNDER_TSAN = 1 };
#else
enum { UNDER_TSAN = 0 };
#endif

/* None begins before all have allocated, so that there are that many shards. */
static void *churn_together(void *argument) {
    mete_free(mete_malloc(1));
    pthread_barrier_wait(&together);
    churn(argument);
    pthread_barrier_wait(&together);
    while (UNDER_TSAN) pause();
    return NULL;
}

static void exchange_blocks(void) {
    pthread_t threads[THREADS];
    start();
    kept = mete_malloc(1); /* as in any program, the first thread is the first to allocate */
    pthread_barrier_init(&together, NULL, THREADS + 1);
    for (uintptr_t i = 0; i < THREADS; i++)
        HOLDS(pthread_create(&threads[i], NULL, churn_together, (void *)i) == 0);
    pthread_barrier_wait(&together);
    pthread_barrier_wait(&together);
    for (int i = 0; i < THREADS && !UNDER_TSAN; i++) pthread_join(threads[i], NULL);
    for (int i = 0; i < EXCHANGE; i++) mete_free(exchange[i]);
    mete__tracker_finish(METE_PROFILE_ENDED);
}

static void threads_lose_no_count(void **state) {
    (void)state;
    assert_int_equal(status_of(exchange_blocks, NULL), 0);
    struct seen seen = see(path);
    assert_int_equal(seen.totals.allocations, THREADS * (ROUNDS + 1) + 1);
    assert_int_equal(seen.totals.frees, THREADS * (ROUNDS + 1));
    assert_int_equal(seen.totals.live_bytes, 1);
    assert_false(seen.summary->peak_is_exact);
    assert_true(seen.totals.peak_live_bytes <= EXCHANGE * 300 + seen.summary->peak_error_bytes);
    for (size_t i = 0; i < seen.summary->site_count; i++) {
        assert_true(seen.summary->sites[i].live_blocks <= 1);
        assert_true(seen.summary->sites[i].own_peak_bytes < 100000);
    }
    forget(&seen);
}

/* ---- forks ---- */

static pid_t (*way_to_fork)(void);

static pid_t fork_raw(void) {
    return (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
}

static void name_of_child(char *name, size_t size, pid_t child) {
    snprintf(name, size, "%s/mete.prog.%d.mete", folder, child);
}

static char child_path[128];
static char other_path[128];

/* The child waits until the parent has gone on allocating; its counts are to be as of the fork. */
static void fork_and_go_on(void) {
    int gate[2], status;
    char byte = 0;
    start();
    void *before = mete_malloc(1000);
    kept = mete_malloc(24);
    HOLDS(pipe(gate) == 0);
    pid_t child = way_to_fork();
    if (child == 0) {
        HOLDS(read(gate[0], &byte, 1) == 1);
        mete_free(before);
        for (int i = 0; i < 10; i++) kept = mete_malloc(100);
        mete__tracker_finish(METE_PROFILE_ENDED);
        _exit(0);
    }
    for (int i = 0; i < 5000; i++) kept = mete_malloc(7);
    HOLDS(write(gate[1], &byte, 1) == 1);
    HOLDS(waitpid(child, &status, 0) == child && status == 0);
    for (int i = 0; i < 5; i++) kept = mete_malloc(7);
    name_of_child(child_path, sizeof child_path, child);
    HOLDS(rename(child_path, other_path) == 0);
    mete__tracker_finish(METE_PROFILE_ENDED);
}

static void check_fork(void) {
    snprintf(other_path, sizeof other_path, "%s/child.mete", folder);
    assert_int_equal(status_of(fork_and_go_on, NULL), 0);
    struct seen parent = see(path), child = see(other_path);
    assert_int_equal(parent.totals.allocations, 2 + 5005);
    assert_int_equal(parent.totals.frees, 0);
    assert_int_equal(parent.totals.live_bytes, 1024 + 5005 * 7);
    assert_int_equal(parent.header->inherited_allocations, 0);
    assert_int_equal(child.totals.allocations, 2 + 10);
    assert_int_equal(child.totals.frees, 1);
    assert_int_equal(child.totals.live_bytes, 24 + 10 * 100);
    assert_int_equal(child.totals.peak_live_bytes, 1024);
    assert_int_equal(child.header->inherited_allocations, 2);
    assert_int_equal(child.header->inherited_allocated_bytes, 1024);
    assert_int_equal(sum_of_sites(child.summary), 12);
    assert_int_not_equal(child.header->pid, parent.header->pid);
    assert_int_equal(child.header->parent_pid, parent.header->pid);
    forget(&parent);
    forget(&child);
}

static void a_forked_child_counts_on_from_the_moment_of_the_fork(void **state) {
    (void)state;
    way_to_fork = fork;
    check_fork();
}

static void a_child_forked_past_the_c_library_does_so_too(void **state) {
    (void)state;
    way_to_fork = fork_raw;
    check_fork();
}

static void fork_three_deep(void) {
    int status;
    start();
    kept = mete_malloc(1);
    for (int depth = 1; depth <= 3; depth++) {
        pid_t child = fork();
        if (child != 0) {
            HOLDS(waitpid(child, &status, 0) == child && status == 0);
            mete__tracker_finish(METE_PROFILE_ENDED);
            _exit(0);
        }
        for (int i = 0; i < depth; i++) kept = mete_malloc(1);
        mete_stats stats;
        HOLDS(mete_stats_read(&stats) == 0);
        HOLDS(stats.allocations == (uint64_t)(1 + depth * (depth + 1) / 2));
    }
    mete__tracker_finish(METE_PROFILE_ENDED);
}

static void grandchildren_have_files_of_their_own(void **state) {
    (void)state;
    char command[160];
    assert_int_equal(status_of(fork_three_deep, NULL), 0);
    snprintf(command, sizeof command, "test $(ls %s | wc -l) = 4", folder);
    assert_int_equal(system(command), 0);
}

static void fork_without_allocating(void) {
    int status;
    start();
    kept = mete_malloc(1);
    pid_t child = fork();
    if (child == 0) _exit(0);
    HOLDS(waitpid(child, &status, 0) == child && status == 0);
}

static void a_child_that_allocates_nothing_makes_no_file(void **state) {
    (void)state;
    char command[160];
    assert_int_equal(status_of(fork_without_allocating, NULL), 0);
    snprintf(command, sizeof command, "test $(ls %s | wc -l) = 1", folder);
    assert_int_equal(system(command), 0);
}

static void leave_child_alone(void) {
    int status;
    start_with((struct mete__tracker_options){.no_children = true});
    void *block = mete_malloc(100);
    pid_t child = fork();
    if (child == 0) {
        mete_free(block);
        for (int i = 0; i < 1000; i++) kept = mete_malloc(10);
        HOLDS(!mete__tracker_is_started());
        mete__tracker_finish(METE_PROFILE_ENDED);
        _exit(0);
    }
    HOLDS(waitpid(child, &status, 0) == child && status == 0);
    mete__tracker_finish(METE_PROFILE_ENDED);
}

static void children_are_left_alone_where_that_is_asked_for(void **state) {
    (void)state;
    char command[160];
    assert_int_equal(status_of(leave_child_alone, NULL), 0);
    struct seen seen = see(path);
    assert_int_equal(seen.totals.allocations, 1);
    assert_int_equal(seen.totals.frees, 0);
    forget(&seen);
    snprintf(command, sizeof command, "test $(ls %s | wc -l) = 1", folder);
    assert_int_equal(system(command), 0);
}

/* NOLINTBEGIN: what a vfork child should not do is what is tested */
static void child_shares(void) {
    int status;
    start();
    kept = mete_malloc(1);
    pid_t child = vfork();
    if (child == 0) {
        kept = mete_malloc(2);
        _exit(0);
    }
    HOLDS(waitpid(child, &status, 0) == child && status == 0);
    kept = mete_malloc(4);
    mete__tracker_finish(METE_PROFILE_ENDED);
}
/* NOLINTEND */

static void a_vfork_child_counts_as_its_parent(void **state) {
    (void)state;
    if (UNDER_TSAN) skip();
    assert_int_equal(status_of(child_shares, NULL), 0);
    struct seen seen = see(path);
    assert_int_equal(seen.totals.allocations, 3);
    assert_int_equal(seen.totals.allocated_bytes, 7);
    forget(&seen);
}

/* Another thread may be anywhere in counting when one forks: here it has counted an allocation and
 * a free in its shard, but not yet in their site. */
static void fork_amid_counting(void) {
    int status;
    start();
    kept = mete_malloc(1);
    struct mete__shard *shard = mete__shard_all();
    shard->allocations++;
    shard->frees++;
    shard->freed_bytes += 10;
    pid_t child = fork();
    if (child == 0) {
        kept = mete_malloc(2);
        mete__tracker_finish(METE_PROFILE_ENDED);
        _exit(0);
    }
    HOLDS(waitpid(child, &status, 0) == child && status == 0);
    name_of_child(child_path, sizeof child_path, child);
    struct seen seen = see(child_path);
    HOLDS(seen.totals.allocations == 2 && seen.header->inherited_allocations == 1);
    HOLDS(seen.totals.frees == 0 && seen.header->inherited_frees == 0);
    HOLDS(seen.totals.freed_bytes == 0 && seen.header->inherited_freed_bytes == 0);
    HOLDS(seen.header->inherited_allocated_bytes == 1);
    forget(&seen);
}

static void what_a_child_inherits_is_what_its_sites_say(void **state) {
    (void)state;
    if (UNDER_TSAN) skip();
    assert_int_equal(status_of(fork_amid_counting, NULL), 0);
}

/* Counts as much again, on another thread. Not under AddressSanitizer: the child of a process with
 * threads may find a lock of gcc 12's runtime taken for ever, and a thread that ends needs it. */
static void churn_elsewhere(uintptr_t number) {
#if defined(__SANITIZE_ADDRESS__)
    churn((void *)number);
#else
    pthread_t thread;
    HOLDS(pthread_create(&thread, NULL, churn, (void *)number) == 0);
    pthread_join(thread, NULL);
#endif
}

/* Forks while other threads are in the midst of counting. */
static void fork_among_threads(void) {
    pthread_t threads[THREADS];
    int status;
    start();
    kept = mete_malloc(1);
    for (uintptr_t i = 0; i < THREADS; i++)
        HOLDS(pthread_create(&threads[i], NULL, churn, (void *)i) == 0);
    for (int i = 0; i < 20; i++) {
        pid_t child = fork();
        if (child == 0) {
            churn((void *)(uintptr_t)i);
            churn_elsewhere((uintptr_t)i);
            mete__tracker_finish(METE_PROFILE_ENDED);
            _exit(0);
        }
        HOLDS(waitpid(child, &status, 0) == child && status == 0);
        name_of_child(child_path, sizeof child_path, child);
        struct seen seen = see(child_path);
        HOLDS(seen.totals.allocations >= 2 * ROUNDS);
        HOLDS(seen.totals.allocations - seen.header->inherited_allocations == 2 * ROUNDS);
        forget(&seen);
    }
    for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    mete__tracker_finish(METE_PROFILE_ENDED);
}

static void forks_among_threads_are_whole(void **state) {
    (void)state;
    if (UNDER_TSAN) skip();
    assert_int_equal(status_of(fork_among_threads, NULL), 0);
    struct seen seen = see(path);
    assert_int_equal(seen.totals.allocations, THREADS * ROUNDS + 1);
    forget(&seen);
}

/* ---- misuse ---- */

static void free_twice(void) {
    start();
    char *block = mete_malloc(100);
    mete_free(block);
    freopen("/dev/null", "w", stderr);
    mete_free(block);
}

static void free_inside(void) {
    start();
    char *block = mete_malloc(100);
    freopen("/dev/null", "w", stderr);
    mete_free(block + 32);
}

static void free_what_is_none(void) {
    int local = 0;
    start();
    kept = mete_malloc(100);
    freopen("/dev/null", "w", stderr);
    mete_free(&local);
}

static struct mete_profile_error error_of(void (*body)(void)) {
    struct mete_profile_error error;
    int status = status_of(body, NULL);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
    struct seen seen = see(path);
    assert_int_equal(mete__profile_count(seen.profile, METE_SECTION_ERRORS), 1);
    error = *(const struct mete_profile_error *)mete__profile_record(seen.profile,
                                                                     METE_SECTION_ERRORS, 0);
    forget(&seen);
    return error;
}

static void misuse_is_written_down_before_the_program_dies_of_it(void **state) {
    (void)state;
    struct mete_profile_error error = error_of(free_twice);
    assert_int_equal(error.kind, METE_ERROR_DOUBLE_FREE);
    assert_int_equal(error.block_bytes, 100);
    assert_int_equal(error.offset, 0);
    assert_true(error.stack != 0 && error.allocated_at != 0 && error.freed_at != 0);
    error = error_of(free_inside);
    assert_int_equal(error.kind, METE_ERROR_INTERIOR_FREE);
    assert_int_equal(error.block_bytes, 100);
    assert_int_equal(error.offset, 32);
    assert_true(error.stack != 0 && error.allocated_at != 0 && error.freed_at == 0);
    error = error_of(free_what_is_none);
    assert_int_equal(error.kind, METE_ERROR_INVALID_FREE);
    assert_int_equal(error.block_bytes, 0);
    assert_true(error.stack != 0 && error.allocated_at == 0 && error.address != 0);
}

/* ---- time ---- */

static void live_through_time(void) {
    start();
    for (int i = 0; i < 100; i++) {
        for (int j = 0; j < 256; j++) kept = mete_malloc(16);
        struct timespec wait = {.tv_nsec = 1000000};
        nanosleep(&wait, NULL); /* time is what is measured here */
    }
    mete__tracker_finish(METE_PROFILE_ENDED);
}

static void moments_follow_each_other_in_time(void **state) {
    (void)state;
    assert_int_equal(status_of(live_through_time, NULL), 0);
    struct seen seen = see(path);
    uint64_t count = mete__profile_count(seen.profile, METE_SECTION_TIMELINE), before = 0;
    assert_true(count >= 5 && count <= METE_MOMENTS_MAX);
    for (uint64_t i = 0; i < count; i++) {
        const struct mete_profile_moment *moment =
            mete__profile_record(seen.profile, METE_SECTION_TIMELINE, i);
        assert_true(moment->clock >= before);
        assert_int_equal(moment->live_bytes, (int64_t)moment->allocations * 16);
        before = moment->clock;
    }
    assert_true(seen.summary->wall_seconds >= 0.1);
    forget(&seen);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FACT(every_call_is_counted_as_the_rules_say),
        FACT(the_peak_names_the_sites_that_made_it),
        FACT(the_file_of_an_ended_process_is_no_longer_than_it_must_be),
        FACT(a_killed_process_leaves_a_whole_profile),
        FACT(statistics_are_exact_while_everything_is_tracked),
        FACT(statistics_without_tracking_count_blocks),
        FACT(samples_count_once_in_statistics),
        FACT(statistics_survive_a_kill),
        FACT(a_full_profile_drops_stacks_but_no_counts),
        FACT(threads_lose_no_count),
        FACT(a_forked_child_counts_on_from_the_moment_of_the_fork),
        FACT(a_child_forked_past_the_c_library_does_so_too),
        FACT(grandchildren_have_files_of_their_own),
        FACT(a_child_that_allocates_nothing_makes_no_file),
        FACT(children_are_left_alone_where_that_is_asked_for),
        FACT(a_vfork_child_counts_as_its_parent),
        FACT(what_a_child_inherits_is_what_its_sites_say),
        FACT(forks_among_threads_are_whole),
        FACT(misuse_is_written_down_before_the_program_dies_of_it),
        FACT(moments_follow_each_other_in_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
