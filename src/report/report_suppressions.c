#include "report/report_suppressions.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/names.h"
#include "analysis/symbols/backtrace.h"

#define FRAMES_MAX 23 /* Valgrind reads 24, and the allocation function is one */

struct writer {
    struct mete__report *report;
    FILE *out;
    struct mete__names *written; /* the bodies that were printed */
    size_t count;                /* of them */
    struct mete__backtrace backtrace;
};

/* A name ends with its line: control characters become '?', which matches them. */
static void print_name(const char *name, FILE *out) {
    for (; *name != '\0'; name++) putc((unsigned char)*name < 0x20 ? '?' : *name, out);
}

static void print_frame(const struct mete__frame *frame, FILE *out) {
    fputs(frame->symbol != NULL ? "   fun:" : "   obj:", out);
    print_name(frame->symbol != NULL ? frame->symbol : frame->module, out);
    putc('\n', out);
}

/* The suppression without its name, from malloc; NULL: no memory. */
static char *body_of(const struct mete__backtrace *backtrace, const char *tool_kind,
                     const char *leak_kind) {
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);

    if (out == NULL) return NULL;
    fprintf(out, "   %s\n", tool_kind);
    if (leak_kind != NULL) fprintf(out, "   match-leak-kinds: %s\n   fun:*\n", leak_kind);
    for (size_t i = 0; i < backtrace->shown_to && i < FRAMES_MAX; i++)
        print_frame(backtrace->frames[i], out);
    if (fclose(out) == 0) return text;
    free(text);
    return NULL;
}

static int write_one(struct writer *writer, uint32_t stack, const char *tool_kind,
                     const char *leak_kind) {
    struct mete__backtrace *backtrace = &writer->backtrace;
    int status =
        mete__backtrace_read(backtrace, writer->report->profile, writer->report->symbols, stack);

    if (status != 0 || backtrace->count == 0) return status;
    char *body = body_of(backtrace, tool_kind, leak_kind);
    size_t number = body == NULL ? SIZE_MAX : mete__names_number(writer->written, body);
    if (number == SIZE_MAX) {
        status = -ENOMEM;
    } else if (number == writer->count) {
        const struct mete__frame *frame = backtrace->frames[backtrace->shown_from];
        writer->count++;
        fprintf(writer->out, "{\n   %s in ",
                leak_kind != NULL ? "leak" : strchr(tool_kind, ':') + 1);
        print_name(frame->function != NULL ? frame->function : frame->module, writer->out);
        fprintf(writer->out, "\n%s}\n", body);
    }
    free(body);
    return status;
}

static int write_all(struct writer *writer) {
    const struct mete__findings *findings = writer->report->findings;
    int status = 0;

    for (size_t i = 0; i < findings->error_count && status == 0; i++) {
        const struct mete__finding_error *error = &findings->errors[i];
        char tool_kind[64];
        if (error->suppressed) continue;
        snprintf(tool_kind, sizeof tool_kind, "mete:%s",
                 mete__report_error_name(error->record.kind));
        status = write_one(writer, error->record.stack, tool_kind, NULL);
    }
    for (size_t i = 0; i < findings->leak_count && status == 0; i++) {
        const struct mete__finding_leak *leak = &findings->leaks[i];
        if (leak->suppressed || leak->kind == METE_LEAK_REACHABLE) continue;
        status =
            write_one(writer, leak->stack, "Memcheck:Leak", mete__report_leak_name(leak->kind));
    }
    return status;
}

int mete__report_suppressions(struct mete__report *report, FILE *out) {
    struct writer writer = {.report = report, .out = out, .written = mete__names_open()};
    const struct mete__findings *findings = report->findings;

    if (writer.written == NULL) return -ENOMEM;
    for (size_t i = 0; i < findings->error_count; i++)
        mete__symbols_want(report->symbols, findings->errors[i].record.stack);
    for (size_t i = 0; i < findings->leak_count; i++)
        mete__symbols_want(report->symbols, findings->leaks[i].stack);
    int status = mete__symbols_resolve(report->symbols);
    mete__progress_end(&report->progress);

    if (status == 0) status = write_all(&writer);
    if (status == 0 && (fflush(out) != 0 || ferror(out))) status = errno != 0 ? -errno : -EIO;
    mete__names_close(writer.written);
    mete__backtrace_free(&writer.backtrace);
    return status;
}
