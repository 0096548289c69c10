/*
 * map [FOLDER]: what guarding costs, and when a map is worth having.
 *
 *   copy     mete_map_read against memcpy from the same map: the price of knowing that no byte was
 *            lost; the mark is 1.10 for 4 KiB and more
 *   random   64 bytes at random places of a file kept open: pread, mete_map_read, a plain load
 *   once     a file opened, summed and closed again: read into a buffer, against a map
 *
 * The file is in the page cache. Each pair is timed in turns, in one process; the figure is the
 * median of the rounds, in nanoseconds of the thread's processor time, then the ratio.
 */
#include <fcntl.h>
#include <mete/map.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { FILE_BYTES = 32 << 20, ROUNDS = 41, WINDOW = 2 << 20 };

static const char *path;
static int file;
static mete_map *map;
static char *buffer;
static volatile uint64_t sink;

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

/* The same places for all who are compared. */
static uint64_t place;
static size_t next_place(size_t size, size_t window) {
    place = place * 6364136223846793005u + 1442695040888963407u;
    return (size_t)(place >> 20) % (window - size) & ~(size_t)63;
}

/* ---- what is compared; each does `count` operations of `size` bytes ---- */

static void by_memcpy(size_t size, size_t count) {
    const char *data = mete_map_data(map);
    for (size_t i = 0; i < count; i++) {
        memcpy(buffer, data + next_place(size, WINDOW), size);
        __asm__ volatile("" ::"r"(buffer) : "memory");
    }
}

static void by_map_read(size_t size, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (mete_map_read(map, next_place(size, WINDOW), buffer, size) != (ptrdiff_t)size) abort();
}

static void by_random_pread(size_t size, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (pread(file, buffer, size, (off_t)next_place(size, FILE_BYTES)) != (ssize_t)size)
            abort();
}

static void by_random_map_read(size_t size, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (mete_map_read(map, next_place(size, FILE_BYTES), buffer, size) != (ptrdiff_t)size)
            abort();
}

static void by_random_load(size_t size, size_t count) {
    const char *data = mete_map_data(map);
    for (size_t i = 0; i < count; i++) {
        memcpy(buffer, data + next_place(size, FILE_BYTES), size);
        __asm__ volatile("" ::"r"(buffer) : "memory");
    }
}

static uint64_t sum(const char *bytes, size_t size) {
    uint64_t total = 0, word;
    for (size_t i = 0; i + sizeof word <= size; i += sizeof word) {
        memcpy(&word, bytes + i, sizeof word);
        total += word;
    }
    return total;
}

static void by_reading_once(size_t size, size_t count) {
    for (size_t i = 0; i < count; i++) {
        int once = open(path, O_RDONLY | O_CLOEXEC);
        ssize_t got;
        for (size_t at = 0; at < size; at += (size_t)got) {
            got = read(once, buffer, 128 << 10);
            if (got <= 0) abort();
            sink += sum(buffer, (size_t)got);
        }
        close(once);
    }
}

static void map_once(size_t size, unsigned flags) {
    mete_map *once;
    const mete_map_options options = {.length = size, .flags = flags};
    if (mete_map_open(&once, path, &options) != 0) abort();
    sink += sum(mete_map_data(once), size);
    if (mete_map_error(once) != 0) abort();
    mete_map_close(once);
}

static void by_mapping_once(size_t size, size_t count) {
    for (size_t i = 0; i < count; i++) map_once(size, 0);
}

static void by_populating_once(size_t size, size_t count) {
    for (size_t i = 0; i < count; i++) map_once(size, METE_MAP_POPULATE);
}

/* ---- */

struct way {
    const char *name;
    void (*run)(size_t size, size_t count);
};

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The ways in turns; each against the first. */
static void compare(const char *title, const struct way *ways, size_t count_of_ways, size_t size,
                    size_t count) {
    static double times[4][ROUNDS], ratios[4][ROUNDS];

    for (int round = -1; round < ROUNDS; round++)
        for (size_t i = 0; i < count_of_ways; i++) {
            place = (uint64_t)round + 2;
            double start = now();
            ways[i].run(size, count);
            if (round < 0) continue;
            times[i][round] = (now() - start) / (double)count;
            ratios[i][round] = times[i][round] / times[0][round];
        }
    for (size_t i = 0; i < count_of_ways; i++) {
        qsort(times[i], ROUNDS, sizeof times[i][0], by_value);
        qsort(ratios[i], ROUNDS, sizeof ratios[i][0], by_value);
        printf("%-7s %8zu bytes  %-22s %12.1f ns  %6.2f\n", title, size, ways[i].name,
               times[i][ROUNDS / 2], ratios[i][ROUNDS / 2]);
    }
}

#define COMPARE(title, ways, size, count) \
    compare(title, ways, sizeof(ways) / sizeof((ways)[0]), size, count)

static const struct way copies[] = {{"memcpy", by_memcpy}, {"mete_map_read", by_map_read}};
static const struct way randoms[] = {{"pread", by_random_pread},
                                     {"mete_map_read", by_random_map_read},
                                     {"load from the map", by_random_load}};
static const struct way onces[] = {{"open, read, close", by_reading_once},
                                   {"map", by_mapping_once},
                                   {"map, populated", by_populating_once}};

int main(int argc, char **argv) {
    static char name[4096];
    const mete_map_options options = {.access = METE_MAP_WRITE, .create_size = FILE_BYTES};

    snprintf(name, sizeof name, "%s/mete-bench-map-%d", argc > 1 ? argv[1] : "/tmp", (int)getpid());
    path = name;
    buffer = malloc(4 << 20);
    if (buffer == NULL || mete_map_open(&map, path, &options) != 0) return 1;
    memset(mete_map_data(map), 7, FILE_BYTES);
    memset(buffer, 7, 4 << 20);
    file = open(path, O_RDONLY | O_CLOEXEC);
    for (size_t size = 64; size <= 1 << 20; size *= 4)
        COMPARE("copy", copies, size, size <= 4096 ? 20000 : (32 << 20) / size);
    COMPARE("random", randoms, 64, 20000);
    COMPARE("once", onces, 64 << 10, 20);
    COMPARE("once", onces, 16 << 20, 1);
    unlink(path);
    return mete_map_close(map);
}
