/* mete/map.h: opening files as memory, and files that are cut short under a map. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <mete/map.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "registry/registry.h"
#include "support/folder.h"

static const size_t page = 4096; /* cuts are tried at multiples and beside them */

static mete_map *opened(const char *path, const mete_map_options *options) {
    mete_map *map = NULL;
    errno = 0;
    CHECK(mete_map_open(&map, path, options) == 0 && map != NULL && errno == 0);
    return map;
}

static mete_map *opened_for(const char *path, unsigned access) {
    return opened(path, &(mete_map_options){.access = access});
}

/* Opening fails with `error`, and leaves `out` alone. */
static bool refuses(const char *path, const mete_map_options *options, int error) {
    mete_map *untouched = (mete_map *)8, *map = untouched;
    return mete_map_open(&map, path, options) == error && map == untouched;
}

static bool shows(const mete_map *map, size_t offset, size_t size) {
    const char *data = mete_map_data(map);
    for (size_t i = 0; i < size; i++)
        if (data[i] != folder_byte(offset + i)) return false;
    return true;
}

/* ---- opening ---- */

static void a_file_reads_as_it_is(void) {
    mete_map *map = opened(folder_file("f", 10000), NULL);
    CHECK(mete_map_size(map) == 10000 && shows(map, 0, 10000));
    CHECK(mete_map_error(map) == 0 && mete_map_close(map) == 0);
}

static void any_range_can_be_mapped(void) {
    const char *path = folder_file("f", 20000);
    static const size_t offsets[] = {0, 1, 4095, 4096, 4097, 12345, 19999};

    for (size_t i = 0; i < sizeof offsets / sizeof offsets[0]; i++) {
        mete_map *map = opened(path, &(mete_map_options){.offset = offsets[i], .length = 1});
        CHECK(mete_map_size(map) == 1 && shows(map, offsets[i], 1) && mete_map_close(map) == 0);
        map = opened(path, &(mete_map_options){.offset = offsets[i]});
        CHECK(mete_map_size(map) == 20000 - offsets[i] &&
              shows(map, offsets[i], 20000 - offsets[i]));
        CHECK(mete_map_close(map) == 0);
    }
}

static void a_range_of_nothing_is_an_empty_map(void) {
    mete_map *map = opened(folder_file("empty", 0), NULL);
    char byte;

    CHECK(mete_map_size(map) == 0 && mete_map_data(map) != NULL && mete_map_error(map) == 0);
    CHECK(mete_map_read(map, 0, &byte, 1) == 0 && mete_map_probe(map, 0, 0) == 0);
    CHECK(mete_map_close(map) == 0);
    map = opened(folder_file("f", 5000), &(mete_map_options){.offset = 5000});
    CHECK(mete_map_size(map) == 0 && mete_map_close(map) == 0);
}

static void ranges_beyond_the_file_are_refused(void) {
    const char *path = folder_file("f", 5000);
    CHECK(refuses(path, &(mete_map_options){.offset = 5001}, -ENXIO));
    CHECK(refuses(path, &(mete_map_options){.offset = 1, .length = 5000}, -ENXIO));
    CHECK(refuses(path, &(mete_map_options){.offset = UINT64_MAX, .length = 2}, -ENXIO));
    CHECK(refuses(path, &(mete_map_options){.length = (size_t)PTRDIFF_MAX + 1}, -EOVERFLOW));
    CHECK(refuses(path, &(mete_map_options){.reserve = SIZE_MAX}, -EOVERFLOW));
}

static void what_makes_no_sense_is_refused(void) {
    const char *path = folder_file("f", 5000);
    mete_map *map;

    CHECK(mete_map_open(NULL, path, NULL) == -EINVAL);
    CHECK(mete_map_open(&map, NULL, NULL) == -EINVAL);
    CHECK(refuses(path, &(mete_map_options){.access = METE_MAP_LOCK}, -EINVAL));
    CHECK(refuses(path, &(mete_map_options){.flags = METE_MAP_WRITE}, -EINVAL));
    CHECK(refuses(path, &(mete_map_options){.flags = METE_MAP_NEW}, -EINVAL));
    CHECK(refuses(path, &(mete_map_options){.page_size = 2 << 20}, -EINVAL));
    CHECK(
        refuses(path, &(mete_map_options){.flags = METE_MAP_HUGE, .page_size = 3 << 20}, -EINVAL));
    CHECK(refuses(path, &(mete_map_options){.create_size = 1, .create_mode = 010000}, -EINVAL));
    CHECK(mete_map_close(NULL) == 0);
}

enum opener { OPEN, OPEN_FILE, MEMORY, ANONYMOUS, REPLACE, OPENERS };

static int open_with(enum opener opener, const mete_map_options *options, const char *path,
                     int file) {
    mete_map *map = NULL;
    int status = -1;

    switch (opener) {
    case OPEN: status = mete_map_open(&map, path, options); break;
    case OPEN_FILE: status = mete_map_open_file(&map, file, options); break;
    case MEMORY: status = mete_map_memory(&map, 100, options); break;
    case ANONYMOUS: status = mete_map_anonymous(&map, 100, options); break;
    case REPLACE: status = mete_map_replace(&map, path, options); break;
    case OPENERS: break;
    }
    CHECK(map == NULL ? status < 0 : status == 0 && mete_map_close(map) == 0);
    return status;
}

/* An option and who takes it, O, F, M, A, R as above; for all others it is -EINVAL. */
static void no_option_is_ignored(void) {
    static const struct {
        mete_map_options options;
        const char *takers;
    } cases[] = {
        {{.flags = METE_MAP_POPULATE}, "OFMAR"},
        {{.flags = METE_MAP_LOCK}, "OFMAR"},
        {{.flags = METE_MAP_HUGE}, "OFMAR"},
        {{.flags = METE_MAP_HUGE, .page_size = 2 << 20}, "OFMAR"},
        {{.flags = METE_MAP_NO_RESERVE}, "OFMAR"},
        {{.flags = METE_MAP_STAY, .reserve = 1 << 20}, "OFMAR"},
        {{.flags = METE_MAP_STACK}, "A"},
        {{.flags = METE_MAP_SHARED}, "A"},
        {{.flags = METE_MAP_SPARSE}, "OFMR"},
        {{.flags = METE_MAP_NO_FOLLOW}, "OR"},
        {{.flags = METE_MAP_NEW}, ""},
        {{.flags = 1u << 18}, ""},
        {{.flags = METE_MAP_NAMED}, ""},
        {{.access = METE_MAP_WRITE, .offset = 4096}, "OF"},
        {{.access = METE_MAP_WRITE, .length = 10}, "OF"},
        {{.access = METE_MAP_WRITE, .create_size = 5000}, "OFR"},
        {{.access = METE_MAP_WRITE, .create_size = 5000, .create_mode = 0600}, "OR"},
        {{.access = METE_MAP_WRITE, .create_mode = 0600}, "R"},
        {{.page_size = 2 << 20}, ""},
        {{.access = METE_MAP_COPY}, "OFMA"},
        {{.access = METE_MAP_READ}, "OFMA"},
        {{.access = METE_MAP_READ | METE_MAP_EXEC}, "OFMA"},
        {{.name = "n"}, "OFMAR"},
    };
    const char *path = folder_file("f", 5000);
    int file = open(path, O_RDWR | O_CLOEXEC);

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (enum opener opener = 0; opener < OPENERS; opener++) {
            bool takes = strchr(cases[i].takers, "OFMAR"[opener]) != NULL;
            int status = open_with(opener, &cases[i].options, path, file);
            if (status != (takes ? 0 : -EINVAL))
                fprintf(stderr, "case %zu, %c: %d\n", i, "OFMAR"[opener], status);
            CHECK(status == (takes ? 0 : -EINVAL));
        }
    }
}

static void what_is_no_file_is_named_so(void) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int listener = socket(AF_UNIX, SOCK_STREAM, 0), pipes[2];
    mete_map *map = NULL;

    strncpy(address.sun_path, folder_path("socket"), sizeof address.sun_path - 1);
    CHECK(bind(listener, (struct sockaddr *)&address, sizeof address) == 0);
    CHECK(mkfifo(folder_path("pipe"), 0600) == 0 && pipe(pipes) == 0);
    for (unsigned access = METE_MAP_READ; access <= METE_MAP_COPY; access *= 2) {
        const mete_map_options options = {.access = access};
        CHECK(refuses(folder_path(""), &options, -ENODEV));
        CHECK(refuses(folder_path("pipe"), &options, -ENODEV));
        CHECK(refuses(folder_path("socket"), &options, -ENODEV));
        CHECK(refuses("/dev/null", &options, -ENODEV));
        CHECK(refuses(folder_path("nothing"), &options, -ENOENT));
        CHECK(mete_map_open_file(&map, pipes[0], &options) == -ENODEV && map == NULL);
    }
    CHECK(mete_map_open_file(&map, -1, NULL) == -EBADF && map == NULL);
}

static void stores_reach_the_file_or_stay_private(void) {
    const char *path = folder_file("f", 5000);
    mete_map *shared = opened_for(path, METE_MAP_WRITE), *copy = opened_for(path, METE_MAP_COPY);
    mete_map *reader = opened(path, NULL), *both = opened_for(path, METE_MAP_WRITE | METE_MAP_COPY);
    char *own = mete_map_data(copy);

    own[1] = 'c';
    ((char *)mete_map_data(both))[2] = 'b'; /* stays private as well */
    ((char *)mete_map_data(shared))[4999] = 's';
    CHECK(((const char *)mete_map_data(reader))[4999] == 's');
    CHECK(own[1] == 'c' && shows(reader, 0, 4999) && shows(shared, 0, 4999));
    CHECK(mete_map_flush(shared, 0, 0) == 0 && mete_map_flush(shared, 4000, 1000) == 0);
    CHECK(mete_map_flush(copy, 0, 0) == -EINVAL && mete_map_flush(reader, 0, 0) == -EINVAL);
    CHECK(mete_map_flush_async(copy, 0, 0) == -EINVAL && mete_map_cut(reader) == -EINVAL);
    CHECK(mete_map_close(copy) == 0 && mete_map_close(reader) == 0 && mete_map_close(shared) == 0);
}

static void a_descriptor_must_allow_what_is_asked(void) {
    int file = open(folder_file("f", 5000), O_RDONLY | O_CLOEXEC);
    mete_map *map = NULL;

    CHECK(mete_map_open_file(&map, file, &(mete_map_options){.access = METE_MAP_WRITE}) == -EACCES);
    CHECK(mete_map_open_file(&map, file, &(mete_map_options){.create_size = 6000}) == -EACCES);
    CHECK(map == NULL && folder_size("f") == 5000);
    CHECK(mete_map_open_file(&map, file, &(mete_map_options){.access = METE_MAP_COPY}) == 0);
    close(file);
    CHECK(shows(map, 0, 5000) && mete_map_file(map) >= 0);
    CHECK((fcntl(mete_map_file(map), F_GETFD) & FD_CLOEXEC) != 0 && mete_map_close(map) == 0);
}

/* ---- create_size ---- */

static void create_size_creates_and_extends_and_never_cuts(void) {
    const char *path = folder_path("new");
    mete_map_options options = {.access = METE_MAP_WRITE, .create_size = 10000};
    struct stat found;

    CHECK(refuses(path, &(mete_map_options){.access = METE_MAP_WRITE}, -ENOENT));
    umask(027);
    mete_map *map = opened(path, &options);
    CHECK(mete_map_size(map) == 10000 && mete_map_close(map) == 0);
    CHECK(stat(path, &found) == 0 && found.st_size == 10000 && (found.st_mode & 0777) == 0640);
    CHECK(found.st_blocks * 512 >= 10000); /* not a hole */
    options.create_size = 500;
    map = opened(path, &options);
    CHECK(mete_map_size(map) == 10000 && mete_map_close(map) == 0);
    options.create_size = 20000;
    map = opened(path, &options);
    CHECK(mete_map_size(map) == 20000 && mete_map_flush(map, 0, 0) == 0);
    CHECK(mete_map_close(map) == 0 && folder_size("new") == 20000);
}

static void a_file_can_be_created_for_reading_or_with_holes(void) {
    const mete_map_options options = {.create_size = 1 << 20, .flags = METE_MAP_SPARSE};
    struct stat found;
    mete_map *map = opened(folder_path("f"), &options);

    CHECK(mete_map_size(map) == 1 << 20 && mete_map_flush(map, 0, 0) == -EINVAL);
    CHECK(stat(folder_path("f"), &found) == 0 && found.st_blocks == 0);
    CHECK(mete_map_close(map) == 0);
}

static void new_means_new_and_links_can_be_refused(void) {
    const char *path = folder_file("f", 100), *link = folder_path("link");
    const mete_map_options new = {.create_size = 100, .flags = METE_MAP_NEW};

    CHECK(refuses(path, &new, -EEXIST) && symlink(path, link) == 0);
    CHECK(refuses(link, &(mete_map_options){.flags = METE_MAP_NO_FOLLOW}, -ELOOP));
    mete_map *map = opened(link, NULL);
    CHECK(shows(map, 0, 100) && mete_map_close(map) == 0);
    map = opened(folder_path("g"), &new);
    CHECK(mete_map_close(map) == 0);
}

static void a_failed_opening_leaves_no_trace(void) {
    const char *path = folder_file("f", 5000);
    mete_map_options options = {.create_size = 9000, .offset = 9001};
    int before = dup(0);

    close(before);
    CHECK(refuses(path, &options, -ENXIO) && folder_size("f") == 5000);
    CHECK(refuses(folder_path("new"), &options, -ENXIO) && folder_size("new") == -1);
    CHECK(refuses(folder_path("no/such/folder"), &options, -ENOENT));
    CHECK(dup(0) == before); /* no descriptor was left open */
}

static void a_file_above_the_limit_is_refused_without_a_signal(void) {
    struct rlimit limit = {8192, 8192};

    CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
    CHECK(refuses(folder_path("f"), &(mete_map_options){.create_size = 8193}, -EFBIG));
    CHECK(refuses(folder_path("f"), &(mete_map_options){.create_size = UINT64_MAX}, -EFBIG));
    CHECK(folder_size("f") == -1);
    mete_map *map = opened(folder_path("f"),
                           &(mete_map_options){.access = METE_MAP_WRITE, .create_size = 8192});
    CHECK(mete_map_resize(map, 8193) == -EFBIG && mete_map_size(map) == 8192);
}

static void a_full_disk_is_an_error_of_opening(void) {
    mete_map_options options = {.access = METE_MAP_WRITE, .create_size = 1 << 20};

    folder_make_small(256 << 10);
    folder_file("f", 5000);
    CHECK(refuses(folder_path("new"), &options, -ENOSPC) && folder_size("new") == -1);
    CHECK(refuses(folder_path("f"), &options, -ENOSPC) && folder_size("f") == 5000);
    options.create_size = 128 << 10;
    mete_map *map = opened(folder_path("new"), &options);
    memset(mete_map_data(map), 1, 128 << 10);
    CHECK(mete_map_error(map) == 0 && mete_map_close(map) == 0);
}

/* ---- files that are cut ---- */

static size_t wrong_after_cut(const mete_map *map, size_t offset, size_t cut) {
    const volatile char *data = mete_map_data(map);
    size_t wrong = 0;
    for (size_t i = 0; i < mete_map_size(map); i++)
        wrong += data[i] != (offset + i < cut ? folder_byte(offset + i) : 0);
    return wrong;
}

static void a_cut_file_reads_as_zeros_and_says_so(void) {
    static const long cuts[] = {0, 1, 4095, 4096, 4097, 10000, 16384, 20479};
    static const unsigned accesses[] = {METE_MAP_READ, METE_MAP_WRITE, METE_MAP_COPY};

    for (size_t i = 0; i < sizeof cuts / sizeof cuts[0]; i++)
        for (size_t j = 0; j < sizeof accesses / sizeof accesses[0]; j++) {
            const char *path = folder_file("f", 20480);
            mete_map *map = opened_for(path, accesses[j]);
            CHECK(shows(map, 0, 20480) && truncate(path, cuts[i]) == 0);
            errno = 0;
            CHECK(wrong_after_cut(map, 0, (size_t)cuts[i]) == 0 && errno == 0);
            CHECK(mete_map_error(map) == -ENXIO && mete_map_error(map) == -ENXIO);
            CHECK(truncate(path, 20480) == 0 && mete_map_error(map) == -ENXIO);
            CHECK(mete_map_close(map) == 0);
        }
}

static void a_cut_is_found_though_nobody_met_it(void) {
    const char *path = folder_file("f", 20480);
    mete_map *all = opened(path, NULL), *front = opened(path, &(mete_map_options){.length = 5000});

    CHECK(truncate(path, 20479) == 0 && mete_map_error(all) == -ENXIO);
    CHECK(mete_map_error(front) == 0 && truncate(path, 5000) == 0 && mete_map_error(front) == 0);
    CHECK(truncate(path, 4999) == 0 && mete_map_error(front) == -ENXIO);
}

static void stores_behind_a_cut_go_nowhere(void) {
    const char *path = folder_file("f", 20480);
    mete_map *map = opened_for(path, METE_MAP_WRITE);
    char *data = mete_map_data(map);

    CHECK(truncate(path, 4096) == 0);
    data[20000] = 'x';
    data[0] = 'y';
    CHECK(data[20000] == 'x' && mete_map_flush(map, 0, 0) == -ENXIO);
    CHECK(mete_map_flush(map, 0, 4096) == 0 && folder_size("f") == 4096);
    CHECK(mete_map_close(map) == 0);
}

/* A second, lower cut takes what is between, and leaves alone what was zeros before. */
static void a_file_can_be_cut_again(void) {
    const char *path = folder_file("f", 8 * page);
    mete_map *map = opened_for(path, METE_MAP_WRITE);
    char *data = mete_map_data(map);

    CHECK(truncate(path, (long)(6 * page)) == 0);
    data[7 * page] = 'x';
    CHECK(truncate(path, (long)(2 * page)) == 0);
    CHECK(data[3 * page] == 0 && data[7 * page] == 'x' && data[page] == folder_byte(page));
    CHECK(mete_map_error(map) == -ENXIO && mete_map_close(map) == 0);
}

static void only_the_maps_of_the_file_are_touched(void) {
    const char *path = folder_file("f", 8192);
    mete_map *other = opened(folder_file("g", 8192), NULL), *map = opened(path, NULL);

    CHECK(truncate(path, 0) == 0 && wrong_after_cut(map, 0, 0) == 0);
    CHECK(mete_map_error(other) == 0 && shows(other, 0, 8192));
    CHECK(mete_map_close(map) == 0 && mete_map_close(other) == 0);
}

static void many_maps_are_all_guarded(void) {
    enum { COUNT = 600 };
    const char *path = folder_file("f", 8192);
    static mete_map *maps[COUNT];

    for (int i = 0; i < COUNT; i++) maps[i] = opened(path, NULL);
    for (int i = 0; i < COUNT; i += 2) CHECK(mete_map_close(maps[i]) == 0);
    for (int i = 0; i < COUNT; i += 2) maps[i] = opened(path, NULL);
    CHECK(truncate(path, 0) == 0);
    for (int i = 0; i < COUNT; i++)
        CHECK(wrong_after_cut(maps[i], 0, 0) == 0 && mete_map_error(maps[i]) == -ENXIO);
    for (int i = 0; i < COUNT; i++) CHECK(mete_map_close(maps[i]) == 0);
}

static void cut_and_read(void *path) {
    mete_map *map = opened(path, NULL);
    CHECK(truncate(path, 0) == 0 && wrong_after_cut(map, 0, 0) == 0);
    CHECK(mete_map_close(map) == 0);
}

static void a_child_is_guarded_for_itself(void) {
    const char *path = folder_file("f", 8192);
    mete_map *map = opened(path, NULL);

    apart_in_child(cut_and_read, (void *)(uintptr_t)path);
    CHECK(wrong_after_cut(map, 0, 0) == 0 && mete_map_error(map) == -ENXIO);
}

static void without_its_descriptor_a_map_still_guards(void) {
    const char *path = folder_file("f", 8192);
    mete_map *map = opened_for(path, METE_MAP_WRITE);

    close(mete_map_file(map));
    CHECK(mete_map_error(map) == 0 && mete_map_flush_async(map, 0, 0) == -EBADF);
    CHECK(mete_map_resize(map, 9000) == -EBADF && mete_map_flush(map, 0, 0) == 0);
    int other = open("/dev/null", O_RDWR); /* most likely the same number */
    CHECK(other == mete_map_file(map) && mete_map_flush_async(map, 0, 0) == -EBADF);
    CHECK(truncate(path, 0) == 0 && wrong_after_cut(map, 0, 0) == 0);
    CHECK(mete_map_error(map) == -ENXIO && mete_map_close(map) == 0);
    CHECK(fcntl(other, F_GETFD) >= 0); /* it was not the map's to close */
}

static struct {
    const char *volatile path;
    mete_map *map;
    volatile int enough;
} race;

static void *read_on(void *unused) {
    const volatile char *data = mete_map_data(race.map);
    size_t sum = 0;

    (void)unused;
    while (!__atomic_load_n(&race.enough, __ATOMIC_ACQUIRE))
        for (size_t i = 0; i < mete_map_size(race.map); i += 512) {
            char byte = data[i];
            if (byte != 0 && byte != folder_byte(i)) abort();
            sum += byte != 0;
        }
    return (void *)sum;
}

static void threads_may_read_while_the_file_is_cut(void) {
    enum { THREADS = 3, ROUNDS = 20, BYTES = 1 << 20 };
    pthread_t threads[THREADS];

    for (int round = 0; round < ROUNDS; round++) {
        race.path = folder_file("f", BYTES);
        race.map = opened(race.path, NULL);
        race.enough = 0;
        for (int i = 0; i < THREADS; i++)
            CHECK(pthread_create(&threads[i], NULL, read_on, NULL) == 0);
        for (long cut = BYTES - 100000; cut >= 0; cut -= 150000)
            CHECK(truncate(race.path, cut) == 0);
        CHECK(truncate(race.path, 0) == 0);
        while (mete_map_error(race.map) == 0) continue;
        CHECK(wrong_after_cut(race.map, 0, 0) == 0);
        __atomic_store_n(&race.enough, 1, __ATOMIC_RELEASE);
        for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
        CHECK(mete_map_close(race.map) == 0);
    }
}

/* ---- handlers ---- */

static volatile int own_faults;

static void own_handler(int number, siginfo_t *info, void *context) {
    (void)number, (void)context;
    if (!mete_map_repair(info->si_addr)) _exit(9);
    own_faults++;
}

static void a_later_handler_can_ask_for_the_repair(void) {
    const char *path = folder_file("f", 8192);
    struct sigaction action = {.sa_sigaction = own_handler, .sa_flags = SA_SIGINFO};
    mete_map *map = opened(path, NULL), *other = opened(path, NULL);

    CHECK(sigaction(SIGBUS, &action, NULL) == 0 && truncate(path, 0) == 0);
    CHECK(wrong_after_cut(map, 0, 0) == 0 && own_faults == 1);
    mete_map *newer = opened(folder_file("g", 8192), NULL); /* in front again */
    CHECK(wrong_after_cut(other, 0, 0) == 0 && own_faults == 1);
    CHECK(mete_map_error(map) == -ENXIO && mete_map_error(other) == -ENXIO);
    CHECK(!mete_map_repair(&action) && mete_map_close(newer) == 0);
}

/* ---- pages that find no room ---- */

static void a_hole_on_a_full_disk_is_an_error_not_a_signal(void) {
    mete_map_options options = {
        .access = METE_MAP_WRITE, .create_size = 64 * 4096, .flags = METE_MAP_SPARSE};
    static char filler[4096];

    folder_make_small(16 * 4096);
    mete_map *map = opened(folder_path("f"), &options);
    char *data = mete_map_data(map);
    for (size_t i = 0; i < 64 * page; i += page) data[i] = 'x';
    CHECK(mete_map_error(map) == -ENOSPC && mete_map_error(map) == -ENOSPC);
    CHECK(mete_map_flush(map, 0, 0) == -ENOSPC && mete_map_flush(map, 0, page) == 0);
    CHECK(data[63 * page] == 'x' && mete_map_write(map, 0, filler, page) == (ptrdiff_t)page);
    ptrdiff_t held = mete_map_read(map, 0, filler, page);
    CHECK(held == (ptrdiff_t)page);
    CHECK(mete_map_read(map, 63 * page, filler, page) == -ENOSPC);
    CHECK(mete_map_close(map) == 0);
}

/* ---- what it says of itself ---- */

static bool note_maps(void *context, struct mete__holder *holder) {
    if (holder->methods->kind == METE__HOLDER_MAP) *(struct mete__holder **)context = holder;
    return true;
}

static struct mete__holder *entered_map(void) {
    struct mete__holder *holder = NULL;
    CHECK(mete__registry_each(note_maps, &holder));
    return holder;
}

static void sum_ranges(void *context, uintptr_t start, size_t size) {
    (void)start;
    *(size_t *)context += size;
}

static void the_registry_knows_it(void) {
    mete_map *map = opened(folder_file("f", 10000), &(mete_map_options){.name = "a name"});
    struct mete__holder *holder = entered_map();
    struct mete__holder_block block;
    struct mete__holder_stats stats;
    char *data = mete_map_data(map);
    size_t bytes = 0;

    CHECK(holder != NULL && strcmp(holder->name, "a name") == 0 && holder->created_by != 0);
    CHECK(holder->methods->find(holder, data + 9999, &block) && block.block == data && block.live);
    CHECK(block.size == 10000 && !holder->methods->find(holder, data + 12288, &block));
    holder->methods->read(holder, &stats);
    CHECK(stats.live_bytes == 12288 && stats.reserved_bytes == 12288 && stats.live_blocks == 1);
    holder->methods->each_range(holder, sum_ranges, &bytes);
    CHECK(bytes == 12288 && mete_map_close(map) == 0 && entered_map() == NULL);
    CHECK(opened(folder_path("f"), NULL) != NULL);
    CHECK(strcmp(entered_map()->name, folder_path("f")) == 0);
}

static void it_says_what_it_has(void) {
    mete_map_options options = {.offset = 5000,
                                .flags = METE_MAP_POPULATE | METE_MAP_LOCK | METE_MAP_NO_RESERVE};
    mete_map *map = opened(folder_file("f", 20000), &options);
    mete_map_info info;
    struct stat found;

    CHECK(stat(folder_path("f"), &found) == 0 && mete_map_info_read(map, &info) == 0);
    CHECK(info.data == mete_map_data(map) && info.size == 15000 && info.file_offset == 5000);
    CHECK(info.device == found.st_dev && info.inode == found.st_ino && info.page_size == page);
    CHECK(info.reserved_bytes == 16384 && info.resident_bytes == 16384 && info.views == 1);
    CHECK(info.access == METE_MAP_READ && (info.seals & ~METE_MAP_SEAL_SEAL) == 0);
    CHECK((info.obtained & METE_MAP_POPULATE) != 0 && (info.obtained & METE_MAP_NO_RESERVE) != 0);
    CHECK(mete_map_close(map) == 0);
}

static void without_address_space_nothing_has_changed(void) {
    const char *path = folder_path("f");
    mete_map_options options = {.access = METE_MAP_WRITE, .create_size = 8192};
    struct rlimit limit = {64 << 20, 64 << 20};

    CHECK(mete_map_close(opened(folder_file("warm", 10), NULL)) == 0);
    if (APART_SANITIZED) apart_skip("a sanitizer needs its address space");
    CHECK(setrlimit(RLIMIT_AS, &limit) == 0);
    options.reserve = (size_t)1 << 40;
    CHECK(refuses(path, &options, -ENOMEM) && folder_size("f") == -1);
    options.reserve = 0;
    mete_map *map = opened(path, &options);
    options.create_size = (size_t)1 << 30;
    options.flags = METE_MAP_SPARSE;
    CHECK(refuses(path, &options, -ENOMEM) && folder_size("f") == 8192);
    CHECK(mete_map_close(map) == 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FACT_ON_FILES(a_file_reads_as_it_is),
        FACT_ON_FILES(any_range_can_be_mapped),
        FACT_ON_FILES(a_range_of_nothing_is_an_empty_map),
        FACT_ON_FILES(ranges_beyond_the_file_are_refused),
        FACT_ON_FILES(what_makes_no_sense_is_refused),
        FACT_ON_FILES(no_option_is_ignored),
        FACT_ON_FILES(what_is_no_file_is_named_so),
        FACT_ON_FILES(stores_reach_the_file_or_stay_private),
        FACT_ON_FILES(a_descriptor_must_allow_what_is_asked),
        FACT_ON_FILES(create_size_creates_and_extends_and_never_cuts),
        FACT_ON_FILES(a_file_can_be_created_for_reading_or_with_holes),
        FACT_ON_FILES(new_means_new_and_links_can_be_refused),
        FACT_ON_FILES(a_failed_opening_leaves_no_trace),
        FACT_ON_FILES(a_file_above_the_limit_is_refused_without_a_signal),
        FACT_ON_FILES(a_full_disk_is_an_error_of_opening),
        FACT_ON_FILES(a_cut_file_reads_as_zeros_and_says_so),
        FACT_ON_FILES(a_cut_is_found_though_nobody_met_it),
        FACT_ON_FILES(stores_behind_a_cut_go_nowhere),
        FACT_ON_FILES(a_file_can_be_cut_again),
        FACT_ON_FILES(only_the_maps_of_the_file_are_touched),
        FACT_ON_FILES(many_maps_are_all_guarded),
        FACT_ON_FILES(a_child_is_guarded_for_itself),
        FACT_ON_FILES(without_its_descriptor_a_map_still_guards),
        FACT_ON_FILES(threads_may_read_while_the_file_is_cut),
        FACT_ON_FILES(a_later_handler_can_ask_for_the_repair),
        FACT_ON_FILES(a_hole_on_a_full_disk_is_an_error_not_a_signal),
        FACT_ON_FILES(the_registry_knows_it),
        FACT_ON_FILES(it_says_what_it_has),
        FACT_ON_FILES(without_address_space_nothing_has_changed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
