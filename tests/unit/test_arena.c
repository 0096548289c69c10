/* mete/arena.h: every source of memory, marks, families, and what has no room. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <mete/adapters.h>
#include <mete/arena.h>

enum { MIB = 1024 * 1024 };

static _Alignas(64) char memory[256 * 1024];

/* The four sources of memory; every fact that does not say otherwise holds for all. */
static mete_arena *arena_of(int source, mete_arena_options options) {
    switch (source) {
    case 0: options.reserve = 64 * MIB; break;
    case 1: break;
    case 2: options.allocator = mete_allocator_heap(); break;
    default:
        options.buffer = memory;
        options.buffer_size = sizeof memory;
        break;
    }
    mete_arena *arena = mete_arena_create(&options);
    assert_non_null(arena);
    return arena;
}

static mete_arena_stats stats_of(const mete_arena *arena) {
    mete_arena_stats stats;
    assert_int_equal(mete_arena_stats_read(arena, &stats), 0);
    return stats;
}

static void blocks_are_aligned_and_apart(void **state) {
    (void)state;
    for (int source = 0; source < 4; source++) {
        mete_arena *arena = arena_of(source, (mete_arena_options){0});
        unsigned char *blocks[300];
        for (size_t i = 0; i < 300; i++) {
            size_t size = i * 7 % 300, align = (size_t)1 << (i % 7);
            blocks[i] = mete_arena_alloc(arena, size, align);
            assert_non_null(blocks[i]);
            assert_int_equal((uintptr_t)blocks[i] % align, 0);
            memset(blocks[i], (int)i, size);
        }
        for (size_t i = 0; i < 300; i++)
            for (size_t n = 0; n < i * 7 % 300; n++)
                assert_int_equal(blocks[i][n], (unsigned char)i);
        assert_int_equal(stats_of(arena).allocations, 300);
        mete_arena_destroy(arena);
    }
}

static void a_request_larger_than_a_chunk_has_its_own(void **state) {
    (void)state;
    for (int source = 0; source < 3; source++) {
        mete_arena *arena = arena_of(source, (mete_arena_options){0});
        char *first = mete_arena_alloc(arena, 10, 1);
        char *large = mete_arena_alloc(arena, 10 * MIB, 4096);
        assert_non_null(large);
        assert_int_equal((uintptr_t)large % 4096, 0);
        memset(large, 1, 10 * MIB);
        assert_true(mete_arena_contains(arena, large + 10 * MIB - 1));
        assert_true(mete_arena_contains(arena, first + 9));
        assert_false(mete_arena_contains(arena, &source));
        mete_arena_destroy(arena);
    }
}

static void a_wrong_alignment_is_EINVAL(void **state) {
    static const size_t wrong[] = {0, 3, 48, SIZE_MAX};
    (void)state;
    for (int source = 0; source < 4; source++) {
        mete_arena *arena = arena_of(source, (mete_arena_options){0});
        for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
            errno = 0;
            assert_null(mete_arena_alloc(arena, 8, wrong[i]));
            assert_int_equal(errno, EINVAL);
        }
        assert_int_equal(stats_of(arena).live_bytes, 0);
        void *block = mete_arena_alloc(arena, 8, 8);
        for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
            errno = 0;
            assert_null(mete_arena_realloc(arena, block, 8, 16, wrong[i]));
            assert_int_equal(errno, EINVAL);
        }
        mete_arena_destroy(arena);
    }
}

static void what_is_too_large_fails_and_changes_nothing(void **state) {
    (void)state;
    for (int source = 0; source < 4; source++) {
        mete_arena *arena = arena_of(source, (mete_arena_options){0});
        char *before = mete_arena_alloc(arena, 8, 8);
        assert_null(mete_arena_alloc(arena, SIZE_MAX, 1));
        assert_null(mete_arena_alloc(arena, SIZE_MAX - 7, 8));
        assert_null(mete_arena_alloc(arena, (size_t)PTRDIFF_MAX, 16));
        assert_null(mete_arena_alloc(arena, 1, (size_t)1 << 63));
        errno = 0;
        assert_null(mete_arena_alloc_array(arena, SIZE_MAX / 2, 3, 8));
        assert_int_equal(errno, EOVERFLOW);
        assert_int_equal(stats_of(arena).live_bytes, 8);
        assert_true((char *)mete_arena_alloc(arena, 8, 8) >= before + 8);
        assert_int_equal(stats_of(arena).live_bytes, 16);
        mete_arena_destroy(arena);
    }
}

static void typed_blocks_have_their_types_size_and_alignment(void **state) {
    struct wide {
        _Alignas(64) char bytes[64];
    };
    (void)state;
    for (int source = 0; source < 4; source++) {
        mete_arena *arena = arena_of(source, (mete_arena_options){0});
        char *odd = mete_arena_alloc(arena, 1, 1);
        struct wide *one = METE_ARENA_NEW(arena, struct wide);
        struct wide *many = METE_ARENA_ARRAY(arena, struct wide, 3);
        assert_non_null(odd);
        assert_int_equal((uintptr_t)one % 64, 0);
        assert_int_equal((uintptr_t)many % 64, 0);
        assert_true((char *)many >= (char *)(one + 1));
        memset(many, 1, 3 * sizeof *many);
        assert_true((char *)mete_arena_alloc(arena, 1, 1) >= (char *)(many + 3));
        errno = 0;
        assert_null(METE_ARENA_ARRAY(arena, struct wide, SIZE_MAX / 2));
        assert_int_equal(errno, EOVERFLOW);
        mete_arena_destroy(arena);
    }
}

/* The limit, the reservation and the buffer end first, whatever the size; memory does where there
 * is none of these. */
static void what_no_memory_can_hold_is_what_ends_first(void **state) {
    static const size_t sizes[] = {SIZE_MAX, SIZE_MAX - 15, METE_SIZE_MAX, METE_SIZE_MAX - 4096};
    (void)state;
    for (int source = 0; source < 4; source++)
        for (int limited = 0; limited < 3; limited++) {
            mete_arena *arena = arena_of(source, (mete_arena_options){
                                                     .limit = limited == 1 ? 1000 : 0,
                                                     .largest = limited == 2 ? 1000 : 0,
                                                 });
            int expected = limited == 0 && (source == 1 || source == 2) ? ENOMEM : ENOBUFS;
            char *last = mete_arena_alloc(arena, 8, 8);
            assert_non_null(last);
            for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
                for (size_t align = 1; align <= 4096; align *= 16) {
                    errno = 0;
                    assert_null(mete_arena_alloc(arena, sizes[i], align));
                    assert_int_equal(errno, expected);
                    errno = 0;
                    assert_null(mete_arena_realloc(arena, last, 8, sizes[i], 8));
                    assert_int_equal(errno, expected);
                    assert_int_equal(mete_arena_extend(arena, last, 8, sizes[i]), -expected);
                }
            errno = 0;
            assert_null(mete_arena_alloc(arena, 16, (size_t)1 << 63));
            assert_int_equal(errno, source == 1 || source == 2 ? ENOMEM : ENOBUFS);
            assert_int_equal(stats_of(arena).live_bytes, 8);
            mete_arena_destroy(arena);
        }
}

static void one_source_only_ends_with_ENOBUFS(void **state) {
    mete_arena_options options = {.reserve = 100000};
    mete_arena *arena = mete_arena_create(&options);
    size_t taken = 0;

    (void)state;
    while (mete_arena_alloc(arena, 1000, 1) != NULL) taken += 1000;
    assert_int_equal(errno, ENOBUFS);
    assert_in_range(taken, 100000, 100000 + 4096);
    mete_arena_destroy(arena);
    options = (mete_arena_options){.buffer = memory, .buffer_size = 1000};
    arena = mete_arena_create(&options);
    assert_ptr_equal(mete_arena_alloc(arena, 1000, 1), memory);
    errno = 0;
    assert_null(mete_arena_alloc(arena, 1, 1));
    assert_int_equal(errno, ENOBUFS);
    mete_arena_destroy(arena);
}

static void the_limit_holds_for_each_request(void **state) {
    (void)state;
    for (int source = 0; source < 4; source++) {
        mete_arena *arena = arena_of(source, (mete_arena_options){.limit = 1000, .largest = 400});
        errno = 0;
        assert_null(mete_arena_alloc(arena, 401, 1));
        assert_int_equal(errno, ENOBUFS);
        assert_non_null(mete_arena_alloc(arena, 400, 1));
        mete_arena_mark mark = mete_arena_save(arena);
        char *last = mete_arena_alloc(arena, 400, 1);
        assert_non_null(last);
        assert_null(mete_arena_alloc(arena, 201, 1));
        assert_int_equal(mete_arena_extend(arena, last, 400, 401), -ENOBUFS);
        assert_non_null(mete_arena_alloc(arena, 200, 1));
        assert_null(mete_arena_alloc(arena, 1, 1));
        assert_int_equal(stats_of(arena).live_bytes, 1000);
        assert_int_equal(mete_arena_rewind(arena, mark), 0);
        assert_int_equal(stats_of(arena).live_bytes, 400);
        assert_int_equal(stats_of(arena).peak_bytes, 1000);
        assert_non_null(mete_arena_alloc(arena, 400, 1));
        mete_arena_destroy(arena);
    }
}

static void contradicting_options_are_EINVAL(void **state) {
    const mete_arena_options wrong[] = {
        {.reserve = 1, .buffer = memory, .buffer_size = sizeof memory},
        {.reserve = 1, .allocator = mete_allocator_heap()},
        {.reserve = 1, .first_chunk = 1},
        {.buffer = memory, .buffer_size = 63},
        {.buffer = NULL, .buffer_size = sizeof memory}, /* what malloc gave, unlooked at */
    };
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        errno = 0;
        assert_null(mete_arena_create(&wrong[i]));
        assert_int_equal(errno, EINVAL);
    }
    errno = 0;
    assert_null(mete_arena_create(&(mete_arena_options){.reserve = SIZE_MAX}));
    assert_int_equal(errno, ENOMEM);
    errno = 0;
    assert_null(mete_arena_create(&(mete_arena_options){.first_chunk = SIZE_MAX}));
    assert_int_equal(errno, ENOMEM);
    mete_arena *arena = mete_arena_create(NULL);
    assert_non_null(arena);
    mete_arena_destroy(arena);
    mete_arena_destroy(NULL);
}

/* ---- marks ---- */

enum { PATTERN = 200 };

static void take_pattern(mete_arena *arena, char **addresses) {
    for (size_t i = 0; i < PATTERN; i++) {
        addresses[i] = mete_arena_alloc(arena, i * 37 % 800, (size_t)1 << (i % 6));
        assert_non_null(addresses[i]);
    }
}

static void after_a_rewind_the_same_requests_get_the_same_addresses(void **state) {
    (void)state;
    for (int source = 0; source < 4; source++) {
        mete_arena *arena = arena_of(source, (mete_arena_options){0});
        char *first[PATTERN], *second[PATTERN];
        assert_non_null(mete_arena_alloc(arena, 13, 1));
        mete_arena_mark mark = mete_arena_save(arena);
        take_pattern(arena, first);
        for (int round = 0; round < 3; round++) {
            assert_int_equal(mete_arena_rewind(arena, mark), 0);
            take_pattern(arena, second);
            assert_memory_equal(first, second, sizeof first);
        }
        mete_arena_reset(arena);
        assert_non_null(mete_arena_alloc(arena, 13, 1));
        take_pattern(arena, second);
        assert_memory_equal(first, second, sizeof first);
        mete_arena_destroy(arena);
    }
}

static void a_stale_mark_is_EINVAL(void **state) {
    (void)state;
    for (int source = 0; source < 3; source++) {
        mete_arena *arena = arena_of(source, (mete_arena_options){0});
        mete_arena *other = arena_of(source, (mete_arena_options){0});
        mete_arena_mark outer = mete_arena_save(arena);
        char *block = mete_arena_alloc(arena, 100, 1);
        mete_arena_mark inner = mete_arena_save(arena);
        assert_int_equal(mete_arena_rewind(other, outer), -EINVAL);
        assert_int_equal(mete_arena_rewind(arena, inner), 0);
        assert_int_equal(mete_arena_rewind(arena, outer), 0);
        assert_int_equal(mete_arena_rewind(arena, inner), -EINVAL);
        /* Grown past where it was, it is stale all the same. */
        assert_ptr_equal(mete_arena_alloc(arena, 100, 1), block);
        assert_non_null(mete_arena_alloc(arena, 100, 1));
        mete_arena_mark again = mete_arena_save(arena);
        assert_int_equal(mete_arena_rewind(arena, inner), -EINVAL);
        assert_int_equal(stats_of(arena).live_bytes, 200);
        assert_int_equal(mete_arena_rewind(arena, again), 0);
        mete_arena_reset(arena);
        assert_int_equal(mete_arena_rewind(arena, outer), -EINVAL);
        assert_int_equal(mete_arena_rewind(arena, (mete_arena_mark){0, 0, 0}), -EINVAL);
        mete_arena_destroy(arena);
        mete_arena_destroy(other);
    }
}

static void marks_nest_as_deep_as_wanted_and_do_not_pile_up(void **state) {
    mete_arena *arena = arena_of(1, (mete_arena_options){0});
    mete_arena_mark marks[1000];

    (void)state;
    for (size_t i = 0; i < 1000; i++) {
        marks[i] = mete_arena_save(arena);
        assert_non_null(mete_arena_alloc(arena, 1, 1));
    }
    for (size_t i = 1000; i-- > 0;) {
        assert_int_equal(mete_arena_rewind(arena, marks[i]), 0);
        assert_int_equal(stats_of(arena).live_bytes, i);
    }
    for (int i = 0; i < 100000; i++) {
        mete_arena_mark mark = mete_arena_save(arena);
        assert_int_equal(mark.index, 0);
        assert_non_null(mete_arena_alloc(arena, 10, 1));
        assert_int_equal(mete_arena_rewind(arena, mark), 0);
    }
    mete_arena_destroy(arena);
}

static void reset_keeps_or_releases_the_memory(void **state) {
    (void)state;
    for (int source = 0; source < 3; source++) {
        mete_arena *arena = arena_of(source, (mete_arena_options){0});
        for (int i = 0; i < 50; i++) assert_non_null(mete_arena_alloc(arena, 100000, 1));
        uint64_t held = stats_of(arena).held_bytes;
        assert_true(held >= 5000000);
        mete_arena_reset(arena);
        assert_int_equal(stats_of(arena).held_bytes, held);
        size_t given = mete_arena_reset_to(arena, 1000000);
        assert_true(given > 0);
        assert_int_equal(stats_of(arena).held_bytes, held - given);
        assert_true(stats_of(arena).held_bytes <= 1000000 + 4096);
        assert_non_null(mete_arena_alloc(arena, 3000000, 1));
        mete_arena_reset_to(arena, 0);
        assert_int_equal(stats_of(arena).held_bytes, 0);
        char *again = mete_arena_alloc(arena, 100, 1);
        memset(again, 1, 100);
        mete_arena_destroy(arena);
    }
}

/* ---- the last block ---- */

static void the_last_block_grows_in_place(void **state) {
    (void)state;
    for (int source = 0; source < 4; source++) {
        mete_arena *arena = arena_of(source, (mete_arena_options){0});
        char *first = mete_arena_alloc(arena, 10, 1);
        char *last = mete_arena_alloc(arena, 10, 1);
        memcpy(last, "0123456789", 10);
        assert_int_equal(mete_arena_extend(arena, first, 10, 20), -EINVAL);
        assert_int_equal(mete_arena_extend(arena, last, 10, 20000), 0);
        assert_ptr_equal(mete_arena_realloc(arena, last, 20000, 30000, 1), last);
        assert_ptr_equal(mete_arena_realloc(arena, last, 30000, 10, 1), last);
        assert_int_equal(stats_of(arena).live_bytes, 20);
        char *moved = mete_arena_realloc(arena, first, 10, 12, 1);
        assert_ptr_not_equal(moved, first);
        assert_memory_equal(last, "0123456789", 10);
        char *aligned = mete_arena_realloc(arena, moved + 1, 11, 11, 64);
        assert_int_equal((uintptr_t)aligned % 64, 0);
        mete_arena_destroy(arena);
    }
}

static void zero_means_zero_also_after_a_rewind(void **state) {
    (void)state;
    for (int source = 0; source < 4; source++) {
        memset(memory, 0xff, sizeof memory);
        mete_arena *arena = arena_of(source, (mete_arena_options){.zero = true, .poison = true});
        for (int round = 0; round < 3; round++) {
            for (size_t i = 1; i < 100; i++) {
                char *block = mete_arena_alloc(arena, i * 10, 1);
                for (size_t n = 0; n < i * 10; n++) assert_int_equal(block[n], 0);
                memset(block, 1, i * 10);
            }
            mete_arena_reset(arena);
        }
        mete_arena_destroy(arena);
    }
}

static void poison_shows_what_was_rewound(void **state) {
    mete_arena *arena = arena_of(3, (mete_arena_options){.poison = true});
    mete_arena_mark mark = mete_arena_save(arena);
    unsigned char *block = mete_arena_alloc(arena, 100, 1);

    (void)state;
    memset(block, 7, 100);
    assert_int_equal(mete_arena_rewind(arena, mark), 0);
    unsigned char *again = mete_arena_alloc(arena, 100, 1);
    assert_ptr_equal(again, block);
#if !defined(__SANITIZE_MEMORY__)
    for (int i = 0; i < 100; i++) assert_int_equal(again[i], 0xdd);
#endif
    mete_arena_destroy(arena);
}

/* ---- text ---- */

__attribute__((format(printf, 2, 3))) static char *format_into(mete_arena *arena,
                                                               const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    char *text = mete_arena_vprintf(arena, format, arguments);
    va_end(arguments);
    return text;
}

static void text_is_copied_and_formatted(void **state) {
    mete_arena *arena = arena_of(1, (mete_arena_options){0});

    (void)state;
    assert_string_equal(mete_arena_strdup(arena, "measure"), "measure");
    assert_string_equal(mete_arena_strndup(arena, "measure", 4), "meas");
    assert_string_equal(mete_arena_strndup(arena, "me", 40), "me");
    assert_string_equal(mete_arena_printf(arena, "%d %s", 7, "x"), "7 x");
    assert_string_equal(format_into(arena, "%04d|%s", 42, "long enough for a second attempt"),
                        "0042|long enough for a second attempt");
    char *copy = mete_arena_copy(arena, "a\0b", 3, 64);
    assert_int_equal((uintptr_t)copy % 64, 0);
    assert_memory_equal(copy, "a\0b", 3);
    int *numbers = mete_arena_calloc(arena, 4, sizeof *numbers, 4);
    for (int i = 0; i < 4; i++) assert_int_equal(numbers[i], 0);
    mete_arena_destroy(arena);
}

static void a_builder_grows_beside_other_blocks(void **state) {
    mete_arena *arena = arena_of(1, (mete_arena_options){0});
    mete_builder builder = METE_BUILDER(arena);
    char expected[30001] = "";
    size_t size = 0, at = 0;

    (void)state;
    for (int i = 0; at + 20 < sizeof expected; i++) {
        if (i % 3 == 0) mete_builder_text(&builder, "ab");
        if (i % 3 == 1) mete_builder_printf(&builder, "%d,", i);
        if (i % 3 == 2) mete_builder_append(&builder, "xyz", 3);
        if (i % 100 == 0) assert_non_null(mete_arena_alloc(arena, 24, 8));
        const char *piece = i % 3 == 0 ? "ab" : i % 3 == 2 ? "xyz" : NULL;
        at += (size_t)(piece != NULL ? snprintf(expected + at, 20, "%s", piece)
                                     : snprintf(expected + at, 20, "%d,", i));
    }
    char *text = mete_builder_finish(&builder, &size);
    assert_non_null(text);
    assert_int_equal(size, at);
    assert_string_equal(text, expected);
    text = mete_builder_finish(&builder, NULL);
    assert_string_equal(text, "");
    mete_arena_destroy(arena);
}

static void a_builder_remembers_its_first_error(void **state) {
    mete_arena *arena = arena_of(1, (mete_arena_options){.limit = 100});
    mete_builder builder = METE_BUILDER(arena);
    char large[200] = "";

    (void)state;
    mete_builder_append(&builder, large, sizeof large);
    mete_builder_append(&builder, "small", 5);
    assert_int_equal(builder.error, ENOBUFS);
    errno = 0;
    assert_null(mete_builder_finish(&builder, NULL));
    assert_int_equal(errno, ENOBUFS);
    mete_arena_destroy(arena);
}

/* ---- ends and families ---- */

static int ended[16];
static size_t ended_count;

static void note_end(void *object) {
    ended[ended_count++] = *(int *)object;
}

static void endings_run_last_in_first_out(void **state) {
    static int numbers[] = {0, 1, 2, 3, 4};
    (void)state;
    for (int source = 0; source < 4; source++) {
        mete_arena *arena = arena_of(source, (mete_arena_options){0});
        ended_count = 0;
        assert_int_equal(mete_arena_on_end(arena, note_end, &numbers[0]), 0);
        mete_arena_mark mark = mete_arena_save(arena);
        for (int i = 1; i < 4; i++)
            assert_int_equal(mete_arena_on_end(arena, note_end, &numbers[i]), 0);
        assert_int_equal(mete_arena_rewind(arena, mark), 0);
        assert_int_equal(ended_count, 3);
        assert_int_equal(ended[0], 3);
        assert_int_equal(ended[2], 1);
        assert_int_equal(mete_arena_on_end(arena, note_end, &numbers[4]), 0);
        mete_arena_destroy(arena);
        assert_int_equal(ended_count, 5);
        assert_int_equal(ended[3], 4);
        assert_int_equal(ended[4], 0);
    }
}

static void children_end_with_their_parent(void **state) {
    static int numbers[] = {0, 1, 2};
    mete_arena *parent = mete_arena_create(NULL);
    mete_arena *child = mete_arena_create(&(mete_arena_options){.parent = parent});
    mete_arena *grandchild = mete_arena_create(&(mete_arena_options){.parent = child});
    mete_arena *saved = mete_arena_create(&(mete_arena_options){.parent = parent});

    (void)state;
    ended_count = 0;
    assert_int_equal(mete_arena_on_end(grandchild, note_end, &numbers[2]), 0);
    assert_int_equal(mete_arena_steal(grandchild, parent), -EINVAL);
    assert_int_equal(mete_arena_steal(NULL, saved), 0);
    mete_arena_reset(parent);
    assert_int_equal(ended_count, 1);
    assert_non_null(mete_arena_alloc(saved, 10, 1));
    assert_int_equal(mete_arena_steal(parent, saved), 0);
    mete_arena_destroy(parent);
}

static void adopting_moves_blocks_and_endings(void **state) {
    static int numbers[] = {0, 1};
    (void)state;
    for (int source = 1; source < 3; source++) {
        mete_arena *arena = arena_of(source, (mete_arena_options){0});
        mete_arena *other = arena_of(source, (mete_arena_options){0});
        ended_count = 0;
        assert_non_null(mete_arena_alloc(arena, 1000, 1));
        assert_int_equal(mete_arena_on_end(arena, note_end, &numbers[0]), 0);
        mete_arena_mark mark = mete_arena_save(arena);
        char *blocks[60];
        for (int i = 0; i < 60; i++) {
            blocks[i] = mete_arena_alloc(other, 10000, 1);
            memset(blocks[i], i, 10000);
        }
        assert_int_equal(mete_arena_on_end(other, note_end, &numbers[1]), 0);
        uint64_t sum = stats_of(arena).live_bytes + stats_of(other).live_bytes;
        assert_int_equal(mete_arena_adopt(arena, other), 0);
        assert_int_equal(stats_of(arena).live_bytes, sum);
        assert_int_equal(stats_of(other).live_bytes, 0);
        assert_non_null(mete_arena_alloc(other, 10, 1));
        mete_arena_destroy(other);
        assert_int_equal(ended_count, 0);
        for (int i = 0; i < 60; i++)
            for (int n = 0; n < 10000; n++) assert_int_equal(blocks[i][n], i);
        assert_non_null(mete_arena_alloc(arena, 100000, 1));
        assert_int_equal(mete_arena_rewind(arena, mark), 0);
        assert_int_equal(ended_count, 1);
        assert_int_equal(ended[0], 1);
        assert_int_equal(mete_arena_adopt(arena, arena), -EINVAL);
        mete_arena_destroy(arena);
    }
    mete_arena *fixed = arena_of(3, (mete_arena_options){0});
    mete_arena *chained = arena_of(1, (mete_arena_options){0});
    assert_int_equal(mete_arena_adopt(fixed, chained), -EINVAL);
    assert_int_equal(mete_arena_adopt(chained, fixed), -EINVAL);
    mete_arena_destroy(fixed);
    mete_arena_destroy(chained);
}

/* ---- as an allocator, and out of memory ---- */

static void an_arena_is_an_allocator(void **state) {
    mete_arena *arena = arena_of(1, (mete_arena_options){0});
    const mete_allocator *allocator = mete_arena_allocator(arena);
    mete_layout layout = {100, 16};

    (void)state;
    char *a = mete_allocator_alloc(allocator, layout);
    char *b = mete_allocator_alloc(allocator, layout);
    mete_allocator_free(allocator, a, layout);
    mete_allocator_free(allocator, b, layout);
    assert_ptr_equal(mete_allocator_alloc(allocator, layout), b);
    char *c = mete_allocator_alloc(allocator, layout);
    assert_int_equal(mete_allocator_resize(allocator, b, layout, 150), -ENOMEM);
    assert_int_equal(mete_allocator_resize(allocator, b, layout, 50), 0);
    assert_int_equal(mete_allocator_resize(allocator, c, layout, 150), 0);
    assert_ptr_not_equal(mete_allocator_remap(allocator, b, (mete_layout){50, 16}, 200), b);
    mete_arena_destroy(arena);
}

static void a_block_that_grows_takes_memory_in_proportion(void **state) {
    mete_arena *arena = arena_of(1, (mete_arena_options){0});
    enum { STEP = 4096, BYTES = 12 << 20 };
    char *block = NULL;

    (void)state;
    for (size_t size = 0; size < BYTES; size += STEP) {
        block = mete_arena_realloc(arena, block, size, size + STEP, 1);
        assert_non_null(block);
    }
    assert_true(stats_of(arena).held_bytes < (uint64_t)3 * BYTES);
    mete_arena_destroy(arena);
}

static int build_and_rewind(void *context, const mete_allocator *allocator) {
    mete_arena *arena = mete_arena_create(&(mete_arena_options){.allocator = allocator});

    (void)context;
    assert_non_null(arena);
    mete_arena_mark mark = mete_arena_save(arena);
    for (int round = 0; round < 2; round++) {
        uint64_t live = stats_of(arena).live_bytes;
        for (int i = 0; i < 40; i++) {
            char *block = mete_arena_alloc(arena, 9999, 1);
            if (block == NULL) {
                assert_int_equal(errno, ENOMEM);
                assert_int_equal(stats_of(arena).live_bytes, live);
                continue;
            }
            memset(block, i, 9999);
            live += 9999;
        }
        assert_int_equal(mete_arena_rewind(arena, mark), 0);
    }
    mete_arena_destroy(arena);
    return 0;
}

static void running_out_of_memory_leaves_it_whole(void **state) {
    uint64_t requests = 0;
    (void)state;
    assert_int_equal(
        mete_allocator_failing_each(mete_allocator_heap(), build_and_rewind, NULL, &requests), 0);
    assert_in_range(requests, 2, 10);
}

/* The mark comes back with the block: what is behind it was nobody's meanwhile. */
static void a_rewind_to_before_the_last_block_shrank_goes_nowhere(void **state) {
    (void)state;
    mete_arena *arena = mete_arena_create(&(mete_arena_options){.zero = true, .poison = true});
    mete_arena_stats stats;

    assert_non_null(arena);
    char *block = mete_arena_alloc(arena, 100, 1);
    assert_non_null(block);
    memset(block, 1, 100);
    mete_arena_mark mark = mete_arena_save(arena);
    assert_int_equal(mete_arena_extend(arena, block, 100, 10), 0);
    assert_int_equal(mete_arena_rewind(arena, mark), 0);
    assert_int_equal(mete_arena_stats_read(arena, &stats), 0);
    assert_int_equal(stats.live_bytes, 10);
    assert_int_equal(block[9], 1);
    char *next = mete_arena_alloc(arena, 8, 1);
    assert_true(next >= block + 10);
    assert_int_equal(stats_of(arena).live_bytes, 18);
    assert_int_equal(next[0], 0);
    mete_arena_destroy(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_are_aligned_and_apart),
        cmocka_unit_test(a_rewind_to_before_the_last_block_shrank_goes_nowhere),
        cmocka_unit_test(a_request_larger_than_a_chunk_has_its_own),
        cmocka_unit_test(a_wrong_alignment_is_EINVAL),
        cmocka_unit_test(what_is_too_large_fails_and_changes_nothing),
        cmocka_unit_test(typed_blocks_have_their_types_size_and_alignment),
        cmocka_unit_test(what_no_memory_can_hold_is_what_ends_first),
        cmocka_unit_test(one_source_only_ends_with_ENOBUFS),
        cmocka_unit_test(the_limit_holds_for_each_request),
        cmocka_unit_test(contradicting_options_are_EINVAL),
        cmocka_unit_test(after_a_rewind_the_same_requests_get_the_same_addresses),
        cmocka_unit_test(a_stale_mark_is_EINVAL),
        cmocka_unit_test(marks_nest_as_deep_as_wanted_and_do_not_pile_up),
        cmocka_unit_test(reset_keeps_or_releases_the_memory),
        cmocka_unit_test(the_last_block_grows_in_place),
        cmocka_unit_test(zero_means_zero_also_after_a_rewind),
        cmocka_unit_test(poison_shows_what_was_rewound),
        cmocka_unit_test(text_is_copied_and_formatted),
        cmocka_unit_test(a_builder_grows_beside_other_blocks),
        cmocka_unit_test(a_builder_remembers_its_first_error),
        cmocka_unit_test(endings_run_last_in_first_out),
        cmocka_unit_test(children_end_with_their_parent),
        cmocka_unit_test(adopting_moves_blocks_and_endings),
        cmocka_unit_test(an_arena_is_an_allocator),
        cmocka_unit_test(a_block_that_grows_takes_memory_in_proportion),
        cmocka_unit_test(running_out_of_memory_leaves_it_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
