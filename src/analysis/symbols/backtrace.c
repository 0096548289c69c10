#include "analysis/symbols/backtrace.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/array.h"

static const struct mete_profile_node *node_at(const struct mete__profile *profile,
                                               uint32_t index) {
    return mete__profile_record(profile, METE_SECTION_NODES, index);
}

static bool exists(const struct mete__profile *profile, uint32_t node) {
    return node != 0 && node < mete__profile_count(profile, METE_SECTION_NODES);
}

/* --- The outer end --- */

#define STARTERS_MAX 5 /* frames: main and, at most, four around it */

/* What runs main, the first function of a thread, and constructors, in glibc and musl. */
bool mete__backtrace_starts(const struct mete__frame *frame) {
    static const char *const names[] = {
        "_start",
        "_start_c",
        "start",
        "__libc_start_main",
        "libc_start_main_stage2",
        "__libc_start_main_impl",
        "__libc_start_call_main",
        "start_thread",
        "thread_start",
        "clone",
        "clone3",
        "__clone",
        "__clone3",
        "_dl_start_user",
        "_dl_init",
        "call_init",
    };

    if (frame->function == NULL) return false;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(frame->function, names[i]) == 0) return true;
    return false;
}

static bool is_main(const struct mete__frame *frame) {
    return frame->function != NULL && strcmp(frame->function, "main") == 0;
}

/* The first frame that no wrapper hides; the first of all where nothing else is there. */
static size_t inner_end(const struct mete__backtrace *backtrace) {
    size_t from = 0;

    for (size_t i = 0; i < backtrace->count && i < from + METE__BACKTRACE_INSIDE; i++) {
        enum mete__frame_role role = backtrace->frames[i]->role;
        if (role == METE__FRAME_WRAPPER || (role == METE__FRAME_STANDARD && i == from))
            from = i + 1;
    }
    return from == backtrace->count ? 0 : from;
}

static void choose_shown(struct mete__backtrace *backtrace) {
    size_t from = inner_end(backtrace), to = backtrace->count;

    /* Of stripped files not all of these frames have names: the innermost that has one tells. */
    for (size_t i = to > from + STARTERS_MAX ? to - STARTERS_MAX : from; i < to; i++) {
        if (is_main(backtrace->frames[i]))
            to = i + 1;
        else if (i > from && mete__backtrace_starts(backtrace->frames[i]))
            to = i;
    }
    backtrace->shown_from = from;
    backtrace->shown_to = to;
}

/* --- Whole stacks --- */

static int add_frame(struct mete__backtrace *backtrace, const struct mete__frame *frame) {
    const struct mete__frame **frames =
        mete__array_room(backtrace->frames, backtrace->count, &backtrace->capacity,
                         sizeof(const struct mete__frame *));
    if (frames == NULL) return -ENOMEM;
    backtrace->frames = frames;
    backtrace->frames[backtrace->count++] = frame;
    return 0;
}

/* The allocator's own frames are at the inner end; a stack of nothing else keeps its last one. */
static void cut_allocator(struct mete__backtrace *backtrace) {
    size_t own = 0;

    while (own + 1 < backtrace->count && backtrace->frames[own]->role == METE__FRAME_ALLOCATOR)
        own++;
    backtrace->count -= own;
    backtrace->cut = own;
    if (backtrace->guessed_after != SIZE_MAX)
        backtrace->guessed_after =
            backtrace->guessed_after < own ? 0 : backtrace->guessed_after - own;
    memmove(backtrace->frames, backtrace->frames + own,
            backtrace->count * sizeof(const struct mete__frame *));
}

int mete__backtrace_read(struct mete__backtrace *backtrace, const struct mete__profile *profile,
                         const struct mete__symbols *symbols, uint32_t stack) {
    backtrace->count = backtrace->cut = backtrace->shown_from = backtrace->shown_to = 0;
    backtrace->guessed_after = SIZE_MAX;
    backtrace->truncated = false;
    for (uint32_t i = stack; exists(profile, i); i = node_at(profile, i)->parent) {
        const struct mete__frame *frames;
        size_t count = mete__symbols_frames(symbols, i, &frames);
        for (size_t j = 0; j < count; j++)
            if (add_frame(backtrace, &frames[j]) != 0) return -ENOMEM;
        uint32_t flags = node_at(profile, i)->flags;
        if ((flags & METE_NODE_TRUNCATED) != 0) backtrace->truncated = true;
        if ((flags & METE_NODE_GUESSED) != 0 && backtrace->guessed_after == SIZE_MAX &&
            backtrace->count != 0)
            backtrace->guessed_after = backtrace->count - 1;
    }
    if (backtrace->count == 0) return 0;
    cut_allocator(backtrace);
    choose_shown(backtrace);
    return 0;
}

void mete__backtrace_free(struct mete__backtrace *backtrace) {
    free(backtrace->frames);
    *backtrace = (struct mete__backtrace){0};
}

/* --- Walking outwards --- */

const struct mete__frame *mete__backtrace_next(const struct mete__profile *profile,
                                               const struct mete__symbols *symbols,
                                               struct mete__backtrace_cursor *cursor) {
    const struct mete__frame *frames;

    if (!exists(profile, cursor->node)) cursor->node = 0;
    size_t count = mete__symbols_frames(symbols, cursor->node, &frames);
    if (cursor->index >= count) return NULL;
    const struct mete__frame *frame = &frames[cursor->index++];
    if (cursor->index == count) {
        cursor->node = node_at(profile, cursor->node)->parent;
        cursor->index = 0;
    }
    return frame;
}

const struct mete__frame *mete__backtrace_headline(const struct mete__profile *profile,
                                                   const struct mete__symbols *symbols,
                                                   uint32_t stack,
                                                   struct mete__backtrace_cursor *cursor) {
    const struct mete__frame *first = NULL; /* not the allocator's own */
    const struct mete__frame *last = NULL, *found = NULL;
    const struct mete__frame *frame = NULL;
    struct mete__backtrace_cursor after_first = {0}, after_found = {0};
    size_t beyond = 0; /* frames from the one found on */

    *cursor = (struct mete__backtrace_cursor){.node = stack};
    while (beyond < METE__BACKTRACE_INSIDE &&
           (frame = mete__backtrace_next(profile, symbols, cursor)) != NULL) {
        last = frame;
        if (first == NULL && frame->role == METE__FRAME_ALLOCATOR) continue;
        if (first == NULL) {
            first = frame;
            after_first = *cursor;
        }
        if (frame->role == METE__FRAME_WRAPPER ||
            (frame->role == METE__FRAME_STANDARD && found == NULL)) {
            found = NULL;
            beyond = 0;
            continue;
        }
        if (found == NULL) {
            found = frame;
            after_found = *cursor;
        }
        beyond++;
    }
    if (frame == NULL && cursor->node != 0) return NULL;
    *cursor = found != NULL ? after_found : after_first;
    if (found != NULL) return found;
    return first != NULL ? first : last; /* nothing but wrappers */
}
