/* heap/cache.h: caches through the lives of their threads and processes. */
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "heap/alloc.h"
#include "heap/cache.h"
#include "heap/slices.h"
#include "support/apart.h"
#include "support/hooks.h"
#include "support/whole.h"

static const struct mete__caller nobody;

static size_t caches_in(enum mete__cache_state state) {
    size_t count = 0;
    for (struct mete__cache *cache = mete__cache_all(); cache != NULL; cache = cache->next)
        count += __atomic_load_n(&cache->state, __ATOMIC_ACQUIRE) == state;
    return count;
}

static size_t all_caches(void) {
    size_t count = 0;
    for (struct mete__cache *cache = mete__cache_all(); cache != NULL; cache = cache->next) count++;
    return count;
}

static void run_thread(void *(*body)(void *), void *argument) {
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, body, argument) == 0);
    pthread_join(thread, NULL);
}

/* ---- starting ---- */

static int starts;
static void *start_block;

/* In the place of the heap's own, which does nothing. */
void mete__heap_starting(void) {
    starts++;
    start_block = mete__alloc(100); /* from within: served, not started again */
}

static void the_heap_is_started_once_before_its_first_block(void) {
    CHECK(starts == 0);
    void *block = mete__alloc(10);
    CHECK(block != NULL && starts == 1 && start_block != NULL && start_block != block);
    mete__alloc_free(block);
    mete__alloc_free(start_block);
    CHECK(mete__alloc(5000) != NULL && starts == 1);
    CHECK(whole());
}

static void *allocate_one(void *out) {
    *(void **)out = mete__alloc(10);
    return NULL;
}

static void threads_that_come_first_together_start_it_once(void) {
    pthread_t threads[4];
    void *blocks[4];
    for (int i = 0; i < 4; i++)
        CHECK(pthread_create(&threads[i], NULL, allocate_one, &blocks[i]) == 0);
    for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
    for (int i = 0; i < 4; i++) CHECK(blocks[i] != NULL);
    CHECK(starts == 1);
    CHECK(whole());
}

/* ---- entering and leaving ---- */

static void a_thread_adopts_a_cache_on_its_first_slow_path(void) {
    CHECK(mete__cache_self == &mete__cache_empty && all_caches() == 0);
    struct mete__cache *cache = mete__cache_enter();
    CHECK(cache != NULL && cache == mete__cache_self && cache->busy);
    CHECK(cache->state == METE__CACHE_ACTIVE && all_caches() == 1);
    mete__cache_leave(cache);
    CHECK(!cache->busy && mete__cache_self == cache);
    CHECK(whole());
}

static void who_is_in_already_is_refused(void) {
    struct mete__cache *cache = mete__cache_enter();
    CHECK(mete__cache_enter() == NULL);
    mete__cache_leave(cache);
    CHECK(mete__cache_enter() == cache);
    mete__cache_leave(cache);
}

static void the_empty_cache_stays_empty(void) {
    mete__alloc_free(mete__alloc(10));
    mete__alloc_free(mete__alloc(100000));
    CHECK(whole()); /* C5 */
}

/* ---- threads ---- */

static void *use_heap(void *cache) {
    void *blocks[100];
    for (size_t i = 0; i < 100; i++) CHECK((blocks[i] = mete__alloc(i * 20)) != NULL);
    for (size_t i = 0; i < 100; i++) mete__alloc_free(blocks[i]);
    if (cache != NULL) *(struct mete__cache **)cache = mete__cache_self;
    return NULL;
}

static void a_cache_passes_from_thread_to_thread(void) {
    struct mete__cache *first = NULL;
    run_thread(use_heap, &first);
    CHECK(first != NULL && first->state == METE__CACHE_IDLE);
    for (int i = 0; i < 50; i++) {
        struct mete__cache *next = NULL;
        run_thread(use_heap, &next);
        CHECK(next == first);
    }
    CHECK(whole());
}

static void threads_at_the_same_time_have_caches_of_their_own(void) {
    pthread_t threads[4];
    struct mete__cache *caches[4];
    for (int round = 0; round < 20; round++) {
        for (int i = 0; i < 4; i++)
            CHECK(pthread_create(&threads[i], NULL, use_heap, &caches[i]) == 0);
        for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
    }
    CHECK(all_caches() <= 4 && caches_in(METE__CACHE_IDLE) == all_caches());
    CHECK(whole());
}

static pthread_key_t key;
static int rounds_left;

static void allocate_in_destructor(void *value) {
    void *block = mete__alloc(3000);
    CHECK(block != NULL);
    mete__alloc_free(block);
    if (--rounds_left > 0) pthread_setspecific(key, value);
}

static void *set_destructor(void *uses_heap) {
    if (uses_heap != NULL) use_heap(NULL);
    CHECK(pthread_setspecific(key, &key) == 0);
    return NULL;
}

/* Threads that allocate in `rounds` rounds of destructors leave so many caches, however many they
 * are. */
static void check_destructors(int rounds, void *uses_heap, size_t most) {
    mete__alloc_free(
        mete__alloc(10)); /* so that the heap's key comes first, as in a real program */
    CHECK(pthread_key_create(&key, allocate_in_destructor) == 0);
    for (int i = 0; i < 50; i++) {
        rounds_left = rounds;
        run_thread(set_destructor, uses_heap);
        CHECK(rounds_left == 0);
    }
    CHECK(all_caches() <= most);
    CHECK(caches_in(METE__CACHE_ACTIVE) == 1); /* this thread's */
    CHECK(whole());
}

static void a_destructor_may_be_the_first_to_allocate(void) {
    check_destructors(1, NULL, 2);
}

static void destructors_may_allocate_in_each_round(void) {
    if (APART_UNDER_TSAN) apart_skip("ThreadSanitizer ends threads before their last round");
    check_destructors(1, &key, 2);
    check_destructors(2, &key, 2);
    check_destructors(3, &key, 2);
    check_destructors(PTHREAD_DESTRUCTOR_ITERATIONS, &key, 3);
}

static struct mete__cache *seen_in_last_round;

static void allocate_in_last_round(void *value) {
    if (--rounds_left > 0) {
        pthread_setspecific(key, value);
        return;
    }
    void *block = mete__alloc(100), *other = mete__alloc(100000);
    CHECK(block != NULL && other != NULL);
    CHECK(mete__cache_self == &mete__cache_empty); /* too late for one of its own */
    char *memory;
    seen_in_last_round = mete__span_cache(mete__span_owner(mete__slices_find(block, &memory)));
    mete__alloc_free(block);
    mete__alloc_free(other);
}

static void who_comes_too_late_shares_the_late_cache(void) {
    if (APART_UNDER_TSAN) apart_skip("ThreadSanitizer ends threads before their last round");
    mete__alloc_free(mete__alloc(10));
    CHECK(pthread_key_create(&key, allocate_in_last_round) == 0);
    for (int i = 0; i < 20; i++) {
        rounds_left = PTHREAD_DESTRUCTOR_ITERATIONS;
        run_thread(set_destructor, &key);
        CHECK(seen_in_last_round != NULL && seen_in_last_round->state == METE__CACHE_LATE);
    }
    CHECK(caches_in(METE__CACHE_LATE) == 1 && all_caches() == 3);
    CHECK(whole());
}

static void without_a_key_all_threads_share_the_late_cache(void) {
    if (APART_UNDER_TSAN) apart_skip("ThreadSanitizer needs a key itself");
    while (pthread_key_create(&key, NULL) == 0) {
    }
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) CHECK(pthread_create(&threads[i], NULL, use_heap, NULL) == 0);
    for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
    use_heap(NULL);
    CHECK(caches_in(METE__CACHE_LATE) == 1 && caches_in(METE__CACHE_ACTIVE) == 0);
    CHECK(caches_in(METE__CACHE_IDLE) <= 5);
    CHECK(whole());
}

/* ---- the inbox ---- */

static void *free_it(void *block) {
    mete__alloc_free(block);
    return NULL;
}

static struct mete__span *span_of(const void *block) {
    char *memory;
    return mete__slices_find(block, &memory);
}

static void a_block_freed_elsewhere_waits_for_its_owners_slow_path(void) {
    void *block = mete__alloc(500);
    mete__alloc(500);
    struct mete__cache *own = mete__cache_self;
    run_thread(free_it, block);
    CHECK(own->inbox == block && span_of(block)->used == 2);
    CHECK(whole());
    mete__alloc_free(mete__alloc(60000)); /* any slow path will do */
    CHECK(own->inbox == NULL && span_of(block)->used == 1);
    CHECK(whole());
}

static void *keep_block(void *out) {
    mete__alloc(500);
    *(void **)out = mete__alloc(500);
    return NULL;
}

static void a_block_of_an_idle_cache_is_taken_in_at_once(void) {
    void *block;
    run_thread(keep_block, &block);
    CHECK(span_of(block)->used == 2);
    struct mete__cache *idle = mete__span_cache(span_of(block)->owner);
    CHECK(idle->state == METE__CACHE_IDLE);
    mete__alloc_free(block);
    mete__outbox_flush(&mete__cache_self->outbox);
    CHECK(idle->inbox == NULL && span_of(block)->used == 1 && !idle->busy);
    CHECK(whole());
}

enum { SENT = 5000 };
static void *sent[SENT];

static void *free_every_other(void *first) {
    for (size_t i = first == NULL; i < SENT; i += 2) mete__alloc_free(sent[i]);
    return NULL;
}

static void many_blocks_freed_by_others_at_once_all_come_home(void) {
    pthread_t threads[2];
    for (size_t i = 0; i < SENT; i++) CHECK((sent[i] = mete__alloc(i % 300)) != NULL);
    CHECK(pthread_create(&threads[0], NULL, free_every_other, NULL) == 0);
    CHECK(pthread_create(&threads[1], NULL, free_every_other, &key) == 0);
    for (int i = 0; i < 1000; i++) mete__alloc_free(mete__alloc(60000)); /* takes in meanwhile */
    for (int i = 0; i < 2; i++) pthread_join(threads[i], NULL);
    mete__alloc_free(mete__alloc(60000));
    CHECK(mete__cache_self->inbox == NULL);
    for (unsigned c = 0; c < 20; c++)
        for (struct mete__span *s = mete__cache_self->bins[c].first; s != NULL; s = s->next)
            CHECK(s->used <= 1); /* start_block is one */
    CHECK(whole());
}

/* ---- held for a look ---- */

static void what_is_held_does_not_change_and_nobody_waits(void) {
    CHECK(mete__cache_hold());
    CHECK(!mete__cache_hold());
    CHECK(mete__cache_enter() == NULL); /* would have to make a cache */
    mete__cache_let_go();
    void *block = mete__alloc(10);
    CHECK(block != NULL);
    CHECK(mete__cache_hold());
    CHECK(mete__alloc(60000) != NULL); /* its own is nobody else's matter */
    mete__cache_let_go();
    CHECK(whole());
}

static size_t watchers_seen;

static void see_watcher(void *context, void *watcher) {
    (void)context;
    watchers_seen += (uintptr_t)watcher;
}

static void *set_watcher(void *watcher) {
    mete__alloc_free(mete__alloc(10));
    *mete__cache_watcher_slot(mete__cache_self) = watcher;
    return NULL;
}

static void every_watcher_is_visited(void) {
    set_watcher((void *)1);
    run_thread(set_watcher, (void *)2);
    mete__cache_each_watcher(see_watcher, NULL);
    CHECK(watchers_seen == 3);
}

/* ---- watching ---- */

static void watching_is_followed_from_the_next_slow_path_on(void) {
    void *plain = mete__alloc(100);
    hooks_watch_all();
    void *still_plain = mete__alloc(100); /* from the thread's list */
    CHECK(hooks_seen.allocated == 0);
    mete__alloc_free(mete__alloc(60000));
    CHECK(hooks_seen.allocated == 1 && hooks_seen.freed == 1);
    void *watched = mete__alloc(100);
    CHECK(hooks_seen.allocated == 2);
    CHECK(whole());
    hooks_watch_none();
    mete__alloc_free(mete__alloc(60000));
    CHECK(mete__alloc(100) != NULL && hooks_seen.allocated == 2);
    mete__alloc_free(watched);
    CHECK(hooks_seen.freed == 2);
    mete__alloc_free(plain);
    mete__alloc_free(still_plain);
    CHECK(hooks_seen.freed == 2);
    CHECK(whole());
}

/* ---- fork ---- */

static int go_in[2], come_out[2]; /* a thread says that it is inside, and is told to go on */

static void stay_inside(struct mete__cache *cache, struct mete__record *record, void *block,
                        const struct mete__caller *caller) {
    char byte = 0;
    (void)cache, (void)record, (void)block, (void)caller;
    CHECK(write(go_in[1], &byte, 1) == 1);
    CHECK(read(come_out[0], &byte, 1) == 1);
}

static void ignore_freed(struct mete__cache *cache, struct mete__record *record, void *block,
                         const struct mete__caller *caller) {
    (void)cache, (void)record, (void)block, (void)caller;
}

static const struct mete__watch_hooks staying = {.allocated = stay_inside, .freed = ignore_freed};

static void *allocate_watched(void *unused) {
    mete__alloc_free(mete__alloc_for(60000, &nobody));
    return unused;
}

/* Starts a thread and returns when it is in the middle of its slow path. */
static pthread_t thread_inside(void) {
    pthread_t thread;
    char byte;
    CHECK(pipe(go_in) == 0 && pipe(come_out) == 0);
    CHECK(pthread_create(&thread, NULL, allocate_watched, NULL) == 0);
    CHECK(read(go_in[0], &byte, 1) == 1);
    return thread;
}

static void let_out(pthread_t thread) {
    CHECK(write(come_out[1], "", 1) == 1);
    pthread_join(thread, NULL);
}

static void check_child_of_busy_threads(void *own_block) {
    mete__watch_set(METE__WATCH_NONE, 0, NULL);
    mete__alloc_free(own_block);
    use_heap(NULL);
    CHECK(caches_in(METE__CACHE_DEAD) == 1 && caches_in(METE__CACHE_ACTIVE) == 1);
    run_thread(use_heap, NULL);
    CHECK(all_caches() == 3 && caches_in(METE__CACHE_IDLE) == 1);
    CHECK(whole());
}

static void a_cache_whose_thread_a_fork_left_inside_is_dead(void) {
    if (APART_UNDER_TSAN) apart_skip("ThreadSanitizer starts no threads in such a child");
    void *block = mete__alloc(100);
    mete__watch_set(METE__WATCH_ALL, 0, &staying);
    pthread_t thread = thread_inside();
    apart_in_child(check_child_of_busy_threads, block);
    mete__watch_set(METE__WATCH_NONE, 0, NULL);
    let_out(thread);
    CHECK(caches_in(METE__CACHE_DEAD) == 0);
    CHECK(whole());
}

static void *sleep_outside(void *unused) {
    char byte = 0;
    use_heap(NULL);
    CHECK(write(go_in[1], &byte, 1) == 1);
    CHECK(read(come_out[0], &byte, 1) == 1);
    return unused;
}

static void check_child_of_resting_threads(void *unused) {
    struct mete__cache *adopted = NULL;
    (void)unused;
    CHECK(caches_in(METE__CACHE_IDLE) == 1);
    run_thread(use_heap, &adopted);
    CHECK(all_caches() == 2 && adopted != NULL && adopted != mete__cache_self);
    use_heap(NULL);
    CHECK(whole());
}

static void a_cache_whose_thread_a_fork_left_outside_is_idle(void) {
    if (APART_UNDER_TSAN) apart_skip("ThreadSanitizer starts no threads in such a child");
    pthread_t thread;
    char byte;
    mete__alloc(100);
    CHECK(pipe(go_in) == 0 && pipe(come_out) == 0);
    CHECK(pthread_create(&thread, NULL, sleep_outside, NULL) == 0);
    CHECK(read(go_in[0], &byte, 1) == 1);
    apart_in_child(check_child_of_resting_threads, NULL);
    let_out(thread);
    CHECK(whole());
}

static void check_child_of_torn_idle_cache(void *torn) {
    use_heap(NULL);
    CHECK(((struct mete__cache *)torn)->state == METE__CACHE_DEAD);
    run_thread(use_heap, NULL);
    CHECK(whole());
}

static void an_idle_cache_that_was_being_changed_is_dead(void) {
    struct mete__cache *idle = NULL;
    mete__alloc(100);
    run_thread(use_heap, &idle);
    CHECK(idle->state == METE__CACHE_IDLE);
    idle->busy = 1; /* as while another thread takes its inbox in */
    apart_in_child(check_child_of_torn_idle_cache, idle);
    idle->busy = 0;
    CHECK(whole());
}

static void a_child_made_behind_the_c_librarys_back_notices_too(void) {
    void *block = mete__alloc(100);
    long child = syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
    if (child == 0) {
        if (*mete__cache_fork_word == 1) _exit(77); /* Linux before 4.14 */
        CHECK(*mete__cache_fork_word == 0);
        mete__alloc_free(block);
        use_heap(NULL);
        CHECK(*mete__cache_fork_word == 1);
        CHECK(whole());
        _exit(0);
    }
    int status;
    CHECK(waitpid((pid_t)child, &status, 0) == child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77) apart_skip("Linux before 4.14");
    CHECK(status == 0 && *mete__cache_fork_word == 1);
}

static void check_grandchild(void *block) {
    mete__alloc_free(block);
    use_heap(NULL);
    CHECK(whole());
}

static void check_child_forks(void *block) {
    apart_in_child(check_grandchild, block);
    check_grandchild(block);
}

static void children_of_children_work_the_same(void) {
    check_child_forks(mete__alloc(100));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FACT(the_heap_is_started_once_before_its_first_block),
        FACT(threads_that_come_first_together_start_it_once),
        FACT(a_thread_adopts_a_cache_on_its_first_slow_path),
        FACT(who_is_in_already_is_refused),
        FACT(the_empty_cache_stays_empty),
        FACT(a_cache_passes_from_thread_to_thread),
        FACT(threads_at_the_same_time_have_caches_of_their_own),
        FACT(a_destructor_may_be_the_first_to_allocate),
        FACT(destructors_may_allocate_in_each_round),
        FACT(who_comes_too_late_shares_the_late_cache),
        FACT(without_a_key_all_threads_share_the_late_cache),
        FACT(a_block_freed_elsewhere_waits_for_its_owners_slow_path),
        FACT(a_block_of_an_idle_cache_is_taken_in_at_once),
        FACT(many_blocks_freed_by_others_at_once_all_come_home),
        FACT(what_is_held_does_not_change_and_nobody_waits),
        FACT(every_watcher_is_visited),
        FACT(watching_is_followed_from_the_next_slow_path_on),
        FACT(a_cache_whose_thread_a_fork_left_inside_is_dead),
        FACT(a_cache_whose_thread_a_fork_left_outside_is_idle),
        FACT(an_idle_cache_that_was_being_changed_is_dead),
        FACT(a_child_made_behind_the_c_librarys_back_notices_too),
        FACT(children_of_children_work_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
