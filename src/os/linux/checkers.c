/* os/checkers.h: Valgrind's client requests, and AddressSanitizer's functions where they exist. */
#include "os/checkers.h"

#include <stdint.h>
#include <valgrind/memcheck.h>

#include "os/lock.h"
#include "os/process.h"

/* In every process that these sanitizers are in, and nowhere else. */
/* NOLINTBEGIN(bugprone-reserved-identifier): its own names */
__attribute__((weak)) void __asan_poison_memory_region(void const volatile *start, size_t size);
__attribute__((weak)) void __asan_unpoison_memory_region(void const volatile *start, size_t size);
__attribute__((weak)) void __lsan_register_root_region(void const *start, size_t size);
__attribute__((weak)) void __lsan_unregister_root_region(void const *start, size_t size);
/* NOLINTEND(bugprone-reserved-identifier) */

bool mete__checkers_listen;
static bool in_valgrind;

void mete__checkers_settle(void) {
    in_valgrind = RUNNING_ON_VALGRIND != 0;
    mete__checkers_listen = in_valgrind || __asan_poison_memory_region != NULL;
}

/*
 * LeakSanitizer keeps its roots under a mutex that it does not see to at a fork: a child forked
 * while another thread held it would wait for it for ever. So our calls take turns, and a fork
 * waits for its turn. No other lock of ours is taken under this one, and all others before it.
 */
static struct mete__lock roots_lock;
static bool fork_holds_roots; /* under the lock; of the thread that forks */

static void before_fork(void) {
    fork_holds_roots = mete__lock_acquire(&roots_lock, mete__lock_token());
}

static void after_fork(void) {
    if (fork_holds_roots) mete__lock_release(&roots_lock);
}

/* Before any constructor of the program's could create a pool (their priorities begin at 101); and
 * before those of ours whose handlers take locks: handlers run last in, first out. */
__attribute__((constructor(101))) static void find_listeners(void) {
    mete__checkers_settle();
    if (__lsan_register_root_region != NULL)
        mete__process_around_fork(before_fork, after_fork, after_fork);
}

static void poison(const void *start, size_t size) {
    if (__asan_poison_memory_region != NULL) __asan_poison_memory_region(start, size);
}

static void unpoison(const void *start, size_t size) {
    if (__asan_unpoison_memory_region != NULL) __asan_unpoison_memory_region(start, size);
}

/* Told nothing by a handler that interrupted such a call: the mutex would wait for itself. */
static void tell_of_root(void (*tell)(void const *, size_t), const void *start, size_t size) {
    if (tell == NULL || !mete__lock_acquire(&roots_lock, mete__lock_token())) return;
    tell(start, size);
    mete__lock_release(&roots_lock);
}

void mete__checkers_root(const void *start, size_t size) {
    tell_of_root(__lsan_register_root_region, start, size);
}

void mete__checkers_unroot(const void *start, size_t size) {
    tell_of_root(__lsan_unregister_root_region, start, size);
}

void mete__checkers_tell_create(const void *holder, size_t around, bool zeroed) {
    if (in_valgrind) VALGRIND_CREATE_MEMPOOL(holder, around, zeroed);
}

void mete__checkers_tell_destroy(const void *holder) {
    if (in_valgrind) VALGRIND_DESTROY_MEMPOOL(holder);
}

void mete__checkers_tell_alloc(const void *holder, const void *block, size_t size) {
    unpoison(block, size);
    if (!in_valgrind) return;
    if (holder != NULL)
        VALGRIND_MEMPOOL_ALLOC(holder, block, size);
    else
        VALGRIND_MALLOCLIKE_BLOCK(block, size, 0, 0);
}

void mete__checkers_tell_free(const void *holder, const void *block, size_t size) {
    if (in_valgrind && holder != NULL)
        VALGRIND_MEMPOOL_FREE(holder, block);
    else if (in_valgrind)
        VALGRIND_FREELIKE_BLOCK(block, 0);
    poison(block, size);
}

void mete__checkers_tell_resize(const void *holder, const void *block, size_t size) {
    if (in_valgrind) VALGRIND_MEMPOOL_CHANGE(holder, block, block, size);
}

void mete__checkers_tell_closed(const void *start, size_t size) {
    if (in_valgrind) (void)VALGRIND_MAKE_MEM_NOACCESS(start, size);
    poison(start, size);
}

void mete__checkers_tell_open(const void *start, size_t size) {
    unpoison(start, size);
    if (in_valgrind) (void)VALGRIND_MAKE_MEM_DEFINED(start, size);
}

void mete__checkers_tell_fresh(const void *start, size_t size) {
    unpoison(start, size);
    if (in_valgrind) (void)VALGRIND_MAKE_MEM_UNDEFINED(start, size);
}
