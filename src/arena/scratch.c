/* Arenas of the thread's own, for results that do not outlive a function. */
#include "arena/arena_state.h"
#include "base/caller.h"
#include "os/meta.h"
#include "os/thread_end.h"

/* Two suffice for any depth of calls, where each avoids the one its result goes to; more are made
 * for those that avoid more. */
struct scratch {
    struct mete__thread_end end;
    mete_arena *arena;
    struct scratch *next; /* of the thread's */
};

static __thread struct scratch *scratches;

static void end_scratch(struct mete__thread_end *end) {
    struct scratch *scratch = METE_CONTAINER_OF(end, struct scratch, end);

    for (struct scratch **link = &scratches; *link != NULL; link = &(*link)->next) {
        if (*link != scratch) continue;
        *link = scratch->next;
        break;
    }
    mete_arena_destroy(scratch->arena);
    mete__meta_free(scratch, sizeof *scratch);
}

static struct scratch *new_scratch(const struct mete__caller *caller) {
    static const mete_arena_options options = {.name = "scratch"};
    struct scratch *scratch = mete__meta_alloc(sizeof *scratch);

    if (scratch == NULL) goto fail_scratch;
    scratch->arena = mete__arena_create_for(&options, caller);
    if (scratch->arena == NULL) goto fail_arena;
    scratch->arena->holder.is_kept = true;
    scratch->end.run = end_scratch;
    if (!mete__thread_end_add(&scratch->end)) goto fail_end;
    struct scratch **link = &scratches; /* the oldest serve first: they have what memory it takes */
    while (*link != NULL) link = &(*link)->next;
    *link = scratch;
    return scratch;
fail_end:
    mete_arena_destroy(scratch->arena);
fail_arena:
    mete__meta_free(scratch, sizeof *scratch);
fail_scratch:
    errno = ENOMEM;
    return NULL;
}

static bool is_avoided(const mete_arena *arena, mete_arena *const *avoid, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (avoid[i] == arena) return true;
    return false;
}

mete_scratch mete_scratch_begin(mete_arena *const *avoid, size_t count) {
    struct mete__caller caller = METE__CALLER;
    struct scratch *scratch = scratches;

    while (scratch != NULL && is_avoided(scratch->arena, avoid, count)) scratch = scratch->next;
    if (scratch == NULL) scratch = new_scratch(&caller);
    if (scratch == NULL) return (mete_scratch){NULL, {0, 0, 0}};
    return (mete_scratch){scratch->arena, mete_arena_save(scratch->arena)};
}

void mete_scratch_end(mete_scratch scratch) {
    if (scratch.arena != NULL) (void)mete_arena_rewind(scratch.arena, scratch.mark);
}
