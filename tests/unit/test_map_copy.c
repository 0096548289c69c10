/* mete/map.h: guarded copies say how far they came, probes what is there. */
#include <errno.h>
#include <mete/map.h>
#include <string.h>
#include <unistd.h>

#include "support/folder.h"

enum { BYTES = 20480 };

static char buffer[BYTES + 8];

static mete_map *opened(unsigned access) {
    mete_map *map = NULL;
    const mete_map_options options = {.access = access};
    CHECK(mete_map_open(&map, folder_file("f", BYTES), &options) == 0);
    return map;
}

static bool holds(const char *bytes, size_t offset, size_t size) {
    for (size_t i = 0; i < size; i++)
        if (bytes[i] != folder_byte(offset + i)) return false;
    return true;
}

static void copies_end_with_the_map(void) {
    mete_map *map = opened(METE_MAP_READ);

    CHECK(mete_map_read(map, 0, buffer, BYTES) == BYTES && holds(buffer, 0, BYTES));
    CHECK(mete_map_read(map, 5, buffer, SIZE_MAX) == BYTES - 5 && holds(buffer, 5, BYTES - 5));
    CHECK(mete_map_read(map, BYTES, buffer, 1) == 0 && mete_map_read(map, 7, NULL, 0) == 0);
    CHECK(mete_map_read(map, BYTES + 1, buffer, 1) == -EINVAL);
    CHECK(mete_map_read(map, 0, NULL, 1) == -EINVAL);
    CHECK(mete_map_write(map, 0, buffer, 1) == -EACCES);
    CHECK(mete_map_close(map) == 0);
}

static void what_is_written_is_in_the_file(void) {
    mete_map *map = opened(METE_MAP_WRITE), *reader = NULL;

    memset(buffer, 'w', sizeof buffer);
    CHECK(mete_map_write(map, 100, buffer, 50) == 50);
    CHECK(mete_map_write(map, BYTES - 10, buffer, 50) == 10);
    CHECK(mete_map_write(map, 0, NULL, 1) == -EINVAL && mete_map_write(map, 0, NULL, 0) == 0);
    CHECK(mete_map_open(&reader, folder_path("f"), NULL) == 0);
    const char *data = mete_map_data(reader);
    CHECK(holds(data, 0, 100) && data[100] == 'w' && data[149] == 'w' &&
          holds(data + 150, 150, 99));
    CHECK(data[BYTES - 11] == folder_byte(BYTES - 11) && data[BYTES - 10] == 'w');
}

/* After a cut at any place, a read gives exactly what is left, as far as pages can tell before the
 * first fault, and to the byte after it. */
static void reads_of_a_cut_file_come_as_far_as_it_goes(void) {
    static const long cuts[] = {0, 1, 4096, 5000, 8191, 8192, 20000};

    for (size_t i = 0; i < sizeof cuts / sizeof cuts[0]; i++) {
        mete_map *map = opened(METE_MAP_READ);
        CHECK(truncate(folder_path("f"), cuts[i]) == 0);
        ptrdiff_t left = cuts[i] == 0 ? -ENXIO : cuts[i];
        ptrdiff_t first = mete_map_read(map, 0, buffer, BYTES);
        CHECK(first == (cuts[i] > BYTES - 4096 ? BYTES : left));
        CHECK(first < 0 || holds(buffer, 0, (size_t)cuts[i]));
        CHECK(mete_map_error(map) == -ENXIO && mete_map_read(map, 0, buffer, BYTES) == left);
        CHECK(mete_map_read(map, (size_t)cuts[i], buffer, 1) == -ENXIO);
        CHECK(mete_map_read(map, BYTES, buffer, 1) == 0);
        CHECK(mete_map_close(map) == 0);
    }
}

static void writes_to_a_cut_file_come_as_far_as_it_goes(void) {
    mete_map *map = opened(METE_MAP_WRITE);

    CHECK(truncate(folder_path("f"), 6000) == 0);
    CHECK(mete_map_write(map, 5000, buffer, 10000) == 1000);
    CHECK(mete_map_write(map, 6000, buffer, 10) == -ENXIO && folder_size("f") == 6000);
    CHECK(mete_map_close(map) == 0);
}

static void a_probe_counts_without_faulting_or_remembering(void) {
    mete_map *map = opened(METE_MAP_READ);

    CHECK(mete_map_probe(map, 0, 0) == BYTES && mete_map_probe(map, 100, 50) == 50);
    CHECK(mete_map_probe(map, BYTES, 0) == 0 && mete_map_probe(map, 1, BYTES) == -EINVAL);
    CHECK(truncate(folder_path("f"), 5000) == 0);
    CHECK(mete_map_probe(map, 0, 0) == 5000 && mete_map_probe(map, 4999, 2) == 1);
    CHECK(mete_map_probe(map, 5000, 1) == -ENXIO && mete_map_probe(map, 0, 5000) == 5000);
    CHECK(truncate(folder_path("f"), BYTES) == 0);
    CHECK(mete_map_probe(map, 0, 0) == BYTES && mete_map_error(map) == 0);
    CHECK(mete_map_close(map) == 0);
}

/* A hole in a full tmpfs has a length, and no page. */
static void a_probe_finds_pages_that_cannot_be_had(void) {
    enum { PAGES = 64 };
    const mete_map_options options = {
        .access = METE_MAP_WRITE, .create_size = PAGES * 4096, .flags = METE_MAP_SPARSE};
    mete_map *map = NULL;

    folder_make_small((size_t)16 * 4096);
    CHECK(mete_map_open(&map, folder_path("f"), &options) == 0);
    ptrdiff_t there = mete_map_probe(map, 0, 0);
    CHECK(there > 0 && there < PAGES * 4096 && there % 4096 == 0);
    CHECK(mete_map_probe(map, (size_t)there, 0) == -ENOSPC && mete_map_error(map) == 0);
    CHECK(mete_map_read(map, 0, buffer, BYTES) == BYTES);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FACT_ON_FILES(copies_end_with_the_map),
        FACT_ON_FILES(what_is_written_is_in_the_file),
        FACT_ON_FILES(reads_of_a_cut_file_come_as_far_as_it_goes),
        FACT_ON_FILES(writes_to_a_cut_file_come_as_far_as_it_goes),
        FACT_ON_FILES(a_probe_counts_without_faulting_or_remembering),
        FACT_ON_FILES(a_probe_finds_pages_that_cannot_be_had),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
