#include "analysis/findings/findings.h"

#include <errno.h>
#include <stdlib.h>

#include "analysis/symbols/backtrace.h"

static int by_kind_and_size(const void *left, const void *right) {
    const struct mete__finding_leak *a = left, *b = right;

    if (a->kind != b->kind) return a->kind < b->kind ? -1 : 1;
    if (a->amount.bytes != b->amount.bytes) return a->amount.bytes > b->amount.bytes ? -1 : 1;
    if (a->amount.blocks != b->amount.blocks) return a->amount.blocks > b->amount.blocks ? -1 : 1;
    return a->stack < b->stack ? -1 : a->stack > b->stack;
}

static int read_leaks(struct mete__findings *findings, const struct mete__profile *profile) {
    uint64_t count = mete__profile_count(profile, METE_SECTION_LEAKS);

    findings->leaks_checked = mete__profile_header(profile)->leak_check == METE_LEAK_CHECK_DONE;
    if (!findings->leaks_checked) return 0;
    findings->leaks = calloc(count + 1, sizeof *findings->leaks);
    if (findings->leaks == NULL) return -ENOMEM;
    for (uint64_t i = 0; i < count; i++) {
        const struct mete_profile_leak *record =
            mete__profile_record(profile, METE_SECTION_LEAKS, i);
        if (record->kind < METE_LEAK_DEFINITE || record->kind > METE_LEAK_REACHABLE) continue;
        findings->leaks[findings->leak_count++] = (struct mete__finding_leak){
            .stack = record->stack,
            .kind = (enum mete_profile_leak_kind)record->kind,
            .amount = {.bytes = record->bytes, .blocks = record->blocks},
        };
    }
    qsort(findings->leaks, findings->leak_count, sizeof *findings->leaks, by_kind_and_size);
    return 0;
}

static int read_errors(struct mete__findings *findings, const struct mete__profile *profile) {
    uint64_t count = mete__profile_count(profile, METE_SECTION_ERRORS);

    findings->errors = calloc(count + 1, sizeof *findings->errors);
    if (findings->errors == NULL) return -ENOMEM;
    for (uint64_t i = 0; i < count; i++) {
        const struct mete_profile_error *record =
            mete__profile_record(profile, METE_SECTION_ERRORS, i);
        if (record->kind < METE_ERROR_DOUBLE_FREE || record->kind > METE_ERROR_WRITE_AFTER_FREE)
            continue;
        findings->errors[findings->error_count].record = *record;
        findings->error_count++;
    }
    return 0;
}

static int apply(struct mete__findings *findings, const struct mete__profile *profile,
                 struct mete__symbols *symbols, struct mete__suppressions *suppressions) {
    struct mete__backtrace backtrace = {0};
    int status = 0;

    for (size_t i = 0; i < findings->leak_count; i++)
        mete__symbols_want(symbols, findings->leaks[i].stack);
    for (size_t i = 0; i < findings->error_count; i++)
        mete__symbols_want(symbols, findings->errors[i].record.stack);
    status = mete__symbols_resolve(symbols);

    for (size_t i = 0; i < findings->leak_count && status == 0; i++) {
        struct mete__finding_leak *leak = &findings->leaks[i];
        status = mete__backtrace_read(&backtrace, profile, symbols, leak->stack);
        leak->suppressed =
            status == 0 && mete__suppressions_match_leak(suppressions, leak->kind, backtrace.frames,
                                                         backtrace.count);
    }
    for (size_t i = 0; i < findings->error_count && status == 0; i++) {
        struct mete__finding_error *error = &findings->errors[i];
        status = mete__backtrace_read(&backtrace, profile, symbols, error->record.stack);
        error->suppressed =
            status == 0 && mete__suppressions_match_error(
                               suppressions, (enum mete_profile_error_kind)error->record.kind,
                               backtrace.frames, backtrace.count);
    }
    mete__backtrace_free(&backtrace);
    return status;
}

static void add_up(struct mete__findings *findings) {
    for (size_t i = 0; i < findings->leak_count; i++) {
        const struct mete__finding_leak *leak = &findings->leaks[i];
        struct mete__finding_amount *sum =
            leak->suppressed ? &findings->suppressed : &findings->kinds[leak->kind];
        sum->bytes += leak->amount.bytes;
        sum->blocks += leak->amount.blocks;
    }
    for (size_t i = 0; i < findings->error_count; i++)
        if (findings->errors[i].suppressed) findings->errors_suppressed++;
}

int mete__findings_make(const struct mete__profile *profile, struct mete__symbols *symbols,
                        struct mete__suppressions *suppressions, struct mete__findings **out) {
    struct mete__findings *findings = calloc(1, sizeof *findings);

    if (findings == NULL) return -ENOMEM;
    int status = read_leaks(findings, profile);
    if (status == 0) status = read_errors(findings, profile);
    if (status == 0 && suppressions != NULL)
        status = apply(findings, profile, symbols, suppressions);
    if (status != 0) {
        mete__findings_free(findings);
        return status;
    }
    add_up(findings);
    *out = findings;
    return 0;
}

void mete__findings_free(struct mete__findings *findings) {
    if (findings == NULL) return;
    free(findings->leaks);
    free(findings->errors);
    free(findings);
}

bool mete__findings_are_bad(const struct mete__findings *findings) {
    return findings->error_count > findings->errors_suppressed ||
           findings->kinds[METE_LEAK_DEFINITE].blocks != 0 ||
           findings->kinds[METE_LEAK_INDIRECT].blocks != 0;
}
