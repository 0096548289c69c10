#include "report/page_fold.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#include "report/utf8.h"

#define STEP 4 /* columns by which lines go on where there is no mark */

struct fold {
    FILE *out;
    size_t width;
    char *line; /* what there is of it */
    size_t length, capacity;
};

/* A line that is being written. */
struct cursor {
    const char *text;
    size_t at, end;
    size_t start;                            /* of what is not written yet */
    size_t column;                           /* at `at` */
    size_t hang;                             /* column where the next lines begin */
    size_t space, punctuation;               /* places to break at; 0: none since `start` */
    size_t space_column, punctuation_column; /* their columns */
    bool is_indented;                        /* nothing but spaces so far */
};

/* Bytes of what takes no column at `at`; 0: it takes one. */
static size_t unseen(const struct cursor *cursor) {
    const char *text = cursor->text + cursor->at;
    size_t left = cursor->end - cursor->at;

    if (text[0] == METE__PAGE_FOLD_MARK) return 1;
    if (left < 2 || text[0] != '\033' || text[1] != '[') return 0;
    for (size_t i = 2; i < left; i++)
        if (text[i] >= '@' && text[i] <= '~') return i + 1;
    return left;
}

static void write_until(const struct fold *fold, const struct cursor *cursor, size_t end) {
    for (size_t i = cursor->start; i < end; i++)
        if (cursor->text[i] != METE__PAGE_FOLD_MARK) putc_unlocked(cursor->text[i], fold->out);
}

static void break_line(const struct fold *fold, struct cursor *cursor) {
    size_t end = cursor->at, column = cursor->column;

    if (cursor->space != 0) {
        end = cursor->space;
        column = cursor->space_column;
    } else if (cursor->punctuation != 0) {
        end = cursor->punctuation;
        column = cursor->punctuation_column;
    }
    size_t seen = end;
    while (seen > cursor->start && cursor->text[seen - 1] == ' ') seen--;
    write_until(fold, cursor, seen);
    putc_unlocked('\n', fold->out);
    for (size_t i = 0; i < cursor->hang; i++) putc_unlocked(' ', fold->out);
    cursor->start = end;
    cursor->column = cursor->hang + (cursor->column - column);
    cursor->space = cursor->punctuation = 0;
}

/* Keeps the place behind a character as one to break at, but not between a comment's sign and it.
 */
static void note_place(struct cursor *cursor, char character) {
    if (cursor->column <= cursor->hang + STEP) return; /* hardly more than a new line would have */
    if (character == ' ') {
        if (memcmp(cursor->text + cursor->at - 3, "/*", 2) == 0) return;
        cursor->space = cursor->at;
        cursor->space_column = cursor->column;
    } else if (strchr(",<(/:", character) != NULL) {
        cursor->punctuation = cursor->at;
        cursor->punctuation_column = cursor->column;
    }
}

static void write_line(struct fold *fold) {
    struct cursor cursor = {.text = fold->line, .end = fold->length, .is_indented = true};
    const size_t hang_most = fold->width / 2;

    while (cursor.at < cursor.end) {
        size_t bytes = unseen(&cursor);
        if (bytes != 0) {
            if (cursor.text[cursor.at] == METE__PAGE_FOLD_MARK) {
                cursor.hang = cursor.column < hang_most ? cursor.column : hang_most;
                cursor.is_indented = false;
                cursor.space = cursor.punctuation = 0;
            }
            cursor.at += bytes;
            continue;
        }
        char character = cursor.text[cursor.at];
        if (cursor.is_indented && character != ' ') {
            cursor.is_indented = false;
            cursor.hang = cursor.column + STEP < hang_most ? cursor.column + STEP : hang_most;
        }
        if (cursor.column >= fold->width && character != ' ') break_line(fold, &cursor);
        bytes = mete__utf8_character(cursor.text + cursor.at);
        cursor.at += bytes == 0 ? 1 : bytes;
        cursor.column++;
        if (!cursor.is_indented) note_place(&cursor, character);
    }
    write_until(fold, &cursor, cursor.end);
}

static bool keep(struct fold *fold, const char *text, size_t bytes) {
    if (fold->length + bytes + 1 > fold->capacity) {
        size_t capacity = (fold->length + bytes + 1) * 2;
        char *line = realloc(fold->line, capacity);
        if (line == NULL) return false;
        fold->line = line;
        fold->capacity = capacity;
    }
    memcpy(fold->line + fold->length, text, bytes);
    fold->length += bytes;
    fold->line[fold->length] = '\0';
    return true;
}

static ssize_t on_write(void *cookie, const char *text, size_t size) {
    struct fold *fold = cookie;
    size_t at = 0;

    while (at < size) {
        const char *end = memchr(text + at, '\n', size - at);
        size_t bytes = end == NULL ? size - at : (size_t)(end - (text + at));
        if (!keep(fold, text + at, bytes)) return 0;
        at += bytes;
        if (end == NULL) break;
        write_line(fold);
        putc_unlocked('\n', fold->out);
        fold->length = 0;
        at++;
    }
    return ferror(fold->out) ? 0 : (ssize_t)size;
}

static int on_close(void *cookie) {
    struct fold *fold = cookie;

    if (fold->length != 0) write_line(fold);
    int failed = ferror(fold->out);
    free(fold->line);
    free(fold);
    return failed ? -1 : 0;
}

FILE *mete__page_fold_open(FILE *out, size_t width) {
    struct fold *fold = calloc(1, sizeof *fold);

    if (fold == NULL) return NULL;
    fold->out = out;
    fold->width = width;
    FILE *stream =
        fopencookie(fold, "w", (cookie_io_functions_t){.write = on_write, .close = on_close});
    if (stream == NULL) free(fold);
    return stream;
}
