/*
 * os/lock.h - a small lock that knows its owner.
 *
 * Three states in one futex word (free, held, held with waiters), after Ulrich Drepper, "Futexes
 * Are Tricky", 2011, mutex 2; and beside it who holds it, so that a signal handler which interrupts
 * the holder is told so instead of waiting for itself for ever.
 *
 * The holder is named by the address of one of its thread-locals: no system call, unique among
 * living threads. A child of fork must call mete__lock_reset before its first use: the holder may
 * not exist there.
 */
#ifndef METE_OS_LOCK_H
#define METE_OS_LOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "os/process.h"

struct mete__lock {
    uint32_t state;   /* atomic: 0 free, 1 held, 2 held and somebody may wait */
    uintptr_t holder; /* atomic: a thread's token; 0: nobody */
};

METE_HIDDEN void mete__lock_contended(struct mete__lock *lock);

/* False where the calling thread, known by `token`, holds the lock already: then nothing has
 * changed. */
METE_INLINE METE_MUST_USE bool mete__lock_acquire(struct mete__lock *lock, uintptr_t token) {
    uint32_t expected = 0;
    if (METE_UNLIKELY(!__atomic_compare_exchange_n(&lock->state, &expected, 1, false,
                                                   __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))) {
        if (__atomic_load_n(&lock->holder, __ATOMIC_RELAXED) == token) return false;
        mete__lock_contended(lock);
    }
    __atomic_store_n(&lock->holder, token, __ATOMIC_RELAXED);
    return true;
}

/* As acquire, but false also where anybody holds it. */
METE_INLINE METE_MUST_USE bool mete__lock_try(struct mete__lock *lock, uintptr_t token) {
    uint32_t expected = 0;
    if (!__atomic_compare_exchange_n(&lock->state, &expected, 1, false, __ATOMIC_ACQUIRE,
                                     __ATOMIC_RELAXED))
        return false;
    __atomic_store_n(&lock->holder, token, __ATOMIC_RELAXED);
    return true;
}

METE_INLINE void mete__lock_release(struct mete__lock *lock) {
    __atomic_store_n(&lock->holder, 0, __ATOMIC_RELAXED);
    if (METE_UNLIKELY(__atomic_exchange_n(&lock->state, 0, __ATOMIC_RELEASE) == 2))
        mete__process_wake(&lock->state);
}

METE_INLINE void mete__lock_reset(struct mete__lock *lock) {
    __atomic_store_n(&lock->holder, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&lock->state, 0, __ATOMIC_RELEASE);
}

#endif
