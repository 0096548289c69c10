/*
 * os/lock.h - a small lock that knows its owner.
 *
 * One word holds everything: 0 while the lock is free, else who holds it and whether somebody may
 * wait (after Ulrich Drepper, "Futexes Are Tricky", 2011, mutex 2). So a signal handler that
 * interrupts the holder, at whatever instruction, is told so instead of waiting for itself for
 * ever.
 *
 * The holder is named by the address of a thread-local, its token: no system call, unique among
 * living threads. A child of fork must call mete__lock_reset before its first use: the holder
 * may not exist there.
 */
#ifndef METE_OS_LOCK_H
#define METE_OS_LOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "os/process.h"

struct mete__lock {
    uint64_t word; /* atomic: 0 free, else the holder's token * 2, + 1 where somebody may wait */
};

/* Names the calling thread to its locks. */
extern METE_HIDDEN __thread char mete__lock_token_mark;
METE_INLINE uintptr_t mete__lock_token(void) {
    return (uintptr_t)&mete__lock_token_mark;
}

METE_HIDDEN void mete__lock_contended(struct mete__lock *lock, uintptr_t token);
METE_HIDDEN void mete__lock_wake(struct mete__lock *lock);

/* Takes the lock where nobody holds it. */
METE_INLINE METE_MUST_USE bool mete__lock_try(struct mete__lock *lock, uintptr_t token) {
    uint64_t expected = 0;
    return __atomic_compare_exchange_n(&lock->word, &expected, (uint64_t)token * 2, false,
                                       __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

/* Whether the thread known by `token` holds the lock. */
METE_INLINE bool mete__lock_is_own(const struct mete__lock *lock, uintptr_t token) {
    return __atomic_load_n(&lock->word, __ATOMIC_RELAXED) >> 1 == token;
}

/* Whether anybody does. */
METE_INLINE bool mete__lock_is_held(const struct mete__lock *lock) {
    return __atomic_load_n(&lock->word, __ATOMIC_RELAXED) != 0;
}

/* Takes the lock, waiting for it if need be. False where the calling thread, known by `token`,
 * holds it already: then nothing has changed. */
METE_INLINE METE_MUST_USE bool mete__lock_acquire(struct mete__lock *lock, uintptr_t token) {
    if (METE_LIKELY(mete__lock_try(lock, token))) return true;
    if (mete__lock_is_own(lock, token)) return false;
    mete__lock_contended(lock, token);
    return true;
}

METE_INLINE void mete__lock_release(struct mete__lock *lock) {
    if (METE_UNLIKELY((__atomic_exchange_n(&lock->word, 0, __ATOMIC_RELEASE) & 1) != 0))
        mete__lock_wake(lock);
}

/* The same two while no other thread can be in either: the process has none, or the lock's users
 * see to it. Costs no atomic operation, and refuses a signal handler all the same. */
METE_INLINE METE_MUST_USE bool mete__lock_acquire_alone(struct mete__lock *lock, uintptr_t token) {
    if (METE_UNLIKELY(mete__lock_is_held(lock))) return false;
    __atomic_store_n(&lock->word, (uint64_t)token * 2, __ATOMIC_RELAXED);
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    return true;
}

METE_INLINE void mete__lock_release_alone(struct mete__lock *lock) {
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    __atomic_store_n(&lock->word, 0, __ATOMIC_RELAXED);
}

METE_INLINE void mete__lock_reset(struct mete__lock *lock) {
    __atomic_store_n(&lock->word, 0, __ATOMIC_RELEASE);
}

#endif
