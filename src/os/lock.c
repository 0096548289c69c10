/* os/lock.h: the waiting half. */
#include "os/lock.h"

void mete__lock_contended(struct mete__lock *lock) {
    for (int spin = 0; spin < 100; spin++) {
        uint32_t expected = 0;
        if (__atomic_compare_exchange_n(&lock->state, &expected, 1, false, __ATOMIC_ACQUIRE,
                                        __ATOMIC_RELAXED))
            return;
#if defined(__x86_64__)
        __builtin_ia32_pause();
#endif
    }
    while (__atomic_exchange_n(&lock->state, 2, __ATOMIC_ACQUIRE) != 0)
        mete__process_wait(&lock->state, 2);
}
