/*
 * examples/safe_map.c - a log that grows in a map, is cut by somebody else, and is replaced whole.
 *
 *     cc safe_map.c $(pkg-config --cflags --libs mete) -o safe_map && ./safe_map FILE
 *
 * With plain mmap the second part ends by SIGBUS. Here the cut is an error that can be asked for,
 * and the program goes on.
 */
#include <mete/map.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int fail(const char *what, int status) {
    fprintf(stderr, "%s: %s\n", what, strerror(-status));
    return 1;
}

/* Writes lines, growing the file as it goes. The reservation keeps the text where it is, and disk
 * space is taken before a line is stored: a full disk is an error of mete_map_resize. */
static int write_log(const char *path, unsigned lines) {
    const mete_map_options options = {
        .access = METE_MAP_WRITE, .create_size = 1, .reserve = 1 << 30, .name = "log"};
    mete_map *map;
    size_t length = 0;
    char line[64];
    int status = mete_map_open(&map, path, &options);

    for (unsigned i = 0; status == 0 && i < lines; i++) {
        size_t size = (size_t)snprintf(line, sizeof line, "line %u of %u\n", i + 1, lines);
        status = mete_map_resize(map, length + size);
        if (status == 0) memcpy((char *)mete_map_data(map) + length, line, size);
        if (status == 0) length += size;
    }
    if (status == 0) status = mete_map_flush(map, 0, 0); /* the file and its name are on the disk */
    mete_map_close(map);
    return status;
}

/* Counts lines while the file shrinks below the map. */
static int read_cut_log(const char *path) {
    mete_map *map;
    size_t lines = 0;
    int status = mete_map_open(&map, path, NULL);

    if (status != 0) return status;
    const char *text = mete_map_data(map);
    for (size_t i = 0; i < mete_map_size(map); i++) {
        if (lines == 100 && text[i] == '\n' && truncate(path, 0) != 0) break; /* "somebody" */
        lines += text[i] == '\n';
    }
    printf("%zu lines seen, then: %s\n", lines, strerror(-mete_map_error(map)));
    return mete_map_close(map);
}

/* Puts a new file in the old one's place, in one step. */
static int replace_log(const char *path) {
    static const char text[] = "a new beginning\n";
    mete_map *map;
    int status = mete_map_replace(&map, path, &(mete_map_options){.create_size = sizeof text - 1});

    if (status != 0) return status;
    memcpy(mete_map_data(map), text, sizeof text - 1);
    status = mete_map_commit(map);
    mete_map_close(map);
    return status;
}

int main(int argc, char **argv) {
    const char *path = argc > 1 ? argv[1] : "safe_map.log";
    int status = write_log(path, 5000);

    if (status != 0) return fail("writing", status);
    if ((status = read_cut_log(path)) != 0) return fail("reading", status);
    if ((status = replace_log(path)) != 0) return fail("replacing", status);
    printf("%s is new\n", path);
    return 0;
}
