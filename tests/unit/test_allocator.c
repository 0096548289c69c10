/* mete/allocator.h: the interface, and those that memory comes from. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <mete/allocator.h>

#include "support/apart.h"

struct point {
    double x, y;
};

static const mete_allocator *from_memory(size_t number) {
    return number == 0 ? mete_allocator_heap() : mete_allocator_system();
}

static void a_size_of_0_is_refused_before_the_call(void **state) {
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        const mete_allocator *allocator = from_memory(i);
        errno = 0;
        assert_null(mete_allocator_alloc(allocator, (mete_layout){0, 8}));
        assert_int_equal(errno, EINVAL);
        void *block = mete_allocator_alloc(allocator, (mete_layout){10, 1});
        assert_int_equal(mete_allocator_resize(allocator, block, (mete_layout){10, 1}, 0), -EINVAL);
        assert_null(mete_allocator_remap(allocator, block, (mete_layout){10, 1}, 0));
        mete_allocator_free(allocator, block, (mete_layout){10, 1});
    }
}

static void every_alignment_is_served(void **state) {
    (void)state;
    for (size_t i = 0; i < 2; i++)
        for (size_t align = 1; align <= (size_t)1 << 20; align *= 2) {
            mete_layout layout = {align + 3, align};
            char *block = mete_allocator_alloc(from_memory(i), layout);
            assert_non_null(block);
            assert_int_equal((uintptr_t)block % align, 0);
            memset(block, 1, layout.size);
            mete_allocator_free(from_memory(i), block, layout);
        }
}

static void what_is_no_alignment_is_EINVAL(void **state) {
    static const size_t wrong[] = {0, 3, 5, 6, 7, 9, 12, 15, 17, 24, 48, 4097};
    (void)state;
    for (size_t i = 0; i < 2; i++)
        for (size_t w = 0; w < sizeof wrong / sizeof *wrong; w++) {
            errno = 0;
            assert_null(mete_allocator_alloc(from_memory(i), (mete_layout){64, wrong[w]}));
            assert_int_equal(errno, EINVAL);
        }
}

static void remap_keeps_contents_and_alignment(void **state) {
    static const size_t sizes[] = {1, 17, 5000, 100, 300000, 3000000, 64, 200000};
    (void)state;
    for (size_t i = 0; i < 2; i++)
        for (size_t align = 8; align <= 4096; align *= 8) {
            mete_layout layout = {32, align};
            unsigned char *block = mete_allocator_alloc(from_memory(i), layout);
            for (size_t n = 0; n < layout.size; n++) block[n] = (unsigned char)n;
            for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
                size_t kept = layout.size < sizes[s] ? layout.size : sizes[s];
                block = mete_allocator_remap(from_memory(i), block, layout, sizes[s]);
                assert_non_null(block);
                assert_int_equal((uintptr_t)block % align, 0);
                for (size_t n = 0; n < kept; n++) assert_int_equal(block[n], (unsigned char)n);
                layout.size = sizes[s];
                for (size_t n = 0; n < layout.size; n++) block[n] = (unsigned char)n;
            }
            mete_allocator_free(from_memory(i), block, layout);
        }
}

static void the_heap_resizes_in_place_what_fits(void **state) {
    const mete_allocator *heap = mete_allocator_heap();
    mete_layout layout = {100, 8};
    char *block = mete_allocator_alloc(heap, layout);

    (void)state;
    size_t usable = mete_allocator_usable(heap, block, layout);
    assert_true(usable >= 100);
    memset(block, 7, 100);
    assert_int_equal(mete_allocator_resize(heap, block, layout, usable), 0);
    assert_int_equal(mete_allocator_resize(heap, block, (mete_layout){usable, 8}, usable + 1),
                     -ENOMEM);
    assert_int_equal(mete_allocator_resize(heap, block, (mete_layout){usable, 8}, 1), 0);
    assert_int_equal(block[0], 7);
    mete_allocator_free(heap, block, (mete_layout){1, 8});

    layout.size = 1 << 20;
    block = mete_allocator_alloc(heap, layout);
    assert_int_equal(mete_allocator_resize(heap, block, layout, 100), 0);
    layout.size = 100;
    assert_int_equal(mete_allocator_resize(heap, block, layout, (size_t)1 << 62), -ENOMEM);
    mete_allocator_free(heap, block, layout);
}

static void the_system_never_resizes_in_place(void **state) {
    const mete_allocator *libc = mete_allocator_system();
    void *block = mete_allocator_alloc(libc, (mete_layout){100, 8});

    (void)state;
    assert_int_equal(mete_allocator_resize(libc, block, (mete_layout){100, 8}, 50), -ENOTSUP);
    assert_int_equal(mete_allocator_usable(libc, block, (mete_layout){100, 8}), 100);
    mete_allocator_free(libc, block, (mete_layout){100, 8});
}

static void what_cannot_be_had_is_ENOMEM(void **state) {
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        if (i == 1 && APART_SANITIZED) break; /* a sanitizer's malloc ends the program instead */
        mete_layout layout = {METE_SIZE_MAX - 4096, 8};
        errno = 0;
        assert_null(mete_allocator_alloc(from_memory(i), layout));
        assert_int_equal(errno, ENOMEM);
        layout = (mete_layout){METE_SIZE_MAX / 2, 4096};
        errno = 0;
        assert_null(mete_allocator_alloc(from_memory(i), layout));
        assert_int_equal(errno, ENOMEM);
    }
}

static void free_keeps_errno(void **state) {
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        void *block = mete_allocator_alloc(from_memory(i), (mete_layout){1 << 20, 8});
        errno = 42;
        mete_allocator_free(from_memory(i), block, (mete_layout){1 << 20, 8});
        mete_allocator_free(from_memory(i), NULL, (mete_layout){1, 1});
        assert_int_equal(errno, 42);
    }
}

static void zeroed_blocks_are_zero_whoever_hands_them_out(void **state) {
    mete_layout layout = {3000, 8};
    (void)state;
    for (size_t i = 0; i < 2; i++)
        for (int round = 0; round < 3; round++) {
            char *block = mete_allocator_alloc_zeroed(from_memory(i), layout);
            assert_non_null(block);
            for (size_t n = 0; n < layout.size; n++) assert_int_equal(block[n], 0);
            memset(block, 0xee, layout.size); /* so that the next one would show it */
            mete_allocator_free(from_memory(i), block, layout);
        }
    errno = 0;
    assert_null(mete_allocator_alloc_zeroed(from_memory(0), (mete_layout){0, 8}));
    assert_int_equal(errno, EINVAL);
}

static void typed_blocks_have_their_types_layout(void **state) {
    const mete_allocator *heap = mete_allocator_heap();
    struct point *point = METE_ALLOC_ZEROED(heap, struct point);
    struct point *points = METE_ALLOC_ARRAY(heap, struct point, 10);

    (void)state;
    assert_non_null(point);
    assert_true(point->x == 0 && point->y == 0);
    assert_non_null(points);
    points[9].y = 1;
    errno = 0;
    assert_null(METE_ALLOC_ARRAY(heap, struct point, SIZE_MAX / 4));
    assert_int_equal(errno, EOVERFLOW);
    errno = 0;
    assert_null(METE_ALLOC_ARRAY(heap, struct point, 0));
    assert_int_equal(errno, EINVAL);
    METE_FREE_ARRAY(heap, points, 10);
    METE_FREE(heap, point);
}

/* ---- a buffer ---- */

static _Alignas(64) char memory[1024];

static void a_buffer_hands_out_its_bytes_and_no_more(void **state) {
    mete_allocator *buffer = mete_allocator_buffer(memory + 1, sizeof memory - 1);
    size_t taken = 0;

    (void)state;
    assert_non_null(buffer);
    for (char *last = NULL;; taken++) {
        char *block = mete_allocator_alloc(buffer, (mete_layout){24, 8});
        if (block == NULL) break;
        assert_true(block >= memory && block + 24 <= memory + sizeof memory);
        assert_true(last == NULL || block >= last + 24);
        last = block;
    }
    assert_int_equal(errno, ENOBUFS);
    assert_true(taken >= (sizeof memory - 64) / 24 - 1);
    mete_allocator_destroy(buffer);
}

static void the_last_block_of_a_buffer_grows_and_goes_back(void **state) {
    mete_allocator *buffer = mete_allocator_buffer(memory, sizeof memory);
    void *first = mete_allocator_alloc(buffer, (mete_layout){16, 16});
    void *second = mete_allocator_alloc(buffer, (mete_layout){16, 16});

    (void)state;
    assert_int_equal(mete_allocator_resize(buffer, second, (mete_layout){16, 16}, 160), 0);
    assert_int_equal(mete_allocator_resize(buffer, second, (mete_layout){160, 16}, 4096), -ENOBUFS);
    assert_int_equal(mete_allocator_resize(buffer, first, (mete_layout){16, 16}, 17), -ENOMEM);
    assert_int_equal(mete_allocator_resize(buffer, first, (mete_layout){16, 16}, 8), 0);
    mete_allocator_free(buffer, second, (mete_layout){160, 16});
    assert_ptr_equal(mete_allocator_alloc(buffer, (mete_layout){16, 16}), second);
    assert_null(mete_allocator_alloc(buffer, (mete_layout){SIZE_MAX, 16}));
    assert_int_equal(errno, EINVAL);
}

static void a_buffer_without_room_for_itself_is_none(void **state) {
    (void)state;
    for (size_t size = 0; size < sizeof(mete_allocator) + 16; size++) {
        errno = 0;
        assert_null(mete_allocator_buffer(memory, size));
        assert_int_equal(errno, EINVAL);
    }
    assert_null(mete_allocator_buffer(NULL, 4096));
}

static void who_lives_for_ever_ignores_its_end(void **state) {
    mete_allocator_stats stats = {.frees = 7};
    mete_allocator copy = *mete_allocator_heap();

    (void)state;
    mete_allocator_destroy(&copy);
    mete_allocator_destroy(NULL);
    assert_int_equal(mete_allocator_stats_read(&copy, &stats), -ENOTSUP);
    assert_int_equal(mete_allocator_stats_read(NULL, &stats), -EINVAL);
    assert_int_equal(stats.frees, 7);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_size_of_0_is_refused_before_the_call),
        cmocka_unit_test(every_alignment_is_served),
        cmocka_unit_test(what_is_no_alignment_is_EINVAL),
        cmocka_unit_test(remap_keeps_contents_and_alignment),
        cmocka_unit_test(the_heap_resizes_in_place_what_fits),
        cmocka_unit_test(the_system_never_resizes_in_place),
        cmocka_unit_test(what_cannot_be_had_is_ENOMEM),
        cmocka_unit_test(free_keeps_errno),
        cmocka_unit_test(zeroed_blocks_are_zero_whoever_hands_them_out),
        cmocka_unit_test(typed_blocks_have_their_types_layout),
        cmocka_unit_test(a_buffer_hands_out_its_bytes_and_no_more),
        cmocka_unit_test(the_last_block_of_a_buffer_grows_and_goes_back),
        cmocka_unit_test(a_buffer_without_room_for_itself_is_none),
        cmocka_unit_test(who_lives_for_ever_ignores_its_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
