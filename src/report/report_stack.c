#include "report/report_stack.h"

#include <stdio.h>
#include <string.h>

#include "analysis/symbols/short_name.h"

#define LINES_INNER      10 /* of a long stack these are shown … */
#define LINES_OUTER      4  /* … and these */
#define LINES_MAX        (LINES_INNER + LINES_OUTER + 1)
#define REPEATS_MIN      3  /* calls of a function by itself that are worth one line */
#define FUNCTION_COLUMNS 56 /* widest column of functions */
#define WRAPPER_COLUMNS  32

static const char *base_of(const char *path) {
    const char *slash = strrchr(path, '/');

    return slash == NULL ? path : slash + 1;
}

void mete__report_stack_function(const struct mete__report_chapter *chapter,
                                 const struct mete__frame *frame,
                                 char text[METE__REPORT_STACK_TEXT]) {
    if (frame->function == NULL)
        snprintf(text, METE__REPORT_STACK_TEXT, "%s+0x%llx", base_of(frame->module),
                 (unsigned long long)frame->offset);
    else if (frame->function == frame->symbol)
        snprintf(text, METE__REPORT_STACK_TEXT, "%s", frame->function);
    else
        mete__short_name(text, METE__REPORT_STACK_TEXT, frame->function,
                         chapter->page.unicode ? "…" : "..");
}

void mete__report_stack_location(const struct mete__report_chapter *chapter,
                                 const struct mete__frame *frame,
                                 char text[METE__REPORT_STACK_TEXT]) {
    const char *file = frame->file;
    size_t folder = chapter->folder == NULL ? 0 : strlen(chapter->folder);

    if (frame->function == NULL && file == NULL) { /* the module is named already */
        text[0] = '\0';
        return;
    }
    if (file == NULL) {
        snprintf(text, METE__REPORT_STACK_TEXT, "(%s)", base_of(frame->module));
        return;
    }
    if (folder > 1 && strncmp(file, chapter->folder, folder) == 0 && file[folder] == '/')
        file += folder + 1;
    if (frame->line != 0)
        snprintf(text, METE__REPORT_STACK_TEXT, "%s:%u", file, frame->line);
    else
        snprintf(text, METE__REPORT_STACK_TEXT, "%s", file);
}

/* --- Which lines --- */

/* One line: a frame, or so many that are left out. */
struct line {
    const struct mete__frame *frame; /* NULL: left out */
    size_t count;                    /* frames this stands for */
    bool repeats;                    /* calls of one function by itself */
};

static bool same_function(const struct mete__frame *a, const struct mete__frame *b) {
    return a->function != NULL && a->function == b->function;
}

/* The line that begins with frame `at`, or the line after it that leaves out its repetitions. */
static size_t run_length(const struct mete__backtrace *backtrace, size_t at) {
    size_t end = at + 1;

    while (end < backtrace->shown_to &&
           same_function(backtrace->frames[at], backtrace->frames[end]))
        end++;
    return end - at;
}

struct lines {
    struct line items[LINES_MAX];
    size_t count;
};

static void add_line(struct lines *lines, struct line line) {
    lines->items[lines->count] = line;
    lines->count++;
}

/* Adds lines from the inner end until there are `max`; returns the frame it stopped at. */
static size_t add_lines(const struct mete__backtrace *backtrace, struct lines *lines, size_t max) {
    size_t at = backtrace->shown_from;

    while (at < backtrace->shown_to && lines->count < max) {
        size_t run = run_length(backtrace, at);
        add_line(lines, (struct line){.frame = backtrace->frames[at], .count = 1});
        at++;
        if (run >= REPEATS_MIN && lines->count < max) {
            add_line(lines, (struct line){.count = run - 1, .repeats = true});
            at += run - 1;
        }
    }
    return at;
}

static void choose_lines(const struct mete__backtrace *backtrace, struct lines *lines) {
    lines->count = 0;
    if (add_lines(backtrace, lines, LINES_MAX) == backtrace->shown_to) return;

    /* Too long: what comes after the first lines is left out up to the last frames. */
    lines->count = 0;
    size_t at = add_lines(backtrace, lines, LINES_INNER);
    size_t last = backtrace->shown_to - LINES_OUTER;
    if (last > at)
        add_line(lines, (struct line){.count = last - at});
    else
        last = at;
    for (; last < backtrace->shown_to; last++)
        add_line(lines, (struct line){.frame = backtrace->frames[last], .count = 1});
}

/* --- Printing --- */

static void print_left_out(const struct mete__page *page, const struct line *line) {
    const char *dots = page->unicode ? "…" : "...";

    mete__page_print(page, METE__PAGE_FAINT,
                     line->repeats ? "%s called by itself %zu times" : "%s %zu more frames", dots,
                     line->count);
}

static void print_frame(const struct mete__report_chapter *chapter, const struct mete__frame *frame,
                        size_t columns, size_t left, bool first) {
    const struct mete__page *page = &chapter->page;
    char function[METE__REPORT_STACK_TEXT], location[METE__REPORT_STACK_TEXT];

    mete__report_stack_function(chapter, frame, function);
    mete__report_stack_location(chapter, frame, location);
    size_t used =
        mete__page_text(page, first ? METE__PAGE_STRONG : METE__PAGE_PLAIN, function,
                        page->width == METE__PAGE_ENDLESS ? METE__PAGE_ENDLESS : columns, false);
    if (location[0] == '\0') return;
    mete__page_gap(page, (used < columns ? columns - used : 0) + 2);
    size_t marker = frame->inlined ? strlen(" inlined") : 0;
    mete__page_text(page, METE__PAGE_PLAIN, location, left > marker ? left - marker : 0, true);
    if (marker != 0) mete__page_print(page, METE__PAGE_FAINT, " inlined");
}

/* Between the first frame that is shown and the allocator: "through pool_grow -> xmalloc". What the
 * C++ library does in between is its own business. */
static void print_wrappers(const struct mete__report_chapter *chapter, size_t indent) {
    const struct mete__page *page = &chapter->page;
    const struct mete__backtrace *backtrace = &chapter->backtrace;
    const char *arrow = page->unicode ? "→" : "->";
    size_t printed = 0;

    for (size_t i = backtrace->shown_from; i-- > 0;) {
        char function[METE__REPORT_STACK_TEXT];
        if (backtrace->frames[i]->role == METE__FRAME_STANDARD) continue;
        if (printed == 0) mete__page_gap(page, indent);
        mete__report_stack_function(chapter, backtrace->frames[i], function);
        mete__page_print(page, METE__PAGE_FAINT, printed == 0 ? "through " : " %s ", arrow);
        mete__page_text(page, METE__PAGE_FAINT, function, WRAPPER_COLUMNS, false);
        printed++;
    }
    if (printed != 0) putc('\n', page->out);
}

/* What is not certain about the stack. */
static void print_doubts(const struct mete__report_chapter *chapter, size_t indent) {
    const struct mete__page *page = &chapter->page;
    const struct mete__backtrace *backtrace = &chapter->backtrace;
    const char *dots = page->unicode ? "…" : "...";

    if (backtrace->truncated) {
        mete__page_gap(page, indent);
        mete__page_print(page, METE__PAGE_FAINT, "%s whose callers are not known\n", dots);
    }
    if (backtrace->guessed_after < backtrace->shown_to) {
        char function[METE__REPORT_STACK_TEXT];
        mete__report_stack_function(chapter, backtrace->frames[backtrace->guessed_after], function);
        mete__page_gap(page, indent);
        mete__page_print(page, METE__PAGE_FAINT, "(the callers of ");
        mete__page_text(page, METE__PAGE_FAINT, function, 24, false);
        mete__page_print(page, METE__PAGE_FAINT, " are guessed)\n");
    }
}

void mete__report_stack_print(const struct mete__report_chapter *chapter, size_t indent) {
    const struct mete__page *page = &chapter->page;
    struct lines lines;
    size_t columns = 0;
    size_t widest = (page->width - indent) / 2 < FUNCTION_COLUMNS ? (page->width - indent) / 2
                                                                  : FUNCTION_COLUMNS;

    choose_lines(&chapter->backtrace, &lines);
    for (size_t i = 0; i < lines.count; i++) {
        char function[METE__REPORT_STACK_TEXT];
        if (lines.items[i].frame == NULL) continue;
        mete__report_stack_function(chapter, lines.items[i].frame, function);
        size_t needed = mete__page_columns(function);
        if (needed > columns) columns = needed;
    }
    if (columns > widest) columns = widest;

    for (size_t i = 0; i < lines.count; i++) {
        mete__page_gap(page, indent);
        if (lines.items[i].frame == NULL)
            print_left_out(page, &lines.items[i]);
        else
            print_frame(chapter, lines.items[i].frame, columns, page->width - indent - columns - 2,
                        i == 0);
        putc('\n', page->out);
    }
    print_wrappers(chapter, indent);
    print_doubts(chapter, indent);
}
