/* mete/map.h: growing, shrinking, cutting; views and halves. */
#include <errno.h>
#include <mete/map.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/probe.h"
#include "support/folder.h"

static const size_t mib = (size_t)1 << 20;

static mete_map *opened(size_t size, const mete_map_options *options) {
    mete_map *map = NULL;
    CHECK(mete_map_open(&map, folder_file("f", size), options) == 0);
    return map;
}

static bool shows(const mete_map *map, size_t offset, size_t size) {
    const char *data = mete_map_data(map);
    for (size_t i = 0; i < size; i++)
        if (data[i] != folder_byte(offset + i)) return false;
    return true;
}

static bool is_zero(const mete_map *map, size_t from, size_t to) {
    const char *data = mete_map_data(map);
    for (size_t i = from; i < to; i++)
        if (data[i] != 0) return false;
    return true;
}

static void a_map_grows_with_its_file(void) {
    static const size_t sizes[] = {5001, 8192, 8193, 100000, 1 << 20, 5000, 1, 0, 3, 1 << 16};
    mete_map *map = opened(5000, &(mete_map_options){.access = METE_MAP_WRITE, .offset = 700});
    size_t longest = 5000, had = 4300;
    struct stat found;

    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        CHECK(mete_map_resize(map, sizes[i]) == 0 && mete_map_size(map) == sizes[i]);
        if (sizes[i] + 700 > longest) longest = sizes[i] + 700;
        CHECK(folder_size("f") == (long)longest && mete_map_error(map) == 0);
        size_t known = sizes[i] < had ? sizes[i] : had;
        CHECK(shows(map, 700, known) && is_zero(map, known, sizes[i]));
    }
    CHECK(stat(folder_path("f"), &found) == 0 && (size_t)found.st_blocks * 512 >= longest);
    CHECK(mete_map_close(map) == 0);
}

static void inside_a_reservation_nothing_moves(void) {
    mete_map_options options = {.access = METE_MAP_WRITE, .reserve = 4 * mib};
    mete_map *map = opened(5000, &options);
    char *data = mete_map_data(map);

    for (size_t size = 5000; size <= 4 * mib; size = size * 3 / 2) {
        CHECK(mete_map_resize(map, size) == 0 && mete_map_data(map) == data);
        data[size - 1] = 'x';
    }
    CHECK(mete_map_resize(map, 4 * mib) == 0 && mete_map_resize(map, 4 * mib + 1) == -ENOMEM);
    CHECK(mete_map_size(map) == 4 * mib && mete_map_resize(map, 100) == 0);
    CHECK(mete__probe_readable((uintptr_t)data) && !mete__probe_readable((uintptr_t)data + 4096));
    CHECK(mete_map_resize(map, 4 * mib) == 0 && mete_map_data(map) == data && data[4999] == 'x');
    CHECK(mete_map_close(map) == 0 && !mete__probe_readable((uintptr_t)data));
}

/* A mapping behind the map, so that it cannot grow where it is. */
static void a_map_that_may_not_move_says_so(void) {
    mete_map *map =
        opened(5000, &(mete_map_options){.access = METE_MAP_WRITE, .flags = METE_MAP_STAY});
    char *data = mete_map_data(map);

    void *behind = mmap(data + 8192, 4096, PROT_NONE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    CHECK(behind == data + 8192 || behind == MAP_FAILED); /* somebody's already */
    CHECK(mete_map_resize(map, 8193) == -ENOMEM);
    CHECK(mete_map_size(map) == 5000 && folder_size("f") == 5000 && shows(map, 0, 5000));
    CHECK(mete_map_resize(map, 8192) == 0 && mete_map_data(map) == data);
}

static void a_reader_follows_a_file_that_grows(void) {
    mete_map *map = opened(5000, NULL),
             *copy = opened(5000, &(mete_map_options){.access = METE_MAP_COPY});

    CHECK(mete_map_resize(map, 6000) == -ENXIO && mete_map_resize(copy, 6000) == -ENXIO);
    ((char *)mete_map_data(copy))[0] = 'c';
    CHECK(truncate(folder_path("f"), 100000) == 0);
    CHECK(mete_map_resize(map, 100000) == 0 && shows(map, 0, 5000) && is_zero(map, 5000, 100000));
    CHECK(mete_map_resize(copy, 100000) == 0 && ((char *)mete_map_data(copy))[0] == 'c');
    CHECK(mete_map_error(map) == 0 && mete_map_error(copy) == 0);
}

static void resizing_maps_lost_bytes_anew(void) {
    static const size_t reserves[] = {0, 1 << 20};

    for (size_t i = 0; i < 2; i++) {
        mete_map_options options = {.access = METE_MAP_WRITE, .reserve = reserves[i]};
        mete_map *map = opened(20480, &options);
        CHECK(truncate(folder_path("f"), 6000) == 0 && is_zero(map, 6000, 20480));
        CHECK(mete_map_error(map) == -ENXIO && mete_map_resize(map, 20480) == 0);
        CHECK(mete_map_error(map) == 0 && folder_size("f") == 20480 && shows(map, 0, 6000));
        ((char *)mete_map_data(map))[20000] = 'x';
        CHECK(mete_map_flush(map, 0, 0) == 0 && folder_read("f", 20000) == 'x');
        CHECK(truncate(folder_path("f"), 5000) == 0 && is_zero(map, 5000, 20480));
        CHECK(mete_map_resize(map, 100000) == 0 && mete_map_error(map) == 0);
        CHECK(shows(map, 0, 5000) && is_zero(map, 5000, 100000) && mete_map_close(map) == 0);
    }
}

static void a_full_disk_leaves_the_map_as_it_was(void) {
    mete_map *map = NULL;
    mete_map_options options = {.access = METE_MAP_WRITE, .create_size = 100000};

    folder_make_small(256 << 10);
    CHECK(mete_map_open(&map, folder_path("f"), &options) == 0);
    memset(mete_map_data(map), 7, 100000);
    char *data = mete_map_data(map);
    CHECK(mete_map_resize(map, mib) == -ENOSPC && mete_map_size(map) == 100000);
    CHECK(mete_map_data(map) == data && data[99999] == 7 && folder_size("f") == 100000);
    CHECK(mete_map_error(map) == 0 && mete_map_resize(map, 120000) == 0);
    CHECK(mete_map_close(map) == 0);
}

static void sizes_beyond_any_are_refused(void) {
    mete_map *map = opened(5000, &(mete_map_options){.access = METE_MAP_WRITE, .offset = 100});
    CHECK(mete_map_resize(map, SIZE_MAX) == -EOVERFLOW);
    CHECK(mete_map_resize(map, PTRDIFF_MAX) == -EOVERFLOW);
    int status = mete_map_resize(map, (size_t)PTRDIFF_MAX / 2);
    CHECK(status == -EFBIG || status == -ENOSPC || status == -ENOMEM);
    CHECK(folder_size("f") == 5000 && mete_map_size(map) == 4900 && mete_map_error(map) == 0);
}

static void a_file_can_be_cut_where_the_map_ends(void) {
    mete_map *map = opened(20480, &(mete_map_options){.access = METE_MAP_WRITE, .offset = 10});
    CHECK(mete_map_resize(map, 5000) == 0 && folder_size("f") == 20480);
    CHECK(mete_map_cut(map) == 0 && folder_size("f") == 5010 && mete_map_error(map) == 0);
    CHECK(mete_map_cut(map) == 0 && shows(map, 10, 5000));
    mete_map *copy = opened(100, &(mete_map_options){.access = METE_MAP_COPY});
    CHECK(mete_map_cut(copy) == -EINVAL);
}

static struct {
    mete_map *map;
    int enough;
} beside;

static void *sum_on(void *unused) {
    const volatile char *data = mete_map_data(beside.map);
    size_t rounds = 0;

    (void)unused;
    for (; !__atomic_load_n(&beside.enough, __ATOMIC_ACQUIRE); rounds++)
        for (size_t i = 0; i < 5000; i += 100)
            if (data[i] != folder_byte(i)) return NULL;
    return (void *)(rounds + 1);
}

static void growth_in_a_reservation_goes_on_beside_readers(void) {
    mete_map_options options = {.access = METE_MAP_WRITE, .reserve = 4 * mib};
    pthread_t reader;
    void *rounds;

    beside.map = opened(5000, &options);
    CHECK(pthread_create(&reader, NULL, sum_on, NULL) == 0);
    for (size_t size = 5000; size < 4 * mib; size += 50000) {
        char byte;
        CHECK(mete_map_resize(beside.map, size) == 0);
        CHECK(mete_map_read(beside.map, size - 1, &byte, 1) == 1);
    }
    __atomic_store_n(&beside.enough, 1, __ATOMIC_RELEASE);
    CHECK(pthread_join(reader, &rounds) == 0 && rounds != NULL);
}

/* ---- parts ---- */

static void a_view_keeps_the_memory_alive(void) {
    mete_map *map = opened(20480, &(mete_map_options){.access = METE_MAP_WRITE}), *view, *inner;

    CHECK(mete_map_view(&view, map, 5000, 10000) == 0 && mete_map_size(view) == 10000);
    CHECK(mete_map_view(&inner, view, 1, 0) == 0 && mete_map_size(inner) == 9999);
    CHECK((char *)mete_map_data(view) == (char *)mete_map_data(map) + 5000);
    CHECK(mete_map_resize(map, 30000) == -EBUSY && mete_map_protect(view, METE_MAP_READ) == -EBUSY);
    CHECK(mete_map_cut(map) == -EBUSY && mete_map_close(map) == 0);
    CHECK(shows(view, 5000, 10000) && mete_map_close(view) == 0 && shows(inner, 5001, 9999));
    CHECK(mete_map_flush(inner, 0, 0) == 0);
    uintptr_t address = (uintptr_t)mete_map_data(inner);
    CHECK(mete_map_close(inner) == 0 && !mete__probe_readable(address));
}

static void views_lie_in_the_map(void) {
    mete_map *map = opened(5000, NULL), *view = NULL;
    CHECK(mete_map_view(&view, map, 5001, 0) == -EINVAL && view == NULL);
    CHECK(mete_map_view(&view, map, 1, 5000) == -EINVAL);
    CHECK(mete_map_view(&view, map, SIZE_MAX, SIZE_MAX) == -EINVAL && view == NULL);
    CHECK(mete_map_view(&view, map, 5000, 0) == 0 && mete_map_size(view) == 0);
}

static void views_err_for_themselves(void) {
    mete_map *map = opened(20480, NULL), *front, *back;

    CHECK(mete_map_view(&front, map, 0, 4096) == 0 && mete_map_view(&back, map, 16384, 0) == 0);
    CHECK(truncate(folder_path("f"), 8192) == 0 && is_zero(back, 0, 4096));
    CHECK(mete_map_error(front) == 0 && mete_map_error(back) == -ENXIO);
    CHECK(mete_map_error(map) == -ENXIO && shows(front, 0, 4096));
}

static void a_map_can_be_split(void) {
    mete_map *map = opened(20480, &(mete_map_options){.access = METE_MAP_WRITE}), *rest,
             *none = NULL;

    CHECK(mete_map_split(map, 7777, &rest) == 0);
    CHECK(mete_map_size(map) == 7777 && mete_map_size(rest) == 20480 - 7777);
    CHECK(shows(rest, 7777, 20480 - 7777) && mete_map_split(map, 7778, &none) == -EINVAL);
    char byte;
    CHECK(mete_map_read(map, 7777, &byte, 1) == 0 && none == NULL);
    CHECK(mete_map_close(map) == 0 && shows(rest, 7777, 20480 - 7777));
    CHECK(mete_map_resize(rest, 100) == 0 && mete_map_resize(rest, 30000) == 0);
    CHECK(folder_size("f") == 37777 && shows(rest, 7777, 20480 - 7777) &&
          mete_map_close(rest) == 0);
}

static void memory_grows_and_moves(void) {
    mete_map *map = NULL;

    CHECK(mete_map_anonymous(&map, 5000, NULL) == 0 && is_zero(map, 0, 5000));
    memset(mete_map_data(map), 5, 5000);
    CHECK(mete_map_resize(map, 8 * mib) == 0 && is_zero(map, 8192, 8 * mib));
    CHECK(((char *)mete_map_data(map))[4999] == 5 && mete_map_close(map) == 0);
    CHECK(mete_map_anonymous(&map, 0, &(mete_map_options){.reserve = mib}) == 0);
    char *data = mete_map_data(map);
    CHECK(mete_map_resize(map, mib) == 0 && mete_map_data(map) == data && is_zero(map, 0, mib));
    data[mib - 1] = 1;
    CHECK(mete_map_resize(map, 0) == 0 && mete_map_resize(map, mib) == 0 && is_zero(map, 0, mib));
    CHECK(mete_map_close(map) == 0);
    CHECK(mete_map_memory(&map, 5000, NULL) == 0 && mete_map_resize(map, mib) == 0);
    CHECK(is_zero(map, 0, mib) && mete_map_flush(map, 0, 0) == 0 && mete_map_close(map) == 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FACT_ON_FILES(a_map_grows_with_its_file),
        FACT_ON_FILES(inside_a_reservation_nothing_moves),
        FACT_ON_FILES(a_map_that_may_not_move_says_so),
        FACT_ON_FILES(a_reader_follows_a_file_that_grows),
        FACT_ON_FILES(resizing_maps_lost_bytes_anew),
        FACT_ON_FILES(a_full_disk_leaves_the_map_as_it_was),
        FACT_ON_FILES(sizes_beyond_any_are_refused),
        FACT_ON_FILES(a_file_can_be_cut_where_the_map_ends),
        FACT_ON_FILES(growth_in_a_reservation_goes_on_beside_readers),
        FACT_ON_FILES(a_view_keeps_the_memory_alive),
        FACT_ON_FILES(views_lie_in_the_map),
        FACT_ON_FILES(views_err_for_themselves),
        FACT_ON_FILES(a_map_can_be_split),
        FACT(memory_grows_and_moves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
