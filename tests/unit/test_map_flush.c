/* mete/map.h: flushing tells the truth, also of write-backs that failed. */
#include <errno.h>
#include <fcntl.h>
#include <mete/map.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "map/extent.h"
#include "support/folder.h"

enum { BYTES = 20480 };

static mete_map *opened(const char *path, size_t create_size) {
    mete_map *map = NULL;
    const mete_map_options options = {.access = METE_MAP_WRITE, .create_size = create_size};
    CHECK(mete_map_open(&map, path, &options) == 0);
    return map;
}

static void any_range_can_be_flushed(void) {
    mete_map *map = opened(folder_file("f", BYTES), 0);

    for (size_t offset = 0; offset <= BYTES; offset += 1111) {
        CHECK(mete_map_flush(map, offset, 0) == 0 && mete_map_flush_async(map, offset, 0) == 0);
        CHECK(mete_map_flush(map, offset, BYTES - offset) == 0);
        CHECK(mete_map_flush(map, offset, BYTES - offset + 1) == -EINVAL);
        CHECK(mete_map_flush_async(map, offset, SIZE_MAX) == -EINVAL);
    }
    CHECK(mete_map_error(map) == 0 && mete_map_close(map) == 0);
}

static void memory_without_a_file_has_nothing_to_flush(void) {
    mete_map *map = NULL;
    CHECK(mete_map_anonymous(&map, BYTES, NULL) == 0);
    CHECK(mete_map_flush(map, 0, 0) == -EINVAL && mete_map_flush_async(map, 0, 0) == -EINVAL);
}

static void the_first_flush_of_a_new_file_takes_its_folder_along(void) {
    mete_map *map = opened(folder_path("new"), BYTES), *old = opened(folder_file("f", 1), 0);

    CHECK(map->extent->directory >= 0 && old->extent->directory == -1);
    CHECK(mete_map_flush(map, 0, 1) == 0 && map->extent->directory == -1);
    CHECK(mete_map_flush(map, 0, 1) == 0 && mete_map_close(map) == 0);
}

/* Pages of the file that wait to be written, by cachestat(2), which the C library does not know
 * yet. */
static uint64_t dirty_pages(int file) {
    const struct { uint64_t offset, length; } all = {0, 0};
    struct {
        uint64_t cached, dirty, written_now, evicted, recently_evicted;
    } state;

    if (syscall(451, file, &all, &state, 0) != 0) apart_skip("Linux before 6.5");
    return state.dirty;
}

static void flush_async_starts_the_writing(void) {
    mete_map *map = opened(folder_path("new"), 1 << 20);
    int file = mete_map_file(map);

    memset(mete_map_data(map), 7, 1 << 20);
    CHECK(dirty_pages(file) == 256);
    CHECK(mete_map_flush_async(map, 0, 1 << 19) == 0 && dirty_pages(file) == 128);
    CHECK(mete_map_flush_async(map, 0, 0) == 0 && dirty_pages(file) == 0);
    CHECK(mete_map_error(map) == 0 && mete_map_close(map) == 0);
}

static void a_failed_write_back_is_told_until_it_is_read(void) {
    enum { MANY = 32 << 20 };

    folder_make_disk((size_t)64 << 20, (size_t)8 << 20);
    mete_map *map = opened(folder_path("disk/f"), MANY);
    memset(mete_map_data(map), 7, MANY);
    int first = mete_map_flush(map, 0, 0);
    CHECK(first == -EIO || first == -ENOSPC);
    CHECK(mete_map_flush(map, 0, 4096) == first); /* the kernel itself would say 0 now */
    CHECK(mete_map_flush_async(map, 0, 4096) == first);
    CHECK(mete_map_error(map) == first && mete_map_error(map) == 0);
    CHECK(mete_map_flush(map, 0, 4096) == 0);
    memset(mete_map_data(map), 8, MANY);
    CHECK(mete_map_flush(map, 0, 0) == first && mete_map_close(map) == first);
}

static void errors_between_flushes_come_with_the_next(void) {
    enum { MANY = 32 << 20 };

    folder_make_disk((size_t)64 << 20, (size_t)8 << 20);
    mete_map *map = opened(folder_path("disk/f"), MANY);
    memset(mete_map_data(map), 7, MANY);
    CHECK(mete_map_flush_async(map, 0, 0) == 0);
    int status = mete_map_flush(map, 0, 0);
    CHECK((status == -EIO || status == -ENOSPC) && mete_map_error(map) == status);
    CHECK(mete_map_close(map) == 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FACT_ON_FILES(any_range_can_be_flushed),
        FACT(memory_without_a_file_has_nothing_to_flush),
        FACT_ON_FILES(the_first_flush_of_a_new_file_takes_its_folder_along),
        {"flush_async_starts_the_writing", apart_holds, folder_on_disk, folder_remove,
         (void *)flush_async_starts_the_writing},
        {"a_failed_write_back_is_told_until_it_is_read", apart_holds, folder_in_memory,
         folder_remove, (void *)a_failed_write_back_is_told_until_it_is_read},
        {"errors_between_flushes_come_with_the_next", apart_holds, folder_in_memory, folder_remove,
         (void *)errors_between_flushes_come_with_the_next},
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
