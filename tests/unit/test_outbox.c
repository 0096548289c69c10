/* heap/outbox.h: blocks on their way home. */
#include <pthread.h>
#include <unistd.h>

#include "heap/alloc.h"
#include "heap/cache.h"
#include "heap/outbox.h"
#include "heap/slices.h"
#include "heap/stats.h"
#include "support/apart.h"
#include "support/whole.h"

/* Blocks of the first thread, that the second frees. */
enum { BLOCKS = 64 };
static void *blocks[BLOCKS];
static struct mete__cache *home;

static void have_blocks(size_t size) {
    for (int i = 0; i < BLOCKS; i++) CHECK((blocks[i] = mete__alloc(size)) != NULL);
    home = mete__cache_self;
}

static void run_thread(void *(*body)(void *), void *argument) {
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, body, argument) == 0);
    pthread_join(thread, NULL);
}

static const struct mete__chain *chain_home(void) {
    return &mete__cache_self->outbox.chains[mete__outbox_place(home)];
}

static size_t inbox_length(void) {
    size_t length = 0;
    for (const struct mete__block *block = home->inbox; block != NULL; block = block->next)
        length++;
    return length;
}

static void *free_small(void *unused) {
    mete__alloc_free(mete__alloc(10));
    for (unsigned i = 1; i < METE__OUTBOX_BLOCKS; i++) {
        mete__alloc_free(blocks[i]);
        CHECK(chain_home()->blocks == i && chain_home()->bytes == i * 112);
        CHECK(home->inbox == NULL && whole());
    }
    mete__alloc_free(blocks[0]);
    CHECK(chain_home()->home == NULL && chain_home()->blocks == 0);
    CHECK(inbox_length() == METE__OUTBOX_BLOCKS && whole());
    return unused;
}

static void blocks_gather_and_go_as_one(void) {
    have_blocks(100);
    run_thread(free_small, NULL);
    CHECK(inbox_length() == METE__OUTBOX_BLOCKS);
}

static void *free_larger(void *unused) {
    mete__alloc_free(mete__alloc(10));
    for (unsigned i = 0; i < 3; i++) mete__alloc_free(blocks[i]);
    CHECK(chain_home()->bytes == 3 * 1280 && inbox_length() == 0);
    mete__alloc_free(blocks[3]);
    CHECK(chain_home()->home == NULL && inbox_length() == 4);
    CHECK(whole());
    return unused;
}

static void a_few_larger_blocks_are_enough(void) {
    have_blocks(1200);
    run_thread(free_larger, NULL);
}

static void *free_three(void *unused) {
    for (unsigned i = 0; i < 3; i++) mete__alloc_free(blocks[i]);
    return unused;
}

static void a_thread_that_ends_keeps_nothing(void) {
    have_blocks(100);
    run_thread(free_three, NULL);
    CHECK(inbox_length() == 3);
    CHECK(whole());
}

static void *free_and_allocate(void *unused) {
    free_three(NULL);
    CHECK(inbox_length() == 0);
    for (int i = 0; i < 100000 && home->inbox == NULL; i++) CHECK(mete__alloc(300) != NULL);
    CHECK(inbox_length() == 3);
    CHECK(whole());
    return unused;
}

static void a_thread_that_allocates_keeps_nothing_for_long(void) {
    have_blocks(100);
    run_thread(free_and_allocate, NULL);
}

/* More owners than places: some share one. */
enum { OWNERS = METE__OUTBOX_CHAINS + 1 };
static void *owned[OWNERS];
static pthread_barrier_t all_own;

static void *own_one(void *place) {
    *(void **)place = mete__alloc(100);
    pthread_barrier_wait(&all_own); /* so that each has a cache of its own */
    pthread_barrier_wait(&all_own);
    return NULL;
}

static void another_owner_with_the_same_place_takes_over(void) {
    pthread_t threads[OWNERS];
    size_t gathered = 0;

    CHECK(pthread_barrier_init(&all_own, NULL, OWNERS + 1) == 0);
    for (int i = 0; i < OWNERS; i++)
        CHECK(pthread_create(&threads[i], NULL, own_one, &owned[i]) == 0);
    pthread_barrier_wait(&all_own);
    mete__alloc_free(mete__alloc(10));
    for (int i = 0; i < OWNERS; i++) {
        mete__alloc_free(owned[i]);
        CHECK(whole());
    }
    for (unsigned i = 0; i < METE__OUTBOX_CHAINS; i++) {
        CHECK(mete__cache_self->outbox.chains[i].blocks <= 1);
        gathered += mete__cache_self->outbox.chains[i].blocks;
    }
    CHECK(gathered > 0 && gathered < OWNERS);
    pthread_barrier_wait(&all_own);
    for (int i = 0; i < OWNERS; i++) pthread_join(threads[i], NULL);
}

static void *free_and_count(void *unused) {
    struct mete__heap_stats before, after;
    mete__alloc_free(mete__alloc(10));
    mete__stats_read(&before);
    free_three(NULL);
    mete__stats_read(&after);
    CHECK(after.live_blocks == before.live_blocks - 3);
    CHECK(after.live_bytes == before.live_bytes - 3 * 112);
    CHECK(after.frees == before.frees + 3);
    return unused;
}

static void what_is_on_its_way_is_free(void) {
    have_blocks(100);
    run_thread(free_and_count, NULL);
}

/* ---- fork ---- */

static pthread_barrier_t forked;

static void *free_and_rest(void *unused) {
    mete__alloc_free(mete__alloc(10));
    free_three(NULL);
    pthread_barrier_wait(&forked);
    pthread_barrier_wait(&forked);
    return unused;
}

static void check_child(void *unused) {
    char *memory;
    (void)unused;
    mete__alloc_free(mete__alloc(60000));
    CHECK(home->inbox == NULL);
    CHECK(mete__slices_find(blocks[0], &memory)->used == BLOCKS - 3);
    CHECK(whole());
}

static void a_child_of_fork_gets_what_a_vanished_thread_had_gathered(void) {
    pthread_t thread;
    have_blocks(100);
    CHECK(pthread_barrier_init(&forked, NULL, 2) == 0);
    CHECK(pthread_create(&thread, NULL, free_and_rest, NULL) == 0);
    pthread_barrier_wait(&forked);
    apart_in_child(check_child, NULL);
    pthread_barrier_wait(&forked);
    pthread_join(thread, NULL);
    CHECK(inbox_length() == 3);
}

/* ---- freed twice ---- */

static void *free_twice(void *unused) {
    mete__alloc_free(blocks[0]);
    mete__alloc_free(blocks[1]);
    apart_expect("mete: double-free of %p, a block of up to 112 bytes\n", blocks[1]);
    mete__alloc_free(blocks[1]);
    return unused;
}

static void a_second_free_right_after_the_first_is_told(void) {
    have_blocks(100);
    run_thread(free_twice, NULL);
}

static void *free_twice_around_sending(void *unused) {
    for (unsigned i = 0; i < METE__OUTBOX_BLOCKS; i++) mete__alloc_free(blocks[i]);
    CHECK(inbox_length() == METE__OUTBOX_BLOCKS);
    apart_expect("mete: double-free of %p, a block of up to 112 bytes\n",
                 blocks[METE__OUTBOX_BLOCKS - 1]);
    mete__alloc_free(blocks[METE__OUTBOX_BLOCKS - 1]);
    return unused;
}

static void so_it_is_where_the_first_has_just_been_sent(void) {
    have_blocks(100);
    run_thread(free_twice_around_sending, NULL);
}

int main(void) {
    const struct CMUnitTest facts[] = {
        FACT(blocks_gather_and_go_as_one),
        FACT(a_few_larger_blocks_are_enough),
        FACT(a_thread_that_ends_keeps_nothing),
        FACT(a_thread_that_allocates_keeps_nothing_for_long),
        FACT(another_owner_with_the_same_place_takes_over),
        FACT(what_is_on_its_way_is_free),
        FACT(a_child_of_fork_gets_what_a_vanished_thread_had_gathered),
        DEATH(a_second_free_right_after_the_first_is_told),
        DEATH(so_it_is_where_the_first_has_just_been_sent),
    };
    return cmocka_run_group_tests_name("heap/outbox.h", facts, NULL, NULL);
}
