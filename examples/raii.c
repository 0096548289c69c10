/*
 * examples/raii.c - what is opened is closed, whichever way a function is left.
 *
 *     cc raii.c $(pkg-config --cflags --libs mete) -o raii && ./raii
 *
 * Copies a file line by line, upside down, into a new one that appears only when it is whole. There
 * is no goto and no list of things to close: each is undone where it is done.
 */
#include <mete/scope.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

enum { MOST_LINES = 100 };

/* A file that is being written, under another name. */
struct draft {
    FILE *stream;
    char name[64];
};

static struct draft *draft_open(const char *name) {
    METE_AUTO(struct draft *, free) draft = calloc(1, sizeof *draft);
    if (draft == NULL) return NULL;
    snprintf(draft->name, sizeof draft->name, "%s.new", name);
    draft->stream = fopen(draft->name, "w");
    if (draft->stream == NULL) return NULL; /* the draft is freed, and errno is fopen's */
    return METE_STEAL(draft);               /* from here on the caller's */
}

static void draft_drop(struct draft *draft) {
    printf("dropped %s\n", draft->name);
    fclose(draft->stream);
    remove(draft->name);
    free(draft);
}
METE_AUTO_DECLARE(struct draft *, draft_drop)

static int draft_keep(struct draft *draft, const char *name) {
    METE_AUTO(struct draft *, free) mine = draft;
    int status = fclose(mine->stream) == 0 && rename(mine->name, name) == 0 ? 0 : -errno;
    printf("kept %s\n", name);
    return status;
}

static void free_line(char *line) {
    free(line);
}
METE_AUTO_DECLARE(char *, free_line)

static int turn_over(const char *from, const char *to) {
    METE_AUTO_FILE in = fopen(from, "r");
    METE_AUTO(struct draft *, draft_drop) out = draft_open(to);
    METE_AUTO_ARRAY(long, starts, MOST_LINES);
    METE_AUTO(char *, free_line) line = NULL;
    size_t room = 0, count = 0;

    if (in == NULL || out == NULL || starts == NULL) return -errno;
    do {
        if (count == MOST_LINES) return -EFBIG;
        starts[count++] = ftell(in);
    } while (getline(&line, &room, in) >= 0);
    for (count--; count > 0; count--) {
        if (fseek(in, starts[count - 1], SEEK_SET) != 0) return -errno;
        if (getline(&line, &room, in) < 0 || fputs(line, out->stream) < 0) return -EIO;
    }
    return draft_keep(METE_STEAL(out), to);
}

static void remove_file(void *name) {
    remove(name);
}

int main(void) {
    char text[64] = "", from[] = "raii.in", to[] = "raii.out";
    METE_DEFER_CALL(remove_file, from);
    METE_DEFER_CALL(remove_file, to);

    printf("no such file: %s\n", strerror(-turn_over(from, to)));
    {
        METE_AUTO_FILE file = fopen(from, "w");
        if (file == NULL) return 1;
        fputs("one\ntwo\nthree\n", file);
    }
    printf("three lines: %s\n", strerror(-turn_over(from, to)));

    METE_AUTO_FD file = open(to, O_RDONLY);
    if (file < 0 || read(file, text, sizeof text - 1) < 0) return 1;
    fputs(text, stdout);
    return 0;
}
