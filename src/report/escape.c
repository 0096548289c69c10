#include "report/escape.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct escape {
    FILE *out;
    int *failure;
    const char *less, *greater, *ampersand; /* what stands for them */
};

static const char *replacement(const struct escape *escape, char character) {
    switch (character) {
    case '<': return escape->less;
    case '>': return escape->greater;
    case '&': return escape->ampersand;
    default: return NULL;
    }
}

static ssize_t write_escaped(void *cookie, const char *text, size_t length) {
    const struct escape *escape = cookie;
    size_t begin = 0; /* of what is to be written as it stands */

    for (size_t i = 0; i < length; i++) {
        const char *instead = replacement(escape, text[i]);
        if (instead == NULL) continue;
        fwrite(text + begin, 1, i - begin, escape->out);
        fputs(instead, escape->out);
        begin = i + 1;
    }
    fwrite(text + begin, 1, length - begin, escape->out);
    if (ferror(escape->out) && *escape->failure == 0) *escape->failure = errno != 0 ? errno : EIO;
    return ferror(escape->out) ? 0 : (ssize_t)length;
}

static int close_escape(void *cookie) {
    free(cookie);
    return 0;
}

static FILE *open_escape(const struct escape *settings) {
    static const cookie_io_functions_t functions = {.write = write_escaped, .close = close_escape};
    struct escape *escape = malloc(sizeof *escape);

    if (escape == NULL) return NULL;
    *escape = *settings;
    FILE *file = fopencookie(escape, "w", functions);
    if (file == NULL) free(escape);
    return file;
}

FILE *mete__escape_html(FILE *out, int *failure) {
    return open_escape(&(struct escape){
        .out = out,
        .failure = failure,
        .less = "&lt;",
        .greater = "&gt;",
        .ampersand = "&amp;",
    });
}

FILE *mete__escape_script(FILE *out, int *failure) {
    return open_escape(&(struct escape){
        .out = out,
        .failure = failure,
        .less = "\\u003c",
        .greater = "\\u003e",
        .ampersand = "\\u0026",
    });
}
