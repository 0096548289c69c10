#include "report/page.h"

#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "report/page_fold.h"
#include "report/utf8.h"

#define NARROWEST 60 /* columns; below that lines break rather than say nothing */

static bool locale_is_unicode(void) {
    locale_t locale = newlocale(LC_CTYPE_MASK, "", (locale_t)0);

    if (locale == (locale_t)0) return false;
    bool unicode = strcmp(nl_langinfo_l(CODESET, locale), "UTF-8") == 0;
    freelocale(locale);
    return unicode;
}

static size_t terminal_width(int fd) {
    struct winsize size;
    const char *columns = getenv("COLUMNS");
    size_t width = 80;

    if (ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        width = size.ws_col;
    else if (columns != NULL && atoi(columns) > 0)
        width = (size_t)atoi(columns);
    return width < NARROWEST ? NARROWEST : width;
}

void mete__page_open(struct mete__page *page, FILE *out) {
    const char *no_color = getenv("NO_COLOR");
    const char *terminal = getenv("TERM");
    bool is_terminal = isatty(fileno(out)) == 1;

    page->out = page->target = out;
    page->width = is_terminal ? terminal_width(fileno(out)) : METE__PAGE_ENDLESS;
    page->colour = is_terminal && (no_color == NULL || no_color[0] == '\0') && terminal != NULL &&
                   strcmp(terminal, "dumb") != 0;
    page->unicode = locale_is_unicode();
    if (!is_terminal) return;
    FILE *fold = mete__page_fold_open(out, page->width);
    if (fold != NULL) page->out = fold; /* else the terminal breaks them */
}

int mete__page_close(struct mete__page *page, int status) {
    errno = 0;
    bool failed = page->out != page->target && fclose(page->out) != 0;
    page->out = page->target;
    failed |= fflush(page->target) != 0 || ferror(page->target);
    if (status != 0 || !failed) return status;
    return errno != 0 ? -errno : -EIO;
}

void mete__page_mark(const struct mete__page *page) {
    if (page->out != page->target) putc_unlocked(METE__PAGE_FOLD_MARK, page->out);
}

static const char *style_on(const struct mete__page *page, enum mete__page_style style) {
    static const char *const codes[] = {
        [METE__PAGE_PLAIN] = "",         [METE__PAGE_HEADING] = "\033[1m",
        [METE__PAGE_STRONG] = "\033[1m", [METE__PAGE_FAINT] = "\033[2m",
        [METE__PAGE_BAD] = "\033[1;31m", [METE__PAGE_GOOD] = "\033[1;32m",
    };

    return page->colour ? codes[style] : "";
}

static const char *style_off(const struct mete__page *page, enum mete__page_style style) {
    return page->colour && style != METE__PAGE_PLAIN ? "\033[0m" : "";
}

static void print_styled(const struct mete__page *page, enum mete__page_style style,
                         const char *format, va_list arguments) {
    if (page->colour) fputs(style_on(page, style), page->out);
    vfprintf(page->out, format, arguments);
    if (page->colour) fputs(style_off(page, style), page->out);
}

void mete__page_print(const struct mete__page *page, enum mete__page_style style,
                      const char *format, ...) {
    va_list arguments;

    va_start(arguments, format);
    print_styled(page, style, format, arguments);
    va_end(arguments);
}

void mete__page_put(const struct mete__page *page, enum mete__page_style style, const char *text,
                    size_t length) {
    if (page->colour) fputs(style_on(page, style), page->out);
    fwrite_unlocked(text, 1, length, page->out); /* nobody else writes a page */
    if (page->colour) fputs(style_off(page, style), page->out);
}

/* The bytes of the character at `text`, valid or not: at least 1. */
static size_t step(const char *text) {
    size_t length = mete__utf8_character(text);

    return length == 0 ? 1 : length;
}

size_t mete__page_columns(const char *text) {
    size_t columns = 0;

    for (; *text != '\0'; text += step(text)) columns++;
    return columns;
}

static void put_character(const struct mete__page *page, const char *text) {
    size_t length = mete__utf8_character(text);

    if (length == 0 || mete__utf8_is_control(text) || (length > 1 && !page->unicode))
        putc('?', page->out);
    else
        fwrite(text, 1, length, page->out);
}

/* All of it; what is plain ASCII, as nearly everything is, at once. Returns its columns. */
static size_t put_whole(const struct mete__page *page, const char *text) {
    size_t columns = 0;

    while (*text != '\0') {
        const char *end = text;
        while (*end >= 0x20 && *end < 0x7f) end++;
        if (end == text) {
            put_character(page, text);
            text += step(text);
            columns++;
        } else {
            fwrite_unlocked(text, 1, (size_t)(end - text), page->out);
            columns += (size_t)(end - text);
            text = end;
        }
    }
    return columns;
}

/* At most `columns` of a text that has more. */
static void put_part(const struct mete__page *page, const char *text, size_t columns,
                     bool keep_end) {
    const char *mark = page->unicode ? "…" : "~";
    size_t left = columns;

    if (keep_end && columns > 0) {
        for (size_t skip = mete__page_columns(text) - columns + 1; skip > 0; skip--)
            text += step(text);
        fputs(mark, page->out);
        left--;
    }
    for (; left > 0; left--, text += step(text)) {
        if (left == 1 && text[step(text)] != '\0')
            fputs(mark, page->out);
        else
            put_character(page, text);
    }
}

size_t mete__page_text(const struct mete__page *page, enum mete__page_style style, const char *text,
                       size_t columns, bool keep_end) {
    /* A column has at least a byte: mostly there is no need to count. */
    bool fits = strnlen(text, columns) < columns || mete__page_columns(text) <= columns;

    if (page->colour) fputs(style_on(page, style), page->out);
    if (fits)
        columns = put_whole(page, text);
    else
        put_part(page, text, columns, keep_end);
    if (page->colour) fputs(style_off(page, style), page->out);
    return columns;
}

void mete__page_gap(const struct mete__page *page, size_t columns) {
    for (; columns > 0; columns--) putc_unlocked(' ', page->out);
}

void mete__page_heading(const struct mete__page *page, const char *title, const char *format, ...) {
    va_list arguments;

    putc('\n', page->out);
    mete__page_print(page, METE__PAGE_HEADING, "%s", title);
    if (format != NULL) {
        mete__page_gap(page, 2);
        va_start(arguments, format);
        print_styled(page, METE__PAGE_FAINT, format, arguments);
        va_end(arguments);
    }
    putc('\n', page->out);
}
