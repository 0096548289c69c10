/*
 * sample_profile.h - a small whole profile for the tests of reports, written by the runtime's own
 * writer.
 *
 * The program is /opt/app, of which there is no file: so frames have no names and the texts do not
 * depend on the machine. Its stacks, innermost frame first, by node: 2  app+0x1fff app+0x100f 3
 * app+0x2fff app+0x100f      4  app+0x3fff app+0x1fff app+0x100f
 */
#ifndef METE_TESTS_SAMPLE_PROFILE_H
#define METE_TESTS_SAMPLE_PROFILE_H

#include <stdint.h>
#include <string.h>

#include "base/compiler.h"
#include "profile/writer.h"

#define SAMPLE_BASE 0x400000u

static inline void sample_header(void) {
    static const char arguments[] = "/opt/app\0--fast\0a\x1b[31mb";
    struct mete_profile_header *header = mete__writer_header();

    header->argv = mete__writer_string(arguments, sizeof arguments - 1);
    header->argc = 3;
    header->executable = mete__writer_string("/opt/app", 8);
    header->mode = METE_PROFILE_EXACT;
    header->state = METE_PROFILE_ENDED;
    header->end = METE_PROFILE_END_EXIT;
    header->end_code = 3;
    header->pid = 1234;
    header->leak_check = METE_LEAK_CHECK_DONE;
    header->threads_seen = 1;
    header->peak_epoch = 1;
    header->peak_live_bytes = 12000;
    header->start_clock = 1000000000;
    header->peak_clock = 1500000000;
    header->end_clock = 3000000000;
    header->tracker_bytes = 65536;
}

static inline void sample_tables(void) {
    struct mete_profile_module module = {
        .start = SAMPLE_BASE,
        .end = SAMPLE_BASE + 0x10000,
        .bias = SAMPLE_BASE,
        .path = mete__writer_string("/opt/app", 8),
        .build_id_bytes = 4,
        .build_id = {0xde, 0xad, 0xbe, 0xef},
    };
    static const struct mete_profile_node nodes[] = {
        {0},
        {.pc = SAMPLE_BASE + 0x1010, .parent = 0},
        {.pc = SAMPLE_BASE + 0x2000, .parent = 1},
        {.pc = SAMPLE_BASE + 0x3000, .parent = 1},
        {.pc = SAMPLE_BASE + 0x4000, .parent = 2, .flags = 0},
    };
    static const struct mete_profile_site sites[] = {
        {.stack = 2,
         .allocations = 10,
         .frees = 8,
         .allocated_bytes = 10000,
         .freed_bytes = 8000,
         .peak_epoch = 1,
         .at_peak_bytes = 9000,
         .own_peak_bytes = 9000},
        {.stack = 3,
         .allocations = 2000,
         .frees = 2000,
         .allocated_bytes = 32000,
         .freed_bytes = 32000,
         .temporary = 1500,
         .peak_epoch = 1,
         .at_peak_bytes = 3000,
         .own_peak_bytes = 3000},
        {.stack = 4, .allocations = 1, .allocated_bytes = 72, .peak_epoch = 0},
    };
    static const struct mete_profile_leak leaks[] = {
        {.stack = 4, .kind = METE_LEAK_REACHABLE, .bytes = 72, .blocks = 1},
        {.stack = 2, .kind = METE_LEAK_INDIRECT, .bytes = 500, .blocks = 1},
        {.stack = 2, .kind = METE_LEAK_DEFINITE, .bytes = 1500, .blocks = 1},
    };
    static const struct mete_profile_error error = {.kind = METE_ERROR_HEAP_OVERFLOW,
                                                    .stack = 3,
                                                    .allocated_at = 2,
                                                    .address = 0x7f0000001011,
                                                    .block_bytes = 13,
                                                    .offset = 17,
                                                    .thread = 1234};
    struct mete_profile_shard shard = {.failed = 0, .thread = 1234};

    shard.size_counts[5] = 2000;
    shard.size_bytes[5] = 32000;
    shard.size_counts[10] = 11;
    shard.size_bytes[10] = 10072;
    mete__writer_append(METE_SECTION_MODULES, &module);
    for (size_t i = 0; i < METE_COUNT_OF(nodes); i++)
        mete__writer_append(METE_SECTION_NODES, &nodes[i]);
    for (size_t i = 0; i < METE_COUNT_OF(sites); i++)
        mete__writer_append(METE_SECTION_SITES, &sites[i]);
    for (size_t i = 0; i < METE_COUNT_OF(leaks); i++)
        mete__writer_append(METE_SECTION_LEAKS, &leaks[i]);
    mete__writer_append(METE_SECTION_ERRORS, &error);
    mete__writer_append(METE_SECTION_SHARDS, &shard);
    for (uint64_t i = 0; i < 20; i++) {
        struct mete_profile_moment moment = {.clock = i * 100000000,
                                             .live_bytes = (int64_t)(i * 600),
                                             .live_blocks = (int64_t)i,
                                             .allocations = i * 100};
        mete__writer_append(METE_SECTION_TIMELINE, &moment);
    }
}

/* Makes the profile at `path`; the writer stays open, so that a test may change it and must close
 * it. */
static inline int sample_write(const char *path) {
    struct mete__writer_options options = {.path = path, .limit_bytes = 4 << 20};
    int status = mete__writer_open(&options);

    if (status != 0) return status;
    sample_header();
    sample_tables();
    return 0;
}

#endif
