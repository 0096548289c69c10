/* heap/outbox.h */
#include "heap/outbox.h"

#include "heap/cache.h"

const struct mete__block *mete__outbox_begin(struct mete__chain *chain, struct mete__cache *home,
                                             struct mete__block *block) {
    mete__outbox_send(chain);
    chain->home = home;
    chain->last = block;
    return __atomic_load_n(&home->inbox, __ATOMIC_RELAXED);
}

void mete__outbox_send(struct mete__chain *chain) {
    if (chain->home == NULL) return;
    mete__cache_send(chain->home, chain->first, chain->last);
    *chain = (struct mete__chain){.home = NULL};
}

void mete__outbox_flush(struct mete__outbox *outbox) {
    for (size_t i = 0; i < METE__OUTBOX_CHAINS; i++) mete__outbox_send(&outbox->chains[i]);
}
