/*
 * registry/registry.h - the pools, arenas, maps and private heaps that exist now.
 *
 * Each enters itself when it is created and leaves when it is destroyed. So mete_where() can say
 * whose an address is, the leak check what is not destroyed, the statistics what each holds,
 * without any of them knowing the kinds there are.
 *
 * Thread-safe, by one lock for the list, under which nothing but the visitor and the methods runs,
 * and one for the ranges of memory, under which nothing but find runs; those must not call back
 * into the registry. Who holds the first may take the second. Allocates nothing: the entry is a
 * part of what it stands for, and that of a range, too.
 */
#ifndef METE_REGISTRY_REGISTRY_H
#define METE_REGISTRY_REGISTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/caller.h"
#include "base/compiler.h"
#include "registry/territory.h"

enum mete__holder_kind {
    METE__HOLDER_POOL = 1, /* numbered as in the profile */
    METE__HOLDER_ARENA,
    METE__HOLDER_MAP,
    METE__HOLDER_HEAP,
    METE__HOLDER_ALLOCATOR, /* counts what passes, holds no memory of its own */
};

enum { METE__HOLDER_NAME_MAX = 47 };

/* What a holder says of itself, in bytes unless said otherwise. */
struct mete__holder_stats {
    uint64_t reserved_bytes; /* memory taken for it: live + free + metadata */
    uint64_t live_bytes;     /* in use by the program */
    uint64_t peak_bytes;     /* highest live_bytes */
    uint64_t live_blocks;
    uint64_t allocations; /* ever */
    uint64_t frees;       /* ever */
};

/* What a holder knows of an address. */
struct mete__holder_block {
    const void *block;    /* first byte of the block, object or view; NULL: in between */
    size_t size;          /* of the block */
    bool live;            /* false: freed, or not yet handed out */
    uint64_t file_offset; /* maps: of the address, in the file; 0 without one */
};

struct mete__holder;

struct mete__holder_methods {
    enum mete__holder_kind kind;
    /* Whether the address is in the holder's memory; then *out says where. Any thread. */
    bool (*find)(const struct mete__holder *holder, const void *address,
                 struct mete__holder_block *out);
    /* Any thread. */
    void (*read)(const struct mete__holder *holder, struct mete__holder_stats *out);
    /* Calls visit for every range of memory the holder's blocks are in. Other threads stand still,
     * or the result may be stale. */
    void (*each_range)(const struct mete__holder *holder,
                       void (*visit)(void *context, uintptr_t start, size_t size), void *context);
};

/* An entry, embedded in what it stands for; the fields are the registry's, but for reading. */
struct mete__holder {
    const struct mete__holder_methods *methods;
    struct mete__holder *next; /* under the registry's lock */
    struct mete__holder *previous;
    uintptr_t created_by; /* the program's call that created it returns there; 0: unknown */
    uint32_t stack;       /* the same as a node of the tracker's stack tree; 0: not tracked */
    uint32_t record;      /* who is told of it keeps a number here; 0 at first */
    bool is_no_root;      /* the leak check does not look for pointers in its memory */
    bool is_kept;         /* mete keeps it for itself, to the end: nobody forgot to destroy it */
    bool is_entered;      /* atomic */
    char name[METE__HOLDER_NAME_MAX + 1]; /* a copy, cut to fit; never empty */
};

/* Enters what has been created. name NULL or empty: the kind's own ("pool"). `caller` is the
 * program's call (METE__CALLER), or NULL. The methods must work from now on. */
METE_HIDDEN void mete__registry_enter(struct mete__holder *holder,
                                      const struct mete__holder_methods *methods, const char *name,
                                      const struct mete__caller *caller);

/* Takes out what is about to be destroyed; what has not been entered is ignored. On return no
 * visitor sees it any more. */
METE_HIDDEN void mete__registry_leave(struct mete__holder *holder);

/* Memory [start, start + size) is the holder's from now on, be that entered or not yet. Two ranges
 * lie in each other or do not touch. */
METE_HIDDEN void mete__registry_claim(struct mete__territory *territory,
                                      struct mete__holder *holder, const void *start, size_t size);
/* It is no more: before the memory is anybody else's. What was not claimed is ignored. */
METE_HIDDEN void mete__registry_disclaim(struct mete__territory *territory);
/* It is another holder's. */
METE_HIDDEN void mete__registry_hand_over(struct mete__territory *territory,
                                          struct mete__holder *holder);

/* Calls ask for each that may have the address, the innermost range first, until it returns false;
 * false then. Takes the logarithm of the number of ranges. Where the calling thread is changing
 * them (a signal handler), or the process was forked while another thread was, all holders are
 * asked, newest first. */
METE_HIDDEN bool mete__registry_ask(const void *address,
                                    bool (*ask)(void *context, struct mete__holder *holder),
                                    void *context);

/* Calls visit for each, newest first, until it returns false; false then. False, too, and nothing
 * visited, where the calling thread is in here already (a signal handler). */
METE_HIDDEN bool mete__registry_each(bool (*visit)(void *context, struct mete__holder *holder),
                                     void *context);

/* The same in two steps, for who must not wait when it visits: hold waits until nobody changes the
 * list, and from then on until release nobody does, who would wait. Then _visit goes through it as
 * _each does. False where the calling thread is in here already. */
METE_HIDDEN METE_MUST_USE bool mete__registry_hold(void);
METE_HIDDEN void mete__registry_release(void);
METE_HIDDEN bool mete__registry_visit(bool (*visit)(void *context, struct mete__holder *holder),
                                      void *context);

/* Who `created` and `destroyed` are told to: the tracker, filled in one place. Runs without the
 * lock held; NULL: nobody. */
struct mete__registry_hooks {
    void (*entered)(struct mete__holder *holder, const struct mete__caller *caller);
    void (*leaves)(struct mete__holder *holder);
};
METE_HIDDEN void mete__registry_watch(const struct mete__registry_hooks *hooks);

/* "pool", "arena", "file map", "heap", "allocator". */
METE_HIDDEN const char *mete__registry_kind_name(enum mete__holder_kind kind);

/* In the child of a fork, before any other call: the holder of the lock may not exist there. */
METE_HIDDEN void mete__registry_after_fork(void);

#endif
