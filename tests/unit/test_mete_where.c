/* mete/track.h: mete_where. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <mete/arena.h>
#include <mete/malloc.h>
#include <mete/map.h>
#include <mete/pool.h>
#include <mete/track.h>

#include "support/apart.h"

static int initialised = 1;
static int uninitialised[1000];

static mete_where_info where(const void *address) {
    mete_where_info info;
    CHECK(mete_where(address, &info) == 0);
    return info;
}

static bool describes(const mete_where_info *info, const char *expected) {
    char line[512];
    int length = mete_where_describe(info, line, sizeof line);
    return length == (int)strlen(line) && strcmp(line, expected) == 0;
}

static void block_is_found_from_its_middle(void **state) {
    (void)state;
    char *block = mete_malloc(100);
    mete_where_info info = where(block + 40);
    assert_int_equal(info.kind, METE_WHERE_BLOCK);
    assert_ptr_equal(info.start, block);
    assert_int_equal(info.offset, 40);
    assert_int_equal(info.size, mete_usable_size(block));
    assert_int_equal(info.flags, 0); /* nobody knows of an untracked one whether it lives */
    char *large = mete_malloc(1 << 20);
    info = where(large + 5);
    assert_int_equal(info.kind, METE_WHERE_BLOCK);
    assert_int_equal(info.flags, METE_WHERE_LIVE);
    assert_true(describes(&info, "5 bytes into a live block of 1048576 bytes"));
    mete_free(large);
    mete_free(block);
}

static void pool_is_named_with_the_block(void **state) {
    (void)state;
    mete_pool *pool = mete_pool_create(&(mete_pool_options){.block_size = 48, .name = "nodes"});
    char *block = mete_pool_alloc(pool);
    mete_where_info info = where(block + 8);
    assert_int_equal(info.kind, METE_WHERE_POOL);
    assert_int_equal(info.flags, METE_WHERE_LIVE);
    assert_true(describes(&info, "8 bytes into a live block of 48 bytes of the pool 'nodes'"));
    mete_pool_free(pool, block);
    info = where(block);
    assert_int_equal(info.flags, METE_WHERE_FREE);
    assert_true(describes(&info, "at the start of a free block of 48 bytes of the pool 'nodes'"));
    mete_pool_destroy(pool);
    assert_int_not_equal(where(block).kind, METE_WHERE_POOL);
}

static void arena_is_named(void **state) {
    (void)state;
    mete_arena *arena = mete_arena_create(&(mete_arena_options){.name = "request"});
    char *object = mete_arena_alloc(arena, 64, 16);
    mete_where_info info = where(object);
    assert_int_equal(info.kind, METE_WHERE_ARENA);
    assert_string_equal(info.name, "request");
    assert_int_equal(info.flags, METE_WHERE_LIVE);
    mete_arena_reset(arena);
    assert_int_not_equal(where(object).flags, METE_WHERE_LIVE);
    mete_arena_destroy(arena);
}

static void map_is_named(void **state) {
    (void)state;
    mete_map *map;
    assert_int_equal(mete_map_anonymous(&map, 4096, &(mete_map_options){.name = "scratch"}), 0);
    mete_where_info info = where((char *)mete_map_data(map) + 10);
    assert_int_equal(info.kind, METE_WHERE_MAP);
    assert_string_equal(info.name, "scratch");
    mete_map_close(map);
}

static void map_of_a_file_is_told_by_the_bytes_of_the_file(void **state) {
    (void)state;
    char path[] = "/tmp/mete-where-XXXXXX";
    int file = mkstemp(path);
    assert_int_equal(ftruncate(file, 20000), 0);
    mete_map *map;
    assert_int_equal(mete_map_open(&map, path, &(mete_map_options){.offset = 5003, .name = "part"}),
                     0);
    char *data = mete_map_data(map);
    mete_where_info info = where(data + 10);
    assert_int_equal(info.kind, METE_WHERE_MAP);
    assert_ptr_equal(info.start, data);
    assert_int_equal(info.size, 20000 - 5003);
    assert_int_equal(info.offset, 10);
    assert_int_equal(info.file_offset, 5013);
    assert_true(describes(&info, "10 bytes into the file map 'part', 5013 bytes into its file"));
    assert_int_equal(where(data - 1).offset, -1); /* of the same page, and not the program's */
    assert_int_equal(mete_map_resize(map, 100), 0);
    assert_int_equal(where(data).size, 100);
    mete_map_close(map);
    close(file);
    unlink(path);
}

static void static_data_and_code_are_their_modules(void **state) {
    (void)state;
    char self[4096];
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    self[length] = '\0';
    const char *last = strrchr(self, '/');
    mete_where_info data = where(&initialised), zero = where(&uninitialised[500]);
    mete_where_info code = where((const void *)(uintptr_t)where);
    assert_int_equal(data.kind, METE_WHERE_STATIC);
    assert_int_equal(zero.kind, METE_WHERE_STATIC);
    assert_int_equal(zero.flags, METE_WHERE_READ | METE_WHERE_WRITE);
    assert_int_equal(code.kind, METE_WHERE_CODE);
    assert_int_equal(code.flags, METE_WHERE_READ | METE_WHERE_EXECUTE);
    assert_string_equal(strrchr(data.name, '/'), last);
    assert_string_equal(strrchr(zero.name, '/'), last);
    assert_int_equal((const char *)&initialised - (const char *)&uninitialised[500],
                     (int64_t)(data.file_offset - zero.file_offset));
    assert_string_equal(data.symbol, "initialised");
    assert_string_equal(zero.symbol, "uninitialised");
    assert_ptr_equal(zero.start, uninitialised);
    assert_int_equal(zero.size, sizeof uninitialised);
    assert_int_equal(zero.offset, 500 * sizeof(int));
    assert_string_equal(code.symbol, "where");
    assert_int_equal(code.offset, 0);
    mete_where_info library = where((const void *)(uintptr_t)strlen);
    assert_int_equal(library.kind, METE_WHERE_CODE);
    assert_non_null(strstr(library.name, ".so"));
}

static void names_and_stacks_have_the_room_that_is_said(void **state) {
    mete_where_info info = where(state);

    assert_int_not_equal(info.kind, METE_WHERE_UNMAPPED);
    assert_int_equal(sizeof info.name, METE_WHERE_NAME_BYTES);
    assert_int_equal(sizeof info.symbol, METE_WHERE_NAME_BYTES);
    assert_int_equal(sizeof info.allocated_at / sizeof *info.allocated_at, METE_WHERE_FRAMES);
    assert_int_equal(sizeof info.freed_at / sizeof *info.freed_at, METE_WHERE_FRAMES);
}

static void *look_at_stack(void *other) {
    int local = 0;
    mete_where_info own = where(&local), main_one = where(other);
    char line[64];
    snprintf(line, sizeof line, "on the stack of thread %d", gettid());
    CHECK(own.kind == METE_WHERE_STACK && own.thread == (uint32_t)gettid());
    CHECK(describes(&own, line));
    CHECK(main_one.kind == METE_WHERE_STACK && main_one.thread == (uint32_t)getpid());
    return NULL;
}

static void stacks_are_told_apart(void **state) {
    (void)state;
    int local = 0;
    pthread_t thread;
    assert_int_equal(where(&local).kind, METE_WHERE_STACK);
    assert_int_equal(where(&local).thread, getpid());
    assert_int_equal(pthread_create(&thread, NULL, look_at_stack, &local), 0);
    pthread_join(thread, NULL);
}

static void mapped_file_has_its_offset(void **state) {
    (void)state;
    char path[] = "/tmp/mete-where-XXXXXX";
    int file = mkstemp(path);
    assert_int_equal(ftruncate(file, 8192), 0);
    char *memory = mmap(NULL, 4096, PROT_READ, MAP_SHARED, file, 4096);
    mete_where_info info = where(memory + 100);
    assert_int_equal(info.kind, METE_WHERE_FILE);
    assert_int_equal(info.file_offset, 4196);
    assert_int_equal(info.offset, 100);
    assert_int_equal(info.flags, METE_WHERE_READ);
    assert_non_null(strstr(info.name, path));
    munmap(memory, 4096);
    assert_int_equal(where(memory).kind, METE_WHERE_UNMAPPED);
    assert_int_equal(where(NULL).kind, METE_WHERE_UNMAPPED);
    assert_true(describes(&(mete_where_info){0}, "not mapped"));
    close(file);
    unlink(path);
}

static void refused_question_leaves_the_outputs(void **state) {
    (void)state;
    char line[8] = "before", small[4];
    mete_where_info info = where(NULL);
    assert_int_equal(mete_where(&info, NULL), -EINVAL);
    assert_int_equal(mete_where_describe(NULL, line, sizeof line), -EINVAL);
    assert_int_equal(mete_where_describe(&info, line, 0), -EINVAL);
    assert_string_equal(line, "before");
    assert_int_equal(mete_where_describe(&info, small, sizeof small), strlen("not mapped"));
    assert_string_equal(small, "not");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(block_is_found_from_its_middle),
        cmocka_unit_test(pool_is_named_with_the_block),
        cmocka_unit_test(arena_is_named),
        cmocka_unit_test(map_is_named),
        cmocka_unit_test(map_of_a_file_is_told_by_the_bytes_of_the_file),
        cmocka_unit_test(static_data_and_code_are_their_modules),
        cmocka_unit_test(names_and_stacks_have_the_room_that_is_said),
        cmocka_unit_test(stacks_are_told_apart),
        cmocka_unit_test(mapped_file_has_its_offset),
        cmocka_unit_test(refused_question_leaves_the_outputs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
