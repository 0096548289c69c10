/* report/report*.c: every form of the report, of one small profile whose figures are known. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>

#include "report/report_folded.h"
#include "report/report_json.h"
#include "report/report_pprof.h"
#include "report/report_speedscope.h"
#include "report/report_suppressions.h"
#include "report/report_text.h"
#include "sample_profile.h"
#include "support/fresh.h"

static char path[FRESH_PATH];
static char why[512];

static int set_up(void **state) {
    (void)state;
    if (fresh_file(path, "report") != 0) return -1;
    return sample_write(path);
}

static int tear_down(void **state) {
    (void)state;
    mete__writer_close();
    return unlink(path);
}

static struct mete__report *open_report(const struct mete__report_options *options) {
    struct mete__report *report = NULL;

    if (mete__report_open(path, options, &report, why, sizeof why) != 0) fail_msg("%s", why);
    return report;
}

/* What `print` writes; the caller frees it. */
static char *printed(int (*print)(struct mete__report *, FILE *),
                     const struct mete__report_options *options) {
    struct mete__report *report = open_report(options);
    FILE *file = tmpfile();
    char *text = calloc(1, 1 << 16);

    assert_non_null(file);
    assert_non_null(text);
    assert_int_equal(print(report, file), 0);
    rewind(file);
    size_t length = fread(text, 1, (1 << 16) - 1, file);
    assert_true(length > 0 && length < (1 << 16) - 1);
    fclose(file);
    mete__report_close(report);
    return text;
}

static json_t *json(const struct mete__report_options *options) {
    char *text = printed(mete__report_json, options);
    json_error_t error;
    json_t *document = json_loads(text, JSON_REJECT_DUPLICATES, &error);

    if (document == NULL) fail_msg("line %d: %s", error.line, error.text);
    free(text);
    return document;
}

static json_int_t number(const json_t *object, const char *key) {
    json_t *value = json_object_get(object, key);

    if (!json_is_integer(value)) fail_msg("%s is no number", key);
    return json_integer_value(value);
}

static const struct mete__report_options defaults;

/* --- JSON --- */

static void json_has_the_totals(void **state) {
    json_t *document = json(&defaults);
    json_t *totals = json_object_get(document, "totals");
    json_t *program = json_object_get(document, "program");

    (void)state;
    assert_string_equal(json_string_value(json_object_get(document, "mode")), "exact");
    assert_int_equal(number(totals, "allocations"), 2011);
    assert_int_equal(number(totals, "frees"), 2008);
    assert_int_equal(number(totals, "allocated_bytes"), 42072);
    assert_int_equal(number(totals, "freed_bytes"), 40000);
    assert_int_equal(number(totals, "live_blocks"), 3);
    assert_int_equal(number(totals, "live_bytes"), 2072);
    assert_int_equal(number(totals, "peak_live_bytes"), 12000);
    assert_int_equal(number(totals, "temporary_allocations"), 1500);
    assert_int_equal(number(program, "exit_status"), 3);
    assert_int_equal(number(program, "pid"), 1234);
    assert_true(json_is_null(json_object_get(program, "signal")));
    assert_true(json_real_value(json_object_get(program, "wall_seconds")) == 2.0);
    assert_int_equal(json_array_size(json_object_get(program, "argv")), 3);
    json_decref(document);
}

static void json_frames_have_every_key(void **state) {
    json_t *document = json(&defaults);
    json_t *site = json_array_get(json_object_get(document, "sites"), 0);
    json_t *frame = json_array_get(json_object_get(site, "stack"), 0);

    (void)state;
    assert_true(json_is_null(json_object_get(frame, "function")));
    assert_true(json_is_null(json_object_get(frame, "file")));
    assert_true(json_is_null(json_object_get(frame, "line")));
    assert_true(json_is_false(json_object_get(frame, "inlined")));
    assert_string_equal(json_string_value(json_object_get(frame, "module")), "/opt/app");
    assert_string_equal(json_string_value(json_object_get(frame, "address")), "0x402000");
    assert_string_equal(json_string_value(json_object_get(frame, "module_offset")), "0x1fff");
    assert_true(json_is_null(json_object_get(site, "type")));
    json_decref(document);
}

static void json_sites_are_in_the_order_asked_for(void **state) {
    static const struct {
        enum mete__report_sort sort;
        json_int_t stack_sizes[3]; /* frames tell the sites apart: … */
        json_int_t allocations[3]; /* … and so do allocations */
    } cases[] = {
        {METE__REPORT_SORT_DEFAULT, {2, 2, 3}, {10, 2000, 1}},
        {METE__REPORT_SORT_LIVE, {2, 3, 2}, {10, 1, 2000}},
        {METE__REPORT_SORT_ALLOCATED, {2, 2, 3}, {2000, 10, 1}},
        {METE__REPORT_SORT_COUNT, {2, 2, 3}, {2000, 10, 1}},
        {METE__REPORT_SORT_TEMPORARY, {2, 2, 3}, {2000, 10, 1}},
    };

    (void)state;
    for (size_t i = 0; i < METE_COUNT_OF(cases); i++) {
        struct mete__report_options options = {.sort = cases[i].sort};
        json_t *document = json(&options);
        json_t *sites = json_object_get(document, "sites");
        assert_int_equal(json_array_size(sites), 3);
        for (size_t j = 0; j < 3; j++) {
            json_t *site = json_array_get(sites, j);
            assert_int_equal(number(site, "allocations"), cases[i].allocations[j]);
            assert_int_equal(json_array_size(json_object_get(site, "stack")),
                             cases[i].stack_sizes[j]);
        }
        json_decref(document);
    }
}

static void json_leaks_are_per_kind_and_record(void **state) {
    json_t *document = json(&defaults);
    json_t *leaks = json_object_get(document, "leaks");
    json_t *records = json_object_get(leaks, "records");
    json_t *first = json_array_get(records, 0);

    (void)state;
    assert_int_equal(number(json_object_get(leaks, "definite"), "bytes"), 1500);
    assert_int_equal(number(json_object_get(leaks, "indirect"), "blocks"), 1);
    assert_int_equal(number(json_object_get(leaks, "possible"), "blocks"), 0);
    assert_int_equal(number(json_object_get(leaks, "reachable"), "bytes"), 72);
    assert_int_equal(json_array_size(records), 3);
    assert_string_equal(json_string_value(json_object_get(first, "kind")), "definite");
    assert_true(json_is_false(json_object_get(first, "suppressed")));
    json_decref(document);
}

static void json_leaks_are_null_without_a_check(void **state) {
    (void)state;
    mete__writer_header()->leak_check = METE_LEAK_CHECK_NONE;
    json_t *document = json(&defaults);
    assert_true(json_is_null(json_object_get(document, "leaks")));
    json_decref(document);
}

static void json_errors_have_three_stacks(void **state) {
    json_t *document = json(&defaults);
    json_t *error = json_array_get(json_object_get(document, "errors"), 0);

    (void)state;
    assert_string_equal(json_string_value(json_object_get(error, "kind")), "heap-overflow");
    assert_string_equal(json_string_value(json_object_get(error, "address")), "0x7f0000001011");
    assert_int_equal(number(error, "block_bytes"), 13);
    assert_int_equal(number(error, "offset"), 17);
    assert_int_equal(json_array_size(json_object_get(error, "stack")), 2);
    assert_int_equal(json_array_size(json_object_get(error, "allocated_at")), 2);
    assert_int_equal(json_array_size(json_object_get(error, "freed_at")), 0);
    json_decref(document);
}

static void json_survives_texts_that_are_no_utf8(void **state) {
    static const char arguments[] = "/opt/\xff\xfe\0\xc3";

    (void)state;
    mete__writer_header()->argv = mete__writer_string(arguments, sizeof arguments - 1);
    mete__writer_header()->argc = 2;
    json_t *document = json(&defaults);
    json_t *argv = json_object_get(json_object_get(document, "program"), "argv");
    assert_string_equal(json_string_value(json_array_get(argv, 0)),
                        "/opt/\xef\xbf\xbd\xef\xbf\xbd");
    json_decref(document);
}

/* --- Suppressions --- */

static void suppressed_leaks_stay_marked_and_do_not_count(void **state) {
    char suppressions[] = "/tmp/mete-test-supp-XXXXXX";
    const char *const files[] = {suppressions};
    struct mete__report_options options = {.suppression_files = files, .suppression_file_count = 1};

    (void)state;
    int fd = mkstemp(suppressions);
    assert_true(fd >= 0);
    dprintf(fd, "{\n known\n Memcheck:Leak\n fun:malloc\n obj:/opt/app\n obj:/opt/app\n}\n");
    close(fd);

    struct mete__report *report = open_report(&options);
    assert_true(mete__report_is_bad(report)); /* the error is not suppressed */
    assert_int_equal(report->findings->suppressed.bytes, 2072);
    mete__report_close(report);

    json_t *document = json(&options);
    json_t *leaks = json_object_get(document, "leaks");
    assert_int_equal(number(json_object_get(leaks, "definite"), "blocks"), 0);
    assert_int_equal(json_array_size(json_object_get(leaks, "records")), 3);
    json_t *record = json_array_get(json_object_get(leaks, "records"), 0);
    assert_true(json_is_true(json_object_get(record, "suppressed")));
    json_decref(document);
    unlink(suppressions);
}

static void generated_suppressions_cover_what_they_came_from(void **state) {
    char suppressions[] = "/tmp/mete-test-supp-XXXXXX";
    const char *const files[] = {suppressions};
    struct mete__report_options options = {.suppression_files = files, .suppression_file_count = 1};
    char *text = printed(mete__report_suppressions, &defaults);

    (void)state;
    int fd = mkstemp(suppressions);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    struct mete__report *report = open_report(&options);
    assert_false(mete__report_is_bad(report));
    mete__report_close(report);
    free(text);
    unlink(suppressions);
}

/* --- Is it bad --- */

static void only_errors_and_lost_blocks_are_bad(void **state) {
    struct mete_profile_leak *leak = mete__writer_record(METE_SECTION_LEAKS, 2);
    struct mete_profile_leak *other = mete__writer_record(METE_SECTION_LEAKS, 1);
    struct mete_profile_error *error = mete__writer_record(METE_SECTION_ERRORS, 0);
    struct mete__report *report = open_report(&defaults);

    (void)state;
    assert_true(mete__report_is_bad(report));
    mete__report_close(report);

    memset(error, 0, sizeof *error);
    report = open_report(&defaults);
    assert_true(mete__report_is_bad(report));
    mete__report_close(report);

    leak->kind = METE_LEAK_POSSIBLE;
    other->kind = METE_LEAK_REACHABLE;
    report = open_report(&defaults);
    assert_false(mete__report_is_bad(report));
    mete__report_close(report);
}

/* --- Text --- */

static void text_has_everything_in_its_order(void **state) {
    static const char *const parts[] = {
        "/opt/app --fast a?[31mb\n",
        "exit status 3 after 2.00 s, pid 1234",
        "allocations                   2,011   41.1 KiB\n",
        "frees                         2,008   39.1 KiB\n",
        "live at the end                   3   2.02 KiB\n",
        "11.7 KiB  after 500 ms  exact\n",
        "temporary                     1,500       75 %",
        "Errors  1\n",
        "heap-overflow of 0x7f0000001011, 4 bytes past the end of a block of 13 bytes\n",
        "app+0x2fff",
        "allocated at",
        "Leaks",
        "definitely lost    1.46 KiB in 1 block\n",
        "indirectly lost       500 B in 1 block\n",
        "still reachable        72 B in 1 block\n",
        "1.95 KiB in 2 blocks  definite 1.46 KiB in 1 block, indirect 500 B in 1 block\n",
        "app+0x1fff",
        "At the peak",
        "8.79 KiB    75 %           10  app+0x1fff",
        "Most allocations",
        "2,000    99 %   31.2 KiB  app+0x2fff",
        "Temporary",
        "Sizes",
        "< 32 B",
        "< 1 KiB",
        "/opt/app is not there any more: no names from it\n",
        "The profile is /tmp/mete-test-report-",
    };
    char *text = printed(mete__report_text, &defaults);
    const char *at = text;

    (void)state;
    for (size_t i = 0; i < METE_COUNT_OF(parts); i++) {
        const char *found = strstr(at, parts[i]);
        if (found == NULL) {
            fail_msg("no \"%s\" in\n%s", parts[i], at);
            break;
        }
        at = found;
    }
    assert_null(strchr(text, '\033')); /* no terminal, no escapes: not mete's, not the program's */
    free(text);
}

static void a_clean_program_gets_a_good_word(void **state) {
    (void)state;
    memset(mete__writer_record(METE_SECTION_ERRORS, 0), 0, sizeof(struct mete_profile_error));
    for (uint64_t i = 0; i < 3; i++)
        memset(mete__writer_record(METE_SECTION_LEAKS, i), 0, sizeof(struct mete_profile_leak));
    char *text = printed(mete__report_text, &defaults);
    assert_non_null(strstr(text, "\nNo leaks, no errors.\n"));
    assert_null(strstr(text, "Leaks"));
    assert_null(strstr(text, "Errors"));
    free(text);
}

static void what_was_dropped_is_said(void **state) {
    (void)state;
    mete__writer_header()->dropped_allocations = 7;
    mete__writer_header()->dropped_errors = 1;
    mete__writer_header()->truncated_stacks = 2;
    mete__writer_header()->threads_seen = 3;
    char *text = printed(mete__report_text, &defaults);
    assert_non_null(strstr(text, "7 allocations could not be recorded with a stack"));
    assert_non_null(strstr(text, "1 error could not be recorded\n"));
    assert_non_null(strstr(text, "2 stacks could not be followed"));
    assert_non_null(strstr(text, "to within 192 KiB (3 threads)"));
    free(text);
}

static void doubts_about_stacks_are_said(void **state) {
    (void)state;
    ((struct mete_profile_node *)mete__writer_record(METE_SECTION_NODES, 2))->flags =
        METE_NODE_GUESSED;
    ((struct mete_profile_node *)mete__writer_record(METE_SECTION_NODES, 1))->flags =
        METE_NODE_TRUNCATED;
    char *text = printed(mete__report_text, &defaults);
    assert_non_null(strstr(text, " whose callers are not known\n"));
    assert_non_null(strstr(text, "(the callers of app+0x1fff are guessed)\n"));
    free(text);
}

static void sampled_figures_are_called_estimates(void **state) {
    (void)state;
    mete__writer_header()->mode = METE_PROFILE_SAMPLED;
    mete__writer_header()->sample_bytes = 512 << 10;
    ((struct mete_profile_shard *)mete__writer_record(METE_SECTION_SHARDS, 0))->samples = 42;
    char *text = printed(mete__report_text, &defaults);
    assert_non_null(strstr(text, "all figures are estimates from 42 samples, one per 512 KiB\n"));
    free(text);
}

static void unknown_ends_are_not_made_up(void **state) {
    (void)state;
    mete__writer_header()->state = METE_PROFILE_RUNNING;
    mete__writer_header()->end = METE_PROFILE_END_UNKNOWN;
    mete__writer_header()->pid = 0x7ffffffe; /* larger than any */
    char *text = printed(mete__report_text, &defaults);
    assert_non_null(strstr(text, "did not reach its exit after"));
    free(text);

    mete__writer_header()->end = METE_PROFILE_END_SIGNAL;
    mete__writer_header()->end_code = 11;
    text = printed(mete__report_text, &defaults);
    assert_non_null(strstr(text, "killed by signal 11, SIGSEGV after"));
    free(text);
}

static void one_table_where_a_sort_is_asked_for(void **state) {
    struct mete__report_options options = {.sort = METE__REPORT_SORT_ALLOCATED, .top = 1};
    char *text = printed(mete__report_text, &options);

    (void)state;
    assert_non_null(strstr(text, "Most bytes asked for"));
    assert_null(strstr(text, "At the peak"));
    assert_non_null(strstr(text, "24 % at 2 more places\n"));
    free(text);
}

/* --- Other forms --- */

static void folded_stacks_begin_at_the_outermost_frame(void **state) {
    char *text = printed(mete__report_folded, &defaults);

    (void)state;
    assert_string_equal(text, "app+0x100f;app+0x1fff 9000\n"
                              "app+0x100f;app+0x2fff 3000\n"
                              "app+0x100f;app+0x1fff;app+0x3fff 72\n");
    free(text);
}

static void speedscope_weights_add_up(void **state) {
    char *text = printed(mete__report_speedscope, &defaults);
    json_t *document = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    json_t *profiles = json_object_get(document, "profiles");
    json_t *frames = json_object_get(json_object_get(document, "shared"), "frames");

    (void)state;
    assert_int_equal(json_array_size(frames), 4);
    assert_int_equal(json_array_size(profiles), 5);
    for (size_t i = 0; i < 5; i++) {
        json_t *profile = json_array_get(profiles, i);
        json_t *weights = json_object_get(profile, "weights");
        json_int_t sum = 0;
        assert_int_equal(json_array_size(weights),
                         json_array_size(json_object_get(profile, "samples")));
        for (size_t j = 0; j < json_array_size(weights); j++)
            sum += json_integer_value(json_array_get(weights, j));
        assert_int_equal(number(profile, "endValue"), sum);
    }
    assert_int_equal(number(json_array_get(profiles, 0), "endValue"), 12072);
    json_decref(document);
    free(text);
}

static void pprof_is_gzip_with_every_name(void **state) {
    struct mete__report *report = open_report(&defaults);
    FILE *file = tmpfile();
    char bytes[8192];

    (void)state;
    assert_int_equal(mete__report_pprof(report, file), 0);
    rewind(file);
    gzFile zipped = gzdopen(dup(fileno(file)), "rb");
    int length = gzread(zipped, bytes, sizeof bytes);
    assert_true(length > 100);
    assert_int_equal(gzclose(zipped), Z_OK);
    assert_non_null(memmem(bytes, (size_t)length, "peak_space", 10));
    assert_non_null(memmem(bytes, (size_t)length, "app+0x3fff", 10));
    assert_non_null(memmem(bytes, (size_t)length, "deadbeef", 8));
    fclose(file);
    mete__report_close(report);
}

/* --- Failures --- */

static void a_missing_profile_is_named(void **state) {
    struct mete__report *report = NULL;

    (void)state;
    assert_int_equal(mete__report_open("/no/such.mete", &defaults, &report, why, sizeof why),
                     -ENOENT);
    assert_non_null(strstr(why, "/no/such.mete"));
    assert_null(report);
}

static void a_full_disk_is_an_error(void **state) {
    static int (*const forms[])(struct mete__report *, FILE *) = {
        mete__report_text,       mete__report_json,         mete__report_folded,
        mete__report_speedscope, mete__report_suppressions, mete__report_pprof,
    };

    (void)state;
    for (size_t i = 0; i < METE_COUNT_OF(forms); i++) {
        struct mete__report *report = open_report(&defaults);
        FILE *full = fopen("/dev/full", "w");
        assert_non_null(full);
        assert_true(forms[i](report, full) < 0);
        fclose(full);
        mete__report_close(report);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FACT(json_has_the_totals),
        FACT(json_frames_have_every_key),
        FACT(json_sites_are_in_the_order_asked_for),
        FACT(json_leaks_are_per_kind_and_record),
        FACT(json_leaks_are_null_without_a_check),
        FACT(json_errors_have_three_stacks),
        FACT(json_survives_texts_that_are_no_utf8),
        FACT(suppressed_leaks_stay_marked_and_do_not_count),
        FACT(generated_suppressions_cover_what_they_came_from),
        FACT(only_errors_and_lost_blocks_are_bad),
        FACT(text_has_everything_in_its_order),
        FACT(a_clean_program_gets_a_good_word),
        FACT(what_was_dropped_is_said),
        FACT(doubts_about_stacks_are_said),
        FACT(sampled_figures_are_called_estimates),
        FACT(unknown_ends_are_not_made_up),
        FACT(one_table_where_a_sort_is_asked_for),
        FACT(folded_stacks_begin_at_the_outermost_frame),
        FACT(speedscope_weights_add_up),
        FACT(pprof_is_gzip_with_every_name),
        FACT(a_missing_profile_is_named),
        FACT(a_full_disk_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
