/* profile/format.h: FORMAT.md describes every field of it, at its place and size, and no other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "profile/format.h"

struct field {
    const char *record, *name;
    size_t offset, bytes;
};

#define FIELD(record, name) \
    { #record, #name, offsetof(struct record, name), sizeof(((struct record *)NULL)->name) }

static const struct field fields[] = {
    FIELD(mete_profile_directory, record_bytes),
    FIELD(mete_profile_directory, first_records),
    FIELD(mete_profile_directory, count),
    FIELD(mete_profile_directory, chunk),
    FIELD(mete_profile_header, magic),
    FIELD(mete_profile_header, version),
    FIELD(mete_profile_header, header_size),
    FIELD(mete_profile_header, machine),
    FIELD(mete_profile_header, page_size),
    FIELD(mete_profile_header, pid),
    FIELD(mete_profile_header, parent_pid),
    FIELD(mete_profile_header, mode),
    FIELD(mete_profile_header, state),
    FIELD(mete_profile_header, leak_check),
    FIELD(mete_profile_header, leak_check_errno),
    FIELD(mete_profile_header, sample_bytes),
    FIELD(mete_profile_header, start_realtime),
    FIELD(mete_profile_header, start_clock),
    FIELD(mete_profile_header, end_clock),
    FIELD(mete_profile_header, used_bytes),
    FIELD(mete_profile_header, argv),
    FIELD(mete_profile_header, argc),
    FIELD(mete_profile_header, request),
    FIELD(mete_profile_header, executable),
    FIELD(mete_profile_header, inherited_allocations),
    FIELD(mete_profile_header, inherited_frees),
    FIELD(mete_profile_header, inherited_allocated_bytes),
    FIELD(mete_profile_header, inherited_freed_bytes),
    FIELD(mete_profile_header, live_bytes),
    FIELD(mete_profile_header, live_blocks),
    FIELD(mete_profile_header, peak_live_bytes),
    FIELD(mete_profile_header, peak_epoch),
    FIELD(mete_profile_header, threads_seen),
    FIELD(mete_profile_header, peak_clock),
    FIELD(mete_profile_header, dropped_allocations),
    FIELD(mete_profile_header, dropped_errors),
    FIELD(mete_profile_header, truncated_stacks),
    FIELD(mete_profile_header, tracker_bytes),
    FIELD(mete_profile_header, program),
    FIELD(mete_profile_header, run),
    FIELD(mete_profile_header, end),
    FIELD(mete_profile_header, end_code),
    FIELD(mete_profile_header, image),
    FIELD(mete_profile_header, sample_blocks),
    FIELD(mete_profile_header, dropped_sizes),
    FIELD(mete_profile_header, reserved),
    FIELD(mete_profile_header, sections),
    FIELD(mete_profile_module, start),
    FIELD(mete_profile_module, end),
    FIELD(mete_profile_module, bias),
    FIELD(mete_profile_module, path),
    FIELD(mete_profile_module, generation),
    FIELD(mete_profile_module, build_id_bytes),
    FIELD(mete_profile_module, build_id),
    FIELD(mete_profile_module, reserved),
    FIELD(mete_profile_node, pc),
    FIELD(mete_profile_node, parent),
    FIELD(mete_profile_node, flags),
    FIELD(mete_profile_site, stack),
    FIELD(mete_profile_site, peak_epoch),
    FIELD(mete_profile_site, allocations),
    FIELD(mete_profile_site, frees),
    FIELD(mete_profile_site, allocated_bytes),
    FIELD(mete_profile_site, freed_bytes),
    FIELD(mete_profile_site, temporary),
    FIELD(mete_profile_site, at_peak_bytes),
    FIELD(mete_profile_site, own_peak_bytes),
    FIELD(mete_profile_shard, failed),
    FIELD(mete_profile_shard, samples),
    FIELD(mete_profile_shard, thread),
    FIELD(mete_profile_shard, reserved),
    FIELD(mete_profile_shard, size_counts),
    FIELD(mete_profile_shard, size_bytes),
    FIELD(mete_profile_moment, clock),
    FIELD(mete_profile_moment, live_bytes),
    FIELD(mete_profile_moment, live_blocks),
    FIELD(mete_profile_moment, allocations),
    FIELD(mete_profile_error, kind),
    FIELD(mete_profile_error, stack),
    FIELD(mete_profile_error, allocated_at),
    FIELD(mete_profile_error, freed_at),
    FIELD(mete_profile_error, address),
    FIELD(mete_profile_error, block_bytes),
    FIELD(mete_profile_error, offset),
    FIELD(mete_profile_error, thread),
    FIELD(mete_profile_error, said_bytes),
    FIELD(mete_profile_error, repeats),
    FIELD(mete_profile_error, allocated_by),
    FIELD(mete_profile_error, freed_by),
    FIELD(mete_profile_error, reserved),
    FIELD(mete_profile_leak, stack),
    FIELD(mete_profile_leak, kind),
    FIELD(mete_profile_leak, bytes),
    FIELD(mete_profile_leak, blocks),
    FIELD(mete_profile_holder, stack),
    FIELD(mete_profile_holder, kind),
    FIELD(mete_profile_holder, name),
    FIELD(mete_profile_holder, created),
    FIELD(mete_profile_holder, destroyed),
    FIELD(mete_profile_holder, kept),
    FIELD(mete_profile_holder, reserved_bytes),
    FIELD(mete_profile_holder, live_bytes),
    FIELD(mete_profile_holder, live_blocks),
    FIELD(mete_profile_holder, peak_bytes),
    FIELD(mete_profile_holder, reserved),
    FIELD(mete_profile_type, stack),
    FIELD(mete_profile_type, line),
    FIELD(mete_profile_type, file),
    FIELD(mete_profile_type, name),
    FIELD(mete_profile_type, bytes),
    FIELD(mete_profile_sizes, site),
    FIELD(mete_profile_sizes, min),
    FIELD(mete_profile_sizes, max),
    FIELD(mete_profile_sizes, step),
};

/* The row of a field in FORMAT.md, under the heading of its record. */
struct row {
    char record[64], name[64];
    size_t offset, bytes;
};

static struct row rows[METE_COUNT_OF(fields) + 50];
static size_t row_count;

static int read_rows(void **state) {
    char path[4096], line[1024], record[64] = "";
    struct row row;
    (void)state;
    snprintf(path, sizeof path, "%s/src/profile/FORMAT.md", getenv("METE_SOURCE"));
    FILE *file = fopen(path, "r");
    if (file == NULL) return -1;
    while (fgets(line, sizeof line, file) != NULL) {
        sscanf(line, "### %63s", record);
        if (sscanf(line, "| %zu | %zu | `%63[a-z_]`", &row.offset, &row.bytes, row.name) != 3)
            continue;
        memcpy(row.record, record, sizeof record);
        if (row_count == METE_COUNT_OF(rows)) return -1;
        rows[row_count++] = row;
    }
    return fclose(file);
}

static const struct row *row_of(const struct field *field) {
    for (size_t i = 0; i < row_count; i++)
        if (strcmp(rows[i].record, field->record) == 0 && strcmp(rows[i].name, field->name) == 0)
            return &rows[i];
    return NULL;
}

static void every_field_is_described_where_it_is(void **state) {
    (void)state;
    for (size_t i = 0; i < METE_COUNT_OF(fields); i++) {
        const struct row *row = row_of(&fields[i]);
        if (row == NULL)
            fail_msg("%s.%s is not described", fields[i].record, fields[i].name);
        else if (row->offset != fields[i].offset || row->bytes != fields[i].bytes)
            fail_msg("%s.%s is %zu bytes at %zu", fields[i].record, fields[i].name, fields[i].bytes,
                     fields[i].offset);
    }
}

static void nothing_else_is_described(void **state) {
    (void)state;
    assert_int_equal(row_count, METE_COUNT_OF(fields));
}

static void fields_fill_their_records(void **state) {
    (void)state;
    static const struct {
        const char *record;
        size_t bytes;
    } records[] = {
        {"mete_profile_directory", sizeof(struct mete_profile_directory)},
        {"mete_profile_header", sizeof(struct mete_profile_header)},
        {"mete_profile_module", sizeof(struct mete_profile_module)},
        {"mete_profile_node", sizeof(struct mete_profile_node)},
        {"mete_profile_site", sizeof(struct mete_profile_site)},
        {"mete_profile_shard", sizeof(struct mete_profile_shard)},
        {"mete_profile_moment", sizeof(struct mete_profile_moment)},
        {"mete_profile_error", sizeof(struct mete_profile_error)},
        {"mete_profile_leak", sizeof(struct mete_profile_leak)},
        {"mete_profile_holder", sizeof(struct mete_profile_holder)},
    };
    for (size_t i = 0; i < METE_COUNT_OF(records); i++) {
        size_t bytes = 0;
        for (size_t j = 0; j < METE_COUNT_OF(fields); j++)
            if (strcmp(fields[j].record, records[i].record) == 0) bytes += fields[j].bytes;
        assert_int_equal(bytes, records[i].bytes);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_field_is_described_where_it_is),
        cmocka_unit_test(nothing_else_is_described),
        cmocka_unit_test(fields_fill_their_records),
    };
    return cmocka_run_group_tests(tests, read_rows, NULL);
}
