/* profile/reader.c and summary.c: what a profile says, and every way it can be wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "profile/reader.h"
#include "profile/summary.h"
#include "profile/writer.h"
#include "support/fresh.h"

static char path[FRESH_PATH];
static char why[256];

/* A small whole profile: two modules, a tree of four frames, sites of two threads, an error, a
 * leak. */
static void fill(void) {
    static const char arguments[] = "prog\0-x\0";
    struct mete_profile_header *header = mete__writer_header();
    header->mode = METE_PROFILE_EXACT;
    struct mete_profile_module modules[] = {
        {.start = 0x1000, .end = 0x2000, .path = mete__writer_string("/bin/prog", 9)},
        {.start = 0x2000, .end = 0x3000, .path = mete__writer_string("/lib/old.so", 11)},
        {.start = 0x2000,
         .end = 0x3000,
         .path = mete__writer_string("/lib/new.so", 11),
         .generation = 1},
    };
    struct mete_profile_node nodes[] = {
        {0},
        {.pc = 0x1010, .parent = 0},
        {.pc = 0x2010, .parent = 1},
        {.pc = 0x2010, .parent = 1, .flags = 1u << 16},
        {.pc = 0x2000, .parent = 2}, /* a return address one past the executable's end */
        {.pc = 0x9000, .parent = 2},
    };
    struct mete_profile_site sites[] = {
        {.stack = 2,
         .allocations = 3,
         .frees = 1,
         .allocated_bytes = 300,
         .freed_bytes = 100,
         .temporary = 1,
         .peak_epoch = 7,
         .at_peak_bytes = 250,
         .own_peak_bytes = 260},
        {.stack = 4,
         .allocations = 5,
         .allocated_bytes = 50,
         .peak_epoch = 6,
         .own_peak_bytes = 50},
        {.stack = 2, .frees = 1, .freed_bytes = 100, .peak_epoch = 2},
        {0}, /* taken, not filled yet */
    };
    struct mete_profile_shard shards[] = {{.thread = 1}, {.thread = 2, .failed = 2}};
    struct mete_profile_error error = {.kind = METE_ERROR_DOUBLE_FREE, .stack = 2, .freed_at = 4};
    struct mete_profile_leak leak = {
        .kind = METE_LEAK_DEFINITE, .stack = 4, .bytes = 50, .blocks = 5};
    struct mete_profile_moment moment = {.clock = 1500000000, .live_bytes = 100};
    struct mete_profile_holder holder = {
        .kind = METE_HOLDER_POOL, .stack = 4, .name = mete__writer_string("nodes", 5)};

    struct mete_profile_type type = {.stack = 4,
                                     .line = 7,
                                     .file = mete__writer_string("conn.c", 6),
                                     .name = mete__writer_string("struct conn", 11),
                                     .bytes = 10};
    struct mete_profile_sizes sizes[] = {
        {.site = 0, .min = 90, .max = 110, .step = 20},
        {.site = 99, .min = 1, .max = 2, .step = 1}, /* of a site that the copy does not have */
        {0},                                         /* taken, not filled yet */
    };

    shards[0].size_counts[7] = 3;
    header->argv = mete__writer_string(arguments, sizeof arguments - 2);
    header->argc = 2;
    header->executable = modules[0].path;
    header->peak_epoch = 7;
    header->peak_live_bytes = 300;
    header->threads_seen = 2;
    for (size_t i = 0; i < METE_COUNT_OF(modules); i++)
        mete__writer_append(METE_SECTION_MODULES, &modules[i]);
    for (size_t i = 0; i < METE_COUNT_OF(nodes); i++)
        mete__writer_append(METE_SECTION_NODES, &nodes[i]);
    for (size_t i = 0; i < METE_COUNT_OF(sites); i++)
        mete__writer_append(METE_SECTION_SITES, &sites[i]);
    for (size_t i = 0; i < METE_COUNT_OF(shards); i++)
        mete__writer_append(METE_SECTION_SHARDS, &shards[i]);
    mete__writer_append(METE_SECTION_ERRORS, &error);
    mete__writer_append(METE_SECTION_LEAKS, &leak);
    mete__writer_append(METE_SECTION_HOLDERS, &holder);
    mete__writer_append(METE_SECTION_TYPES, &type);
    for (size_t i = 0; i < METE_COUNT_OF(sizes); i++)
        mete__writer_append(METE_SECTION_SIZES, &sizes[i]);
    mete__writer_append(METE_SECTION_TIMELINE, &moment);
}

static int set_up(void **state) {
    (void)state;
    if (fresh_file(path, "reader") != 0) return -1;
    struct mete__writer_options options = {.path = path, .limit_bytes = 4 << 20};
    if (mete__writer_open(&options) != 0) return -1;
    fill();
    why[0] = 0;
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    mete__writer_close();
    return unlink(path);
}

static struct mete__profile *open_profile(void) {
    struct mete__profile *profile = NULL;
    int status = mete__profile_open(path, &profile, why, sizeof why);
    if (status != 0) fail_msg("%s", why);
    return profile;
}

/* The finished profile's bytes, as long as they are in use. */
static unsigned char *contents(size_t *size) {
    *size = (size_t)mete__writer_header()->used_bytes;
    unsigned char *bytes = malloc(*size);
    memcpy(bytes, mete__writer_header(), *size);
    return bytes;
}

static void everything_written_is_read_back(void **state) {
    (void)state;
    struct mete__profile *profile = open_profile();
    const struct mete_profile_header *header = mete__profile_header(profile);
    struct mete__profile_frame frames[8];

    assert_int_equal(header->pid, getpid());
    assert_int_equal(mete__profile_count(profile, METE_SECTION_NODES), 6);
    assert_string_equal(mete__profile_string(profile, header->executable), "/bin/prog");
    assert_string_equal(mete__profile_argument(profile, 0), "prog");
    assert_string_equal(mete__profile_argument(profile, 1), "-x");
    assert_string_equal(mete__profile_argument(profile, 2), "");
    assert_string_equal(mete__profile_string(profile, 0), "");
    assert_string_equal(mete__profile_string(profile, UINT64_MAX), "");
    assert_int_equal(mete__profile_stack(profile, 4, frames, 8), 3);
    assert_int_equal(frames[0].pc, 0x2000);
    assert_int_equal(frames[1].pc, 0x2010);
    assert_int_equal(frames[2].pc, 0x1010);
    assert_int_equal(mete__profile_stack(profile, 4, frames, 1), 3);
    assert_int_equal(mete__profile_stack(profile, 0, frames, 8), 0);
    mete__profile_close(profile);
}

static void a_frame_belongs_to_the_module_of_its_address_and_generation(void **state) {
    (void)state;
    struct mete__profile *profile = open_profile();
    assert_int_equal(mete__profile_module_of(profile, 1), 0);
    assert_int_equal(mete__profile_module_of(profile, 2), 1);
    assert_int_equal(mete__profile_module_of(profile, 3), 2);
    assert_int_equal(mete__profile_module_of(profile, 4), 0); /* the call is before the address */
    assert_int_equal(mete__profile_module_of(profile, 5), -1);
    assert_int_equal(mete__profile_module_of(profile, 0), -1);
    assert_int_equal(mete__profile_module_of(profile, 77), -1);
    mete__profile_close(profile);
}

static void a_site_without_sizes_of_its_own_has_one(void **state) {
    struct mete__profile *profile = open_profile();
    struct mete__sizes *sizes;
    (void)state;
    assert_int_equal(mete__sizes_read(profile, &sizes), 0);
    assert_true(sizes[0].are_known);
    assert_int_equal(sizes[0].min, 90);
    assert_int_equal(sizes[0].max, 110);
    assert_int_equal(sizes[0].step, 20);
    assert_true(sizes[1].are_known);
    assert_int_equal(sizes[1].min, 10);
    assert_int_equal(sizes[1].max, 10);
    assert_int_equal(sizes[1].step, 0);
    assert_false(sizes[2].are_known);
    free(sizes);
    mete__profile_close(profile);
}

static void sizes_merge_into_what_both_are(void **state) {
    struct mete__sizes sum = {true, 48, 48, 0}, more = {true, 144, 240, 96},
                       none = {false, 0, 0, 0};
    (void)state;
    mete__sizes_merge(&sum, &more);
    assert_true(sum.are_known);
    assert_int_equal(sum.min, 48);
    assert_int_equal(sum.max, 240);
    assert_int_equal(sum.step, 96);
    more = (struct mete__sizes){true, 24, 24, 0};
    mete__sizes_merge(&sum, &more);
    assert_int_equal(sum.min, 24);
    assert_int_equal(sum.step, 24);
    mete__sizes_merge(&sum, &none);
    assert_false(sum.are_known);
}

static void the_summary_adds_up_threads_and_stacks(void **state) {
    (void)state;
    struct mete__profile *profile = open_profile();
    struct mete__summary *summary;
    assert_int_equal(mete__summary_make(profile, &summary), 0);
    mete__profile_close(profile);
    assert_int_equal(summary->totals.allocations, 8);
    assert_int_equal(summary->totals.frees, 2);
    assert_int_equal(summary->totals.live_blocks, 6);
    assert_int_equal(summary->totals.live_bytes, 150);
    assert_int_equal(summary->totals.peak_live_bytes, 300);
    assert_int_equal(summary->totals.failed, 2);
    assert_false(summary->peak_is_exact);
    assert_int_equal(summary->peak_error_bytes, 2 * 64 * 1024);
    assert_true(summary->wall_seconds == 1.5);
    assert_int_equal(summary->sizes[7].allocations, 3);
    assert_int_equal(summary->sizes[7].low, 64);
    assert_int_equal(summary->sizes[7].high, 127);
    assert_int_equal(summary->site_count, 2);
    assert_int_equal(summary->sites[0].stack, 2);
    assert_int_equal(summary->sites[0].live_bytes, 100);
    assert_int_equal(summary->sites[0].live_blocks, 1);
    assert_int_equal(summary->sites[0].peak_live_bytes, 250 - 100); /* one stamped, one as it is */
    assert_int_equal(summary->sites[0].own_peak_bytes, 260);
    assert_int_equal(summary->sites[1].peak_live_bytes, 50);
    mete__summary_free(summary);
}

static void opening_fails(const void *data, size_t size, const char *reason) {
    struct mete__profile *profile = NULL;
    why[0] = 0;
    assert_int_equal(mete__profile_open_memory(data, size, "FILE", &profile, why, sizeof why),
                     -EINVAL);
    assert_null(profile);
    assert_int_equal(strncmp(why, "FILE ", 5), 0);
    if (strstr(why, reason) == NULL) fail_msg("'%s' does not say '%s'", why, reason);
}

static void other_files_are_no_profiles(void **state) {
    (void)state;
    static const char text[8192] = "#!/bin/sh\n";
    static const unsigned char zeros[8192];
    opening_fails("", 0, "is not a mete profile");
    opening_fails("mete", 4, "is not a mete profile");
    opening_fails(text, sizeof text, "is not a mete profile");
    opening_fails(zeros, sizeof zeros, "is not a mete profile");
}

static void another_version_is_named(void **state) {
    (void)state;
    size_t size;
    unsigned char *bytes = contents(&size);
    ((struct mete_profile_header *)(void *)bytes)->version = 2;
    opening_fails(bytes, size, "version 2");
    free(bytes);
}

static void every_truncation_is_refused_or_harmless(void **state) {
    (void)state;
    size_t size, needed = 0;
    unsigned char *bytes = contents(&size);
    for (size_t length = 0; length < size; length++) {
        struct mete__profile *profile = NULL;
        unsigned char *copy = malloc(length); /* exact, so that the sanitizer sees what is beyond */
        memcpy(copy, bytes, length);
        int status = mete__profile_open_memory(copy, length, "FILE", &profile, why, sizeof why);
        if (status == 0 && needed == 0) needed = length;
        if (status == 0)
            mete__profile_close(profile);
        else if (length >= 8)
            assert_non_null(strstr(why, "is truncated: "));
        free(copy);
    }
    /* The last section's last record is behind the middle of the file. */
    assert_true(needed > size / 2);
    free(bytes);
}

/* Uses all a reader can ask for, so that a wrong reference would be followed. */
static void use(const struct mete__profile *profile) {
    struct mete__profile_frame frames[16];
    struct mete__summary *summary;
    for (uint32_t i = 0; i < mete__profile_count(profile, METE_SECTION_NODES); i++)
        mete__profile_stack(profile, i, frames, 16);
    for (uint32_t i = 0; i < mete__profile_count(profile, METE_SECTION_MODULES); i++) {
        const struct mete_profile_module *module =
            mete__profile_record(profile, METE_SECTION_MODULES, i);
        assert_true(strlen(mete__profile_string(profile, module->path)) < 4096);
    }
    for (uint32_t i = 0; i < mete__profile_header(profile)->argc; i++)
        assert_true(strlen(mete__profile_argument(profile, i)) < 4096);
    assert_int_equal(mete__summary_make(profile, &summary), 0);
    mete__summary_free(summary);
}

static void no_flipped_bit_leads_astray(void **state) {
    (void)state;
    size_t size;
    unsigned char *bytes = contents(&size);
    int refused = 0;
    /* The header's words, then what is in use of each section. */
    for (size_t bit = 0; bit < size * 8; bit++) {
        if (bytes[bit / 8] == 0 && bit / 8 > sizeof(struct mete_profile_header)) continue;
        struct mete__profile *profile = NULL;
        bytes[bit / 8] ^= (unsigned char)(1u << bit % 8);
        if (mete__profile_open_memory(bytes, size, "FILE", &profile, why, sizeof why) == 0) {
            use(profile);
            mete__profile_close(profile);
        } else {
            refused++;
        }
        bytes[bit / 8] ^= (unsigned char)(1u << bit % 8);
    }
    assert_true(refused > 500);
    free(bytes);
}

/* Changes one record in place, sees that the profile is refused, and puts it back. */
static void refused_with(enum mete_profile_section section, uint64_t index, size_t offset,
                         uint32_t value) {
    unsigned char *record = mete__writer_record(section, index);
    struct mete__profile *profile = NULL;
    uint32_t kept;
    memcpy(&kept, record + offset, 4);
    memcpy(record + offset, &value, 4);
    assert_int_equal(mete__profile_open(path, &profile, why, sizeof why), -EINVAL);
    assert_non_null(strstr(why, "is damaged"));
    memcpy(record + offset, &kept, 4);
}

static void references_out_of_range_are_refused(void **state) {
    (void)state;
    refused_with(METE_SECTION_NODES, 3, offsetof(struct mete_profile_node, parent), 3);
    refused_with(METE_SECTION_NODES, 3, offsetof(struct mete_profile_node, parent), 99);
    refused_with(METE_SECTION_SITES, 0, offsetof(struct mete_profile_site, stack), 6);
    refused_with(METE_SECTION_ERRORS, 0, offsetof(struct mete_profile_error, freed_at), 6);
    refused_with(METE_SECTION_ERRORS, 0, offsetof(struct mete_profile_error, kind), 99);
    refused_with(METE_SECTION_HOLDERS, 0, offsetof(struct mete_profile_holder, stack), 6);
    refused_with(METE_SECTION_HOLDERS, 0, offsetof(struct mete_profile_holder, kind), 6);
    refused_with(METE_SECTION_HOLDERS, 0, offsetof(struct mete_profile_holder, name), 1 << 20);
    refused_with(METE_SECTION_TYPES, 0, offsetof(struct mete_profile_type, stack), 6);
    refused_with(METE_SECTION_TYPES, 0, offsetof(struct mete_profile_type, name), 1 << 20);
    refused_with(METE_SECTION_TYPES, 0, offsetof(struct mete_profile_type, file), 1 << 20);
    refused_with(METE_SECTION_SIZES, 0, offsetof(struct mete_profile_sizes, min), 111);
    refused_with(METE_SECTION_LEAKS, 0, offsetof(struct mete_profile_leak, kind), 5);
    refused_with(METE_SECTION_MODULES, 0, offsetof(struct mete_profile_module, path), 5000);
    refused_with(METE_SECTION_MODULES, 0, offsetof(struct mete_profile_module, build_id_bytes), 33);
    mete__writer_header()->argc = 100;
    struct mete__profile *profile;
    assert_int_equal(mete__profile_open(path, &profile, why, sizeof why), -EINVAL);
}

static void overlapping_tables_are_refused(void **state) {
    (void)state;
    size_t size;
    unsigned char *bytes = contents(&size);
    struct mete_profile_header *header = (struct mete_profile_header *)(void *)bytes;
    for (int i = 0; i < METE_SECTION_COUNT; i++) {
        uint64_t records = size / header->sections[i].record_bytes / 2;
        for (int chunk = 0; chunk < METE_PROFILE_CHUNKS; chunk++)
            header->sections[i].chunk[chunk] = METE_PROFILE_HEADER_SIZE;
        header->sections[i].count = records;
        header->sections[i].first_records = 1u << 20;
    }
    opening_fails(bytes, size, "tables overlap");
    free(bytes);
}

static void stacks_deeper_than_any_are_refused(void **state) {
    (void)state;
    struct mete__profile *profile;
    for (uint32_t i = 0; i <= METE_STACK_FRAMES_MAX; i++) {
        struct mete_profile_node node = {
            .pc = i + 1, .parent = (uint32_t)mete__writer_count(METE_SECTION_NODES) - 1};
        mete__writer_append(METE_SECTION_NODES, &node);
    }
    assert_int_equal(mete__profile_open(path, &profile, why, sizeof why), -EINVAL);
    assert_non_null(strstr(why, "stack tree"));
}

static void things_that_are_no_files_are_named(void **state) {
    (void)state;
    struct mete__profile *profile;
    assert_int_equal(mete__profile_open("/nonexistent", &profile, why, sizeof why), -ENOENT);
    assert_non_null(strstr(why, "/nonexistent cannot be opened"));
    assert_int_equal(mete__profile_open("/tmp", &profile, why, sizeof why), -EINVAL);
    assert_non_null(strstr(why, "/tmp is a directory"));
    assert_int_equal(mete__profile_open("/dev/null", &profile, why, sizeof why), -EINVAL);
    assert_non_null(strstr(why, "no regular file"));
}

static void a_saved_copy_reads_the_same(void **state) {
    (void)state;
    char copy[sizeof path + 8];
    struct mete__profile *profile = NULL;
    snprintf(copy, sizeof copy, "%s.copy", path);
    assert_int_equal(mete__writer_save(copy), 0);
    assert_int_equal(mete__profile_open(copy, &profile, why, sizeof why), 0);
    assert_int_equal(mete__profile_count(profile, METE_SECTION_SITES), 4);
    assert_string_equal(mete__profile_argument(profile, 1), "-x");
    mete__profile_close(profile);
    unlink(copy);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FACT(everything_written_is_read_back),
        FACT(a_frame_belongs_to_the_module_of_its_address_and_generation),
        FACT(the_summary_adds_up_threads_and_stacks),
        FACT(a_site_without_sizes_of_its_own_has_one),
        FACT(sizes_merge_into_what_both_are),
        FACT(other_files_are_no_profiles),
        FACT(another_version_is_named),
        FACT(every_truncation_is_refused_or_harmless),
        FACT(no_flipped_bit_leads_astray),
        FACT(references_out_of_range_are_refused),
        FACT(overlapping_tables_are_refused),
        FACT(stacks_deeper_than_any_are_refused),
        FACT(things_that_are_no_files_are_named),
        FACT(a_saved_copy_reads_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
