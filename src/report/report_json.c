#include "report/report_json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/symbols/backtrace.h"
#include "report/types_json.h"

/* The document is an object of a few members. */
struct writer {
    struct mete__json *json;
    struct mete__report *report;
    const struct mete__report_json_form *form;
};

/* ", "key": STACK" */
static void write_stack_member(struct writer *writer, const char *key, uint32_t stack) {
    fprintf(writer->json->out, ", \"%s\": ", key);
    writer->form->stack(writer->form->context, writer->json, stack);
}

/* --- Members --- */

static json_t *program_value(const struct mete__report *report) {
    const struct mete_profile_header *header = mete__profile_header(report->profile);
    json_t *arguments = json_array();
    bool exited = header->end == METE_PROFILE_END_EXIT;
    bool signalled = header->end == METE_PROFILE_END_SIGNAL;

    for (uint32_t i = 0; i < header->argc; i++)
        json_array_append_new(arguments,
                              mete__json_text(mete__profile_argument(report->profile, i)));
    return json_pack("{s:o, s:o, s:I, s:I, s:o, s:o, s:b, s:f}", "argv", arguments, "executable",
                     mete__json_text(mete__profile_string(report->profile, header->executable)),
                     "pid", (json_int_t)header->pid, "parent_pid", (json_int_t)header->parent_pid,
                     "exit_status", exited ? json_integer(header->end_code) : json_null(), "signal",
                     signalled ? json_integer(header->end_code) : json_null(), "reached_exit",
                     header->state == METE_PROFILE_ENDED, "wall_seconds",
                     report->summary->wall_seconds);
}

static json_t *totals_value(const struct mete__report *report) {
    const struct mete__summary_totals *totals = &report->summary->totals;
    const struct mete_profile_header *header = mete__profile_header(report->profile);
    bool peak_known = header->peak_clock > header->start_clock;
    double peak_seconds =
        peak_known ? (double)(header->peak_clock - header->start_clock) * 1e-9 : 0.0;

    return json_pack(
        "{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:b, s:o, s:o, s:o, s:o}", "allocations",
        mete__json_count(totals->allocations), "frees", mete__json_count(totals->frees),
        "allocated_bytes", mete__json_count(totals->allocated_bytes), "freed_bytes",
        mete__json_count(totals->freed_bytes), "live_blocks", mete__json_count(totals->live_blocks),
        "live_bytes", mete__json_count(totals->live_bytes), "peak_live_bytes",
        mete__json_count(totals->peak_live_bytes), "peak_is_exact", report->summary->peak_is_exact,
        "peak_error_bytes", mete__json_count(report->summary->peak_error_bytes), "peak_seconds",
        peak_known ? json_real(peak_seconds) : json_null(), "temporary_allocations",
        mete__json_count(totals->temporary), "failed_allocations",
        mete__json_count(totals->failed));
}

static json_t *amount_value(struct mete__finding_amount amount) {
    return json_pack("{s:o, s:o}", "bytes", mete__json_count(amount.bytes), "blocks",
                     mete__json_count(amount.blocks));
}

static json_t *leak_check_value(const struct mete__report *report) {
    const struct mete_profile_header *header = mete__profile_header(report->profile);

    switch (header->leak_check) {
    case METE_LEAK_CHECK_DONE: return json_string("done");
    case METE_LEAK_CHECK_RUNNING: return json_string("not finished");
    case METE_LEAK_CHECK_FAILED:
        return json_sprintf("failed: %s", strerror((int)header->leak_check_errno));
    default: return json_string("not run");
    }
}

static void write_leaks(struct writer *writer) {
    const struct mete__findings *findings = writer->report->findings;
    const struct mete__finding_amount *kinds = findings->kinds;
    bool any = false;

    mete__json_begin_member(writer->json, "leaks");
    if (!findings->leaks_checked) {
        fputs("null", writer->json->out);
        return;
    }
    mete__json_open_object(writer->json,
                           json_pack("{s:o, s:o, s:o, s:o, s:o}", "definite",
                                     amount_value(kinds[METE_LEAK_DEFINITE]), "indirect",
                                     amount_value(kinds[METE_LEAK_INDIRECT]), "possible",
                                     amount_value(kinds[METE_LEAK_POSSIBLE]), "reachable",
                                     amount_value(kinds[METE_LEAK_REACHABLE]), "suppressed",
                                     amount_value(findings->suppressed)));
    fputs(", \"records\": [", writer->json->out);
    for (size_t i = 0; i < writer->form->leak_count && writer->json->status == 0; i++) {
        const struct mete__finding_leak *leak = &findings->leaks[i];
        mete__json_begin_entry(writer->json, &any);
        mete__json_open_object(
            writer->json,
            json_pack("{s:s, s:o, s:o, s:b}", "kind", mete__report_leak_name(leak->kind), "bytes",
                      mete__json_count(leak->amount.bytes), "blocks",
                      mete__json_count(leak->amount.blocks), "suppressed", leak->suppressed));
        write_stack_member(writer, "stack", leak->stack);
        putc('}', writer->json->out);
    }
    mete__json_end_entries(writer->json, any);
    putc('}', writer->json->out);
}

/* NULL where memory has run out. */
static json_t *error_value(const struct mete__finding_error *finding) {
    static const char *const allocated[] = {"unknown", "malloc", "new", "new[]"};
    static const char *const freed[] = {"unknown", "free", "delete", "delete[]"};
    const struct mete_profile_error *error = &finding->record;

    json_t *value = json_pack(
        "{s:s, s:o, s:o, s:I, s:o, s:o, s:b}", "kind", mete__report_error_name(error->kind),
        "address", mete__json_address(error->address), "block_bytes",
        mete__json_count(error->block_bytes), "offset", (json_int_t)error->offset, "thread",
        mete__json_count(error->thread), "count", mete__json_count((uint64_t)error->repeats + 1),
        "suppressed", finding->suppressed);
    if (value == NULL || error->kind != METE_ERROR_MISMATCHED_FREE) return value;
    bool is_size = error->allocated_by == error->freed_by;
    json_t *mismatch =
        json_pack("{s:s, s:s, s:o}", "allocated_by",
                  allocated[error->allocated_by % METE_COUNT_OF(allocated)], "freed_by",
                  freed[error->freed_by % METE_COUNT_OF(freed)], "said_bytes",
                  is_size ? mete__json_count(error->said_bytes) : json_null());
    if (mismatch == NULL || json_object_update(value, mismatch) != 0) {
        json_decref(value);
        value = NULL;
    }
    json_decref(mismatch);
    return value;
}

static void write_errors(struct writer *writer) {
    const struct mete__findings *findings = writer->report->findings;
    bool any = false;

    mete__json_begin_member(writer->json, "errors");
    putc('[', writer->json->out);
    for (size_t i = 0; i < findings->error_count && writer->json->status == 0; i++) {
        const struct mete_profile_error *error = &findings->errors[i].record;
        mete__json_begin_entry(writer->json, &any);
        mete__json_open_object(writer->json, error_value(&findings->errors[i]));
        write_stack_member(writer, "stack", error->stack);
        write_stack_member(writer, "allocated_at", error->allocated_at);
        write_stack_member(writer, "freed_at", error->freed_at);
        putc('}', writer->json->out);
    }
    mete__json_end_entries(writer->json, any);
}

/* NULL where memory has run out. */
static json_t *site_value(struct writer *writer, const struct mete__summary_site *site) {
    json_t *type = mete__types_json_site(writer->report, site);
    json_t *value = json_pack(
        "{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "allocations",
        mete__json_count(site->allocations), "frees", mete__json_count(site->frees),
        "allocated_bytes", mete__json_count(site->allocated_bytes), "live_bytes",
        mete__json_count(site->live_bytes), "live_blocks", mete__json_count(site->live_blocks),
        "peak_live_bytes", mete__json_count(site->peak_live_bytes), "own_peak_bytes",
        mete__json_count(site->own_peak_bytes), "temporary", mete__json_count(site->temporary));

    if (value != NULL && (type == NULL || json_object_update(value, type) != 0)) {
        json_decref(value);
        value = NULL;
    }
    json_decref(type);
    return value;
}

static void write_sites(struct writer *writer) {
    const struct mete__report_json_form *form = writer->form;
    bool any = false;

    mete__json_begin_member(writer->json, "sites");
    putc('[', writer->json->out);
    for (size_t i = 0; i < form->site_count && writer->json->status == 0; i++) {
        mete__json_begin_entry(writer->json, &any);
        mete__json_open_object(writer->json, site_value(writer, form->sites[i]));
        if (form->site != NULL) form->site(form->context, writer->json, i);
        write_stack_member(writer, "stack", form->sites[i]->stack);
        putc('}', writer->json->out);
    }
    mete__json_end_entries(writer->json, any);
}

static void write_sizes(struct writer *writer) {
    bool any = false;

    mete__json_begin_member(writer->json, "sizes");
    putc('[', writer->json->out);
    for (size_t i = 0; i < METE_SIZE_BUCKETS; i++) {
        const struct mete__summary_size *size = &writer->report->summary->sizes[i];
        if (size->allocations == 0) continue;
        mete__json_begin_entry(writer->json, &any);
        mete__json_write(writer->json,
                         json_pack("{s:o, s:o, s:o, s:o}", "low", mete__json_count(size->low),
                                   "high", mete__json_count(size->high), "allocations",
                                   mete__json_count(size->allocations), "bytes",
                                   mete__json_count(size->bytes)));
    }
    mete__json_end_entries(writer->json, any);
}

static void write_timeline(struct writer *writer) {
    const struct mete__profile *profile = writer->report->profile;
    uint64_t count = mete__profile_count(profile, METE_SECTION_TIMELINE);
    bool any = false;

    mete__json_begin_member(writer->json, "timeline");
    putc('[', writer->json->out);
    for (uint64_t i = 0; i < count && writer->json->status == 0; i++) {
        const struct mete_profile_moment *moment =
            mete__profile_record(profile, METE_SECTION_TIMELINE, i);
        if (i != 0 && moment->clock == 0) continue;
        mete__json_begin_entry(writer->json, &any);
        mete__json_write(writer->json,
                         json_pack("{s:f, s:I, s:I, s:o}", "seconds", (double)moment->clock * 1e-9,
                                   "live_bytes", (json_int_t)moment->live_bytes, "live_blocks",
                                   (json_int_t)moment->live_blocks, "allocations",
                                   mete__json_count(moment->allocations)));
    }
    mete__json_end_entries(writer->json, any);
}

static const struct mete_profile_holder *holder_at(const struct writer *writer, uint64_t index) {
    return mete__profile_record(writer->report->profile, METE_SECTION_HOLDERS, index);
}

static void write_holders(struct writer *writer) {
    const struct mete__profile *profile = writer->report->profile;
    uint64_t count = mete__profile_count(profile, METE_SECTION_HOLDERS);
    bool any = false;

    mete__json_begin_member(writer->json, "holders");
    putc('[', writer->json->out);
    for (uint64_t i = 0; i < count && writer->json->status == 0; i++) {
        const struct mete_profile_holder *holder = holder_at(writer, i);
        if (holder->created == 0) continue; /* not yet published */
        mete__json_begin_entry(writer->json, &any);
        mete__json_open_object(
            writer->json, json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "kind",
                                    mete__report_holder_name(holder->kind), "name",
                                    mete__json_text(mete__profile_string(profile, holder->name)),
                                    "created", mete__json_count(holder->created), "not_destroyed",
                                    mete__json_count(mete__report_holder_left(holder)),
                                    "reserved_bytes", mete__json_count(holder->reserved_bytes),
                                    "live_bytes", mete__json_count(holder->live_bytes),
                                    "live_blocks", mete__json_count(holder->live_blocks),
                                    "peak_bytes", mete__json_count(holder->peak_bytes)));
        write_stack_member(writer, "stack", holder->stack);
        putc('}', writer->json->out);
    }
    mete__json_end_entries(writer->json, any);
}

static void write_notes(struct writer *writer) {
    const struct mete__report *report = writer->report;
    uint64_t modules = mete__profile_count(report->profile, METE_SECTION_MODULES);
    struct mete__suppression_use use;
    const char *path, *note;
    bool any = false;

    mete__json_begin_member(writer->json, "modules_without_names");
    putc('[', writer->json->out);
    for (uint64_t i = 0; i < modules; i++) {
        if (!mete__symbols_note(report->symbols, i, &path, &note)) continue;
        mete__json_begin_entry(writer->json, &any);
        mete__json_write(writer->json,
                         json_pack("{s:o, s:s}", "module", mete__json_text(path), "why", note));
    }
    mete__json_end_entries(writer->json, any);

    any = false;
    mete__json_begin_member(writer->json, "suppressions");
    putc('[', writer->json->out);
    for (size_t i = 0;
         report->suppressions != NULL && mete__suppressions_use(report->suppressions, i, &use);
         i++) {
        mete__json_begin_entry(writer->json, &any);
        mete__json_write(writer->json,
                         json_pack("{s:o, s:o, s:I, s:o}", "name", mete__json_text(use.name),
                                   "file", mete__json_text(use.file), "line", (json_int_t)use.line,
                                   "matches", mete__json_count(use.matches)));
    }
    mete__json_end_entries(writer->json, any);
}

static json_t *tracker_value(const struct mete__report *report) {
    const struct mete_profile_header *header = mete__profile_header(report->profile);

    return json_pack("{s:o, s:o, s:o, s:o, s:I, s:o, s:o, s:o, s:o}", "bytes",
                     mete__json_count(header->tracker_bytes), "dropped_allocations",
                     mete__json_count(header->dropped_allocations), "dropped_errors",
                     mete__json_count(header->dropped_errors), "truncated_stacks",
                     mete__json_count(header->truncated_stacks), "threads",
                     (json_int_t)header->threads_seen, "sample_bytes",
                     mete__json_count(header->sample_bytes), "sample_blocks",
                     mete__json_count(header->sample_blocks), "samples",
                     mete__json_count(report->summary->totals.samples), "inherited_allocations",
                     mete__json_count(report->summary->inherited.allocations));
}

/* --- The document --- */

static void want_everything(struct writer *writer) {
    struct mete__report *report = writer->report;
    const struct mete__report_json_form *form = writer->form;
    const struct mete__findings *findings = report->findings;

    for (size_t i = 0; i < form->site_count; i++)
        mete__symbols_want(report->symbols, form->sites[i]->stack);
    for (size_t i = 0; i < form->leak_count; i++)
        mete__symbols_want(report->symbols, findings->leaks[i].stack);
    for (size_t i = 0; i < findings->error_count; i++) {
        mete__symbols_want(report->symbols, findings->errors[i].record.stack);
        mete__symbols_want(report->symbols, findings->errors[i].record.allocated_at);
        mete__symbols_want(report->symbols, findings->errors[i].record.freed_at);
    }
    uint64_t holders = mete__profile_count(report->profile, METE_SECTION_HOLDERS);
    for (uint64_t i = 0; i < holders; i++)
        mete__symbols_want(report->symbols, holder_at(writer, i)->stack);
    int status = mete__symbols_resolve(report->symbols);
    if (status == 0) status = mete__report_find_wrappers(report); /* types are their callers' */
    if (status != 0) mete__json_fail(writer->json, status);
    mete__progress_end(&report->progress);
}

int mete__report_json_document(struct mete__report *report, struct mete__json *json,
                               const struct mete__report_json_form *form) {
    struct writer writer = {.json = json, .report = report, .form = form};

    want_everything(&writer);
    if (json->status != 0) return json->status;
    uint32_t mode = mete__profile_header(report->profile)->mode;
    mete__json_member(json, "mete", mete__json_text(METE_VERSION_STRING));
    mete__json_member(json, "mode", mete__json_text(mete__report_mode_name(mode)));
    mete__json_member(json, "program", program_value(report));
    mete__json_member(json, "totals", totals_value(report));
    mete__json_member(json, "leak_check", leak_check_value(report));
    write_leaks(&writer);
    write_errors(&writer);
    write_sites(&writer);
    mete__types_json_write(report, json);
    write_sizes(&writer);
    write_timeline(&writer);
    write_holders(&writer);
    mete__json_member(json, "tracker", tracker_value(report));
    write_notes(&writer);
    if (form->finish != NULL) form->finish(form->context, json);
    fputs("\n}\n", json->out);
    if (fflush(json->out) != 0 || ferror(json->out))
        mete__json_fail(json, errno != 0 ? -errno : -EIO);
    return json->status;
}

/* --- With whole stacks --- */

/* A frame is turned into text once, however many stacks it is in. */
struct frames {
    const struct mete__report *report;
    struct mete__backtrace backtrace;
    char **texts; /* by frame id; NULL: not made yet */
    size_t count;
};

static char *frame_text(const struct mete__frame *frame) {
    json_t *object =
        json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:b}", "function",
                  mete__json_text(frame->function), "file", mete__json_text(frame->file), "line",
                  frame->line == 0 ? json_null() : json_integer(frame->line), "module",
                  mete__json_text(frame->module), "address", mete__json_address(frame->address),
                  "module_offset", mete__json_address(frame->offset), "inlined", frame->inlined);
    char *text = object == NULL ? NULL : json_dumps(object, 0);

    json_decref(object);
    return text;
}

/* The frames found so far grow with each resolve. */
static bool make_room(struct frames *frames) {
    size_t count = mete__symbols_frame_count(frames->report->symbols);

    if (count <= frames->count) return true;
    char **texts = reallocarray(frames->texts, count, sizeof(char *));
    if (texts == NULL) return false;
    memset(texts + frames->count, 0, (count - frames->count) * sizeof(char *));
    frames->texts = texts;
    frames->count = count;
    return true;
}

static void write_stack(void *context, struct mete__json *json, uint32_t stack) {
    struct frames *frames = context;
    struct mete__backtrace *backtrace = &frames->backtrace;

    if (!make_room(frames) || mete__backtrace_read(backtrace, frames->report->profile,
                                                   frames->report->symbols, stack) != 0) {
        mete__json_fail(json, -ENOMEM);
        return;
    }
    putc('[', json->out);
    for (size_t i = 0; i < backtrace->count; i++) {
        char **text = &frames->texts[backtrace->frames[i]->id];
        if (*text == NULL) *text = frame_text(backtrace->frames[i]);
        if (*text == NULL) {
            mete__json_fail(json, -ENOMEM);
            return;
        }
        if (i != 0) fputs(", ", json->out);
        fputs(*text, json->out);
    }
    putc(']', json->out);
}

int mete__report_json(struct mete__report *report, FILE *out) {
    struct mete__json json = {.out = out};
    struct frames frames = {.report = report};
    const struct mete__summary_site **sites = mete__report_sorted(report, report->options.sort);
    size_t count = report->summary->site_count;

    if (sites == NULL) return -ENOMEM;
    if (report->options.top != 0 && count > report->options.top) count = report->options.top;
    const struct mete__report_json_form form = {
        .sites = sites,
        .site_count = count,
        .leak_count = report->findings->leak_count,
        .stack = write_stack,
        .context = &frames,
    };
    int status = mete__report_json_document(report, &json, &form);
    for (size_t i = 0; i < frames.count; i++) free(frames.texts[i]);
    free(frames.texts);
    mete__backtrace_free(&frames.backtrace);
    free(sites);
    return status;
}
