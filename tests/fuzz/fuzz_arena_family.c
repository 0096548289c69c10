/* Several arenas: parents and children, theft and adoption, marks and destructors, against a model
 * of who lives where. */
#include <errno.h>
#include <mete/arena.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/steps.h"

enum { ARENAS = 6, OBJECTS = 300, MARKS = 12, OPERATIONS_MAX = 1200 };

/* What lives in an arena: a block, or a destructor that is to run. */
struct object {
    int owner; /* -1: ended */
    unsigned char *bytes;
    size_t size;
    size_t made; /* when it came into this arena, in operations */
    size_t rank; /* the younger in its arena, the higher */
    unsigned char seed;
    bool is_ending;
    bool has_run;
};

struct mark {
    mete_arena_mark mark;
    int owner; /* -1: none */
    size_t made;
    bool is_good;
};

static mete_arena *arenas[ARENAS]; /* NULL: none */
static int parents[ARENAS];        /* -1: nobody */
static bool is_borrowing[ARENAS];  /* its chunks are malloc's */
static struct object objects[OBJECTS];
static size_t object_count, now, ranks;
static struct mark marks[MARKS];

/* ---- the model ---- */

static struct object *add(int owner, unsigned char *bytes, size_t size, bool is_ending) {
    struct object *object = &objects[object_count++];
    *object = (struct object){.owner = owner,
                              .bytes = bytes,
                              .size = size,
                              .made = now,
                              .rank = ++ranks,
                              .seed = (unsigned char)now,
                              .is_ending = is_ending};
    if (size > 0) memset(bytes, object->seed, size);
    return object;
}

/* What was made in the arena since then ends; its destructors have to have run by now. */
static void end_since(int owner, size_t since) {
    for (size_t i = 0; i < object_count; i++) {
        if (objects[i].owner != owner || objects[i].made < since) continue;
        expect(objects[i].has_run == objects[i].is_ending);
        objects[i].owner = -1;
    }
}

static void forget_marks(int owner, size_t since) {
    for (size_t i = 0; i < MARKS; i++)
        if (marks[i].owner == owner && marks[i].made >= since) marks[i].is_good = false;
}

static void end_children(int owner);

/* The arena and all below it are no more. */
static void end_arena(int owner) {
    end_children(owner);
    end_since(owner, 0);
    for (size_t i = 0; i < MARKS; i++)
        if (marks[i].owner == owner) marks[i].owner = -1;
    arenas[owner] = NULL;
}

static void end_children(int owner) {
    for (int i = 0; i < ARENAS; i++)
        if (arenas[i] != NULL && parents[i] == owner) end_arena(i);
}

static bool is_above(int above, int below) {
    for (; below != -1; below = parents[below])
        if (below == above) return true;
    return false;
}

/* Lists must not become full: what is no more leaves them. Destructors point into them, so only
 * where none is to run. */
static void tidy_up(void) {
    size_t kept = 0;

    for (size_t i = 0; i < object_count; i++)
        if (objects[i].owner != -1 && objects[i].is_ending) return;
    for (size_t i = 0; i < object_count; i++)
        if (objects[i].owner != -1) objects[kept++] = objects[i];
    object_count = kept;
}

/* ---- operations ---- */

static void run(void *pointer) {
    struct object *object = pointer;

    expect(object->owner != -1 && object->is_ending && !object->has_run);
    object->has_run = true;
    /* No younger one of the same arena still waits. */
    for (size_t i = 0; i < object_count; i++)
        expect(objects[i].owner != object->owner || objects[i].rank <= object->rank ||
               !objects[i].is_ending || objects[i].has_run);
}

static void create(int index, int parent, unsigned how) {
    mete_arena_options options = {.parent = parent == -1 ? NULL : arenas[parent],
                                  .first_chunk = how % 3 == 1 ? 256 + how : 0,
                                  .allocator = how % 3 == 2 ? mete_allocator_system() : NULL,
                                  .poison = how % 5 == 0,
                                  .zero = how % 7 == 0,
                                  .name = "member"};

    if (arenas[index] != NULL) return;
    arenas[index] = mete_arena_create(&options);
    expect(arenas[index] != NULL);
    parents[index] = parent;
    is_borrowing[index] = options.allocator != NULL;
}

static void allocate(int owner, size_t size) {
    unsigned char *bytes = mete_arena_alloc(arenas[owner], size, 1);

    expect(bytes != NULL);
    expect(size == 0 || (mete_arena_contains(arenas[owner], bytes) &&
                         mete_arena_contains(arenas[owner], bytes + size - 1)));
    add(owner, bytes, size, false);
}

static void await_end(int owner) {
    struct object *object = add(owner, NULL, 0, true);
    expect(mete_arena_on_end(arenas[owner], run, object) == 0);
}

static void rewind_to(struct mark *mark, int owner) {
    if (arenas[owner] == NULL) return;
    int status = mete_arena_rewind(arenas[owner], mark->mark);
    expect((status == 0) == (mark->owner == owner && mark->is_good));
    if (status != 0) {
        expect(status == -EINVAL);
        return;
    }
    end_since(owner, mark->made);
    for (size_t i = 0; i < MARKS; i++)
        if (marks[i].mark.serial != mark->mark.serial && marks[i].owner == owner &&
            marks[i].made > mark->made)
            marks[i].is_good = false;
}

static void save(struct mark *mark, int owner) {
    *mark = (struct mark){mete_arena_save(arenas[owner]), owner, now, true};
    expect(mark->mark.arena != 0);
}

static void steal(int parent, int child) {
    bool is_circle = parent != -1 && is_above(child, parent);
    int status = mete_arena_steal(parent == -1 ? NULL : arenas[parent], arenas[child]);

    expect(status == (is_circle ? -EINVAL : 0));
    if (status == 0) parents[child] = parent;
}

static struct object *oldest_of(int owner) {
    struct object *oldest = NULL;

    for (size_t i = 0; i < object_count; i++)
        if (objects[i].owner == owner && (oldest == NULL || objects[i].rank < oldest->rank))
            oldest = &objects[i];
    return oldest;
}

/* What is adopted is younger than all that is there, and keeps its own order. */
static void adopt(int to, int from) {
    mete_arena_stats before, after, other;
    bool fits = to != from && is_borrowing[to] == is_borrowing[from];

    expect(mete_arena_stats_read(arenas[to], &before) == 0);
    expect(mete_arena_stats_read(arenas[from], &other) == 0);
    int status = mete_arena_adopt(arenas[to], arenas[from]);
    expect(status == (fits ? 0 : -EINVAL));
    if (status != 0) return;
    expect(mete_arena_stats_read(arenas[to], &after) == 0);
    expect(after.live_bytes == before.live_bytes + other.live_bytes);
    expect(mete_arena_stats_read(arenas[from], &other) == 0 && other.live_bytes == 0);
    for (struct object *oldest; (oldest = oldest_of(from)) != NULL;) {
        oldest->owner = to;
        oldest->made = now;
        oldest->rank = ++ranks;
    }
    forget_marks(from, 0);
}

static void look(void) {
    for (size_t i = 0; i < object_count; i++) {
        const struct object *object = &objects[i];
        if (object->owner == -1 || object->is_ending) continue;
        expect(is_filled(object->bytes, object->size, object->seed));
        for (int j = 0; j < ARENAS && object->size > 0; j++)
            if (arenas[j] != NULL)
                expect(mete_arena_contains(arenas[j], object->bytes) == (j == object->owner));
    }
}

static void reset(int owner, unsigned how) {
    mete_arena *arena = arenas[owner];

    if (how % 3 == 0)
        mete_arena_destroy(arena);
    else if (how % 3 == 1)
        mete_arena_reset(arena);
    else
        mete_arena_reset_to(arena, how * 64);
    end_children(owner);
    end_since(owner, 0);
    forget_marks(owner, 0);
    if (how % 3 == 0) end_arena(owner);
}

static void operate(void) {
    unsigned operation = argument(), number = argument();
    int owner = (int)(operation / 16 % ARENAS), other = (int)(number % ARENAS);
    struct mark *mark = &marks[number % MARKS];

    now++;
    if (object_count == OBJECTS) tidy_up();
    if (arenas[owner] == NULL) {
        bool has_parent = number % 2 == 0 && arenas[other] != NULL;
        create(owner, has_parent ? other : -1, number / 2);
        return;
    }
    switch (operation % 16) {
    default:
        if (object_count < OBJECTS) allocate(owner, number < 240 ? number : number * 17);
        break;
    case 6:
    case 7:
        if (object_count < OBJECTS) await_end(owner);
        break;
    case 8: save(mark, owner); break;
    case 9:
    case 10: rewind_to(mark, mark->owner != -1 && number < 200 ? mark->owner : owner); break;
    case 11: steal(arenas[other] != NULL && other != owner ? other : -1, owner); break;
    case 12:
    case 13:
        if (arenas[other] != NULL) adopt(owner, other);
        break;
    case 14:
        if (number % 4 == 0) reset(owner, number / 4);
        break;
    case 15: look(); break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    begin(data, size);
    memset(arenas, 0, sizeof arenas);
    for (size_t i = 0; i < MARKS; i++) marks[i] = (struct mark){.owner = -1};
    object_count = now = 0;
    for (size_t i = 0; i < OPERATIONS_MAX && left > 0; i++) operate();
    look();
    for (int i = 0; i < ARENAS; i++) {
        if (arenas[i] == NULL) continue;
        mete_arena_destroy(arenas[i]);
        end_arena(i);
    }
    return 0;
}
