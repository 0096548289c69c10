/*
 * Each block of an arena by itself, where Valgrind or AddressSanitizer listens; nowhere else is
 * anything entered here.
 *
 * Between two blocks lies a gap that is nobody's, so that a byte past the end of one is not the
 * first of the next, and in front of the first. A gap is a multiple of what nearly all blocks are
 * aligned to, which leaves the padding as it is without gaps, and gaps do not count as live: so
 * limits, too, are met exactly where they are met without a checker.
 */
#include <string.h>

#include "arena/arena_state.h"
#include "os/checkers.h"
#include "os/meta.h"

enum { GAP = METE__ARENA_GAP, FIRST_CAPACITY = 64 };

/* To Valgrind the blocks of all arenas have two holders, because they go from one arena to another
 * by adoption: those with a gap in front, and the others. */
static const char spaced, tight;

__attribute__((constructor(102))) static void begin(void) {
    mete__checkers_create(&spaced, GAP, false);
    mete__checkers_create(&tight, 0, false);
}

static const void *holder_of(const struct mete__object *object) {
    return object->gap != 0 ? &spaced : &tight;
}

static bool open_objects(void *context, struct mete__holder *holder) {
    (void)context;
    if (holder->methods->kind != METE__HOLDER_ARENA) return true;
    mete_arena *arena = METE_CONTAINER_OF(holder, mete_arena, holder);
    for (size_t i = 0; i < arena->object_count; i++)
        mete__checkers_open(arena->objects[i].start, arena->objects[i].size);
    arena->object_count = arena->gaps = 0; /* whoever ends them from now on need not tell */
    return true;
}

/* A block that lives to the end of the program is no leak, and what it points to is held: memcheck
 * takes it for the program's own data then, as it does where nobody tells it of blocks. */
__attribute__((destructor)) static void end(void) {
    if (!mete__checkers_listen) return;
    mete__checkers_destroy(&spaced);
    mete__checkers_destroy(&tight);
    begin();
    mete__registry_each(open_objects, NULL);
}

static bool make_room(mete_arena *arena, size_t more) {
    size_t capacity = arena->object_capacity;

    if (more <= capacity - arena->object_count) return true;
    if (capacity == 0) capacity = FIRST_CAPACITY;
    while (capacity - arena->object_count < more) capacity *= 2;
    struct mete__object *objects = mete__meta_alloc(capacity * sizeof *objects);
    if (objects == NULL) return false;
    if (arena->object_count > 0)
        memcpy(objects, arena->objects, arena->object_count * sizeof *objects);
    mete__arena_objects_end(arena);
    arena->objects = objects;
    arena->object_capacity = capacity;
    return true;
}

void mete__arena_objects_end(mete_arena *arena) {
    if (arena->objects != NULL)
        mete__meta_free(arena->objects, arena->object_capacity * sizeof *arena->objects);
}

size_t mete__arena_objects_gap(const mete_arena *arena, size_t size, size_t align) {
    const struct mete__chunk *chunk = arena->current;
    const char *next = arena->front.next;

    if (size == 0 || arena->gaps_most - arena->gaps < GAP || (size_t)(chunk->end - next) < GAP)
        return 0;
    return mete__arena_fits(next + GAP, chunk->end, size, align) ? GAP : 0;
}

int mete__arena_objects_enter(mete_arena *arena, char *block, size_t size, size_t gap) {
    if (size == 0) return 0;
    if (!make_room(arena, 1)) return -ENOMEM;
    struct mete__object *object = &arena->objects[arena->object_count++];
    *object = (struct mete__object){.start = block, .size = size, .gap = gap};
    arena->gaps += gap;
    mete__checkers_alloc(holder_of(object), block, size);
    return 0;
}

void mete__arena_objects_resize(mete_arena *arena, const char *block, size_t size) {
    if (arena->object_count == 0) return;
    struct mete__object *last = &arena->objects[arena->object_count - 1];
    if (last->start != block) return;
    last->size = size;
    mete__checkers_resize(holder_of(last), block, size);
}

/* The last one that is left may have grown since, and loses that again. */
void mete__arena_objects_cut(mete_arena *arena, size_t count) {
    const char *next = arena->front.next;

    while (arena->object_count > count) {
        const struct mete__object *ended = &arena->objects[--arena->object_count];
        arena->gaps -= ended->gap;
        mete__checkers_free(holder_of(ended), ended->start, ended->size);
    }
    if (count == 0 || arena->object_count < count) return;
    const struct mete__object *last = &arena->objects[count - 1];
    if (last->start >= arena->current->start && last->start <= next &&
        last->start + last->size > next)
        mete__arena_objects_resize(arena, last->start, (size_t)(next - last->start));
}

size_t mete__arena_objects_leave(mete_arena *arena, const char *block) {
    if (arena->object_count == 0 || arena->objects[arena->object_count - 1].start != block)
        return 0;
    size_t gap = arena->objects[arena->object_count - 1].gap;
    mete__arena_objects_cut(arena, arena->object_count - 1);
    return gap;
}

int mete__arena_objects_adopt(mete_arena *arena, mete_arena *other) {
    if (other->object_count == 0) return 0;
    if (!make_room(arena, other->object_count)) return -ENOMEM;
    memcpy(&arena->objects[arena->object_count], other->objects,
           other->object_count * sizeof *other->objects);
    arena->object_count += other->object_count;
    arena->gaps += other->gaps;
    other->object_count = other->gaps = 0;
    return 0;
}
