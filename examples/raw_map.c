/*
 * examples/raw_map.c - a file as memory, by mmap alone, with all there is to think of.
 *
 *     cc raw_map.c -o raw_map && ./raw_map FILE
 *
 * Counts the lines of a file. What mmap leaves to its user stands here in comments; the program
 * beside this one, safe_map.c, has mete do it.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static size_t count_lines(const char *text, size_t size) {
    size_t lines = 0;
    const char *end = text + size;

    while ((text = memchr(text, '\n', (size_t)(end - text))) != NULL) {
        lines++;
        text++;
    }
    return lines;
}

int main(int argc, char **argv) {
    struct stat found;
    const char *path = argc > 1 ? argv[1] : __FILE__;
    int file = open(path, O_RDONLY | O_CLOEXEC); /* waits for ever if it is a pipe */

    if (file < 0 || fstat(file, &found) != 0) {
        perror(path);
        return 1;
    }
    if (found.st_size == 0) { /* mmap refuses a length of 0 */
        printf("0 lines in 0 bytes\n");
        return 0;
    }
    size_t size = (size_t)found.st_size;
    char *text = mmap(NULL, size, PROT_READ, MAP_SHARED, file, 0);
    close(file); /* the mapping keeps the file */
    if (text == MAP_FAILED) {
        perror(path); /* a folder, a device */
        return 1;
    }
    /* If somebody cuts the file now, SIGBUS ends this program in the middle of the count. */
    printf("%zu lines in %zu bytes\n", count_lines(text, size), size);
    munmap(text, size);
    return 0;
}
