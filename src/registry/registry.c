/* registry/registry.h: a doubly linked list under a lock. */
#include "registry/registry.h"

#include <string.h>

#include "os/lock.h"

static struct mete__lock lock;
static struct mete__holder *newest;
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
    holder->is_entered = true;
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
    holder->is_entered = false;
    mete__lock_release(&lock);
}

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
}
