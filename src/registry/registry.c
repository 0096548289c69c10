/* registry/registry.h: a doubly linked list under a lock, and a tree of ranges under another. */
#include "registry/registry.h"

#include <string.h>

#include "os/lock.h"
#include "os/meta.h"
#include "os/process.h"

static struct mete__lock lock;
static struct mete__holder *newest;
static struct mete__lock tree_lock;
static struct mete__territory *tree;
static uint64_t territories_ever;
static bool is_tree_lost;                        /* atomic: it may be torn, and is used no more */
static const struct mete__registry_hooks *hooks; /* atomic */

static const char *const kind_names[] = {
    [METE__HOLDER_POOL] = "pool",           [METE__HOLDER_ARENA] = "arena",
    [METE__HOLDER_MAP] = "file map",        [METE__HOLDER_HEAP] = "heap",
    [METE__HOLDER_ALLOCATOR] = "allocator",
};

const char *mete__registry_kind_name(enum mete__holder_kind kind) {
    return kind_names[kind];
}

static const struct mete__registry_hooks *current_hooks(void) {
    return __atomic_load_n(&hooks, __ATOMIC_ACQUIRE);
}

void mete__registry_watch(const struct mete__registry_hooks *told) {
    __atomic_store_n(&hooks, told, __ATOMIC_RELEASE);
}

void mete__registry_enter(struct mete__holder *holder, const struct mete__holder_methods *methods,
                          const char *name, const struct mete__caller *caller) {
    const struct mete__registry_hooks *told = current_hooks();

    holder->methods = methods;
    holder->stack = 0;
    holder->record = 0;
    holder->created_by = caller != NULL ? caller->pc : 0;
    if (name == NULL || *name == '\0') name = kind_names[methods->kind];
    size_t length = strnlen(name, METE__HOLDER_NAME_MAX);
    memcpy(holder->name, name, length);
    holder->name[length] = '\0';
    if (told != NULL) told->entered(holder, caller);
    /* Nobody creates or destroys one from a signal handler that interrupted the same. */
    if (!mete__lock_acquire(&lock, mete__lock_token())) return;
    holder->previous = NULL;
    holder->next = newest;
    if (newest != NULL) newest->previous = holder;
    __atomic_store_n(&newest, holder, __ATOMIC_RELEASE); /* see mete__registry_after_fork */
    __atomic_store_n(&holder->is_entered, true, __ATOMIC_RELEASE);
    mete__lock_release(&lock);
}

void mete__registry_leave(struct mete__holder *holder) {
    const struct mete__registry_hooks *told = current_hooks();

    if (!holder->is_entered) return;
    if (told != NULL) told->leaves(holder);
    if (!mete__lock_acquire(&lock, mete__lock_token())) return;
    if (holder->previous != NULL)
        holder->previous->next = holder->next;
    else
        newest = holder->next;
    if (holder->next != NULL) holder->next->previous = holder->previous;
    __atomic_store_n(&holder->is_entered, false, __ATOMIC_RELEASE);
    mete__lock_release(&lock);
    /* Whoever asks it now is let go on; nobody comes after. */
    if (mete__lock_acquire(&tree_lock, mete__lock_token())) mete__lock_release(&tree_lock);
}

/* ---- ranges ---- */

/* False where the calling thread is in it already, or the tree is lost. */
static bool enter_tree(void) {
    if (!mete__lock_acquire(&tree_lock, mete__lock_token())) return false;
    if (METE_LIKELY(!__atomic_load_n(&is_tree_lost, __ATOMIC_RELAXED))) return true;
    mete__lock_release(&tree_lock);
    return false;
}

/* To change it: what a handler that interrupts a change would change is not made good later. */
static bool enter_tree_to_change(void) {
    if (METE_LIKELY(enter_tree())) return true;
    __atomic_store_n(&is_tree_lost, true, __ATOMIC_RELAXED);
    return false;
}

void mete__registry_claim(struct mete__territory *territory, struct mete__holder *holder,
                          const void *start, size_t size) {
    if (!enter_tree_to_change()) return;
    *territory = (struct mete__territory){.holder = holder,
                                          .start = (uintptr_t)start,
                                          .end = (uintptr_t)start + size,
                                          .number = ++territories_ever};
    tree = mete__territory_insert(tree, territory);
    mete__lock_release(&tree_lock);
}

void mete__registry_disclaim(struct mete__territory *territory) {
    if (territory->holder == NULL || !enter_tree_to_change()) return;
    tree = mete__territory_remove(tree, territory);
    territory->holder = NULL;
    mete__lock_release(&tree_lock);
}

void mete__registry_hand_over(struct mete__territory *territory, struct mete__holder *holder) {
    if (territory->holder == NULL || !enter_tree_to_change()) return;
    territory->holder = holder;
    mete__lock_release(&tree_lock);
}

struct asked {
    bool (*ask)(void *context, struct mete__holder *holder);
    void *context;
};

/* A holder may have memory before it is entered, and after it has left. */
static bool ask_entered(void *context, struct mete__holder *holder) {
    const struct asked *asked = context;
    if (!__atomic_load_n(&holder->is_entered, __ATOMIC_ACQUIRE)) return true;
    return asked->ask(asked->context, holder);
}

bool mete__registry_ask(const void *address,
                        bool (*ask)(void *context, struct mete__holder *holder), void *context) {
    struct asked asked = {ask, context};

    if (!enter_tree()) return mete__registry_each(ask, context);
    bool whole = mete__territory_ask(tree, (uintptr_t)address, ask_entered, &asked);
    mete__lock_release(&tree_lock);
    return whole;
}

/* ---- the list ---- */

bool mete__registry_hold(void) {
    return mete__lock_acquire(&lock, mete__lock_token());
}

void mete__registry_release(void) {
    mete__lock_release(&lock);
}

bool mete__registry_visit(bool (*visit)(void *context, struct mete__holder *holder),
                          void *context) {
    bool whole = true;

    for (struct mete__holder *holder = newest; holder != NULL && whole; holder = holder->next)
        whole = visit(context, holder);
    return whole;
}

bool mete__registry_each(bool (*visit)(void *context, struct mete__holder *holder), void *context) {
    if (!mete__registry_hold()) return false;
    bool whole = mete__registry_visit(visit, context);
    mete__registry_release();
    return whole;
}

/* A list that was being changed is whole all the same when read forwards: the writes come in an
 * order that keeps `next` right. Backwards it may lead to a holder that is not in it, through which
 * the next one to leave would stay in the list. */
void mete__registry_after_fork(void) {
    struct mete__holder *previous = NULL;

    for (struct mete__holder *holder = newest; holder != NULL; holder = holder->next) {
        if (holder->previous != previous) holder->previous = previous; /* no page is copied else */
        previous = holder;
    }
    mete__lock_reset(&lock);
    /* A handler that has interrupted a change and forked: what it interrupted goes on. */
    if (!mete__lock_is_held(&tree_lock) || mete__lock_is_own(&tree_lock, mete__lock_token()))
        return;
    __atomic_store_n(&is_tree_lost, true, __ATOMIC_RELAXED);
    mete__lock_reset(&tree_lock);
}

static void after_fork_in_child(void) {
    mete__meta_after_fork(); /* of what holders are made of */
    mete__registry_after_fork();
}

/* Neither the heap need have begun nor a pool be there. */
__attribute__((constructor(102))) static void watch_forks(void) {
    mete__process_around_fork(NULL, NULL, after_fork_in_child);
}
