/* os/lock.h: the waiting half. */
#include "os/lock.h"

#include <assert.h>

enum { SPINS = 100 };

__thread char mete__lock_token_mark;

/* A futex is 32 bits wide: here the half with the bit that says somebody may wait. */
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the low half comes first");

static uint32_t *futex_of(struct mete__lock *lock) {
    return (uint32_t *)&lock->word;
}

void mete__lock_contended(struct mete__lock *lock, uintptr_t token) {
    for (int spin = 0; spin < SPINS; spin++) {
        if (mete__lock_try(lock, token)) return;
#if defined(__x86_64__)
        __builtin_ia32_pause();
#endif
    }
    for (;;) {
        uint64_t seen = __atomic_load_n(&lock->word, __ATOMIC_RELAXED);
        /* Others may be asleep still, so whoever comes this way takes it as if they were. */
        uint64_t wanted = seen == 0 ? (uint64_t)token * 2 + 1 : seen | 1;
        if (seen != wanted && !__atomic_compare_exchange_n(&lock->word, &seen, wanted, false,
                                                           __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
            continue;
        if (seen == 0) return;
        mete__process_wait(futex_of(lock), (uint32_t)wanted);
    }
}

void mete__lock_wake(struct mete__lock *lock) {
    mete__process_wake(futex_of(lock));
}
