/*
 * map/extent.h: each system call that a map is made with fails in turn, and nothing is left behind.
 *
 * The calls are replaced in this program: the archive of the runtime finds these before the C
 * library's.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <mete/map.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "map/extent.h"
#include "registry/registry.h"
#include "support/folder.h"

#if !APART_SANITIZED

static bool armed;
static int calls, fails_at, fails_with;

static bool fails(void) {
    if (!armed || calls++ != fails_at) return false;
    errno = fails_with;
    return true;
}

#define REAL(name, type)          \
    static __typeof__(type) real; \
    if (real == NULL) *(void **)&real = dlsym(RTLD_NEXT, name)

/* NOLINTBEGIN(readability-inconsistent-declaration-parameter-name): the C library's are reserved */
void *mmap(void *start, size_t size, int protection, int flags, int file, off_t offset) {
    REAL("mmap", void *(*)(void *, size_t, int, int, int, off_t));
    return fails() ? MAP_FAILED : real(start, size, protection, flags, file, offset);
}

void *mremap(void *start, size_t old_size, size_t new_size, int flags, ...) {
    REAL("mremap", void *(*)(void *, size_t, size_t, int, void *));
    return fails() ? MAP_FAILED : real(start, old_size, new_size, flags, NULL);
}

int mprotect(void *start, size_t size, int protection) {
    REAL("mprotect", int (*)(void *, size_t, int));
    return fails() ? -1 : real(start, size, protection);
}

int madvise(void *start, size_t size, int advice) {
    REAL("madvise", int (*)(void *, size_t, int));
    return fails() ? -1 : real(start, size, advice);
}

int fstat(int file, struct stat *out) {
    REAL("fstat", int (*)(int, struct stat *));
    return fails() ? -1 : real(file, out);
}

long syscall(long number, ...) {
    REAL("syscall", long (*)(long, long, long, long, long, long, long));
    long arguments[6];
    va_list list;

    va_start(list, number);
    /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): clang-tidy 14 misses the line above */
    for (int i = 0; i < 6; i++) arguments[i] = va_arg(list, long);
    va_end(list);
    /* What gives back cannot fail in a way that could be answered. */
    bool gives_back = number == SYS_close || number == SYS_getpid || number == SYS_gettid;
    if (!gives_back && fails()) return -1;
    return real(number, arguments[0], arguments[1], arguments[2], arguments[3], arguments[4],
                arguments[5]);
}

/* NOLINTEND(readability-inconsistent-declaration-parameter-name) */

/* ---- */

static size_t open_files(void) {
    size_t count = 0;
    for (int i = 0; i < 256; i++) count += fcntl(i, F_GETFD) >= 0;
    return count;
}

static bool count_map(void *context, struct mete__holder *holder) {
    *(size_t *)context += holder->methods->kind == METE__HOLDER_MAP;
    return true;
}

static size_t maps(void) {
    size_t count = 0;
    CHECK(mete__registry_each(count_map, &count));
    return count;
}

/* Runs `attempt` again and again, the n-th call failing, until none is left to fail. Each attempt
 * begins and ends without maps; it answers whether it did all it meant to. */
static void fail_each_call(bool (*attempt)(void)) {
    static const int errors[] = {ENOMEM, EIO};

    fails_at = -1;
    CHECK(attempt());
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        int succeeded = 0;
        fails_with = errors[i];
        for (fails_at = 0; fails_at < 200; fails_at++) {
            size_t files = open_files();
            calls = 0;
            bool whole = attempt();
            CHECK(maps() == 0 && open_files() == files);
            if (calls <= fails_at) break;
            succeeded += whole;
        }
        CHECK(fails_at >= 3 && fails_at < 200 && succeeded < fails_at);
    }
}

static int armed_open(mete_map **map, const char *path, const mete_map_options *options) {
    errno = 0;
    armed = true;
    int status = mete_map_open(map, path, options);
    armed = false;
    CHECK(errno == 0 && (status == 0) == (*map != NULL));
    return status;
}

static bool open_it(void) {
    const mete_map_options options = {
        .flags = METE_MAP_POPULATE | METE_MAP_LOCK, .offset = 5, .reserve = 1 << 20};
    mete_map *map = NULL;
    int status = armed_open(&map, folder_path("f"), &options);

    if (status != 0) return false;
    CHECK(*(char *)mete_map_data(map) == folder_byte(5) && mete_map_close(map) == 0);
    return true;
}

static void opening_fails_whole(void) {
    folder_file("f", 20000);
    fail_each_call(open_it);
}

static bool create_it(void) {
    const mete_map_options options = {.access = METE_MAP_WRITE, .create_size = 10000};
    mete_map *map = NULL;
    int status = armed_open(&map, folder_path("new"), &options);

    if (status != 0) {
        CHECK(folder_size("new") == -1);
        return false;
    }
    CHECK(folder_size("new") == 10000 && mete_map_close(map) == 0);
    CHECK(unlink(folder_path("new")) == 0);
    return true;
}

static void creating_fails_whole(void) {
    fail_each_call(create_it);
}

static bool extend_it(void) {
    const mete_map_options options = {.access = METE_MAP_WRITE, .create_size = 10000};
    mete_map *map = NULL;
    int status = armed_open(&map, folder_path("f"), &options);

    CHECK(folder_size("f") == (status == 0 ? 10000 : 5000));
    CHECK(mete_map_close(map) == 0 && truncate(folder_path("f"), 5000) == 0);
    return status == 0;
}

static void extending_fails_whole(void) {
    folder_file("f", 5000);
    fail_each_call(extend_it);
}

static bool grow_with(size_t reserve) {
    const mete_map_options options = {
        .access = METE_MAP_WRITE, .create_size = 5000, .reserve = reserve};
    mete_map *map = NULL;

    CHECK(mete_map_open(&map, folder_path("f"), &options) == 0);
    char *data = mete_map_data(map);
    armed = true;
    int status = mete_map_resize(map, 100000);
    armed = false;
    if (status != 0) {
        CHECK(mete_map_size(map) == 5000 && mete_map_data(map) == data && folder_size("f") == 5000);
        CHECK(data[4999] == 0 && mete_map_error(map) == 0 && mete_map_resize(map, 100000) == 0);
    }
    CHECK(folder_size("f") == 100000 && mete_map_write(map, 99999, "x", 1) == 1);
    CHECK(mete_map_close(map) == 0 && unlink(folder_path("f")) == 0);
    return status == 0;
}

static bool grow_it(void) {
    return grow_with(0);
}

static bool grow_it_in_a_reservation(void) {
    return grow_with(1 << 20);
}

/* After a cut that was met: what is lost is mapped anew as well. */
static bool regrow_with(size_t reserve) {
    const mete_map_options options = {
        .access = METE_MAP_WRITE, .create_size = 20000, .reserve = reserve};
    mete_map *map = NULL;

    CHECK(mete_map_open(&map, folder_path("f"), &options) == 0);
    CHECK(mete_map_write(map, 0, "x", 1) == 1 && truncate(folder_path("f"), 5000) == 0);
    volatile char *data = mete_map_data(map);
    CHECK(data[12000] == 0 && mete_map_error(map) == -ENXIO);
    armed = true;
    int status = mete_map_resize(map, 30000);
    armed = false;
    if (status != 0) {
        CHECK(mete_map_size(map) == 20000 && folder_size("f") == 5000);
        CHECK(mete_map_error(map) == -ENXIO && data[0] == 'x' && data[19999] == 0);
        CHECK(mete_map_resize(map, 30000) == 0);
    }
    CHECK(mete_map_error(map) == 0 && mete_map_write(map, 29999, "y", 1) == 1);
    CHECK(mete_map_write(map, 12000, "z", 1) == 1 && folder_size("f") == 30000);
    CHECK(folder_read("f", 12000) == 'z' && folder_read("f", 29999) == 'y');
    CHECK(mete_map_close(map) == 0 && unlink(folder_path("f")) == 0);
    return status == 0;
}

static bool regrow_it(void) {
    return regrow_with(0);
}

static bool regrow_it_in_a_reservation(void) {
    return regrow_with(1 << 20);
}

static void growing_fails_whole(void) {
    fail_each_call(regrow_it);
    fail_each_call(regrow_it_in_a_reservation);
    fail_each_call(grow_it);
    fail_each_call(grow_it_in_a_reservation);
}

static bool replace_it(void) {
    const mete_map_options options = {.create_size = 3};
    mete_map *map = NULL;

    armed = true;
    int status = mete_map_replace(&map, folder_path("f"), &options);
    armed = false;
    if (status == 0) {
        memcpy(mete_map_data(map), "new", 3);
        armed = true;
        status = mete_map_commit(map);
        armed = false;
    }
    long size = folder_size("f");
    CHECK(status == 0 ? size == 3 : size == 3 || size == 5000);
    int closed = mete_map_close(map); /* what could not be written is told until it is read */
    CHECK((closed == 0 || closed == status) && folder_entries() == 1);
    folder_file("f", 5000);
    return status == 0;
}

static void replacing_leaves_the_old_or_the_new(void) {
    folder_file("f", 5000);
    fail_each_call(replace_it);
}

static bool make_memory(void) {
    const mete_map_options options = {.flags = METE_MAP_HUGE, .name = "name"};
    mete_map *map = NULL;

    armed = true;
    int status = mete_map_memory(&map, 5000, &options);
    armed = false;
    CHECK((status == 0) == (map != NULL) && mete_map_close(map) == 0);
    map = NULL;
    armed = true;
    int other = mete_map_anonymous(&map, 5000, &options);
    armed = false;
    CHECK((other == 0) == (map != NULL) && mete_map_close(map) == 0);
    return status == 0 && other == 0;
}

static void making_memory_fails_whole(void) {
    fail_each_call(make_memory);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FACT_ON_FILES(opening_fails_whole),
        FACT_ON_FILES(creating_fails_whole),
        FACT_ON_FILES(extending_fails_whole),
        FACT_ON_FILES(growing_fails_whole),
        FACT_ON_FILES(replacing_leaves_the_old_or_the_new),
        FACT(making_memory_fails_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

static void sanitizers_own_these_calls(void) {
    apart_skip("a sanitizer replaces the same calls");
}

int main(void) {
    const struct CMUnitTest tests[] = {FACT(sanitizers_own_these_calls)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#endif
