/* track/tracker.h: the hooks, the beginning and the end. */
#include "track/tracker.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "base/text.h"
#include "heap/cache.h"
#include "heap/heap.h"
#include "os/file.h"
#include "os/meta.h"
#include "os/process.h"
#include "profile/writer.h"
#include "track/census.h"
#include "track/error.h"
#include "track/fork.h"
#include "track/holders.h"
#include "track/level.h"
#include "track/shard.h"
#include "track/stack.h"
#include "track/timeline.h"
#include "track/typed_sites.h"

enum { TICK_MASK = 255 }; /* the clock is looked at once in 256 allocations */

static bool
    started; /* the profile is open, and it is this process's (or the fork is not noticed) */
static enum mete_profile_mode mode;
static bool is_sampled;
static bool no_children;
static bool is_quiet;
static char path[PATH_MAX];    /* of the profile, from the root; empty: in memory only */
static size_t folder_length;   /* of path, up to its last slash and with it */
static char program[NAME_MAX]; /* for the names of children's files */

static size_t bytes_before; /* of mete's tables when it all began */

/* In the slot of a cache that could not have a shard, so that it is not tried with every block. */
static struct mete__shard refused = {.state = METE__FORK_NO_STATE};

/* ---- a forked child ---- */

static void note_inherited(struct mete__site_sums sums) {
    struct mete_profile_header *header = mete__writer_header();

    header->inherited_allocations = sums.allocations;
    header->inherited_frees = sums.frees;
    header->inherited_allocated_bytes = sums.allocated_bytes;
    header->inherited_freed_bytes = sums.freed_bytes;
}

/* What the shards say of themselves would not do: a thread that the fork left in the midst of
 * counting may have counted in its shard and not in its site. */
static struct mete__site_sums rewrite_counters(void) {
    struct mete__site_sums sums = mete__shard_rewrite_all();

    if (mode == METE_PROFILE_STATS) {
        mete__census_after_fork();
        mete__census_take();
        struct mete__shard_totals last = mete__census_last();
        sums = (struct mete__site_sums){.allocations = last.allocations,
                                        .frees = last.frees,
                                        .allocated_bytes = last.allocated_bytes,
                                        .freed_bytes = last.freed_bytes};
    }
    return sums;
}

static void give_up(void) {
    mete__watch_set(METE__WATCH_NONE, 0, NULL);
    mete__writer_close();
    started = false;
    mete__fork_change_state(); /* no shard may think itself ready: its records are gone */
}

static void name_child(void) {
    struct mete__text name = mete__text_in(path + folder_length, sizeof path - folder_length);
    if (path[0] == 0) return;
    mete__text_add(&name, "mete.%s.%u.mete", program, mete__process_id());
}

/* The child's counters are in private memory, as they were at the fork; the file gets them from
 * there. */
static void settle_child(void) {
    if (!started) return;
    if (no_children) {
        give_up();
        return;
    }
    mete__holders_after_fork();
    mete__typed_sites_after_fork();
    name_child();
    mete__writer_fork(path[0] != 0 ? path : NULL);
    if (!mete__writer_is_open()) {
        give_up();
        return;
    }
    struct mete__site_sums inherited = rewrite_counters();
    mete__level_publish();
    note_inherited(inherited);
    mete__timeline_start();
}

void mete__tracker_settle(void) {
    mete__fork_settle(settle_child);
}

/* ---- the hooks ---- */

/* The cache's shard, made if need be, and up to date with the state of the process; NULL where
 * there is none. */
static METE_COLD struct mete__shard *shard_of(struct mete__cache *cache) {
    void **slot = mete__cache_watcher_slot(cache);

    mete__fork_settle(settle_child);
    if (!started || *slot == &refused) return NULL;
    if (*slot == NULL) {
        *slot = mete__shard_create();
        if (*slot == NULL) {
            *slot = &refused;
            return NULL;
        }
        mete__fork_change_state(); /* the others may no longer think they are alone */
    }
    struct mete__shard *shard = *slot;
    uint32_t state = mete__fork_state_to_keep();
    if (__atomic_load_n(&mete__level.shards, __ATOMIC_RELAXED) > 1)
        mete__level_accept(&shard->level);
    shard->state = state;
    return shard;
}

METE_INLINE struct mete__shard *ready_shard(struct mete__cache *cache) {
    struct mete__shard *shard = cache->watcher;
    if (METE_LIKELY(shard != NULL && shard->state == mete__fork_state())) return shard;
    return shard_of(cache);
}

static void drop(struct mete__record *block) {
    block->stack = 0;
    block->sequence = 0;
    block->shard = METE__SHARD_NONE;
    __atomic_add_fetch(&mete__shard_uncounted, 1, __ATOMIC_RELAXED);
}

static void allocated(struct mete__cache *cache, struct mete__record *record, void *block,
                      const struct mete__caller *caller) {
    struct mete__shard *shard = ready_shard(cache);

    (void)block;
    if (METE_UNLIKELY(shard == NULL)) {
        drop(record);
        return;
    }
    uint32_t stack = mete__stack_capture(shard->memo, caller);
    if (METE_UNLIKELY(caller->site != NULL)) mete__typed_sites_note(stack, caller->site);
    if (METE_UNLIKELY((shard->allocations & TICK_MASK) == 0)) mete__timeline_tick();
    mete__shard_count_allocated(shard, record, stack);
}

static void freed(struct mete__cache *cache, struct mete__record *record, void *block,
                  const struct mete__caller *caller) {
    struct mete__shard *shard = ready_shard(cache);

    (void)block;
    (void)caller;
    if (METE_LIKELY(shard != NULL && record->shard != METE__SHARD_NONE))
        mete__shard_count_freed(shard, record);
}

/* Sampled mode has hooks of its own, so that exact mode multiplies nothing. */
static uint64_t weight_of(const void *block) {
    struct mete__found found;
    return mete__heap_find(block, &found) ? mete__watch_weight(found.block_bytes) : 1;
}

static void sampled(struct mete__cache *cache, struct mete__record *record, void *block,
                    const struct mete__caller *caller) {
    struct mete__shard *shard = ready_shard(cache);

    if (METE_UNLIKELY(shard == NULL)) {
        drop(record);
        return;
    }
    uint32_t stack = mete__stack_capture(shard->memo, caller);
    if (caller->site != NULL) mete__typed_sites_note(stack, caller->site);
    mete__shard_allocated(shard, record, stack, weight_of(block));
    METE__COUNT_TWICE(&shard->counters, shard->record, samples, 1);
    /* What the thread allocates before the sample is freed goes unseen: nothing counts as
     * temporary. */
    record->sequence--;
    mete__timeline_tick();
}

static void sample_freed(struct mete__cache *cache, struct mete__record *record, void *block,
                         const struct mete__caller *caller) {
    struct mete__shard *shard = ready_shard(cache);

    (void)caller;
    if (METE_LIKELY(shard != NULL && record->shard != METE__SHARD_NONE))
        mete__shard_freed(shard, record, weight_of(block));
}

static void failed(struct mete__cache *cache, size_t size, const struct mete__caller *caller) {
    struct mete__shard *shard = ready_shard(cache);

    (void)size;
    (void)caller;
    if (shard != NULL) METE__COUNT_TWICE(&shard->counters, shard->record, failed, 1);
}

static bool note_error(const struct mete__error *error) {
    mete__tracker_settle();
    return started && mete__error_note(error) && !is_quiet;
}

static struct mete__error error_of(enum mete__misuse kind, const void *address, const void *block,
                                   size_t block_bytes, const struct mete__record *record) {
    return (struct mete__error){
        .kind = (enum mete_profile_error_kind)kind,
        .address = (uintptr_t)address,
        .block = (uintptr_t)block,
        .block_bytes = block_bytes,
        .record = record,
    };
}

static bool misused(enum mete__misuse kind, const void *address, const void *block,
                    size_t block_bytes, const struct mete__record *record,
                    const struct mete__caller *caller) {
    struct mete__error error = error_of(kind, address, block, block_bytes, record);
    error.caller = caller;
    return note_error(&error);
}

static bool trapped(enum mete__misuse kind, const void *address, const void *block,
                    size_t block_bytes, const struct mete__record *record, const void *context) {
    struct mete__error error = error_of(kind, address, block, block_bytes, record);
    error.context = context;
    return note_error(&error);
}

static uint32_t stack_of(struct mete__cache *cache, const struct mete__caller *caller) {
    struct mete__shard *shard = ready_shard(cache);
    return shard != NULL ? mete__stack_capture(shard->memo, caller) : 0;
}

const struct mete__watch_hooks *mete__tracker_hooks(void) {
    static const struct mete__watch_hooks exact = {
        allocated, freed, failed, misused, trapped, stack_of,
    };
    static const struct mete__watch_hooks samples = {
        sampled, sample_freed, failed, misused, trapped, stack_of,
    };
    return is_sampled ? &samples : &exact;
}

/* ---- beginning and end ---- */

static int keep_names(const struct mete__tracker_options *options) {
    struct mete__text text = mete__text_in(program, sizeof program);
    mete__text_add(&text, "%s", options->program != NULL ? options->program : "program");
    no_children = options->no_children;
    is_quiet = options->is_quiet;
    mode = options->mode;
    is_sampled = mode == METE_PROFILE_SAMPLED || options->sample_blocks > 1;
    path[0] = 0;
    if (options->path == NULL) return 0;
    int status = mete__file_absolute(options->path, path, sizeof path);
    if (status == 0) folder_length = (size_t)(strrchr(path, '/') + 1 - path);
    return status;
}

static uint64_t keep_string(const char *text) {
    return text == NULL ? 0 : mete__writer_string(text, strlen(text));
}

/* The arguments one after the other, as one string with NULs in it. */
static uint64_t keep_arguments(const char *const *argv, uint32_t argc) {
    uint64_t first = 0;
    for (uint32_t i = 0; i < argc; i++) {
        uint64_t reference = keep_string(argv[i]);
        if (i == 0) first = reference;
    }
    return first;
}

static void fill_header(const struct mete__tracker_options *options) {
    struct mete_profile_header *header = mete__writer_header();

    header->mode = options->mode;
    header->sample_bytes = options->sample_bytes;
    header->sample_blocks = options->sample_blocks;
    header->run = options->run;
    header->argv = options->argv != NULL ? keep_arguments(options->argv, options->argc) : 0;
    header->argc = header->argv != 0 ? options->argc : 0;
    header->executable = keep_string(options->executable);
    header->program = keep_string(program);
}

int mete__tracker_start(const struct mete__tracker_options *options) {
    static const struct mete_profile_node root;
    struct mete__writer_options writer = {.limit_bytes = options->limit_bytes};

    if (started) return -EALREADY;
    bytes_before = mete__meta_bytes();
    int status = keep_names(options);
    if (status != 0) return status;
    writer.path = path[0] != 0 ? path : NULL;
    status = mete__writer_open(&writer);
    if (status != 0) return status;
    status = (int)mete__writer_append(METE_SECTION_NODES, &root);
    if (status != 0) goto fail_writer;
    fill_header(options);
    if (mode == METE_PROFILE_STATS) mete__census_take();
    mete__fork_watch();
    mete__timeline_start();
    started = true;
    return 0;

fail_writer:
    mete__writer_close();
    if (path[0] != 0) mete__file_remove(path);
    return status;
}

bool mete__tracker_is_started(void) {
    return started;
}

const char *mete__tracker_path(void) {
    return path[0] != 0 ? path : NULL;
}

/* What tracking takes: tables, records of blocks, and what is in use of the profile. */
static uint64_t own_bytes(const struct mete_profile_header *header) {
    uint64_t mapped = mete__meta_bytes() - bytes_before;
    return mapped - mete__writer_size() + header->used_bytes;
}

void mete__tracker_tick(void) {
    mete__tracker_settle();
    if (!started || mode != METE_PROFILE_STATS) return;
    mete__census_tick();
    mete__timeline_tick();
}

void mete__tracker_mark_end(enum mete_profile_state state) {
    if (!started) return;
    struct mete_profile_header *header = mete__writer_header();
    if (mode == METE_PROFILE_STATS) mete__census_take();
    mete__timeline_finish();
    header->end_clock = mete__process_clock();
    header->tracker_bytes = own_bytes(header);
    __atomic_store_n(&header->state, (uint32_t)state, __ATOMIC_RELEASE);
}

void mete__tracker_finish(enum mete_profile_state state) {
    mete__tracker_settle();
    mete__tracker_mark_end(state);
    if (!started || path[0] == 0) return;
    if (mete__writer_is_unsaved() || !mete__writer_has_file())
        mete__writer_save(path);
    else
        mete__writer_seal(path);
}
