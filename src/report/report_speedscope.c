#include "report/report_speedscope.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/findings/grouping.h"
#include "analysis/symbols/backtrace.h"
#include "report/utf8.h"

#define SCHEMA "https://www.speedscope.app/file-format-schema.json"

struct writer {
    struct mete__report *report;
    FILE *out;
    struct mete__grouping *frames; /* numbers the format's frames: functions, whatever the line */
    uint32_t frame_count;
    struct mete__backtrace backtrace;
    int status;
};

static const struct {
    enum mete__report_sort sort;
    const char *name, *unit;
} profiles[] = {
    {METE__REPORT_SORT_PEAK, "bytes at the peak", "bytes"},
    {METE__REPORT_SORT_LIVE, "live bytes", "bytes"},
    {METE__REPORT_SORT_ALLOCATED, "bytes asked for", "bytes"},
    {METE__REPORT_SORT_COUNT, "allocations", "none"},
    {METE__REPORT_SORT_TEMPORARY, "temporary allocations", "none"},
};

static void write_text(struct writer *writer, const char *text) {
    char *valid = mete__utf8_valid(text);
    json_t *value = valid == NULL ? NULL : json_string(valid);

    if (value == NULL || json_dumpf(value, writer->out, JSON_ENCODE_ANY) != 0)
        writer->status = -ENOMEM;
    json_decref(value);
    free(valid);
}

static uint32_t number_of(struct writer *writer, const struct mete__frame *frame) {
    struct mete__frame function = *frame;
    const struct mete__frame *pointer = &function;

    function.line = 0;
    return mete__grouping_number(writer->frames, &pointer, 1);
}

static void write_frame(struct writer *writer, const struct mete__frame *frame) {
    fputs(writer->frame_count == 0 ? "\n" : ",\n", writer->out);
    fputs("{\"name\": ", writer->out);
    if (frame->function != NULL) {
        write_text(writer, frame->function);
    } else {
        const char *slash = strrchr(frame->module, '/');
        char text[512];
        snprintf(text, sizeof text, "%.400s+0x%llx", slash == NULL ? frame->module : slash + 1,
                 (unsigned long long)frame->offset);
        write_text(writer, text);
    }
    fputs(", \"file\": ", writer->out);
    write_text(writer, frame->file != NULL ? frame->file : frame->module);
    if (frame->line != 0) fprintf(writer->out, ", \"line\": %u", frame->line);
    putc('}', writer->out);
    writer->frame_count++;
}

/* Reads the stack of a site; false where that failed. */
static bool read_stack(struct writer *writer, const struct mete__summary_site *site) {
    if (writer->status == 0)
        writer->status = mete__backtrace_read(&writer->backtrace, writer->report->profile,
                                              writer->report->symbols, site->stack);
    return writer->status == 0;
}

static void write_frames(struct writer *writer) {
    const struct mete__summary *summary = writer->report->summary;

    for (size_t i = 0; i < summary->site_count; i++) {
        if (!read_stack(writer, &summary->sites[i])) return;
        for (size_t j = 0; j < writer->backtrace.count; j++) {
            const struct mete__frame *frame = writer->backtrace.frames[j];
            uint32_t number = number_of(writer, frame);
            if (number == UINT32_MAX) {
                writer->status = -ENOMEM;
                return;
            }
            if (number > writer->frame_count) write_frame(writer, frame);
        }
    }
}

static void write_samples(struct writer *writer, enum mete__report_sort sort) {
    const struct mete__summary *summary = writer->report->summary;
    bool any = false;

    for (size_t i = 0; i < summary->site_count; i++) {
        const struct mete__summary_site *site = &summary->sites[i];
        if (mete__report_weight(site, sort) == 0) continue;
        if (!read_stack(writer, site)) return;
        fputs(any ? ",\n[" : "\n[", writer->out);
        any = true;
        for (size_t j = writer->backtrace.count; j-- > 0;)
            fprintf(writer->out, "%u%s", number_of(writer, writer->backtrace.frames[j]) - 1,
                    j == 0 ? "" : ",");
        putc(']', writer->out);
    }
}

static uint64_t write_weights(struct writer *writer, enum mete__report_sort sort) {
    const struct mete__summary *summary = writer->report->summary;
    uint64_t sum = 0;

    for (size_t i = 0; i < summary->site_count; i++) {
        uint64_t weight = mete__report_weight(&summary->sites[i], sort);
        if (weight == 0) continue;
        fprintf(writer->out, "%s%llu", sum == 0 ? "" : ",", (unsigned long long)weight);
        sum += weight;
    }
    return sum;
}

static void write_profile(struct writer *writer, size_t index, bool first) {
    fprintf(writer->out,
            "%s{\"type\": \"sampled\", \"name\": \"%s\", \"unit\": \"%s\", \"startValue\": 0, "
            "\"samples\": [",
            first ? "\n" : ",\n", profiles[index].name, profiles[index].unit);
    write_samples(writer, profiles[index].sort);
    fputs("],\n\"weights\": [", writer->out);
    uint64_t sum = write_weights(writer, profiles[index].sort);
    fprintf(writer->out, "], \"endValue\": %llu}", (unsigned long long)sum);
}

/* The profile that stands first. */
static size_t chosen_profile(enum mete__report_sort sort) {
    for (size_t i = 0; i < METE_COUNT_OF(profiles); i++)
        if (profiles[i].sort == sort) return i;
    return 0;
}

static void write_document(struct writer *writer) {
    const struct mete__profile *profile = writer->report->profile;
    size_t chosen = chosen_profile(writer->report->options.sort);

    fprintf(writer->out, "{\"$schema\": \"" SCHEMA "\", \"exporter\": \"mete " METE_VERSION_STRING
                         "\", \"name\": ");
    write_text(writer, mete__profile_string(profile, mete__profile_header(profile)->executable));
    fputs(",\n\"shared\": {\"frames\": [", writer->out);
    write_frames(writer);
    fputs("]},\n\"profiles\": [", writer->out);
    write_profile(writer, chosen, true);
    for (size_t i = 0; i < METE_COUNT_OF(profiles); i++)
        if (i != chosen) write_profile(writer, i, false);
    fputs("]}\n", writer->out);
}

int mete__report_speedscope(struct mete__report *report, FILE *out) {
    struct writer writer = {.report = report, .out = out, .frames = mete__grouping_open()};

    if (writer.frames == NULL) return -ENOMEM;
    for (size_t i = 0; i < report->summary->site_count; i++)
        mete__symbols_want(report->symbols, report->summary->sites[i].stack);
    writer.status = mete__symbols_resolve(report->symbols);
    mete__progress_end(&report->progress);

    if (writer.status == 0) write_document(&writer);
    if (writer.status == 0 && (fflush(out) != 0 || ferror(out)))
        writer.status = errno != 0 ? -errno : -EIO;
    mete__grouping_close(writer.frames);
    mete__backtrace_free(&writer.backtrace);
    return writer.status;
}
