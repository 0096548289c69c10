#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/findings/grouping.h"
#include "report/report_callers.h"
#include "report/report_chapter.h"
#include "report/report_stack.h"
#include "report/units.h"

#define PLACES_SHOWN  5
#define WRAPPERS_MAX  32   /* calls deep that the caller of a wrapper is looked for */
#define TEMPORARY_MIN 1000 /* fewer cost nobody anything */
#define TYPES_LOOKED  32   /* sites of a place whose types are asked for */

/* All sites that begin at one line of the program: a person's idea of a site. */
struct place {
    struct mete__summary_site sum;      /* without a stack */
    const struct mete__frame *headline; /* NULL: no stack was recorded */
    size_t ways;                        /* different stacks that lead here */
};

struct places {
    struct place *items;
    size_t count;
    uint32_t *place_of; /* per site of the summary: index into items */
};

/* One kind of table. */
struct table {
    enum mete__report_sort sort;
    const char *title;
    const char *what; /* to follow the title */
};

/* --- Places --- */

/* The names of the frames that sites are called after: found step by step, because how many of the
 * innermost ones are wrappers shows only once they have names. */
static int resolve_headlines(struct mete__report *report) {
    const struct mete__summary *summary = report->summary;
    uint32_t *open = calloc(summary->site_count + 1, sizeof *open); /* sites not done yet */
    size_t open_count = summary->site_count;
    int status = 0;

    if (open == NULL) return -ENOMEM;
    for (size_t i = 0; i < open_count; i++) open[i] = (uint32_t)i;
    for (int step = 0; step < WRAPPERS_MAX && open_count != 0 && status == 0; step++) {
        size_t left = 0;
        for (size_t i = 0; i < open_count; i++) {
            struct mete__backtrace_cursor cursor;
            if (mete__backtrace_headline(report->profile, report->symbols,
                                         summary->sites[open[i]].stack, &cursor) != NULL ||
                cursor.node == 0)
                continue;
            mete__symbols_want_node(report->symbols, cursor.node);
            open[left++] = open[i];
        }
        open_count = left;
        status = mete__symbols_resolve(report->symbols);
    }
    mete__progress_end(&report->progress);
    free(open);
    return status;
}

static int make_places(struct mete__report *report, struct places *places) {
    const struct mete__summary *summary = report->summary;
    struct mete__grouping *grouping = mete__grouping_open();
    int status = resolve_headlines(report);

    *places = (struct places){
        .items = calloc(summary->site_count + 1, sizeof(struct place)),
        .place_of = calloc(summary->site_count + 1, sizeof(uint32_t)),
    };
    if (grouping == NULL || places->items == NULL || places->place_of == NULL) status = -ENOMEM;
    for (size_t i = 0; i < summary->site_count && status == 0; i++) {
        struct mete__backtrace_cursor cursor;
        const struct mete__frame *headline = mete__backtrace_headline(
            report->profile, report->symbols, summary->sites[i].stack, &cursor);
        uint32_t number = headline == NULL ? 0 : mete__grouping_number(grouping, &headline, 1);
        if (number > summary->site_count) {
            status = -ENOMEM;
            break;
        }
        if (number >= places->count) places->count = number + 1;
        places->place_of[i] = number;
        struct place *place = &places->items[number];
        mete__summary_add(&place->sum, &summary->sites[i]);
        place->headline = headline;
        place->ways++;
    }
    mete__grouping_close(grouping);
    return status;
}

static void free_places(struct places *places) {
    free(places->items);
    free(places->place_of);
}

/* --- A table --- */

struct order {
    const struct places *places;
    enum mete__report_sort sort;
};

static int by_weight(const void *left, const void *right, void *context) {
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    const struct order *order = context;
    uint64_t a_weight = mete__report_weight(&order->places->items[a].sum, order->sort);
    uint64_t b_weight = mete__report_weight(&order->places->items[b].sum, order->sort);

    if (a_weight != b_weight) return a_weight > b_weight ? -1 : 1;
    return a < b ? -1 : a > b;
}

#define SHARE_COLUMNS 6

/* What stands in front of the names; returns its columns. */
static size_t print_numbers(const struct mete__page *page, const struct place *place,
                            enum mete__report_sort sort, uint64_t all) {
    uint64_t weight = mete__report_weight(&place->sum, sort);
    char first[METE__UNITS_SIZE], last[METE__UNITS_SIZE + 8] = "";

    switch (sort) {
    case METE__REPORT_SORT_COUNT:
        mete__units_count(first, weight);
        snprintf(last, sizeof last, "%9s",
                 mete__units_bytes(METE__UNITS, place->sum.allocated_bytes));
        break;
    case METE__REPORT_SORT_TEMPORARY:
        mete__units_count(first, weight);
        snprintf(last, sizeof last, "%6s of its own",
                 mete__units_share(METE__UNITS, weight, place->sum.allocations));
        break;
    default:
        mete__units_bytes(first, weight);
        snprintf(last, sizeof last, "%11s",
                 mete__units_count(METE__UNITS, sort == METE__REPORT_SORT_LIVE
                                                    ? place->sum.live_blocks
                                                    : place->sum.allocations));
        break;
    }
    bool counts = sort == METE__REPORT_SORT_COUNT || sort == METE__REPORT_SORT_TEMPORARY;
    int columns = counts ? 13 : 9;
    mete__page_print(page, METE__PAGE_STRONG, "  %*s", columns, first);
    mete__page_print(page, METE__PAGE_PLAIN, "  %*s  %s  ", SHARE_COLUMNS,
                     mete__units_share(METE__UNITS, weight, all), last);
    return 2 + (size_t)columns + 2 + SHARE_COLUMNS + 2 + strlen(last) + 2;
}

/* The stacks that lead to a place, and what each weighs: from malloc, or NULL. */
static struct mete__report_caller *callers_of(const struct mete__report *report,
                                              const struct places *places, uint32_t place,
                                              enum mete__report_sort sort, size_t *count) {
    const struct mete__summary *summary = report->summary;
    struct mete__report_caller *callers = calloc(places->items[place].ways, sizeof *callers);

    *count = 0;
    if (callers == NULL) return NULL;
    for (size_t i = 0; i < summary->site_count; i++) {
        const struct mete__summary_site *site = &summary->sites[i];
        uint64_t weight = mete__report_weight(site, sort);
        if (places->place_of[i] == place && weight != 0)
            callers[(*count)++] =
                (struct mete__report_caller){.stack = site->stack, .weight = weight};
    }
    return callers;
}

/* What the blocks of a place are, where all of its sites that are looked at say the same:
 * "struct conn", "struct conn[]"; else "". Bytes are not worth a word. -ENOMEM. */
static int type_of_place(struct mete__report *report, const struct places *places, uint32_t place,
                         char text[METE__REPORT_STACK_TEXT]) {
    const struct mete__summary *summary = report->summary;
    struct mete__site_type type = {0}, first = {0};
    int status = 0, looked = 0;

    text[0] = '\0';
    for (size_t i = 0; i < summary->site_count && looked < TYPES_LOOKED && status == 0; i++) {
        if (places->place_of[i] != place) continue;
        status = mete__site_types_find(report->types, &summary->sites[i], &type);
        if (status != 0 || type.name == NULL || type.form == METE__SITE_TYPE_BYTES) break;
        if (looked++ == 0)
            first = type;
        else if (strcmp(type.name, first.name) != 0)
            break;
        else if (type.confidence < first.confidence)
            first.confidence = type.confidence;
        if (type.form == METE__SITE_TYPE_ARRAY) first.form = METE__SITE_TYPE_ARRAY;
        if (type.header < first.header) first.header = type.header;
        type = first;
    }
    mete__progress_end(&report->progress);
    if (status != 0 || looked == 0 || type.name == NULL || strcmp(type.name, first.name) != 0 ||
        type.form == METE__SITE_TYPE_BYTES)
        return status;
    int length = snprintf(text, METE__REPORT_STACK_TEXT, "%s%s%s",
                          first.confidence == METE__SITE_TYPE_CERTAIN ? "" : "probably ",
                          first.name, first.form == METE__SITE_TYPE_ARRAY ? "[]" : "");
    if (first.header != 0 && length > 0 && length < METE__REPORT_STACK_TEXT)
        snprintf(text + length, METE__REPORT_STACK_TEXT - (size_t)length, " behind %s",
                 mete__units_bytes(METE__UNITS, first.header));
    return 0;
}

static int print_place(struct mete__report_chapter *chapter, const struct places *places,
                       uint32_t index, const struct table *table, uint64_t all) {
    const struct mete__page *page = &chapter->page;
    const struct place *place = &places->items[index];
    char function[METE__REPORT_STACK_TEXT] = "(no stack was recorded)";
    char location[METE__REPORT_STACK_TEXT] = "", type[METE__REPORT_STACK_TEXT];
    int status = type_of_place(chapter->report, places, index, type);
    if (status != 0) return status;
    size_t indent = print_numbers(page, place, table->sort, all);

    if (place->headline != NULL) {
        mete__report_stack_function(chapter, place->headline, function);
        mete__report_stack_location(chapter, place->headline, location);
    }
    size_t left = page->width > indent + 20 ? page->width - indent : 20;
    size_t for_type = type[0] == '\0' ? 0 : mete__page_columns(type) + 2;
    if (for_type > left / 3) for_type = left / 3;
    left -= for_type;
    size_t used = mete__page_text(page, METE__PAGE_PLAIN, function,
                                  page->width == METE__PAGE_ENDLESS ? left : left / 2, false);
    if (location[0] != '\0') mete__page_gap(page, 2);
    mete__page_text(page, METE__PAGE_PLAIN, location, left > used + 2 ? left - used - 2 : 8, true);
    if (for_type > 2) {
        mete__page_gap(page, 2);
        mete__page_text(page, METE__PAGE_FAINT, type, for_type - 2, false);
    }
    putc('\n', page->out);

    if (place->headline == NULL) return 0;
    size_t count;
    struct mete__report_caller *callers =
        callers_of(chapter->report, places, index, table->sort, &count);
    if (callers == NULL) return -ENOMEM;
    status = mete__report_callers(chapter, callers, count, indent);
    free(callers);
    return status;
}

static int print_table(struct mete__report_chapter *chapter, const struct places *places,
                       const struct table *table) {
    uint32_t *order = calloc(places->count + 1, sizeof *order);
    struct order context = {places, table->sort};
    size_t limit = chapter->report->options.top != 0 ? chapter->report->options.top : PLACES_SHOWN;
    uint64_t all = 0, shown = 0;
    size_t count = 0;
    int status = 0;

    if (order == NULL) return -ENOMEM;
    for (uint32_t i = 0; i < places->count; i++) {
        uint64_t weight = mete__report_weight(&places->items[i].sum, table->sort);
        all += weight;
        if (weight != 0) order[count++] = i;
    }
    if (count != 0) {
        qsort_r(order, count, sizeof *order, by_weight, &context);
        mete__page_heading(&chapter->page, table->title, "%s", table->what);
    }
    for (size_t i = 0; i < count && i < limit && status == 0; i++) {
        status = print_place(chapter, places, order[i], table, all);
        shown += mete__report_weight(&places->items[order[i]].sum, table->sort);
    }
    if (count > limit)
        mete__page_print(&chapter->page, METE__PAGE_FAINT, "  %s at %s more place%s\n",
                         mete__units_share(METE__UNITS, all - shown, all),
                         mete__units_count(METE__UNITS, count - limit),
                         mete__units_plural(count - limit));
    free(order);
    return status;
}

static const struct table tables[] = {
    {METE__REPORT_SORT_LIVE, "Live", "bytes, share and blocks that are live now"},
    {METE__REPORT_SORT_PEAK, "At the peak", "bytes and share of the peak, allocations in all"},
    {METE__REPORT_SORT_COUNT, "Most allocations", "count, share and bytes"},
    {METE__REPORT_SORT_ALLOCATED, "Most bytes asked for", "bytes, share and allocations"},
    {METE__REPORT_SORT_TEMPORARY, "Temporary",
     "blocks freed before the thread's next allocation: count and share"},
};

static bool is_wanted(const struct mete__report *report, enum mete__report_sort sort) {
    const struct mete__summary_totals *totals = &report->summary->totals;
    const struct mete_profile_header *header = mete__profile_header(report->profile);

    if (report->options.sort != METE__REPORT_SORT_DEFAULT) return sort == report->options.sort;
    switch (sort) {
    case METE__REPORT_SORT_LIVE:
        return header->state == METE_PROFILE_RUNNING && header->end == METE_PROFILE_END_UNKNOWN;
    case METE__REPORT_SORT_ALLOCATED: return false;
    case METE__REPORT_SORT_TEMPORARY:
        return totals->temporary >= TEMPORARY_MIN && totals->temporary >= totals->allocations / 20;
    default: return true;
    }
}

int mete__report_sites(struct mete__report_chapter *chapter) {
    struct places places;
    int status;

    if (chapter->report->summary->site_count == 0) return 0;
    status = make_places(chapter->report, &places);
    for (size_t i = 0; i < METE_COUNT_OF(tables) && status == 0; i++)
        if (is_wanted(chapter->report, tables[i].sort))
            status = print_table(chapter, &places, &tables[i]);
    free_places(&places);
    return status;
}
