/* track/modules.h: an array of pointers to entries that never change. */
#include "track/modules.h"

#include <stddef.h>
#include <string.h>

#include "os/loader.h"
#include "os/meta.h"
#include "profile/format.h"
#include "profile/writer.h"
#include "track/unwind_row.h"

enum {
    MODULES_MAX =
        8192, /* further objects are unwound through, but the profile does not name them */
    PATH_BYTES = 4096,
};

struct entry {
    struct mete__module module;
    uint64_t
        verified; /* atomic: in this state of unloading it was seen to be loaded; see known() */
    uintptr_t bias;
    uint32_t build_id_bytes;
    uint8_t build_id[METE_BUILD_ID_MAX];
    size_t path_length;
    char path[]; /* with a NUL */
};

static struct entry *entries[MODULES_MAX]; /* atomic; filled from the start */
static uint64_t unload_state;              /* atomic; see METE__MODULES_UNLOADING */

uint64_t mete__modules_state(void) {
    return __atomic_load_n(&unload_state, __ATOMIC_ACQUIRE);
}

void mete__modules_unloading(void) {
    __atomic_fetch_add(&unload_state, 1, __ATOMIC_SEQ_CST);
}

/* One less in progress, and another state than all before: in one step. */
void mete__modules_unloaded(void) {
    mete__unwind_row_forget();
    __atomic_fetch_add(&unload_state, METE__MODULES_UNLOADING, __ATOMIC_SEQ_CST);
}

/* glibc loads and unloads its character set converters by itself, past any dlclose of ours. */
static bool is_fleeting(const char *path) {
    return strstr(path, "/gconv/") != NULL;
}

/* Fills a new entry but for its generation. NULL where there is no memory. */
static struct entry *make_entry(const struct mete__loaded *loaded, size_t *bytes) {
    struct mete__loaded_headers headers;
    struct entry *entry = NULL;
    char *path = mete__meta_alloc(PATH_BYTES);

    if (path == NULL) return NULL;
    size_t path_length = mete__loader_path(loaded, path, PATH_BYTES);
    path[path_length] = '\0';
    *bytes = sizeof *entry + path_length + 1;
    entry = mete__meta_alloc(*bytes);
    if (entry == NULL) goto done;

    mete__loader_headers(loaded, &headers);
    entry->module = (struct mete__module){
        .tables = {.header = headers.table_high == headers.table_low ? 0 : loaded->table,
                   .low = headers.table_low,
                   .high = headers.table_high},
        .entry = headers.entry,
        .start = loaded->start,
        .end = loaded->end,
        .fleeting = is_fleeting(path),
        .main_program = loaded->name[0] == '\0',
    };
    entry->bias = loaded->bias;
    if (headers.build_id_bytes <= METE_BUILD_ID_MAX) {
        entry->build_id_bytes = headers.build_id_bytes;
        memcpy(entry->build_id, headers.build_id, headers.build_id_bytes);
    }
    entry->path_length = path_length;
    memcpy(entry->path, path, path_length + 1);
done:
    mete__meta_free(path, PATH_BYTES);
    return entry;
}

/* Whether two entries stand for one object at one place, so that addresses mean the same. */
static bool is_same(const struct entry *a, const struct entry *b) {
    return a->module.start == b->module.start && a->module.end == b->module.end &&
           a->module.tables.header == b->module.tables.header &&
           a->build_id_bytes == b->build_id_bytes &&
           memcmp(a->build_id, b->build_id, a->build_id_bytes) == 0 &&
           a->path_length == b->path_length && memcmp(a->path, b->path, a->path_length) == 0;
}

static void append_to_profile(const struct entry *entry) {
    struct mete_profile_module record = {
        .start = entry->module.start,
        .end = entry->module.end,
        .bias = entry->bias,
        .path = mete__writer_string(entry->path, entry->path_length),
        .generation = entry->module.generation,
        .build_id_bytes = entry->build_id_bytes,
    };
    memcpy(record.build_id, entry->build_id, entry->build_id_bytes);
    /* Where it does not fit, its frames are addresses without a name. */
    (void)mete__writer_append(METE_SECTION_MODULES, &record);
}

/* Puts the entry behind the others, unless one is the same already. Returns which one holds. */
static struct entry *enter(struct entry *fresh) {
    uint32_t generation = 0;
    for (size_t i = 0; i < MODULES_MAX;) {
        struct entry *other = __atomic_load_n(&entries[i], __ATOMIC_ACQUIRE);
        if (other == NULL) {
            fresh->module.generation = generation;
            if (__atomic_compare_exchange_n(&entries[i], &other, fresh, false, __ATOMIC_ACQ_REL,
                                            __ATOMIC_ACQUIRE)) {
                append_to_profile(fresh);
                return fresh;
            }
            continue; /* somebody was faster: look at what is here now */
        }
        if (is_same(other, fresh)) return other;
        bool overlaps =
            other->module.start < fresh->module.end && fresh->module.start < other->module.end;
        if (overlaps && other->module.generation >= generation)
            generation =
                other->module.generation + (other->module.generation < METE_GENERATION_MAX);
        i++;
    }
    return fresh; /* not entered: used once and lost, a rare and small leak */
}

/* The entry of an object without a look at its headers: they cannot have changed since the last
 * look if nothing was unloaded. NULL where that is not known. */
static struct entry *known(const struct mete__loaded *loaded, uint64_t state) {
    if ((state & METE__MODULES_UNLOADING) != 0) return NULL;
    for (size_t i = 0; i < MODULES_MAX; i++) {
        struct entry *entry = __atomic_load_n(&entries[i], __ATOMIC_ACQUIRE);
        if (entry == NULL) break;
        if (entry->module.start == loaded->start && entry->module.end == loaded->end &&
            __atomic_load_n(&entry->verified, __ATOMIC_RELAXED) == state && !entry->module.fleeting)
            return entry;
    }
    return NULL;
}

bool mete__modules_find(uintptr_t address, struct mete__module *out) {
    struct mete__loaded loaded;
    if (!mete__loader_find(address, &loaded)) return false;

    uint64_t state = mete__modules_state();
    struct entry *entry = known(&loaded, state);
    if (entry == NULL) {
        size_t bytes = 0;
        struct entry *fresh = make_entry(&loaded, &bytes);
        if (fresh == NULL) return false;
        entry = enter(fresh);
        if (entry != fresh) mete__meta_free(fresh, bytes);
        __atomic_store_n(&entry->verified, state, __ATOMIC_RELAXED);
    }
    *out = entry->module;
    return true;
}
