#include "report/report_json.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/backtrace.h"
#include "report/utf8.h"

/* The document is an object of a few members; jansson makes the values, and the long arrays are
 * written entry by entry. A frame is turned into text once, however many stacks it is in. */
struct writer {
    struct mete__report *report;
    FILE *out;
    char **frame_texts; /* by frame id; NULL: not made yet */
    size_t frame_count;
    struct mete__backtrace backtrace;
    bool any_member;
    int status; /* 0 or the first thing that went wrong */
};

static void fail(struct writer *writer, int status) {
    if (writer->status == 0) writer->status = status;
}

/* --- Values --- */

/* Texts come from programs and files: what is not UTF-8 in them is replaced. */
static json_t *text_value(const char *text) {
    if (text == NULL) return json_null();
    json_t *value = json_string(text);
    if (value != NULL) return value;
    char *valid = mete__utf8_valid(text);
    value = valid == NULL ? NULL : json_string(valid);
    free(valid);
    return value;
}

/* Counters of 64 bits stop at the largest number that JSON readers agree on having: nobody gets
 * there. */
static json_t *count_value(uint64_t count) {
    return json_integer(count > INT64_MAX ? INT64_MAX : (json_int_t)count);
}

static json_t *address_value(uint64_t address) {
    char text[24];

    snprintf(text, sizeof text, "0x%llx", (unsigned long long)address);
    return json_string(text);
}

/* --- Members and entries --- */

static void begin_member(struct writer *writer, const char *key) {
    fprintf(writer->out, "%s\n  \"%s\": ", writer->any_member ? "," : "{", key);
    writer->any_member = true;
}

/* Takes the value, which may be NULL for lack of memory. */
static void write_value(struct writer *writer, json_t *value) {
    if (value == NULL || json_dumpf(value, writer->out, JSON_ENCODE_ANY | JSON_REAL_PRECISION(9)))
        fail(writer, value == NULL ? -ENOMEM : -EIO);
    json_decref(value);
}

static void write_member(struct writer *writer, const char *key, json_t *value) {
    begin_member(writer, key);
    write_value(writer, value);
}

static void begin_entry(struct writer *writer, bool *any) {
    fputs(*any ? ",\n    " : "\n    ", writer->out);
    *any = true;
}

static void end_entries(struct writer *writer, bool any) {
    fputs(any ? "\n  ]" : "]", writer->out);
}

/* Writes an object without its closing brace, for members that jansson does not hold. */
static void write_open_object(struct writer *writer, json_t *object) {
    char *text = object == NULL ? NULL : json_dumps(object, 0);

    if (text == NULL)
        fail(writer, -ENOMEM);
    else
        fwrite(text, 1, strlen(text) - 1, writer->out);
    free(text);
    json_decref(object);
}

/* --- Stacks --- */

static char *frame_text(const struct mete__frame *frame) {
    json_t *object = json_pack(
        "{s:o, s:o, s:o, s:o, s:o, s:o, s:b}", "function", text_value(frame->function), "file",
        text_value(frame->file), "line", frame->line == 0 ? json_null() : json_integer(frame->line),
        "module", text_value(frame->module), "address", address_value(frame->address),
        "module_offset", address_value(frame->offset), "inlined", frame->inlined);
    char *text = object == NULL ? NULL : json_dumps(object, 0);

    json_decref(object);
    return text;
}

/* The frames found so far grow with each resolve. */
static bool make_room_for_frames(struct writer *writer) {
    size_t count = mete__symbols_frame_count(writer->report->symbols);

    if (count <= writer->frame_count) return true;
    char **texts = reallocarray(writer->frame_texts, count, sizeof(char *));
    if (texts == NULL) return false;
    memset(texts + writer->frame_count, 0, (count - writer->frame_count) * sizeof(char *));
    writer->frame_texts = texts;
    writer->frame_count = count;
    return true;
}

static void write_stack(struct writer *writer, uint32_t stack) {
    struct mete__backtrace *backtrace = &writer->backtrace;

    if (!make_room_for_frames(writer) ||
        mete__backtrace_read(backtrace, writer->report->profile, writer->report->symbols, stack)) {
        fail(writer, -ENOMEM);
        return;
    }
    putc('[', writer->out);
    for (size_t i = 0; i < backtrace->count; i++) {
        char **text = &writer->frame_texts[backtrace->frames[i]->id];
        if (*text == NULL) *text = frame_text(backtrace->frames[i]);
        if (*text == NULL) {
            fail(writer, -ENOMEM);
            return;
        }
        if (i != 0) fputs(", ", writer->out);
        fputs(*text, writer->out);
    }
    putc(']', writer->out);
}

/* ", "key": [frames]" */
static void write_stack_member(struct writer *writer, const char *key, uint32_t stack) {
    fprintf(writer->out, ", \"%s\": ", key);
    write_stack(writer, stack);
}

/* --- The document --- */

static json_t *program_value(const struct mete__report *report) {
    const struct mete_profile_header *header = mete__profile_header(report->profile);
    json_t *arguments = json_array();
    bool exited = header->end == METE_PROFILE_END_EXIT;
    bool signalled = header->end == METE_PROFILE_END_SIGNAL;

    for (uint32_t i = 0; i < header->argc; i++)
        json_array_append_new(arguments, text_value(mete__profile_argument(report->profile, i)));
    return json_pack("{s:o, s:o, s:I, s:I, s:o, s:o, s:b, s:f}", "argv", arguments, "executable",
                     text_value(mete__profile_string(report->profile, header->executable)), "pid",
                     (json_int_t)header->pid, "parent_pid", (json_int_t)header->parent_pid,
                     "exit_status", exited ? json_integer(header->end_code) : json_null(), "signal",
                     signalled ? json_integer(header->end_code) : json_null(), "reached_exit",
                     header->state == METE_PROFILE_ENDED, "wall_seconds",
                     report->summary->wall_seconds);
}

static json_t *totals_value(const struct mete__report *report) {
    const struct mete__summary_totals *totals = &report->summary->totals;

    return json_pack(
        "{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:b, s:o, s:o, s:o}", "allocations",
        count_value(totals->allocations), "frees", count_value(totals->frees), "allocated_bytes",
        count_value(totals->allocated_bytes), "freed_bytes", count_value(totals->freed_bytes),
        "live_blocks", count_value(totals->live_blocks), "live_bytes",
        count_value(totals->live_bytes), "peak_live_bytes", count_value(totals->peak_live_bytes),
        "peak_is_exact", report->summary->peak_is_exact, "peak_error_bytes",
        count_value(report->summary->peak_error_bytes), "temporary_allocations",
        count_value(totals->temporary), "failed_allocations", count_value(totals->failed));
}

static json_t *amount_value(struct mete__finding_amount amount) {
    return json_pack("{s:o, s:o}", "bytes", count_value(amount.bytes), "blocks",
                     count_value(amount.blocks));
}

static void write_leaks(struct writer *writer) {
    const struct mete__findings *findings = writer->report->findings;
    const struct mete__finding_amount *kinds = findings->kinds;
    bool any = false;

    begin_member(writer, "leaks");
    if (!findings->leaks_checked) {
        fputs("null", writer->out);
        return;
    }
    write_open_object(writer, json_pack("{s:o, s:o, s:o, s:o, s:o}", "definite",
                                        amount_value(kinds[METE_LEAK_DEFINITE]), "indirect",
                                        amount_value(kinds[METE_LEAK_INDIRECT]), "possible",
                                        amount_value(kinds[METE_LEAK_POSSIBLE]), "reachable",
                                        amount_value(kinds[METE_LEAK_REACHABLE]), "suppressed",
                                        amount_value(findings->suppressed)));
    fputs(", \"records\": [", writer->out);
    for (size_t i = 0; i < findings->leak_count && writer->status == 0; i++) {
        const struct mete__finding_leak *leak = &findings->leaks[i];
        begin_entry(writer, &any);
        write_open_object(
            writer, json_pack("{s:s, s:o, s:o, s:b}", "kind", mete__report_leak_name(leak->kind),
                              "bytes", count_value(leak->amount.bytes), "blocks",
                              count_value(leak->amount.blocks), "suppressed", leak->suppressed));
        write_stack_member(writer, "stack", leak->stack);
        putc('}', writer->out);
    }
    end_entries(writer, any);
    putc('}', writer->out);
}

static void write_errors(struct writer *writer) {
    const struct mete__findings *findings = writer->report->findings;
    bool any = false;

    begin_member(writer, "errors");
    putc('[', writer->out);
    for (size_t i = 0; i < findings->error_count && writer->status == 0; i++) {
        const struct mete_profile_error *error = &findings->errors[i].record;
        begin_entry(writer, &any);
        write_open_object(writer,
                          json_pack("{s:s, s:o, s:o, s:I, s:o, s:b}", "kind",
                                    mete__report_error_name(error->kind), "address",
                                    address_value(error->address), "block_bytes",
                                    count_value(error->block_bytes), "offset",
                                    (json_int_t)error->offset, "thread", count_value(error->thread),
                                    "suppressed", findings->errors[i].suppressed));
        write_stack_member(writer, "stack", error->stack);
        write_stack_member(writer, "allocated_at", error->allocated_at);
        write_stack_member(writer, "freed_at", error->freed_at);
        putc('}', writer->out);
    }
    end_entries(writer, any);
}

static void write_sites(struct writer *writer, const struct mete__summary_site **sites,
                        size_t count) {
    bool any = false;

    begin_member(writer, "sites");
    putc('[', writer->out);
    for (size_t i = 0; i < count && writer->status == 0; i++) {
        const struct mete__summary_site *site = sites[i];
        begin_entry(writer, &any);
        write_open_object(writer, json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:n}",
                                            "allocations", count_value(site->allocations), "frees",
                                            count_value(site->frees), "allocated_bytes",
                                            count_value(site->allocated_bytes), "live_bytes",
                                            count_value(site->live_bytes), "live_blocks",
                                            count_value(site->live_blocks), "peak_live_bytes",
                                            count_value(site->peak_live_bytes), "own_peak_bytes",
                                            count_value(site->own_peak_bytes), "temporary",
                                            count_value(site->temporary), "type"));
        write_stack_member(writer, "stack", site->stack);
        putc('}', writer->out);
    }
    end_entries(writer, any);
}

static void write_sizes(struct writer *writer) {
    bool any = false;

    begin_member(writer, "sizes");
    putc('[', writer->out);
    for (size_t i = 0; i < METE_SIZE_BUCKETS; i++) {
        const struct mete__summary_size *size = &writer->report->summary->sizes[i];
        if (size->allocations == 0) continue;
        begin_entry(writer, &any);
        write_value(writer,
                    json_pack("{s:o, s:o, s:o, s:o}", "low", count_value(size->low), "high",
                              count_value(size->high), "allocations",
                              count_value(size->allocations), "bytes", count_value(size->bytes)));
    }
    end_entries(writer, any);
}

static void write_timeline(struct writer *writer) {
    const struct mete__profile *profile = writer->report->profile;
    uint64_t count = mete__profile_count(profile, METE_SECTION_TIMELINE);
    bool any = false;

    begin_member(writer, "timeline");
    putc('[', writer->out);
    for (uint64_t i = 0; i < count && writer->status == 0; i++) {
        const struct mete_profile_moment *moment =
            mete__profile_record(profile, METE_SECTION_TIMELINE, i);
        if (i != 0 && moment->clock == 0) continue;
        begin_entry(writer, &any);
        write_value(writer,
                    json_pack("{s:f, s:I, s:I, s:o}", "seconds", (double)moment->clock * 1e-9,
                              "live_bytes", (json_int_t)moment->live_bytes, "live_blocks",
                              (json_int_t)moment->live_blocks, "allocations",
                              count_value(moment->allocations)));
    }
    end_entries(writer, any);
}

static void write_notes(struct writer *writer) {
    const struct mete__report *report = writer->report;
    uint64_t modules = mete__profile_count(report->profile, METE_SECTION_MODULES);
    struct mete__suppression_use use;
    const char *path, *note;
    bool any = false;

    begin_member(writer, "modules_without_names");
    putc('[', writer->out);
    for (uint64_t i = 0; i < modules; i++) {
        if (!mete__symbols_note(report->symbols, i, &path, &note)) continue;
        begin_entry(writer, &any);
        write_value(writer, json_pack("{s:o, s:s}", "module", text_value(path), "why", note));
    }
    end_entries(writer, any);

    any = false;
    begin_member(writer, "suppressions");
    putc('[', writer->out);
    for (size_t i = 0;
         report->suppressions != NULL && mete__suppressions_use(report->suppressions, i, &use);
         i++) {
        begin_entry(writer, &any);
        write_value(writer, json_pack("{s:o, s:o, s:I, s:o}", "name", text_value(use.name), "file",
                                      text_value(use.file), "line", (json_int_t)use.line, "matches",
                                      count_value(use.matches)));
    }
    end_entries(writer, any);
}

static json_t *tracker_value(const struct mete__report *report) {
    const struct mete_profile_header *header = mete__profile_header(report->profile);

    return json_pack("{s:o, s:o, s:o, s:o}", "bytes", count_value(header->tracker_bytes),
                     "dropped_allocations", count_value(header->dropped_allocations),
                     "dropped_errors", count_value(header->dropped_errors), "truncated_stacks",
                     count_value(header->truncated_stacks));
}

static void want_everything(struct writer *writer, const struct mete__summary_site **sites,
                            size_t count) {
    struct mete__report *report = writer->report;
    const struct mete__findings *findings = report->findings;

    for (size_t i = 0; i < count; i++) mete__symbols_want(report->symbols, sites[i]->stack);
    for (size_t i = 0; i < findings->leak_count; i++)
        mete__symbols_want(report->symbols, findings->leaks[i].stack);
    for (size_t i = 0; i < findings->error_count; i++) {
        mete__symbols_want(report->symbols, findings->errors[i].record.stack);
        mete__symbols_want(report->symbols, findings->errors[i].record.allocated_at);
        mete__symbols_want(report->symbols, findings->errors[i].record.freed_at);
    }
    int status = mete__symbols_resolve(report->symbols);
    if (status != 0) fail(writer, status);
    mete__progress_end(&report->progress);
}

int mete__report_json(struct mete__report *report, FILE *out) {
    struct writer writer = {.report = report, .out = out};
    const struct mete__summary_site **sites = mete__report_sorted(report, report->options.sort);
    size_t count = report->summary->site_count;

    if (sites == NULL) return -ENOMEM;
    if (report->options.top != 0 && count > report->options.top) count = report->options.top;
    want_everything(&writer, sites, count);
    if (writer.status == 0) {
        uint32_t mode = mete__profile_header(report->profile)->mode;
        write_member(&writer, "mete", text_value(METE_VERSION_STRING));
        write_member(&writer, "mode", text_value(mete__report_mode_name(mode)));
        write_member(&writer, "program", program_value(report));
        write_member(&writer, "totals", totals_value(report));
        write_leaks(&writer);
        write_errors(&writer);
        write_sites(&writer, sites, count);
        write_sizes(&writer);
        write_timeline(&writer);
        write_member(&writer, "tracker", tracker_value(report));
        write_notes(&writer);
        fputs("\n}\n", out);
        if (fflush(out) != 0 || ferror(out)) fail(&writer, errno != 0 ? -errno : -EIO);
    }
    for (size_t i = 0; i < writer.frame_count; i++) free(writer.frame_texts[i]);
    free(writer.frame_texts);
    mete__backtrace_free(&writer.backtrace);
    free(sites);
    return writer.status;
}
