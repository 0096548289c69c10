/* mete/map.h: protection, advice, locks, residency, huge pages, names, memory files and seals. */
#include <errno.h>
#include <mete/map.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/mapping.h"
#include "os/probe.h"
#include "support/folder.h"

enum { BYTES = 20480 };

static mete_map *opened(unsigned access) {
    mete_map *map = NULL;
    const mete_map_options options = {.access = access};
    CHECK(mete_map_open(&map, folder_file("f", BYTES), &options) == 0);
    return map;
}

static mete_map *anonymous(size_t size, unsigned flags) {
    mete_map *map = NULL;
    const mete_map_options options = {.flags = flags, .name = "test memory"};
    CHECK(mete_map_anonymous(&map, size, &options) == 0);
    return map;
}

static mete_map_info info_of(const mete_map *map) {
    mete_map_info info;
    CHECK(mete_map_info_read(map, &info) == 0);
    return info;
}

/* The four letters of /proc/self/maps for the address. */
static void rights(const void *address, char out[5]) {
    char line[512];
    FILE *maps = fopen("/proc/self/maps", "r");
    unsigned long start, end;

    memcpy(out, "none", 5);
    CHECK(maps != NULL);
    while (fgets(line, sizeof line, maps) != NULL)
        if (sscanf(line, "%lx-%lx %4s", &start, &end, out) == 3 && start <= (uintptr_t)address &&
            (uintptr_t)address < end)
            break;
    fclose(maps);
}

static bool has_rights(const mete_map *map, const char *expected) {
    char found[5];
    rights(mete_map_data(map), found);
    return strcmp(found, expected) == 0;
}

static void access_can_be_changed(void) {
    mete_map *map = opened(METE_MAP_WRITE), *copy = opened(METE_MAP_COPY), *reader = opened(0);

    CHECK(has_rights(map, "rw-s") && has_rights(copy, "rw-p") && has_rights(reader, "r--s"));
    CHECK(mete_map_protect(map, METE_MAP_READ) == 0 && has_rights(map, "r--s"));
    CHECK(mete_map_flush(map, 0, 0) == 0); /* of what was stored before */
    CHECK(mete_map_flush(map, 0, 0) == 0 && mete_map_write(map, 0, "x", 1) == -EACCES);
    CHECK(mete_map_protect(map, METE_MAP_WRITE) == 0 && has_rights(map, "rw-s"));
    CHECK(mete_map_protect(copy, METE_MAP_EXEC) == 0 && has_rights(copy, "r-xp"));
    CHECK(mete_map_protect(copy, METE_MAP_COPY) == 0 && mete_map_write(copy, 0, "x", 1) == 1);
    CHECK(mete_map_protect(map, METE_MAP_COPY) == -EINVAL);
    CHECK(mete_map_protect(copy, METE_MAP_WRITE) == -EINVAL);
    CHECK(mete_map_protect(reader, 1u << 20) == -EINVAL);
    struct stat found;
    CHECK(stat(folder_path("f"), &found) == 0 &&
          info_of(map).access == (METE_MAP_READ | METE_MAP_WRITE));
}

static void what_was_opened_for_reading_cannot_be_written(void) {
    int file = memfd_create("test", MFD_CLOEXEC);
    mete_map *map = NULL;

    CHECK(ftruncate(file, BYTES) == 0);
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    CHECK(mete_map_open(&map, path, NULL) == 0);
    CHECK(mete_map_protect(map, METE_MAP_WRITE) == -EACCES && has_rights(map, "r--s"));
    CHECK(info_of(map).access == METE_MAP_READ);
}

/* int f(void) { return 42; } */
#if defined(__x86_64__)
static const unsigned char code[] = {0xb8, 42, 0, 0, 0, 0xc3};
#elif defined(__aarch64__)
static const unsigned char code[] = {0x40, 0x05, 0x80, 0x52, 0xc0, 0x03, 0x5f, 0xd6};
#endif

static void code_can_be_made_and_run(void) {
    mete_map *map = anonymous(sizeof code, 0);
    int (*function)(void);

    CHECK(mete_map_write(map, 0, code, sizeof code) == sizeof code);
    CHECK(mete_map_protect(map, METE_MAP_EXEC) == 0 && has_rights(map, "r-xp"));
    void *data = mete_map_data(map);
    memcpy(&function, &data, sizeof function);
    CHECK(function() == 42);
    CHECK(mete_map_protect(map, METE_MAP_COPY) == 0 && has_rights(map, "rw-p"));
}

/* ---- advice ---- */

static void every_advice_is_taken_or_refused_as_such(void) {
    mete_map *map = opened(METE_MAP_WRITE), *memory = anonymous(BYTES, 0);

    for (int advice = METE_MAP_ADVICE_NORMAL; advice < METE_MAP_ADVICE_HW_POISON; advice++) {
        int here = mete_map_advise(map, 100, 5000, (mete_map_advice)advice);
        int there = mete_map_advise(memory, 100, 5000, (mete_map_advice)advice);
        CHECK(here == 0 || here == -EINVAL);
        /* Without memory to spare, or without whole huge pages, those two are refused so. */
        CHECK(there == 0 || there == -EINVAL || there == -EAGAIN || there == -ENOMEM);
    }
    CHECK(mete_map_advise(map, 0, 0, METE_MAP_ADVICE_RANDOM) == 0);
    CHECK(mete_map_advise(memory, 0, 0, METE_MAP_ADVICE_WIPE_ON_FORK) == 0);
    CHECK(mete_map_advise(map, 0, 0, METE_MAP_ADVICE_WIPE_ON_FORK) == -EINVAL);
    CHECK(mete_map_advise(map, 0, BYTES + 1, METE_MAP_ADVICE_NORMAL) == -EINVAL);
    CHECK(mete_map_advise(map, 0, 0, (mete_map_advice)0) == -EINVAL);
    CHECK(mete_map_advise(map, 0, 0, (mete_map_advice)99) == -EINVAL);
}

static void what_destroys_takes_whole_pages_of_a_range_that_is_said(void) {
    mete_map *map = anonymous(4 * 4096, 0);
    char *data = mete_map_data(map);

    memset(data, 7, 4 * 4096);
    CHECK(mete_map_advise(map, 0, 0, METE_MAP_ADVICE_DONT_NEED) == -EINVAL);
    CHECK(mete_map_advise(map, 100, 4095, METE_MAP_ADVICE_DONT_NEED) == 0 && data[4095] == 7);
    CHECK(mete_map_advise(map, 100, 8192, METE_MAP_ADVICE_DONT_NEED) == 0);
    CHECK(data[4095] == 7 && data[4096] == 0 && data[8191] == 0 && data[8192] == 7);
    CHECK(mete_map_advise(map, 8192, 4096, METE_MAP_ADVICE_FREE) == 0 && data[12288] == 7);
}

static void a_hole_can_be_punched(void) {
    mete_map *map = opened(METE_MAP_WRITE);
    struct stat before, after;

    CHECK(mete_map_flush(map, 0, 0) == 0 && stat(folder_path("f"), &before) == 0);
    CHECK(mete_map_advise(map, 1, 12287, METE_MAP_ADVICE_REMOVE) == 0);
    CHECK(stat(folder_path("f"), &after) == 0 && after.st_size == BYTES);
    CHECK(after.st_blocks < before.st_blocks);
    const char *data = mete_map_data(map);
    CHECK(data[4095] == folder_byte(4095) && data[4096] == 0 && data[12287] == 0);
    CHECK(data[12288] == folder_byte(12288));
}

static void populating_says_what_is_missing(void) {
    mete_map *map = opened(METE_MAP_WRITE);

    CHECK(mete_map_advise(map, 0, 0, METE_MAP_ADVICE_POPULATE_READ) == 0);
    CHECK(mete_map_advise(map, 0, 0, METE_MAP_ADVICE_POPULATE_WRITE) == 0);
    CHECK(truncate(folder_path("f"), 5000) == 0);
    CHECK(mete_map_advise(map, 0, 5000, METE_MAP_ADVICE_POPULATE_READ) == 0);
    CHECK(mete_map_advise(map, 0, 0, METE_MAP_ADVICE_POPULATE_READ) == -ENXIO);
    CHECK(mete_map_error(map) == -ENXIO);
}

static void populating_finds_a_full_disk(void) {
    const mete_map_options options = {.access = METE_MAP_WRITE,
                                      .create_size = 1 << 20,
                                      .flags = METE_MAP_SPARSE | METE_MAP_POPULATE};
    mete_map *map = NULL;

    folder_make_small(256 << 10);
    CHECK(mete_map_open(&map, folder_path("f"), &options) == 0);
    CHECK((info_of(map).obtained & METE_MAP_POPULATE) == 0);
    CHECK(mete_map_advise(map, 0, 0, METE_MAP_ADVICE_POPULATE_WRITE) == -ENOSPC);
    CHECK(mete_map_error(map) == 0);
}

/* ---- locks, residency ---- */

static void residency_counts_pages(void) {
    mete_map *map = anonymous(16 * 4096, 0);
    size_t bytes = 99;

    CHECK(mete_map_residency(map, 0, 0, &bytes) == 0 && bytes == 0);
    memset((char *)mete_map_data(map) + 4096, 1, 8192);
    CHECK(mete_map_residency(map, 0, 0, &bytes) == 0 && bytes == 8192);
    CHECK(mete_map_residency(map, 8191, 2, &bytes) == 0 && bytes == 8192);
    CHECK(mete_map_residency(map, 0, 4096, &bytes) == 0 && bytes == 0);
    CHECK(mete_map_residency(map, 16 * 4096, 0, &bytes) == 0 && bytes == 0);
    bytes = 99;
    CHECK(mete_map_residency(map, 0, 16 * 4096 + 1, &bytes) == -EINVAL && bytes == 99);
}

static void locked_pages_are_present_and_stay(void) {
    mete_map *map = anonymous(16 * 4096, 0);
    size_t bytes;

    if (APART_SANITIZED) apart_skip("a sanitizer locks nothing");
    CHECK(mete_map_lock(map, 4096, 8192) == 0);
    CHECK(mete_map_residency(map, 0, 0, &bytes) == 0 && bytes == 8192);
    CHECK(mete_map_advise(map, 4096, 8192, METE_MAP_ADVICE_DONT_NEED) == -EINVAL);
    CHECK(mete_map_unlock(map, 4096, 8192) == 0);
    CHECK(mete_map_advise(map, 4096, 8192, METE_MAP_ADVICE_DONT_NEED) == 0);
    CHECK(mete_map_lock(map, 1, 16 * 4096) == -EINVAL && mete_map_unlock(map, 16 * 4096, 0) == 0);
    map = anonymous(4096, METE_MAP_LOCK | METE_MAP_POPULATE);
    CHECK((info_of(map).obtained & METE_MAP_LOCK) != 0 && info_of(map).resident_bytes == 4096);
}

static void without_the_right_to_lock_it_is_not_obtained(void) {
    struct rlimit none = {0, 0};

    if (APART_SANITIZED) apart_skip("a sanitizer locks nothing");
    CHECK(setrlimit(RLIMIT_MEMLOCK, &none) == 0);
    if (geteuid() == 0 && setresuid(65534, 65534, 65534) != 0) apart_skip("cannot give up rights");
    mete_map *map = anonymous(4096, METE_MAP_LOCK);
    CHECK((info_of(map).obtained & METE_MAP_LOCK) == 0);
    int status = mete_map_lock(map, 0, 0);
    CHECK(status == -EPERM || status == -ENOMEM);
}

/* ---- anonymous memory, huge pages, names ---- */

static void anonymous_memory_is_zero_and_private_or_shared(void) {
    mete_map *own = anonymous(5000, 0), *shared = anonymous(5000, METE_MAP_SHARED), *none = NULL;

    CHECK(mete_map_size(own) == 5000 && mete_map_file(own) == -1 && mete_map_error(own) == 0);
    CHECK(has_rights(own, "rw-p") && has_rights(shared, "rw-s"));
    CHECK(mete_map_anonymous(&none, 5000, &(mete_map_options){.offset = 1}) == -EINVAL);
    CHECK(mete_map_anonymous(&none, SIZE_MAX, NULL) == -EOVERFLOW);
    CHECK(mete_map_anonymous(&none, (size_t)PTRDIFF_MAX / 2, NULL) == -ENOMEM && none == NULL);
    CHECK(mete_map_probe(own, 0, 0) == 5000 && mete_map_close(own) == 0);
    own = anonymous(4096, METE_MAP_STACK | METE_MAP_NO_RESERVE);
    CHECK((info_of(own).obtained & METE_MAP_NO_RESERVE) != 0);
}

static void shared_memory_grows_in_a_reservation_only(void) {
    const mete_map_options options = {.flags = METE_MAP_SHARED, .reserve = 1 << 20};
    mete_map *map = anonymous(5000, METE_MAP_SHARED), *reserved = NULL, *none = NULL;

    CHECK(mete_map_resize(map, 8193) == -EINVAL && mete_map_size(map) == 5000);
    CHECK(mete_map_resize(map, 8192) == 0 && mete_map_resize(map, 100) == 0);
    CHECK(mete_map_resize(map, 0) == 0 && mete_map_resize(map, 9000) == 0);
    memset(mete_map_data(map), 1, 9000);
    CHECK(mete_map_anonymous(&reserved, 5000, &options) == 0);
    CHECK(mete_map_resize(reserved, 1 << 20) == 0 && has_rights(reserved, "rw-s"));
    memset(mete_map_data(reserved), 1, 1 << 20);
    CHECK(mete_map_protect(map, METE_MAP_COPY) == -EINVAL);
    CHECK(mete_map_anonymous(
              &none, 1, &(mete_map_options){.access = METE_MAP_COPY, .flags = METE_MAP_SHARED}) ==
          -EINVAL);
}

static size_t locked_bytes(void) {
    char line[256];
    size_t kib = 0;
    FILE *file = fopen("/proc/self/status", "re");

    CHECK(file != NULL);
    while (fgets(line, sizeof line, file) != NULL)
        if (sscanf(line, "VmLck: %zu", &kib) == 1) break;
    CHECK(fclose(file) == 0);
    return kib << 10;
}

static void what_a_locked_map_grows_by_is_locked(void) {
    const struct rlimit little = {.rlim_cur = 32768, .rlim_max = 32768};
    const mete_map_options options = {.flags = METE_MAP_LOCK, .reserve = 1 << 20};
    size_t before = locked_bytes();
    mete_map *map, *nothing = anonymous(0, METE_MAP_LOCK);

    if (APART_SANITIZED) apart_skip("a sanitizer locks nothing");
    CHECK(mete_map_anonymous(&map, 4096, &options) == 0);
    CHECK(mete_map_resize(map, 12288) == 0 && locked_bytes() - before == 12288);
    CHECK(mete_map_resize(map, 8192) == 0 && locked_bytes() - before == 8192);
    CHECK((info_of(nothing).obtained & METE_MAP_LOCK) == 0 && mete_map_resize(nothing, 4096) == 0);
    CHECK((info_of(nothing).obtained & METE_MAP_LOCK) != 0 && locked_bytes() - before == 12288);
    CHECK(setrlimit(RLIMIT_MEMLOCK, &little) == 0);
    if (geteuid() == 0 && setresuid(65534, 65534, 65534) != 0) apart_skip("cannot give up rights");
    CHECK(mete_map_resize(map, 1 << 20) == -EAGAIN && mete_map_size(map) == 8192);
}

static void huge_pages_are_had_or_said_not_to_be(void) {
    const size_t huge = mete__mapping_huge_page();
    mete_map *map = anonymous(4 << 20, METE_MAP_HUGE);
    mete_map_info info = info_of(map);

    if (huge == 0) apart_skip("no huge pages");
    memset(mete_map_data(map), 1, 4 << 20);
    if (info.page_size == huge) {
        CHECK((info.obtained & METE_MAP_HUGE) != 0 && info_of(map).huge_bytes == 4 << 20);
    } else if ((info.obtained & METE_MAP_HUGE) != 0) { /* transparent ones, as the kernel likes */
        CHECK((uintptr_t)info.data % huge == 0 && info.page_size == 4096);
        CHECK(info_of(map).huge_bytes % huge == 0 && info_of(map).huge_bytes <= 4 << 20);
    }
    CHECK(mete_map_resize(map, 1 << 20) == 0 && mete_map_close(map) == 0);
}

static void huge_pages_that_are_set_aside_are_used(void) {
    const size_t huge = mete__mapping_huge_page();
    FILE *pool = fopen("/proc/sys/vm/nr_hugepages", "r+");
    long before = -1;
    mete_map *map = NULL, *other = NULL;
    const mete_map_options options = {.flags = METE_MAP_HUGE};

    if (pool == NULL || huge == 0) apart_skip("no huge pages can be set aside");
    CHECK(fscanf(pool, "%ld", &before) == 1);
    rewind(pool);
    fprintf(pool, "%ld", before + 4);
    fflush(pool);
    CHECK(mete_map_memory(&map, 5000, &options) == 0);
    mete_map_info info = info_of(map);
    if (info.page_size == huge) {
        memset(mete_map_data(map), 1, 5000);
        CHECK((info.obtained & METE_MAP_HUGE) != 0 && info_of(map).huge_bytes == huge);
        CHECK(mete_map_open_file(&other, mete_map_file(map), NULL) == 0);
        CHECK(info_of(other).page_size == huge && info_of(other).reserved_bytes == huge);
        CHECK(ftruncate(mete_map_file(map), 0) == 0 && *(volatile char *)mete_map_data(other) == 0);
        CHECK(mete_map_error(other) == -ENXIO && mete_map_close(other) == 0);
        CHECK(mete_map_close(map) == 0 && mete_map_anonymous(&map, 5000, &options) == 0);
        memset(mete_map_data(map), 1, 5000);
        CHECK(info_of(map).page_size == huge && info_of(map).huge_bytes == huge);
    }
    CHECK(mete_map_close(map) == 0);
    rewind(pool);
    fprintf(pool, "%ld", before);
    fclose(pool);
    if (info.page_size != huge) apart_skip("no huge pages were to be had");
}

static void names_show_where_the_kernel_has_them(void) {
    mete_map *map = anonymous(4096, 0);
    char line[512];
    FILE *maps = fopen("/proc/self/maps", "r");
    bool found = false;

    CHECK(maps != NULL);
    while (fgets(line, sizeof line, maps) != NULL) found |= strstr(line, "test memory") != NULL;
    fclose(maps);
    CHECK(found == ((info_of(map).obtained & METE_MAP_NAMED) != 0));
}

/* ---- memory files, seals ---- */

static void a_memory_file_is_shared_by_its_descriptor(void) {
    mete_map *map = NULL, *other = NULL;

    CHECK(mete_map_memory(&map, 5000, &(mete_map_options){.name = "test memory"}) == 0);
    CHECK(mete_map_size(map) == 5000 && has_rights(map, "rw-s"));
    CHECK(mete_map_open_file(&other, mete_map_file(map),
                             &(mete_map_options){.access = METE_MAP_WRITE}) == 0);
    CHECK(mete_map_write(map, 4999, "x", 1) == 1 && ((char *)mete_map_data(other))[4999] == 'x');
    CHECK(mete_map_close(map) == 0 && ((char *)mete_map_data(other))[4999] == 'x');
    char name[400] = {0};
    memset(name, 'n', sizeof name - 1); /* more than the kernel takes: cut, as every name */
    CHECK(mete_map_memory(&map, 10, &(mete_map_options){.name = name}) == 0);
    CHECK(mete_map_memory(&map, 0, NULL) == 0 && mete_map_size(map) == 0);
    CHECK(mete_map_resize(map, 10000) == 0 && mete_map_write(map, 9999, "y", 1) == 1);
    CHECK(ftruncate(mete_map_file(map), 0) == 0 &&
          ((volatile char *)mete_map_data(map))[9999] == 0);
    CHECK(mete_map_error(map) == -ENXIO);
}

static void seals_hold(void) {
    mete_map *map = NULL, *other = NULL;

    CHECK(mete_map_memory(&map, 5000, NULL) == 0 && info_of(map).seals == 0);
    CHECK(mete_map_seal(map, 1u << 10) == -EINVAL);
    CHECK(mete_map_seal(map, METE_MAP_SEAL_SHRINK) == 0);
    CHECK(ftruncate(mete_map_file(map), 0) == -1 && errno == EPERM);
    CHECK(mete_map_resize(map, 10000) == 0 && mete_map_seal(map, METE_MAP_SEAL_GROW) == 0);
    CHECK(mete_map_resize(map, 20000) == -EPERM && mete_map_size(map) == 10000);
    CHECK(mete_map_write(map, 9999, "z", 1) == 1);

    CHECK(mete_map_open_file(&other, mete_map_file(map),
                             &(mete_map_options){.access = METE_MAP_WRITE}) == 0);
    CHECK(mete_map_seal(map, METE_MAP_SEAL_WRITE) == -EBUSY && has_rights(map, "rw-s"));
    CHECK(mete_map_write(map, 0, "a", 1) == 1 && ((char *)mete_map_data(other))[0] == 'a');
    CHECK(mete_map_close(other) == 0 && mete_map_view(&other, map, 0, 0) == 0);
    CHECK(mete_map_seal(map, METE_MAP_SEAL_WRITE) == -EBUSY && mete_map_close(other) == 0);
    char *data = mete_map_data(map);
    CHECK(mete_map_seal(map, METE_MAP_SEAL_WRITE | METE_MAP_SEAL_SEAL) == 0);
    CHECK(mete_map_data(map) == data && data[0] == 'a' && data[9999] == 'z');
    CHECK(has_rights(map, "r--p") && mete_map_write(map, 0, "b", 1) == -EACCES);
    CHECK(info_of(map).seals ==
          (METE_MAP_SEAL_SHRINK | METE_MAP_SEAL_GROW | METE_MAP_SEAL_WRITE | METE_MAP_SEAL_SEAL));
    CHECK(mete_map_seal(map, METE_MAP_SEAL_FUTURE_WRITE) == -EPERM);
    CHECK(mete_map_flush(map, 0, 0) == -EINVAL && mete_map_error(map) == 0);
}

static void only_memory_files_can_be_sealed(void) {
    mete_map *map = anonymous(4096, 0);
    CHECK(mete_map_seal(map, METE_MAP_SEAL_GROW) == -EINVAL);
    map = opened(METE_MAP_WRITE);
    int status = mete_map_seal(map, METE_MAP_SEAL_WRITE);
    CHECK(status == -EINVAL || status == -EPERM);
    CHECK(has_rights(map, "rw-s") && mete_map_write(map, 0, "x", 1) == 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FACT_ON_FILES(access_can_be_changed),
        FACT(what_was_opened_for_reading_cannot_be_written),
        FACT(code_can_be_made_and_run),
        FACT_ON_FILES(every_advice_is_taken_or_refused_as_such),
        FACT(what_destroys_takes_whole_pages_of_a_range_that_is_said),
        FACT_ON_FILES(a_hole_can_be_punched),
        FACT_ON_FILES(populating_says_what_is_missing),
        FACT_ON_FILES(populating_finds_a_full_disk),
        FACT(residency_counts_pages),
        FACT(locked_pages_are_present_and_stay),
        FACT(shared_memory_grows_in_a_reservation_only),
        FACT(what_a_locked_map_grows_by_is_locked),
        FACT(without_the_right_to_lock_it_is_not_obtained),
        FACT(anonymous_memory_is_zero_and_private_or_shared),
        FACT(huge_pages_are_had_or_said_not_to_be),
        FACT(huge_pages_that_are_set_aside_are_used),
        FACT(names_show_where_the_kernel_has_them),
        FACT(a_memory_file_is_shared_by_its_descriptor),
        FACT(seals_hold),
        FACT_ON_FILES(only_memory_files_can_be_sealed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
