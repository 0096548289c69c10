/*
 * pool/pool_holder.h - a pool as the registry sees it.
 */
#ifndef METE_POOL_POOL_HOLDER_H
#define METE_POOL_POOL_HOLDER_H

#include "pool/pool_state.h"

METE_HIDDEN void mete__pool_holder_enter(mete_pool *pool, const char *name,
                                         const struct mete__caller *caller);

#endif
