/* An arena under any operations, against a list of what is alive in it: contents, marks, ends. */
#include <errno.h>
#include <mete/arena.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/steps.h"

enum { BLOCKS = 400, MARKS = 24, ENDS = 64, OPERATIONS_MAX = 1500, BUFFER = 6000 };

struct block {
    unsigned char *bytes;
    size_t size;
    size_t resized; /* when, in operations: a mark of before may cut it */
    unsigned char seed;
};

struct mark {
    mete_arena_mark mark;
    size_t blocks, ends; /* alive then */
    size_t made;         /* when, in operations */
    bool is_good;
};

static struct block blocks[BLOCKS];
static size_t block_count;
static struct mark marks[MARKS];
static size_t ends; /* how many destructors are to run, the highest number first */
static char end_objects[ENDS];
static size_t now; /* operations so far */
static mete_arena *arena;
static mete_arena_options options;
static unsigned seeds;

/* Mostly small, sometimes more than a page. */
static size_t size_from(unsigned number) {
    if (number < 200) return number;
    return number < 250 ? (number - 199) * 97 : (number - 249) * 20011;
}

/* ---- blocks ---- */

static void add(void *bytes, size_t size) {
    expect(size == 0 || (mete_arena_contains(arena, bytes) &&
                         mete_arena_contains(arena, (char *)bytes + size - 1)));
    blocks[block_count] = (struct block){bytes, size, now, (unsigned char)++seeds};
    memset(bytes, blocks[block_count].seed, size);
    block_count++;
}

static void remove_at(size_t index) {
    block_count--;
    memmove(&blocks[index], &blocks[index + 1], (block_count - index) * sizeof blocks[0]);
}

static void expect_refusal(size_t size, size_t align, int error) {
    if (align == 0 || (align & (align - 1)) != 0)
        expect(error == EINVAL);
    else
        expect(error == ENOBUFS && (size > options.largest || options.buffer != NULL ||
                                    options.limit != 0 || options.reserve != 0));
}

static void allocate(size_t size, size_t align, bool zeroed) {
    unsigned char *bytes =
        zeroed ? mete_arena_calloc(arena, 1, size, align) : mete_arena_alloc(arena, size, align);
    if (bytes == NULL) {
        expect_refusal(size, align, errno);
        return;
    }
    expect(align != 0 && (align & (align - 1)) == 0 && (uintptr_t)bytes % align == 0);
    expect(options.largest == 0 || size <= options.largest);
    if (zeroed || options.zero) expect(is_filled(bytes, size, 0));
    add(bytes, size);
}

/* In place where that can be, else as a copy. */
static void resize(struct block *block, size_t size, bool may_move) {
    unsigned char *bytes = block->bytes;
    size_t common = size < block->size ? size : block->size;

    if (may_move) {
        bytes = mete_arena_realloc(arena, bytes, block->size, size, 1);
        if (bytes == NULL) return;
    } else if (mete_arena_extend(arena, bytes, block->size, size) != 0) {
        expect(is_filled(bytes, block->size, block->seed));
        return;
    }
    expect(is_filled(bytes, common, block->seed));
    if (options.zero && size > common) expect(is_filled(bytes + common, size - common, 0));
    remove_at((size_t)(block - blocks));
    add(bytes, size);
}

static void build(unsigned pieces, bool disturb) {
    mete_builder builder = METE_BUILDER(arena);
    char expected[256 * 9 + 1];
    size_t size = 0, told;

    for (unsigned i = 0; i < pieces; i++) {
        size += (size_t)snprintf(expected + size, sizeof expected - size, "%u,", i * 7919);
        mete_builder_printf(&builder, "%u,", i * 7919);
        if (disturb && i == pieces / 2 && block_count < BLOCKS - 1) allocate(8, 8, false);
    }
    char *text = mete_builder_finish(&builder, &told);
    if (text == NULL) return;
    expect(told == size && memcmp(text, expected, size) == 0 && text[size] == '\0');
    add(text, size + 1);
}

/* ---- ends ---- */

/* Destructors run last in, first out: each is the highest of those left. */
static void end(void *object) {
    expect(ends > 0 && object == &end_objects[ends - 1]);
    ends--;
}

static void save(struct mark *mark) {
    *mark = (struct mark){mete_arena_save(arena), block_count, ends, now, true};
    mark->is_good = mark->mark.arena != 0;
}

static void rewind_to(struct mark *mark) {
    int status = mete_arena_rewind(arena, mark->mark);

    if (!mark->is_good) {
        expect(status == -EINVAL);
        return;
    }
    expect(status == 0 && ends == mark->ends);
    /* Marks of one position are one mark: later ones of the same serial stay, too. */
    for (size_t i = 0; i < MARKS; i++)
        if (marks[i].made > mark->made && marks[i].mark.serial != mark->mark.serial)
            marks[i].is_good = false;
    /* Of the blocks that were there, some have been resized since, and so have moved up the list.
     */
    size_t kept = 0;
    for (size_t i = 0; i < block_count; i++)
        if (blocks[i].resized < mark->made) blocks[kept++] = blocks[i];
    block_count = kept;
}

static void reset(bool keeps_all, size_t keep) {
    mete_arena_stats stats;

    if (keeps_all)
        mete_arena_reset(arena);
    else
        mete_arena_reset_to(arena, keep);
    expect(ends == 0);
    block_count = 0;
    for (size_t i = 0; i < MARKS; i++) marks[i].is_good = false;
    expect(mete_arena_stats_read(arena, &stats) == 0 && stats.live_bytes == 0);
}

/* The same requests get the same addresses after a rewind. */
static void repeat(unsigned number) {
    void *first[4] = {NULL};
    mete_arena_mark mark = mete_arena_save(arena);

    for (int round = 0; round < 2; round++) {
        for (unsigned i = 0; i < 4; i++) {
            void *bytes = mete_arena_alloc(arena, size_from(number + i) % 9000, 16);
            expect(round == 0 || bytes == first[i]);
            first[i] = bytes;
        }
        if (mete_arena_rewind(arena, mark) != 0) {
            expect(mark.arena == 0);
            return;
        }
    }
}

/* ---- the whole ---- */

static void look(void) {
    mete_arena_stats stats;
    size_t sum = 0;

    for (size_t i = 0; i < block_count; i++) {
        expect(is_filled(blocks[i].bytes, blocks[i].size, blocks[i].seed));
        sum += blocks[i].size;
    }
    expect(mete_arena_stats_read(arena, &stats) == 0);
    expect(stats.live_bytes >= sum && stats.peak_bytes >= stats.live_bytes);
    expect(stats.held_bytes >= stats.live_bytes && stats.reserved_bytes >= stats.held_bytes);
    expect(options.limit == 0 || stats.live_bytes <= options.limit);
}

static void operate(void) {
    unsigned operation = argument(), number = argument();
    struct mark *mark = &marks[number % MARKS];
    struct block *block = block_count == 0 ? NULL : &blocks[number % block_count];
    struct block *last = block_count == 0 ? NULL : &blocks[block_count - 1];

    now++;
    if (block_count >= BLOCKS - 2) reset(false, 0);
    switch (operation % 16) {
    default:
        allocate(size_from(number), (size_t)1 << operation / 16 % 8, operation % 2 == 0);
        break;
    case 5: allocate(size_from(number), operation / 16, false); break;
    case 6:
        if (last != NULL) resize(last, size_from(number), false);
        break;
    case 7:
        if (block != NULL) resize(block, size_from(operation / 16 * 15), true);
        break;
    case 8:
        errno = 0;
        expect(mete_arena_alloc_array(arena, SIZE_MAX / 2, 3 + number, 1) == NULL);
        expect(errno == EOVERFLOW);
        break;
    case 9: save(mark); break;
    case 10: rewind_to(mark); break;
    case 11:
        if (ends < ENDS && mete_arena_on_end(arena, end, &end_objects[ends]) == 0) ends++;
        break;
    case 12: build(number, operation / 16 % 2 == 0); break;
    case 13:
        if (number % 8 == 0) reset(operation / 16 % 2 == 0, number * 64);
        break;
    case 14: repeat(number % 240); break;
    case 15: look(); break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static _Alignas(16) char buffer[BUFFER];
    begin(data, size);
    unsigned flags = argument(), number = argument();
    options = (mete_arena_options){.limit = flags & 4 ? 256 + number * 512 : 0,
                                   .largest = flags & 8 ? 1 + argument() * 16 : 0,
                                   .first_chunk = flags & 16 ? 1 + number : 0,
                                   .zero = flags & 32,
                                   .poison = flags & 64,
                                   .name = "fuzzed"};
    if (flags % 4 == 1) options.reserve = 4096 + number * 1024;
    if (flags % 4 == 2) {
        options.buffer = buffer;
        options.buffer_size = BUFFER - number;
    }
    arena = mete_arena_create(&options);
    if (arena == NULL) {
        expect(errno == EINVAL);
        return 0;
    }
    memset(marks, 0, sizeof marks);
    block_count = ends = now = 0;
    for (size_t i = 0; i < OPERATIONS_MAX && left > 0; i++) operate();
    look();
    mete_arena_destroy(arena);
    expect(ends == 0);
    return 0;
}
