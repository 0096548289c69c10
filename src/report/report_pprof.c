#include "report/report_pprof.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "analysis/findings/grouping.h"
#include "analysis/names.h"
#include "analysis/symbols/backtrace.h"
#include "report/protobuf.h"

/* Field numbers of profile.proto. */
enum {
    PROFILE_SAMPLE_TYPE = 1,
    PROFILE_SAMPLE = 2,
    PROFILE_MAPPING = 3,
    PROFILE_LOCATION = 4,
    PROFILE_FUNCTION = 5,
    PROFILE_STRING = 6,
    PROFILE_TIME_NANOS = 9,
    PROFILE_DURATION_NANOS = 10,
    PROFILE_DEFAULT_SAMPLE_TYPE = 14,
    VALUE_TYPE_TYPE = 1,
    VALUE_TYPE_UNIT = 2,
    SAMPLE_LOCATION_ID = 1,
    SAMPLE_VALUE = 2,
    MAPPING_ID = 1,
    MAPPING_START = 2,
    MAPPING_LIMIT = 3,
    MAPPING_FILENAME = 5,
    MAPPING_BUILD_ID = 6,
    MAPPING_HAS_FUNCTIONS = 7,
    MAPPING_HAS_FILENAMES = 8,
    MAPPING_HAS_LINES = 9,
    MAPPING_HAS_INLINES = 10,
    LOCATION_ID = 1,
    LOCATION_MAPPING_ID = 2,
    LOCATION_ADDRESS = 3,
    LOCATION_LINE = 4,
    LINE_FUNCTION_ID = 1,
    LINE_LINE = 2,
    FUNCTION_ID = 1,
    FUNCTION_NAME = 2,
    FUNCTION_SYSTEM_NAME = 3,
    FUNCTION_FILENAME = 4,
};

static const char *const values[][2] = {
    {"alloc_objects", "count"}, {"alloc_space", "bytes"}, {"inuse_objects", "count"},
    {"inuse_space", "bytes"},   {"peak_space", "bytes"},
};

struct writer {
    struct mete__report *report;
    gzFile out;
    struct mete__names *strings;      /* their numbers are the string table's; "" is 0 */
    size_t string_count;              /* written so far */
    struct mete__grouping *functions; /* their numbers are the functions' ids */
    uint32_t function_count;          /* written so far */
    bool *located;                    /* by frame id: its location is written */
    struct mete__backtrace backtrace;
    uint64_t *locations; /* of one sample */
    size_t location_capacity;
    struct mete__protobuf message, part; /* what is being written, kept for their memory */
    int status;
};

static void fail(struct writer *writer, int status) {
    if (writer->status == 0) writer->status = status;
}

/* Writes a top-level field of the profile that is a message. */
static void write_message(struct writer *writer, uint32_t field,
                          const struct mete__protobuf *message) {
    struct mete__protobuf framed = {0};

    mete__protobuf_message(&framed, field, message);
    if (framed.failed)
        fail(writer, -ENOMEM);
    else if (gzwrite(writer->out, framed.bytes, (unsigned)framed.length) != (int)framed.length)
        fail(writer, -EIO);
    mete__protobuf_free(&framed);
}

/* The text's place in the string table, which is written as it grows: a repeated field's entries
 * may stand anywhere. */
static uint64_t string_of(struct writer *writer, const char *text) {
    size_t number = mete__names_number(writer->strings, text);

    if (number == SIZE_MAX) {
        fail(writer, -ENOMEM);
        return 0;
    }
    if (number == writer->string_count) {
        struct mete__protobuf bytes = {.bytes = (unsigned char *)(uintptr_t)text,
                                       .length = strlen(text)};
        write_message(writer, PROFILE_STRING, &bytes);
        writer->string_count++;
    }
    return number;
}

static void write_sample_types(struct writer *writer) {
    for (size_t i = 0; i < METE_COUNT_OF(values); i++) {
        uint64_t type = string_of(writer, values[i][0]), unit = string_of(writer, values[i][1]);
        mete__protobuf_clear(&writer->message);
        mete__protobuf_number(&writer->message, VALUE_TYPE_TYPE, type);
        mete__protobuf_number(&writer->message, VALUE_TYPE_UNIT, unit);
        write_message(writer, PROFILE_SAMPLE_TYPE, &writer->message);
    }
}

static void write_mappings(struct writer *writer) {
    const struct mete__profile *profile = writer->report->profile;
    uint64_t count = mete__profile_count(profile, METE_SECTION_MODULES);

    for (uint64_t i = 0; i < count; i++) {
        const struct mete_profile_module *module =
            mete__profile_record(profile, METE_SECTION_MODULES, i);
        char build_id[2 * METE_BUILD_ID_MAX + 1] = "";
        for (uint32_t j = 0; j < module->build_id_bytes && j < METE_BUILD_ID_MAX; j++)
            snprintf(build_id + 2 * (size_t)j, 3, "%02x", module->build_id[j]);
        uint64_t file = string_of(writer, mete__profile_string(profile, module->path));
        uint64_t id = string_of(writer, build_id);
        struct mete__protobuf *message = &writer->message;
        mete__protobuf_clear(message);
        mete__protobuf_number(message, MAPPING_ID, i + 1);
        mete__protobuf_number(message, MAPPING_START, module->start);
        mete__protobuf_number(message, MAPPING_LIMIT, module->end);
        mete__protobuf_number(message, MAPPING_FILENAME, file);
        mete__protobuf_number(message, MAPPING_BUILD_ID, id);
        /* Names were looked up here: pprof need not try again. */
        mete__protobuf_number(message, MAPPING_HAS_FUNCTIONS, 1);
        mete__protobuf_number(message, MAPPING_HAS_FILENAMES, 1);
        mete__protobuf_number(message, MAPPING_HAS_LINES, 1);
        mete__protobuf_number(message, MAPPING_HAS_INLINES, 1);
        write_message(writer, PROFILE_MAPPING, message);
    }
}

/* The id of the frame's function, written where it is new; a frame without a name is one of its
 * own. */
static uint64_t function_of(struct writer *writer, const struct mete__frame *frame) {
    struct mete__frame function = *frame;
    const struct mete__frame *pointer = &function;
    char unknown[512];

    function.line = 0;
    uint32_t number = mete__grouping_number(writer->functions, &pointer, 1);
    if (number == UINT32_MAX) {
        fail(writer, -ENOMEM);
        return 0;
    }
    if (number <= writer->function_count) return number;
    writer->function_count = number;

    const char *slash = strrchr(frame->module, '/');
    snprintf(unknown, sizeof unknown, "%.400s+0x%llx", slash == NULL ? frame->module : slash + 1,
             (unsigned long long)frame->offset);
    uint64_t name = string_of(writer, frame->function == NULL ? unknown : frame->function);
    uint64_t symbol = string_of(writer, frame->symbol == NULL ? unknown : frame->symbol);
    uint64_t file = string_of(writer, frame->file == NULL ? "" : frame->file);
    mete__protobuf_clear(&writer->message);
    mete__protobuf_number(&writer->message, FUNCTION_ID, number);
    mete__protobuf_number(&writer->message, FUNCTION_NAME, name);
    mete__protobuf_number(&writer->message, FUNCTION_SYSTEM_NAME, symbol);
    mete__protobuf_number(&writer->message, FUNCTION_FILENAME, file);
    write_message(writer, PROFILE_FUNCTION, &writer->message);
    return number;
}

static uint64_t mapping_of(const struct writer *writer, const struct mete__frame *frame) {
    const struct mete__profile *profile = writer->report->profile;
    uint64_t count = mete__profile_count(profile, METE_SECTION_MODULES);

    for (uint64_t i = 0; i < count; i++) {
        const struct mete_profile_module *module =
            mete__profile_record(profile, METE_SECTION_MODULES, i);
        if (module->start < frame->address && frame->address <= module->end &&
            strcmp(mete__profile_string(profile, module->path), frame->module) == 0)
            return i + 1;
    }
    return 0;
}

/* A location is one address: the inlined calls at it, and the function they are in, which gives it
 * its id. */
static void write_location(struct writer *writer, const struct mete__frame *const *frames,
                           size_t count) {
    const struct mete__frame *last = frames[count - 1];
    struct mete__protobuf location = {0};

    mete__protobuf_number(&location, LOCATION_ID, (uint64_t)last->id + 1);
    mete__protobuf_number(&location, LOCATION_MAPPING_ID, mapping_of(writer, last));
    mete__protobuf_number(&location, LOCATION_ADDRESS, last->address);
    for (size_t i = 0; i < count; i++) {
        uint64_t function = function_of(writer, frames[i]);
        mete__protobuf_clear(&writer->part);
        mete__protobuf_number(&writer->part, LINE_FUNCTION_ID, function);
        mete__protobuf_number(&writer->part, LINE_LINE, frames[i]->line);
        mete__protobuf_message(&location, LOCATION_LINE, &writer->part);
    }
    write_message(writer, PROFILE_LOCATION, &location);
    mete__protobuf_free(&location);
}

/* Fills writer->locations for the stack in writer->backtrace; returns how many. */
static size_t locate(struct writer *writer) {
    const struct mete__backtrace *backtrace = &writer->backtrace;
    size_t count = 0;

    if (backtrace->count > writer->location_capacity) {
        uint64_t *locations = reallocarray(writer->locations, backtrace->count, sizeof *locations);
        if (locations == NULL) {
            fail(writer, -ENOMEM);
            return 0;
        }
        writer->locations = locations;
        writer->location_capacity = backtrace->count;
    }
    for (size_t i = 0, first = 0; i < backtrace->count; i++) {
        const struct mete__frame *frame = backtrace->frames[i];
        if (frame->inlined && i + 1 < backtrace->count) continue;
        if (!writer->located[frame->id]) {
            writer->located[frame->id] = true;
            write_location(writer, backtrace->frames + first, i + 1 - first);
        }
        writer->locations[count++] = (uint64_t)frame->id + 1;
        first = i + 1;
    }
    return count;
}

static void write_sample(struct writer *writer, const struct mete__summary_site *site) {
    const uint64_t numbers[] = {site->allocations, site->allocated_bytes, site->live_blocks,
                                site->live_bytes, site->peak_live_bytes};
    int status = mete__backtrace_read(&writer->backtrace, writer->report->profile,
                                      writer->report->symbols, site->stack);

    if (status != 0) {
        fail(writer, status);
        return;
    }
    size_t count = locate(writer);
    mete__protobuf_clear(&writer->message);
    mete__protobuf_numbers(&writer->message, SAMPLE_LOCATION_ID, writer->locations, count);
    mete__protobuf_numbers(&writer->message, SAMPLE_VALUE, numbers, METE_COUNT_OF(numbers));
    write_message(writer, PROFILE_SAMPLE, &writer->message);
}

/* Fields of the profile itself that are numbers: a message's body without its frame. */
static void write_numbers(struct writer *writer) {
    const struct mete_profile_header *header = mete__profile_header(writer->report->profile);
    uint64_t view = string_of(writer, "peak_space");
    struct mete__protobuf *message = &writer->message;

    mete__protobuf_clear(message);
    mete__protobuf_number(message, PROFILE_TIME_NANOS, header->start_realtime);
    mete__protobuf_number(message, PROFILE_DURATION_NANOS,
                          (uint64_t)(writer->report->summary->wall_seconds * 1e9));
    mete__protobuf_number(message, PROFILE_DEFAULT_SAMPLE_TYPE, view);
    if (message->failed)
        fail(writer, -ENOMEM);
    else if (gzwrite(writer->out, message->bytes, (unsigned)message->length) !=
             (int)message->length)
        fail(writer, -EIO);
}

static void write_profile(struct writer *writer) {
    const struct mete__summary *summary = writer->report->summary;

    string_of(writer, ""); /* the first string is the empty one */
    write_sample_types(writer);
    write_mappings(writer);
    for (size_t i = 0; i < summary->site_count && writer->status == 0; i++)
        write_sample(writer, &summary->sites[i]);
    write_numbers(writer);
}

static int open_writer(struct writer *writer, struct mete__report *report, FILE *out) {
    *writer = (struct writer){.report = report};
    for (size_t i = 0; i < report->summary->site_count; i++)
        mete__symbols_want(report->symbols, report->summary->sites[i].stack);
    int status = mete__symbols_resolve(report->symbols);
    mete__progress_end(&report->progress);
    if (status != 0) return status;

    writer->strings = mete__names_open();
    writer->functions = mete__grouping_open();
    writer->located = calloc(mete__symbols_frame_count(report->symbols) + 1, sizeof(bool));
    if (writer->strings == NULL || writer->functions == NULL || writer->located == NULL)
        return -ENOMEM;
    if (fflush(out) != 0) return -errno;
    int fd = dup(fileno(out)); /* gzclose closes it */
    if (fd < 0) return -errno;
    writer->out = gzdopen(fd, "wb");
    if (writer->out != NULL) return 0;
    close(fd);
    return -ENOMEM;
}

int mete__report_pprof(struct mete__report *report, FILE *out) {
    struct writer writer;
    int status = open_writer(&writer, report, out);

    if (status == 0) {
        write_profile(&writer);
        status = writer.status;
    }
    if (writer.out != NULL && gzclose(writer.out) != Z_OK && status == 0) status = -EIO;
    mete__names_close(writer.strings);
    mete__grouping_close(writer.functions);
    mete__backtrace_free(&writer.backtrace);
    mete__protobuf_free(&writer.message);
    mete__protobuf_free(&writer.part);
    free(writer.located);
    free(writer.locations);
    return status;
}
