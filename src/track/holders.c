/* track/holders.h: an index of the profile's records by stack, kind and name. */
#include "track/holders.h"

#include <assert.h>
#include <string.h>

#include "os/lock.h"
#include "profile/writer.h"
#include "track/stack.h"
#include "track/tracker.h"

static_assert((int)METE__HOLDER_ALLOCATOR == (int)METE_HOLDER_ALLOCATOR, "the same numbers");

#define NOT_RECORDED UINT32_MAX /* in holder->record: destroyed, or no room */

enum { SLOTS = 1024, MOST = SLOTS / 4 * 3 };

static struct slot {
    uint64_t name;   /* hash of it: so long a one is as good as the name */
    uint32_t record; /* index + 1; 0: free */
} slots[SLOTS];
static uint32_t used;

static struct mete__stack_memo *memo; /* for stacks of creators */
static struct mete__lock lock;        /* of all the above, the records, and holder->record */

/* FNV-1a (Fowler, Noll, Vo, 1991). */
static uint64_t hash_of(const char *name) {
    uint64_t hash = 0xcbf29ce484222325u;
    for (; *name != '\0'; name++) hash = (hash ^ (unsigned char)*name) * 0x100000001b3u;
    return hash;
}

static struct mete_profile_holder *record_of(uint32_t number) {
    return mete__writer_record(METE_SECTION_HOLDERS, number - 1);
}

/* The number of a new record; 0 where there is no room. */
static uint32_t add_record(const struct mete__holder *holder) {
    struct mete_profile_holder record = {
        .stack = holder->stack,
        .kind = holder->methods->kind,
        .name = mete__writer_string(holder->name, strlen(holder->name)),
    };
    int64_t index = mete__writer_append(METE_SECTION_HOLDERS, &record);
    return index < 0 ? 0 : (uint32_t)index + 1;
}

static uint32_t find_or_add(const struct mete__holder *holder) {
    uint64_t name = hash_of(holder->name);
    uint32_t kind = holder->methods->kind;
    size_t at = (name ^ holder->stack * 0x9e3779b97f4a7c15u) >> 7;

    for (;; at++) {
        struct slot *slot = &slots[at % SLOTS];
        if (slot->record == 0) {
            uint32_t number = used < MOST ? add_record(holder) : 0;
            if (number == 0) return NOT_RECORDED;
            *slot = (struct slot){name, number};
            used++;
            return number;
        }
        const struct mete_profile_holder *record = record_of(slot->record);
        if (slot->name == name && record->stack == holder->stack && record->kind == kind)
            return slot->record;
    }
}

/* Whether the calling thread may go on, with the lock then. */
static bool begin(void) {
    mete__tracker_settle();
    if (!mete__tracker_is_started()) return false;
    return mete__lock_acquire(&lock, mete__lock_token());
}

static void enter(struct mete__holder *holder) {
    holder->record = find_or_add(holder);
    if (holder->record != NOT_RECORDED) record_of(holder->record)->created++;
}

static void entered(struct mete__holder *holder, const struct mete__caller *caller) {
    if (!begin()) return;
    if (memo == NULL && caller != NULL) memo = mete__stack_memo_create();
    if (memo != NULL && caller != NULL) holder->stack = mete__stack_capture(memo, caller);
    enter(holder);
    mete__lock_release(&lock);
}

static void note_peak(struct mete_profile_holder *record, const struct mete__holder_stats *stats) {
    if (stats->peak_bytes > record->peak_bytes) record->peak_bytes = stats->peak_bytes;
}

static void leaves(struct mete__holder *holder) {
    struct mete__holder_stats stats = {0};

    holder->methods->read(holder, &stats);
    if (!begin()) return;
    if (holder->record != 0 && holder->record != NOT_RECORDED) {
        record_of(holder->record)->destroyed++;
        note_peak(record_of(holder->record), &stats);
    }
    holder->record = NOT_RECORDED;
    mete__lock_release(&lock);
}

const struct mete__registry_hooks *mete__holders_hooks(void) {
    static const struct mete__registry_hooks hooks = {entered, leaves};
    return &hooks;
}

static bool add_up(void *context, struct mete__holder *holder) {
    struct mete__holder_stats stats = {0};
    (void)context;

    if (holder->record == 0) enter(holder);
    if (holder->record == NOT_RECORDED) return true;
    holder->methods->read(holder, &stats);
    struct mete_profile_holder *record = record_of(holder->record);
    if (holder->is_kept) record->kept++;
    record->reserved_bytes += stats.reserved_bytes;
    record->live_bytes += stats.live_bytes;
    record->live_blocks += stats.live_blocks;
    note_peak(record, &stats);
    return true;
}

void mete__holders_update(void) {
    if (!begin()) return;
    uint64_t count = mete__writer_count(METE_SECTION_HOLDERS);
    for (uint32_t i = 1; i <= count; i++) {
        struct mete_profile_holder *record = record_of(i);
        record->kept = record->reserved_bytes = record->live_bytes = record->live_blocks = 0;
    }
    mete__registry_each(add_up, NULL);
    mete__lock_release(&lock);
}

void mete__holders_after_fork(void) {
    mete__lock_reset(&lock);
    memo = NULL; /* the parent may have been in the midst of using it */
}
