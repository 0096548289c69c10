/*
 * heap/cushion.h - watched blocks with something around them: the modes check and guard.
 *
 * In those modes the program's block lies inside a larger one of the heap's. In front of it is a
 * lead, behind it some room; both have zones that the guard (src/guard/) fills and looks at. A
 * fenced block has whole slices to itself, and what lies outside of its zones is inaccessible:
 *
 *   memory      from           block             block + size      to         memory + bytes
 *   | fence or  | front zone   | the program's   | zone behind     | fence or |
 *   | nothing   |              |                 |                 | nothing  |
 *
 * A block that the program frees is held first: it is the program's no more and not yet the heap's.
 * Its record knows who freed it, and a second free finds that. mete__cushion_release ends it.
 *
 * The heap knows nothing of patterns, quarantines and traps. It calls the table below, which is set
 * before the first watched allocation.
 */
#ifndef METE_HEAP_CUSHION_H
#define METE_HEAP_CUSHION_H

#include <stdbool.h>
#include <stddef.h>

#include "heap/cache.h"
#include "heap/record.h"

struct mete__cushion {
    char *memory; /* the heap's block: first byte */
    size_t bytes; /* of it */
    char *from;   /* the zone in front is [from, block) */
    char *block;  /* the program's */
    size_t size;  /* bytes it asked for */
    char *to;     /* the zone behind is [block + size, to) */
    struct mete__record *record;
    bool fenced; /* large: outside of [from, to) nothing is to be accessible */
};

struct mete__cushion_hooks {
    /* Whether a block of `bytes` bytes of address space, about to be taken, is to have a fence. */
    bool (*wants_fence)(size_t bytes);
    /* The zones of a block that is about to be the program's, or stays it with another size. */
    void (*begins)(const struct mete__cushion *cushion);
    /* The block is about to end by a call of the program's; its record is live. */
    void (*ends)(const struct mete__cushion *cushion, const struct mete__caller *caller);
    /* It has ended, and its record is held: from now on until mete__cushion_release, which may be
     * at once, it is the guard's. cache is the calling thread's, or NULL where it has none now. */
    void (*hold)(struct mete__cache *cache, const struct mete__cushion *cushion);
    /* Memory is short: releases all that is held. False where nothing was. */
    bool (*relieve)(struct mete__cache *cache);
    /* In the child of a fork, before any other call: a thread that is no more may have been in one.
     */
    void (*forked)(void);
};

/* From the next mete__watch_set on, blocks that are watched have cushions. Once, before it. */
METE_HIDDEN void mete__cushion_set(const struct mete__cushion_hooks *hooks);
METE_HIDDEN bool mete__cushion_is_set(void);

/* A watched block of `size` bytes at a multiple of `align`, a power of two whose sum with size is
 * at most METE__SIZE_LIMIT, and its record, not yet live; NULL where memory ran out. *zeroed:
 * whether the block is known to hold only zeros. */
METE_HIDDEN void *mete__cushion_take(struct mete__cache *cache, size_t size, size_t align,
                                     struct mete__record **record, bool *zeroed);

/* Ends a live block that has a cushion, for free or realloc. cache may be NULL, as in hold: then
 * the watcher does not hear of it. */
METE_HIDDEN void mete__cushion_free(struct mete__cache *cache, struct mete__record *record,
                                    void *block, const struct mete__caller *caller);

/* The same in two steps, for realloc, whose new block is to be born in between. */
METE_HIDDEN struct mete__cushion mete__cushion_end(struct mete__cache *cache,
                                                   struct mete__record *record, void *block,
                                                   const struct mete__caller *caller);
METE_HIDDEN void mete__cushion_hold(struct mete__cache *cache, const struct mete__cushion *cushion);

/* Gives a held block back to the heap: free for good. */
METE_HIDDEN void mete__cushion_release(struct mete__cache *cache,
                                       const struct mete__cushion *cushion);

/* The block with a cushion, live or held, whose memory `address` lies in. Async-signal-safe; as
 * mete__heap_find. */
METE_HIDDEN bool mete__cushion_find(const void *address, struct mete__cushion *cushion);

/* Calls visit for every live block that has a cushion. Others may come and go meanwhile. */
METE_HIDDEN void mete__cushion_each(void (*visit)(void *context,
                                                  const struct mete__cushion *cushion),
                                    void *context);

METE_HIDDEN void mete__cushion_after_fork(void);

#endif
