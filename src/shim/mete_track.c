/*
 * shim/mete_track.c - mete/track.h: tracking that the program itself asks for.
 */
#include <errno.h>
#include <limits.h>
#include <mete/track.h>
#include <stdbool.h>

#include "heap/watch.h"
#include "os/environment.h"
#include "os/lock.h"
#include "profile/writer.h"
#include "registry/registry.h"
#include "shim/profile_name.h"
#include "shim/startup.h"
#include "track/holders.h"
#include "track/leak.h"
#include "track/timeline.h"
#include "track/tracker.h"

static_assert((int)METE_TRACK_SAMPLED == (int)METE_PROFILE_SAMPLED &&
                  (int)METE_TRACK_EXACT == (int)METE_PROFILE_EXACT,
              "a mode has one number");

enum { SAMPLE_BYTES = 512 << 10 };

static struct mete__lock lock; /* of starting and stopping */

/* Tables in memory: the program has not asked for a file. */
static int start_in_memory(mete_track_mode mode) {
    static char executable[PATH_MAX];
    static char program[METE_PROFILE_PROGRAM_MAX + 1];
    struct mete__environment environment;

    mete__environment_read(&environment);
    mete__environment_executable(executable, sizeof executable);
    mete__profile_name_program(environment.started_as != NULL ? environment.started_as : executable,
                               program, sizeof program);
    return mete__tracker_start(&(struct mete__tracker_options){
        .program = program,
        .executable = executable,
        .argv = environment.argv,
        .argc = environment.argc,
        .mode = (enum mete_profile_mode)mode,
        .sample_bytes = mode == METE_TRACK_SAMPLED ? SAMPLE_BYTES : 0,
    });
}

static int start(mete_track_mode mode) {
    if (mete__tracker_is_started()) {
        if (mete__writer_header()->mode != (uint32_t)mode) return -EBUSY;
    } else {
        int status = start_in_memory(mode);
        if (status != 0) return status;
        mete__registry_watch(mete__holders_hooks());
    }
    mete__watch_set(mode == METE_TRACK_SAMPLED ? METE__WATCH_SAMPLED : METE__WATCH_ALL,
                    mete__writer_header()->sample_bytes, mete__tracker_hooks());
    return 0;
}

int mete_track_start(mete_track_mode mode) {
    if (mode != METE_TRACK_SAMPLED && mode != METE_TRACK_EXACT) return -EINVAL;
    mete__startup_run();
    mete__tracker_settle();
    if (!mete__lock_acquire(&lock, mete__lock_token())) return -EBUSY;
    int status = start(mode);
    mete__lock_release(&lock);
    return status;
}

/* In the modes check and guard, blocks that are not watched would lack what the others have around
 * them; in mode stats none are. */
static int stop(void) {
    if (!mete__tracker_is_started()) return -EINVAL;
    uint32_t mode = mete__writer_header()->mode;
    if (mode != METE_PROFILE_SAMPLED && mode != METE_PROFILE_EXACT) return -EBUSY;
    mete__watch_set(METE__WATCH_NONE, 0, NULL);
    return 0;
}

int mete_track_stop(void) {
    mete__tracker_settle();
    if (!mete__lock_acquire(&lock, mete__lock_token())) return -EBUSY;
    int status = stop();
    mete__lock_release(&lock);
    return status;
}

int mete_snapshot(const char *path) {
    mete__tracker_settle();
    if (path == NULL || !mete__tracker_is_started()) return -EINVAL;
    mete__holders_update();
    mete__timeline_finish();
    return mete__writer_save(path);
}

/* Which block is lost can only be told where each is known. */
static bool knows_every_block(void) {
    if (!mete__tracker_is_started()) return false;
    const struct mete_profile_header *header = mete__writer_header();
    return header->mode == METE_PROFILE_EXACT || header->mode == METE_PROFILE_CHECK ||
           (header->mode == METE_PROFILE_GUARD && header->sample_blocks == 1);
}

static mete_leak_sum sum_of(const struct mete__leak_result *result,
                            enum mete_profile_leak_kind kind) {
    return (mete_leak_sum){result->kinds[kind].bytes, result->kinds[kind].blocks};
}

int mete_leak_check(mete_leak_summary *out) {
    struct mete__leak_result result;

    mete__tracker_settle();
    if (out == NULL || !knows_every_block()) return -EINVAL;
    int status = mete__leak_check_run(METE__LEAK_ON_REQUEST, &result);
    if (status != 0) return status;
    *out = (mete_leak_summary){
        .definite = sum_of(&result, METE_LEAK_DEFINITE),
        .indirect = sum_of(&result, METE_LEAK_INDIRECT),
        .possible = sum_of(&result, METE_LEAK_POSSIBLE),
        .reachable = sum_of(&result, METE_LEAK_REACHABLE),
    };
    return 0;
}
