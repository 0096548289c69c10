/* os/mapping.h for Linux: huge pages, as /proc tells of them. */
#include <stdbool.h>
#include <string.h>

#include "os/linux/raw.h"
#include "os/mapping.h"

/* The list of mappings, line by line: the first part of each, what does not fit left out. */
struct lines {
    int file;
    size_t at, got; /* in data */
    char data[4096];
    char line[128];
};

static bool next_line(struct lines *lines) {
    size_t length = 0;

    for (;;) {
        if (lines->at == lines->got) {
            long got = mete__raw_read(lines->file, lines->data, sizeof lines->data);
            if (got <= 0) return false;
            lines->got = (size_t)got;
            lines->at = 0;
        }
        char next = lines->data[lines->at++];
        if (next == '\n') break;
        if (length < sizeof lines->line - 1) lines->line[length++] = next;
    }
    lines->line[length] = '\0';
    return true;
}

/* The number at *text, and *text behind it. */
static uint64_t number(const char **text, unsigned base) {
    uint64_t value = 0;

    for (;; (*text)++) {
        unsigned digit = 16;
        if (**text >= '0' && **text <= '9') digit = (unsigned)(**text - '0');
        if (**text >= 'a' && **text <= 'f') digit = (unsigned)(**text - 'a') + 10;
        if (digit >= base) return value;
        value = value * base + digit;
    }
}

/* "NAME:   123 kB" in bytes; 0 where it is another line. */
static uint64_t field(const char *line, const char *name) {
    size_t length = strlen(name);

    if (strncmp(line, name, length) != 0) return 0;
    line += length;
    while (*line == ' ') line++;
    return number(&line, 10) * 1024;
}

static uint64_t huge_in(const char *line) {
    static const char *const fields[] = {"AnonHugePages:", "ShmemPmdMapped:", "FilePmdMapped:",
                                         "Shared_Hugetlb:", "Private_Hugetlb:"};
    uint64_t bytes = 0;

    for (size_t i = 0; i < METE_COUNT_OF(fields); i++) bytes += field(line, fields[i]);
    return bytes;
}

size_t mete__mapping_huge(void *start, size_t size) {
    uintptr_t from = (uintptr_t)start, to = from + size;
    struct lines lines = {.file = mete__raw_open("/proc/self/smaps", O_RDONLY)};
    uint64_t bytes = 0;
    bool inside = false;

    if (lines.file < 0) return 0;
    while (next_line(&lines)) {
        const char *text = lines.line;
        uintptr_t low = number(&text, 16);
        if (text != lines.line && *text == '-') {
            text++;
            uintptr_t high = number(&text, 16);
            if (low >= to) break;
            inside = high > from;
        } else if (inside) {
            bytes += huge_in(lines.line);
        }
    }
    mete__raw_close(lines.file);
    return bytes < size ? (size_t)bytes : size;
}

size_t mete__mapping_huge_page(void) {
    struct lines lines = {.file = mete__raw_open("/proc/meminfo", O_RDONLY)};
    uint64_t bytes = 0;

    if (lines.file < 0) return 0;
    while (bytes == 0 && next_line(&lines)) bytes = field(lines.line, "Hugepagesize:");
    mete__raw_close(lines.file);
    return (size_t)bytes;
}
