#include <errno.h>
#include <signal.h>
#include <string.h>

#include "report/report_chapter.h"
#include "report/units.h"

#define LABEL_COLUMNS 20
#define SPARK_COLUMNS 48

/* --- The program --- */

static bool is_running(const struct mete_profile_header *header) {
    return header->end == METE_PROFILE_END_UNKNOWN && header->state == METE_PROFILE_RUNNING &&
           header->pid != 0 && (kill((pid_t)header->pid, 0) == 0 || errno == EPERM);
}

static void print_end(const struct mete__page *page, const struct mete_profile_header *header) {
    if (header->end == METE_PROFILE_END_EXIT) {
        mete__page_print(page, header->end_code == 0 ? METE__PAGE_PLAIN : METE__PAGE_STRONG,
                         "exit status %u", header->end_code);
    } else if (header->end == METE_PROFILE_END_SIGNAL) {
        const char *name = sigabbrev_np((int)header->end_code);
        mete__page_print(page, METE__PAGE_BAD, "killed by signal %u%s%s", header->end_code,
                         name == NULL ? "" : ", SIG", name == NULL ? "" : name);
    } else if (is_running(header)) {
        mete__page_print(page, METE__PAGE_GOOD, "still running");
    } else if (header->state == METE_PROFILE_ENDED) {
        mete__page_print(page, METE__PAGE_PLAIN, "ended");
    } else if (header->state == METE_PROFILE_EXECED) {
        mete__page_print(page, METE__PAGE_PLAIN, "replaced by exec");
    } else {
        mete__page_print(page, METE__PAGE_BAD, "did not reach its exit");
    }
}

static void print_program(const struct mete__report_chapter *chapter) {
    const struct mete__page *page = &chapter->page;
    const struct mete__profile *profile = chapter->report->profile;
    const struct mete_profile_header *header = mete__profile_header(profile);
    size_t left = page->width;

    left -= mete__page_text(page, METE__PAGE_HEADING,
                            header->argc == 0 ? mete__profile_string(profile, header->executable)
                                              : mete__profile_argument(profile, 0),
                            left, true);
    for (uint32_t i = 1; i < header->argc && left > 2; i++) {
        putc(' ', page->out);
        left--;
        left -= mete__page_text(page, METE__PAGE_PLAIN, mete__profile_argument(profile, i), left,
                                false);
    }
    fputs("\n", page->out);
    print_end(page, header);
    mete__page_print(page, METE__PAGE_PLAIN, " after %s, pid %u; mete %s, mode %s\n",
                     mete__units_seconds(METE__UNITS, chapter->report->summary->wall_seconds),
                     header->pid, METE_VERSION_STRING, mete__report_mode_name(header->mode));
    if (header->mode == METE_PROFILE_SAMPLED)
        mete__page_print(page, METE__PAGE_STRONG,
                         "all figures are estimates from %s samples, one per %s\n",
                         mete__units_count(METE__UNITS, chapter->report->summary->totals.samples),
                         mete__units_bytes(METE__UNITS, header->sample_bytes));
    else if (chapter->report->summary->is_estimate)
        mete__page_print(page, METE__PAGE_STRONG,
                         "all figures are estimates from %s guarded blocks, one in %s\n",
                         mete__units_count(METE__UNITS, chapter->report->summary->totals.samples),
                         mete__units_count(METE__UNITS, header->sample_blocks));
    putc('\n', page->out);
}

/* --- The figures --- */

static void print_label(const struct mete__page *page, const char *label) {
    mete__page_gap(page, 2);
    mete__page_print(page, METE__PAGE_PLAIN, "%-*s", LABEL_COLUMNS, label);
}

static void print_figures(const struct mete__page *page, const char *label, uint64_t count,
                          uint64_t bytes) {
    print_label(page, label);
    mete__page_print(page, METE__PAGE_PLAIN, "%15s  %9s\n", mete__units_count(METE__UNITS, count),
                     mete__units_bytes(METE__UNITS, bytes));
}

static void print_peak(const struct mete__report_chapter *chapter) {
    const struct mete__page *page = &chapter->page;
    const struct mete__summary *summary = chapter->report->summary;
    const struct mete_profile_header *header = mete__profile_header(chapter->report->profile);

    print_label(page, "peak");
    mete__page_print(page, METE__PAGE_STRONG, "%15s  %9s", "",
                     mete__units_bytes(METE__UNITS, summary->totals.peak_live_bytes));
    if (header->peak_clock > header->start_clock)
        mete__page_print(
            page, METE__PAGE_PLAIN, "  after %s",
            mete__units_seconds(METE__UNITS,
                                (double)(header->peak_clock - header->start_clock) * 1e-9));
    if (summary->peak_is_exact)
        mete__page_print(page, METE__PAGE_FAINT, "  exact");
    else if (summary->peak_error_bytes != 0 && !summary->is_estimate &&
             header->mode != METE_PROFILE_STATS)
        mete__page_print(page, METE__PAGE_FAINT, "  to within %s (%u threads)",
                         mete__units_bytes(METE__UNITS, summary->peak_error_bytes),
                         header->threads_seen);
    else
        mete__page_print(page, METE__PAGE_FAINT, "  estimated");
    putc('\n', page->out);
}

/* --- The life of the program in one line --- */

/* The highest live bytes in each of SPARK_COLUMNS equal parts of the time; a part without a moment
 * goes on as the one before. Returns the highest of all. */
static int64_t sample_timeline(const struct mete__profile *profile, uint64_t end,
                               int64_t levels[SPARK_COLUMNS]) {
    uint64_t count = mete__profile_count(profile, METE_SECTION_TIMELINE);
    bool known[SPARK_COLUMNS] = {false};
    int64_t highest = 0, level = 0;

    for (uint64_t i = 0; i < count; i++) {
        const struct mete_profile_moment *moment =
            mete__profile_record(profile, METE_SECTION_TIMELINE, i);
        if (moment->clock > end) continue;
        size_t part = (size_t)((double)moment->clock / (double)(end + 1) * SPARK_COLUMNS);
        if (part >= SPARK_COLUMNS) part = SPARK_COLUMNS - 1;
        if (!known[part] || moment->live_bytes > levels[part]) levels[part] = moment->live_bytes;
        known[part] = true;
        if (moment->live_bytes > highest) highest = moment->live_bytes;
    }
    for (size_t i = 0; i < SPARK_COLUMNS; i++) level = levels[i] = known[i] ? levels[i] : level;
    return highest;
}

static void print_timeline(const struct mete__report_chapter *chapter) {
    static const char *const bars[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    const struct mete__page *page = &chapter->page;
    double wall = chapter->report->summary->wall_seconds;
    int64_t levels[SPARK_COLUMNS] = {0};

    /* A handful of moments is no picture. */
    if (!page->unicode || mete__profile_count(chapter->report->profile, METE_SECTION_TIMELINE) < 8)
        return;
    int64_t highest = sample_timeline(chapter->report->profile, (uint64_t)(wall * 1e9), levels);
    if (highest <= 0) return;
    print_label(page, "live over time");
    mete__page_gap(page, 6);
    for (size_t i = 0; i < SPARK_COLUMNS; i++) {
        int64_t level = levels[i] < 0 ? 0 : levels[i];
        fputs(bars[(size_t)((double)level / (double)highest * 7.0 + 0.5)], page->out);
    }
    putc('\n', page->out);
}

/* What the figures rest on, where that is not what the program asked for. */
static void print_basis(const struct mete__report_chapter *chapter) {
    const struct mete__page *page = &chapter->page;

    if (mete__profile_header(chapter->report->profile)->mode != METE_PROFILE_STATS) return;
    print_label(page, "basis");
    mete__page_gap(page, 6);
    mete__page_print(page, METE__PAGE_PLAIN,
                     "block sizes, not what was asked for; the peak is of whole spans\n");
}

int mete__report_totals(struct mete__report_chapter *chapter) {
    const struct mete__page *page = &chapter->page;
    const struct mete__summary_totals *totals = &chapter->report->summary->totals;
    const struct mete_profile_header *header = mete__profile_header(chapter->report->profile);

    print_program(chapter);
    print_figures(page, "allocations", totals->allocations, totals->allocated_bytes);
    print_figures(page, "frees", totals->frees, totals->freed_bytes);
    print_figures(page, is_running(header) ? "live now" : "live at the end", totals->live_blocks,
                  totals->live_bytes);
    print_peak(chapter);
    if (totals->temporary != 0) {
        print_label(page, "temporary");
        mete__page_print(page, METE__PAGE_PLAIN, "%15s  %9s  freed before the next allocation\n",
                         mete__units_count(METE__UNITS, totals->temporary),
                         mete__units_share(METE__UNITS, totals->temporary, totals->allocations));
    }
    if (totals->failed != 0) {
        print_label(page, "failed requests");
        mete__page_print(page, METE__PAGE_BAD, "%15s\n",
                         mete__units_count(METE__UNITS, totals->failed));
    }
    print_basis(chapter);
    print_timeline(chapter);
    return 0;
}
