/* os/maps.h for Linux: /proc/thread-self/maps, because those of /proc/self are the main thread's,
 * and empty once that has ended. */
#include "os/maps.h"

#include <string.h>

#include "os/linux/raw.h"
#include "os/memory.h"

enum { FIRST_CAPACITY = 2048, BUFFER_BYTES = 8192 };

/* Lines come in pieces: what of a line is not there yet is moved to the buffer's start. A path
 * longer than the buffer is cut, which loses nothing: only its beginning is looked at. */
struct line_reader {
    int file;
    size_t start;
    size_t end;
    bool skipping; /* the rest of a cut line comes first */
    char text[BUFFER_BYTES];
};

/* The next line without its newline, terminated; NULL at the end or on an error (*status). */
static char *next_line(struct line_reader *reader, int *status) {
    for (;;) {
        char *line = reader->text + reader->start;
        char *newline = memchr(line, '\n', reader->end - reader->start);
        if (newline != NULL) {
            *newline = '\0';
            reader->start = (size_t)(newline + 1 - reader->text);
            if (!reader->skipping) return line;
            reader->skipping = false;
            continue;
        }
        memmove(reader->text, line, reader->end - reader->start);
        reader->end -= reader->start;
        reader->start = 0;
        if (reader->end == BUFFER_BYTES - 1) {
            reader->text[reader->end] = '\0';
            reader->end = 0;
            if (!reader->skipping) {
                reader->skipping = true;
                return reader->text;
            }
        }
        long got = mete__raw_read(reader->file, reader->text + reader->end,
                                  BUFFER_BYTES - 1 - reader->end);
        if (got <= 0) {
            *status = (int)got;
            return NULL;
        }
        reader->end += (size_t)got;
    }
}

static const char *parse_hex(const char *text, uintptr_t *value) {
    uintptr_t sum = 0;
    for (;; text++) {
        char c = *text;
        if (c >= '0' && c <= '9')
            sum = sum * 16 + (uintptr_t)(c - '0');
        else if (c >= 'a' && c <= 'f')
            sum = sum * 16 + (uintptr_t)(c - 'a' + 10);
        else
            break;
    }
    *value = sum;
    return text;
}

static bool begins_with(const char *text, const char *prefix) {
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

static uint32_t flags_of_path(const char *path) {
    if (path[0] != '/') return strcmp(path, "[stack]") == 0 ? METE__MAP_STACK : 0;
    /* Devices: everything below /dev but the kinds that are plain memory. /dev/zero is how the
     * kernel names shared anonymous memory. */
    if (begins_with(path, "/dev/") && !begins_with(path, "/dev/zero") &&
        !begins_with(path, "/dev/shm/") && !begins_with(path, "/dev/hugepages/"))
        return METE__MAP_FILE | METE__MAP_DEVICE;
    return METE__MAP_FILE;
}

/* What comes after so many blanks; NULL where there are not as many. */
static const char *behind_blanks(const char *line, int blanks) {
    while (line != NULL && blanks-- > 0) {
        line = strchr(line, ' ');
        if (line != NULL) line++;
    }
    return line;
}

/* The name at the end of a line that has been parsed; "" for none. */
static const char *name_in(const char *line) {
    const char *name = behind_blanks(line, 5);
    return name != NULL ? name + strspn(name, " ") : "";
}

/* "start-end perms offset device inode          path" */
static bool parse(const char *line, struct mete__mapping *mapping) {
    line = parse_hex(line, &mapping->start);
    if (*line++ != '-') return false;
    line = parse_hex(line, &mapping->end);
    if (*line++ != ' ' || strlen(line) < 5) return false;
    mapping->flags =
        (line[0] == 'r' ? METE__MAP_READ : 0) | (line[1] == 'w' ? METE__MAP_WRITE : 0) |
        (line[2] == 'x' ? METE__MAP_EXEC : 0) | (line[3] == 's' ? METE__MAP_SHARED : 0);
    const char *name = behind_blanks(line, 4);
    if (name != NULL) mapping->flags |= flags_of_path(name + strspn(name, " "));
    return true;
}

static bool add(struct mete__maps *maps, const struct mete__mapping *mapping) {
    if (maps->count == maps->capacity) {
        size_t capacity = maps->capacity == 0 ? FIRST_CAPACITY : maps->capacity * 2;
        struct mete__mapping *larger = mete__memory_map(capacity * sizeof *larger);
        if (larger == NULL) return false;
        if (maps->count > 0) memcpy(larger, maps->list, maps->count * sizeof *larger);
        size_t count = maps->count;
        mete__maps_free(maps);
        *maps = (struct mete__maps){.list = larger, .count = count, .capacity = capacity};
    }
    maps->list[maps->count++] = *mapping;
    return true;
}

int mete__maps_read(struct mete__maps *maps) {
    struct mete__maps fresh = {0};
    struct mete__mapping mapping;
    int status = 0;
    const char *line;
    struct line_reader *reader = mete__memory_map(sizeof *reader);

    if (reader == NULL) return -ENOMEM;
    reader->file = mete__raw_open("/proc/thread-self/maps", O_RDONLY);
    if (reader->file < 0) {
        status = reader->file;
        goto fail_open;
    }
    while ((line = next_line(reader, &status)) != NULL) {
        if (!parse(line, &mapping)) continue;
        if (!add(&fresh, &mapping)) {
            status = -ENOMEM;
            break;
        }
    }
    mete__raw_close(reader->file);
    if (status == 0 && fresh.count == 0) status = -ESRCH; /* no process is without mappings */
    if (status != 0)
        mete__maps_free(&fresh);
    else
        *maps = fresh;
fail_open:
    mete__memory_release(reader, sizeof *reader);
    return status;
}

void mete__maps_free(struct mete__maps *maps) {
    if (maps->list != NULL) mete__memory_release(maps->list, maps->capacity * sizeof *maps->list);
    *maps = (struct mete__maps){0};
}

static void copy_end(char *to, size_t size, const char *name) {
    size_t length = strlen(name);
    if (length >= size) {
        name += length - (size - 1);
        length = size - 1;
    }
    memcpy(to, name, length + 1);
}

int mete__maps_look(uintptr_t address, struct mete__mapping *mapping, uint64_t *offset, char *name,
                    size_t size) {
    struct line_reader *reader = mete__memory_map(sizeof *reader);
    struct mete__mapping found;
    int status = 0;
    const char *line;

    if (reader == NULL) return -ENOMEM;
    reader->file = mete__raw_open("/proc/thread-self/maps", O_RDONLY);
    if (reader->file < 0) {
        status = reader->file;
        goto fail_open;
    }
    while ((line = next_line(reader, &status)) != NULL)
        if (parse(line, &found) && address >= found.start && address < found.end) break;
    /* What was mapped for the look may lie where nothing else does. */
    bool is_own = address - (uintptr_t)reader < sizeof *reader;
    if (status == 0 && (line == NULL || is_own)) status = -EFAULT;
    if (status == 0) {
        uintptr_t before = 0;
        const char *field = behind_blanks(line, 2);
        if (field != NULL) (void)parse_hex(field, &before);
        *mapping = found;
        *offset = before;
        copy_end(name, size, name_in(line));
    }
    mete__raw_close(reader->file);
fail_open:
    mete__memory_release(reader, sizeof *reader);
    return status;
}

const struct mete__mapping *mete__maps_find(const struct mete__maps *maps, uintptr_t address) {
    size_t low = 0, high = maps->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct mete__mapping *mapping = &maps->list[middle];
        if (address < mapping->start)
            high = middle;
        else if (address >= mapping->end)
            low = middle + 1;
        else
            return mapping;
    }
    return NULL;
}
