/*
 * tests/fuzz/driver.c - runs a fuzzer without libFuzzer: any compiler, any sanitizer, no coverage.
 *
 *     fuzz_NAME [--seconds N] [--runs N] [--seed N] [FILE|DIRECTORY…]
 *
 * First every file as it is, then random mutations of them until N seconds or N runs are over; the
 * same seed makes the same inputs. An input that crashes, or takes longer than SLOWEST seconds, is
 * left in fuzz_NAME.crash.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    LONGEST = 1 << 20, /* bytes of an input */
    SLOWEST = 20,      /* seconds an input may take, roughly */
    PATIENCE = 64,     /* runs between two looks at the clock */
    MOST_FILES = 4096,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
/* The sanitizers' own hook: they end the process without a signal. */
__attribute__((weak)) void __sanitizer_set_death_callback(void (*callback)(void));

struct input {
    uint8_t *bytes;
    size_t size;
};

static struct input corpus[MOST_FILES];
static size_t corpus_size;
static struct input present; /* the input that is running */
static char crash_file[4096];
static uint64_t random_state;

/* xorshift64*, Sebastiano Vigna, "An experimental exploration of Marsaglia's xorshift
 * generators". */
static uint64_t next_random(void) {
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return random_state * 0x2545f4914f6cdd1du;
}

static size_t random_below(size_t limit) {
    return limit == 0 ? 0 : (size_t)(next_random() % limit);
}

/* Async-signal-safe, like all that the two callbacks below do. */
static void keep_input(void) {
    int file = open(crash_file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (file < 0) return;
    ssize_t written = write(file, present.bytes, present.size);
    close(file);
    if (written < 0 || (size_t)written != present.size) return;
    static const char text[] = "\nthe input is kept in ";
    written = write(STDERR_FILENO, text, sizeof text - 1);
    written = write(STDERR_FILENO, crash_file, strlen(crash_file));
    written = write(STDERR_FILENO, "\n", 1);
    (void)written;
}

static void on_signal(int number) {
    keep_input();
    signal(number, SIG_DFL);
    raise(number);
}

static void run_present(void) {
    static unsigned runs;
    if (runs++ % PATIENCE == 0) alarm(SLOWEST);
    /* A copy of the exact size, so that a sanitizer sees the first byte beyond. */
    uint8_t *copy = malloc(present.size + (present.size == 0));
    if (copy == NULL) return;
    memcpy(copy, present.bytes, present.size);
    LLVMFuzzerTestOneInput(copy, present.size);
    free(copy);
}

static void add_file(const char *path) {
    struct stat status;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0 || fstat(file, &status) != 0) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        exit(2);
    }
    size_t size = (size_t)status.st_size < LONGEST ? (size_t)status.st_size : LONGEST;
    uint8_t *bytes = malloc(size + 1);
    ssize_t length = bytes == NULL ? -1 : read(file, bytes, size);
    close(file);
    if (length < 0 || corpus_size == MOST_FILES) {
        free(bytes);
        return;
    }
    corpus[corpus_size++] = (struct input){bytes, (size_t)length};
}

/* A file, or each file of a directory; a path that does not exist has nothing to begin with. */
static void add_path(const char *path) {
    struct dirent **entries;
    struct stat status;

    if (stat(path, &status) != 0) return;
    if (!S_ISDIR(status.st_mode)) {
        add_file(path);
        return;
    }
    int count = scandir(path, &entries, NULL, alphasort);
    for (int i = 0; i < count; i++) {
        char file[4096];
        int length = snprintf(file, sizeof file, "%s/%s", path, entries[i]->d_name);
        if (entries[i]->d_name[0] != '.' && length > 0 && (size_t)length < sizeof file)
            add_file(file);
        free(entries[i]);
    }
    if (count >= 0) free(entries);
}

/* Numbers at which arithmetic goes wrong. */
static uint64_t interesting(void) {
    static const uint64_t numbers[] = {0,
                                       1,
                                       7,
                                       8,
                                       0x7f,
                                       0x80,
                                       0xff,
                                       0x100,
                                       0x7fff,
                                       0xffff,
                                       INT32_MAX,
                                       1u << 31,
                                       UINT32_MAX,
                                       INT64_MAX,
                                       (uint64_t)1 << 63,
                                       UINT64_MAX,
                                       UINT64_MAX - 7};
    uint64_t number = numbers[random_below(sizeof numbers / sizeof numbers[0])];
    return random_below(4) == 0 ? number + random_below(16) : number;
}

static void overwrite_number(struct input *input) {
    size_t width = (size_t)1 << random_below(4);
    if (input->size < width) return;
    uint64_t number = random_below(2) == 0 ? interesting() : next_random();
    size_t where = random_below(input->size - width + 1);
    if (random_below(2) == 0) where -= where % width;
    memcpy(input->bytes + where, &number, width);
}

static void insert_bytes(struct input *input) {
    size_t count = 1 + random_below(32);
    if (input->size + count > LONGEST) return;
    size_t where = random_below(input->size + 1);
    memmove(input->bytes + where + count, input->bytes + where, input->size - where);
    for (size_t i = 0; i < count; i++) input->bytes[where + i] = (uint8_t)next_random();
    input->size += count;
}

static void delete_bytes(struct input *input) {
    size_t where = random_below(input->size);
    size_t count = 1 + random_below(64);
    if (input->size == 0) return;
    if (count > input->size - where) count = input->size - where;
    memmove(input->bytes + where, input->bytes + where + count, input->size - where - count);
    input->size -= count;
}

/* Some bytes of another input, or of this one, over the ones that are there. */
static void splice_bytes(struct input *input) {
    const struct input *from = corpus_size == 0 ? input : &corpus[random_below(corpus_size)];
    if (from->size == 0 || input->size == 0) return;
    size_t start = random_below(from->size);
    size_t where = random_below(input->size);
    size_t count = 1 + random_below(from->size - start);
    if (count > input->size - where) count = input->size - where;
    memmove(input->bytes + where, from->bytes + start, count);
}

static void mutate(struct input *input) {
    for (size_t steps = 1 + random_below(8); steps > 0; steps--) {
        switch (random_below(7)) {
        case 0:
            if (input->size > 0)
                input->bytes[random_below(input->size)] ^= (uint8_t)(1u << random_below(8));
            break;
        case 1:
            if (input->size > 0) input->bytes[random_below(input->size)] = (uint8_t)next_random();
            break;
        case 2: overwrite_number(input); break;
        case 3: insert_bytes(input); break;
        case 4: delete_bytes(input); break;
        case 5: splice_bytes(input); break;
        default:
            if (random_below(8) == 0) input->size = random_below(input->size + 1);
            break;
        }
    }
}

static unsigned long number_after(int *index, int count, char **arguments) {
    if (*index + 1 >= count) {
        fprintf(stderr, "%s needs a number\n", arguments[*index]);
        exit(2);
    }
    return strtoul(arguments[++*index], NULL, 10);
}

static double seconds_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void catch_crashes(const char *program) {
    static const int fatal[] = {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL, SIGALRM};
    const char *slash = strrchr(program, '/');

    snprintf(crash_file, sizeof crash_file, "%s.crash", slash != NULL ? slash + 1 : program);
    if (__sanitizer_set_death_callback != NULL) {
        __sanitizer_set_death_callback(keep_input);
        signal(SIGALRM, on_signal);
        return;
    }
    for (size_t i = 0; i < sizeof fatal / sizeof fatal[0]; i++) signal(fatal[i], on_signal);
}

int main(int count, char **arguments) {
    unsigned long seconds = 0, most_runs = 0, seed = 1, runs = 0;

    for (int i = 1; i < count; i++) {
        if (strcmp(arguments[i], "--seconds") == 0)
            seconds = number_after(&i, count, arguments);
        else if (strcmp(arguments[i], "--runs") == 0)
            most_runs = number_after(&i, count, arguments);
        else if (strcmp(arguments[i], "--seed") == 0)
            seed = number_after(&i, count, arguments);
        else
            add_path(arguments[i]);
    }
    random_state = seed * 0x9e3779b97f4a7c15u + 1;
    catch_crashes(arguments[0]);
    present.bytes = malloc(LONGEST);
    if (present.bytes == NULL) return 2;
    run_present();
    for (size_t i = 0; i < corpus_size; i++) {
        present.size = corpus[i].size;
        memcpy(present.bytes, corpus[i].bytes, present.size);
        run_present();
    }
    double end = seconds_now() + (double)seconds;
    while ((most_runs != 0 && runs < most_runs) || (seconds != 0 && seconds_now() < end)) {
        for (int i = 0; i < PATIENCE && (most_runs == 0 || runs < most_runs); i++, runs++) {
            const struct input *from = corpus_size == 0 ? NULL : &corpus[random_below(corpus_size)];
            /* Half of the time on top of the last mutation: faults may need many steps. */
            if (from != NULL && random_below(2) == 0) {
                present.size = from->size;
                memcpy(present.bytes, from->bytes, from->size);
            }
            mutate(&present);
            run_present();
        }
    }
    printf("%zu files, %lu mutations, seed %lu\n", corpus_size, runs, seed);
    return 0;
}
