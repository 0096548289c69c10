#include "report/web_data.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "analysis/array.h"
#include "analysis/names.h"
#include "analysis/symbols/backtrace.h"
#include "analysis/symbols/short_name.h"
#include "report/json.h"
#include "report/report_json.h"
#include "report/web_layouts.h"
#include "report/web_sites.h"

#define SHORT_NAME_SIZE 512

struct tables {
    struct mete__report *report;
    struct mete__web_sites sites;
    struct mete__backtrace backtrace;

    uint32_t *number_of; /* per node of the profile: its number in the page, or 0 */
    uint32_t *nodes;     /* the nodes of the profile in order of these numbers */
    size_t node_count;

    struct mete__names *names; /* numbers the strings */
    const char **strings;      /* by number */
    size_t string_count, string_capacity;
};

static uint32_t parent_of(const struct tables *tables, uint32_t node) {
    return ((const struct mete_profile_node *)mete__profile_record(tables->report->profile,
                                                                   METE_SECTION_NODES, node))
        ->parent;
}

/* --- Stacks --- */

/* Gives numbers to a node and to those around it, which come first. */
static uint32_t number_node(struct tables *tables, uint32_t stack) {
    uint64_t nodes = mete__profile_count(tables->report->profile, METE_SECTION_NODES);
    size_t depth = 0;

    if (stack >= nodes) return 0;
    for (uint32_t i = stack; i != 0 && tables->number_of[i] == 0; i = parent_of(tables, i)) depth++;
    tables->node_count += depth;
    uint32_t number = (uint32_t)tables->node_count;
    for (uint32_t i = stack; depth > 0; i = parent_of(tables, i), depth--, number--) {
        tables->nodes[number - 1] = i;
        tables->number_of[i] = number;
    }
    return tables->number_of[stack];
}

static void write_stack(void *context, struct mete__json *json, uint32_t stack) {
    struct tables *tables = context;
    struct mete__backtrace *backtrace = &tables->backtrace;

    if (mete__backtrace_read(backtrace, tables->report->profile, tables->report->symbols, stack) !=
        0) {
        mete__json_fail(json, -ENOMEM);
        return;
    }
    bool guessed = backtrace->guessed_after < backtrace->count;
    fprintf(json->out, "[%u, %zu, %zu, %zu, %d, %d]", number_node(tables, stack), backtrace->cut,
            backtrace->shown_from, backtrace->shown_to, backtrace->truncated,
            guessed ? (int)backtrace->guessed_after : -1);
}

static void write_merged(void *context, struct mete__json *json, size_t index) {
    const struct tables *tables = context;

    if (tables->sites.merged[index] != 0)
        fprintf(json->out, ", \"merged\": %u", tables->sites.merged[index]);
}

/* --- Tables --- */

/* The number of a text; -1 for none and, with a failure noted, where memory ran out. */
static int number_text(struct tables *tables, struct mete__json *json, const char *text) {
    if (text == NULL) return -1;
    const char **strings = mete__array_room(tables->strings, tables->string_count,
                                            &tables->string_capacity, sizeof(const char *));
    if (strings == NULL) goto fail;
    tables->strings = strings;
    size_t number = mete__names_number(tables->names, text);
    if (number > tables->string_count) goto fail;
    if (number == tables->string_count)
        tables->strings[tables->string_count++] = mete__names_keep(tables->names, text);
    return (int)number;
fail:
    mete__json_fail(json, -ENOMEM);
    return -1;
}

static void write_frame(struct tables *tables, struct mete__json *json,
                        const struct mete__frame *frame) {
    char text[SHORT_NAME_SIZE];
    const char *short_name = frame->function;

    if (short_name != NULL && short_name != frame->symbol)
        short_name = mete__short_name(text, sizeof text, frame->function, "…");
    fprintf(json->out, "[%d, %d, %d, %u, %d, %llu, %d]", number_text(tables, json, short_name),
            number_text(tables, json, frame->function), number_text(tables, json, frame->file),
            frame->line, number_text(tables, json, frame->module),
            (unsigned long long)frame->offset, frame->inlined);
}

/* Writes the nodes, and leaves their frames by id: from malloc, or NULL. */
static const struct mete__frame **write_nodes(struct tables *tables, struct mete__json *json) {
    const struct mete__symbols *symbols = tables->report->symbols;
    const struct mete__frame **by_id =
        calloc(mete__symbols_frame_count(symbols) + 1, sizeof(const struct mete__frame *));

    if (by_id == NULL) return NULL;
    mete__json_begin_member(json, "nodes");
    putc('[', json->out);
    for (size_t i = 0; i < tables->node_count; i++) {
        uint32_t node = tables->nodes[i];
        const struct mete__frame *frames = NULL;
        size_t count = mete__symbols_frames(symbols, node, &frames);
        for (size_t j = 0; j < count; j++) by_id[frames[j].id] = &frames[j];
        fprintf(json->out, "%s%u,%u,%zu", i == 0 ? "" : ",\n",
                tables->number_of[parent_of(tables, node)], count == 0 ? 0 : frames[0].id, count);
    }
    putc(']', json->out);
    return by_id;
}

/* The key that the page begins with. */
static json_t *sort_value(enum mete__report_sort sort) {
    switch (sort) {
    case METE__REPORT_SORT_LIVE: return json_string("live_bytes");
    case METE__REPORT_SORT_ALLOCATED: return json_string("allocated_bytes");
    case METE__REPORT_SORT_TEMPORARY: return json_string("temporary");
    case METE__REPORT_SORT_COUNT: return json_string("allocations");
    case METE__REPORT_SORT_PEAK:
    case METE__REPORT_SORT_DEFAULT: break;
    }
    return json_string("peak_live_bytes");
}

static void write_tables(void *context, struct mete__json *json) {
    struct tables *tables = context;
    size_t frame_count = mete__symbols_frame_count(tables->report->symbols);
    const struct mete__frame **by_id = write_nodes(tables, json);
    char *folder = getcwd(NULL, 0);
    bool any = false;

    if (by_id == NULL) {
        mete__json_fail(json, -ENOMEM);
        goto out;
    }
    mete__json_begin_member(json, "frames");
    putc('[', json->out);
    for (size_t i = 0; i < frame_count; i++) {
        mete__json_begin_entry(json, &any);
        if (by_id[i] == NULL)
            putc('0', json->out);
        else
            write_frame(tables, json, by_id[i]);
    }
    mete__json_end_entries(json, any);

    any = false;
    mete__json_begin_member(json, "strings");
    putc('[', json->out);
    for (size_t i = 0; i < tables->string_count; i++) {
        mete__json_begin_entry(json, &any);
        mete__json_write(json, mete__json_text(tables->strings[i]));
    }
    mete__json_end_entries(json, any);

    mete__web_layouts_write(tables->report, json);
    mete__json_member(json, "sort", sort_value(tables->report->options.sort));
    mete__json_member(json, "folder", mete__json_text(folder));
    mete__json_member(json, "site_count", mete__json_count(tables->report->summary->site_count));
out:
    free(folder);
    free(by_id);
}

/* --- The document --- */

static int open_tables(struct mete__report *report, size_t site_limit, struct tables *tables) {
    uint64_t nodes = mete__profile_count(report->profile, METE_SECTION_NODES);

    *tables = (struct tables){
        .report = report,
        .number_of = calloc(nodes + 1, sizeof(uint32_t)),
        .nodes = calloc(nodes + 1, sizeof(uint32_t)),
        .names = mete__names_open(),
    };
    if (tables->number_of == NULL || tables->nodes == NULL || tables->names == NULL) return -ENOMEM;
    return mete__web_sites_choose(report, site_limit, &tables->sites);
}

static void close_tables(struct tables *tables) {
    mete__web_sites_free(&tables->sites);
    mete__backtrace_free(&tables->backtrace);
    mete__names_close(tables->names);
    free(tables->strings);
    free(tables->number_of);
    free(tables->nodes);
}

int mete__web_data(struct mete__report *report, size_t site_limit, FILE *out) {
    struct mete__json json = {.out = out, .flags = JSON_ENSURE_ASCII};
    size_t leaks = report->findings->leak_count;
    struct tables tables;

    int status = open_tables(report, site_limit, &tables);
    if (status == 0) {
        const struct mete__report_json_form form = {
            .sites = tables.sites.pointers,
            .site_count = tables.sites.count,
            .leak_count = leaks < site_limit ? leaks : site_limit,
            .stack = write_stack,
            .site = write_merged,
            .finish = write_tables,
            .context = &tables,
        };
        status = mete__report_json_document(report, &json, &form);
    }
    close_tables(&tables);
    return status;
}
