#include "report/report_callers.h"

#include <errno.h>
#include <stdlib.h>

#include "analysis/findings/grouping.h"
#include "report/report_stack.h"
#include "report/units.h"

#define BRANCHES_MAX  3
#define CHAIN_MAX     12  /* callers in a line */
#define LINE_COLUMNS  140 /* of a line where there is no terminal */
#define TOGETHER      0.8 /* of a branch's weight: it goes on with a caller that has so much */
#define WORTH_A_LINE  0.1 /* of all the weight: a branch of less is not shown */
#define SHARE_COLUMNS 8   /* "  61 %  " */

/* One stack, on its way outwards. */
struct walker {
    struct mete__backtrace_cursor cursor;
    const struct mete__frame *at; /* the frame it has come to; NULL: at the end */
    uint64_t weight;
    uint32_t branch; /* the group of its present frame */
};

/* Walkers [0, count) of an array that have come the same way. */
struct branch {
    struct walker *walkers;
    size_t count;
    uint64_t weight;
    const struct mete__frame *chain[CHAIN_MAX];
    size_t length;
    bool goes_on; /* the chain was left before its end */
};

/* --- Walking --- */

static bool same_function(const struct mete__frame *a, const struct mete__frame *b) {
    if (a->function != NULL || b->function != NULL) return a->function == b->function;
    return a->module == b->module && a->offset == b->offset;
}

/* Takes every walker to the next function around its own. Each round resolves one more frame of all
 * of them. */
static int step(struct mete__report *report, struct walker *walkers, size_t count) {
    bool waiting = true;
    bool *done = calloc(count, sizeof *done);
    int status = 0;

    if (done == NULL) return -ENOMEM;
    while (waiting && status == 0) {
        waiting = false;
        for (size_t i = 0; i < count; i++) {
            struct walker *walker = &walkers[i];
            const struct mete__frame *before = walker->at, *next = NULL;
            if (done[i] || before == NULL) continue;
            do next = mete__backtrace_next(report->profile, report->symbols, &walker->cursor);
            while (next != NULL && same_function(next, before));
            if (next == NULL && walker->cursor.node != 0) {
                mete__symbols_want_node(report->symbols, walker->cursor.node);
                waiting = true;
                continue;
            }
            done[i] = true;
            walker->at = next == NULL || mete__backtrace_starts(next) ? NULL : next;
        }
        if (waiting) status = mete__symbols_resolve(report->symbols);
    }
    mete__progress_end(&report->progress);
    free(done);
    return status;
}

/* --- Branching --- */

static int by_branch(const void *left, const void *right) {
    const struct walker *a = left, *b = right;

    return a->branch < b->branch ? -1 : a->branch > b->branch;
}

static int by_weight(const void *left, const void *right) {
    const struct branch *a = left, *b = right;

    if (a->weight != b->weight) return a->weight > b->weight ? -1 : 1;
    return a->walkers < b->walkers ? -1 : 1;
}

/* Sorts the walkers by where they are now, and makes a branch of each such place: `*branches`, from
 * malloc, heaviest first. */
static int split(struct branch *whole, struct branch **branches, size_t *branch_count) {
    struct mete__grouping *grouping = mete__grouping_open();
    int status = -ENOMEM;

    *branch_count = 0;
    *branches = calloc(whole->count + 1, sizeof **branches);
    if (grouping == NULL || *branches == NULL) goto out;
    for (size_t i = 0; i < whole->count; i++) {
        struct walker *walker = &whole->walkers[i];
        static const struct mete__frame nothing = {0};
        walker->branch =
            mete__grouping_function(grouping, walker->at == NULL ? &nothing : walker->at);
        if (walker->branch == UINT32_MAX) goto out;
    }
    qsort(whole->walkers, whole->count, sizeof *whole->walkers, by_branch);
    for (size_t i = 0; i < whole->count; i++) {
        struct walker *walker = &whole->walkers[i];
        if (i == 0 || walker[-1].branch != walker->branch) {
            (*branches)[*branch_count] = *whole;
            (*branches)[*branch_count].walkers = walker;
            (*branches)[*branch_count].count = 0;
            (*branches)[*branch_count].weight = 0;
            (*branch_count)++;
        }
        (*branches)[*branch_count - 1].count++;
        (*branches)[*branch_count - 1].weight += walker->weight;
    }
    qsort(*branches, *branch_count, sizeof **branches, by_weight);
    status = 0;
out:
    mete__grouping_close(grouping);
    return status;
}

/* Follows a branch outwards as long as most of it stays together. What it splits into then is left
 * in
 * `*parts`, from malloc; none where it came to the end. */
static int follow(struct mete__report *report, struct branch *branch, struct branch **parts,
                  size_t *part_count) {
    *parts = NULL;
    *part_count = 0;
    for (;;) {
        struct branch *next = NULL;
        size_t count = 0;
        int status = step(report, branch->walkers, branch->count);
        if (status == 0) status = split(branch, &next, &count);
        if (status != 0 || count == 0) {
            free(next);
            return status;
        }
        bool together = (double)next[0].weight >= TOGETHER * (double)branch->weight;
        if (branch->length == CHAIN_MAX || !together) {
            branch->goes_on = true;
            *parts = next;
            *part_count = together ? 0 : count;
            return 0;
        }
        *branch = next[0];
        free(next);
        if (branch->walkers[0].at == NULL) return 0;
        branch->chain[branch->length++] = branch->walkers[0].at;
    }
}

/* --- Printing --- */

static void print_branch(const struct mete__report_chapter *chapter, const struct branch *branch,
                         size_t indent) {
    const struct mete__page *page = &chapter->page;
    const char *arrow = page->unicode ? "←" : "<-";
    size_t width = page->width == METE__PAGE_ENDLESS ? LINE_COLUMNS : page->width;
    size_t left = width > indent + 5 ? width - indent - 5 : 0; /* room for the last arrow */
    size_t printed = 0;

    for (; printed < branch->length; printed++) {
        char text[METE__REPORT_STACK_TEXT];
        mete__report_stack_function(chapter, branch->chain[printed], text);
        size_t columns = mete__page_columns(text) + 4;
        if (columns > left) break;
        mete__page_print(page, METE__PAGE_FAINT, "%s%s ", printed == 0 ? "" : " ", arrow);
        mete__page_text(page, METE__PAGE_PLAIN, text, columns, false);
        left -= columns;
    }
    if (printed < branch->length || branch->goes_on)
        mete__page_print(page, METE__PAGE_FAINT, "%s%s %s", printed == 0 ? "" : " ", arrow,
                         page->unicode ? "…" : "...");
    if (branch->length == 0 && !branch->goes_on)
        mete__page_print(page, METE__PAGE_FAINT, "(called by nobody)");
    putc('\n', page->out);
}

/* A line for each of the heaviest parts, with its share of `all`. */
static int print_parts(struct mete__report_chapter *chapter, struct branch *parts, size_t count,
                       uint64_t all, size_t indent) {
    int status = 0;

    for (size_t i = 0; i < count && i < BRANCHES_MAX && status == 0; i++) {
        struct branch *part = &parts[i], *rest = NULL;
        size_t rest_count = 0;
        uint64_t weight = part->weight;
        if (i != 0 && (double)weight < WORTH_A_LINE * (double)all) break;
        part->goes_on = false;
        part->length = 0; /* the trunk is printed already */
        if (part->walkers[0].at != NULL) {
            part->chain[part->length++] = part->walkers[0].at;
            status = follow(chapter->report, part, &rest, &rest_count);
            free(rest);
        }
        mete__page_gap(&chapter->page, indent);
        mete__page_print(&chapter->page, METE__PAGE_PLAIN, "%6s  ",
                         mete__units_share(METE__UNITS, weight, all));
        print_branch(chapter, part, indent + SHARE_COLUMNS);
    }
    return status;
}

static int start(struct mete__report *report, const struct mete__report_caller *callers,
                 size_t count, struct branch *trunk) {
    *trunk = (struct branch){.walkers = calloc(count + 1, sizeof(struct walker)), .count = count};
    if (trunk->walkers == NULL) return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        struct walker *walker = &trunk->walkers[i];
        walker->weight = callers[i].weight;
        walker->at = mete__backtrace_headline(report->profile, report->symbols, callers[i].stack,
                                              &walker->cursor);
        trunk->weight += walker->weight;
    }
    return 0;
}

int mete__report_callers(struct mete__report_chapter *chapter, struct mete__report_caller *callers,
                         size_t count, size_t indent) {
    struct branch trunk, *parts = NULL;
    size_t part_count = 0;
    int status = start(chapter->report, callers, count, &trunk);
    struct walker *walkers = trunk.walkers;
    uint64_t all = trunk.weight;

    if (status == 0 && count != 0) status = follow(chapter->report, &trunk, &parts, &part_count);
    if (part_count != 0) trunk.goes_on = false;
    if (status == 0 && trunk.length != 0) {
        mete__page_gap(&chapter->page, indent);
        print_branch(chapter, &trunk, indent);
    }
    if (status == 0) status = print_parts(chapter, parts, part_count, all, indent);
    free(parts);
    free(walkers);
    return status;
}
