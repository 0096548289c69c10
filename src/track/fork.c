/* track/fork.h */
#include "track/fork.h"

#include "os/memory.h"
#include "os/meta.h"
#include "os/process.h"

enum { WIPED = 0, SETTLING = 1, FIRST_STATE = 2 };

uint32_t *mete__fork_word;

static uint32_t state;        /* atomic: what the word holds while the process does not change */
static uint32_t word_unwiped; /* stands in where the kernel cannot wipe */
static uint32_t process;      /* then: the id of the process that settled last; else 0 */

void mete__fork_watch(void) {
    uint32_t *word = mete__process_wiped_on_fork(FIRST_STATE);

    state = FIRST_STATE;
    if (word != NULL) {
        mete__meta_register(word, mete__memory_page_size());
    } else {
        word = &word_unwiped;
        *word = FIRST_STATE;
        process = mete__process_id();
    }
    __atomic_store_n(&mete__fork_word, word, __ATOMIC_RELEASE);
}

void mete__fork_change_state(void) {
    uint32_t next = __atomic_add_fetch(&state, 1, __ATOMIC_RELAXED);
    __atomic_store_n(mete__fork_word, next, __ATOMIC_RELEASE);
}

void mete__fork_settle(void (*settle)(void)) {
    uint32_t expected = WIPED;

    if (mete__fork_word == NULL) return;
    if (process != 0 && process != mete__process_id()) {
        process = mete__process_id();
        *mete__fork_word = WIPED;
    }
    if (!__atomic_compare_exchange_n(mete__fork_word, &expected, SETTLING, false, __ATOMIC_ACQUIRE,
                                     __ATOMIC_ACQUIRE)) {
        while (__atomic_load_n(mete__fork_word, __ATOMIC_ACQUIRE) == SETTLING)
            mete__process_yield();
        return;
    }
    settle();
    __atomic_store_n(mete__fork_word, state, __ATOMIC_RELEASE);
}

uint32_t mete__fork_state_to_keep(void) {
    /* Without the wiped word nothing is kept: each time the process's id must be asked for. */
    return process != 0 ? METE__FORK_NO_STATE : mete__fork_state();
}
