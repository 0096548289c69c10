/* Tracking and checking: both keep a ledger of live blocks; checking also verifies what comes back,
 * and has a tail of known bytes behind each block. */
#include <mete/adapters.h>
#include <stdlib.h>

#include "allocator/ledger.h"
#include "allocator/move.h"
#include "allocator/wrapper.h"
#include "base/sort.h"
#include "base/text.h"
#include "os/meta.h"
#include "os/process.h"

enum { TAIL = 16, TAIL_BYTE = 0xb5 };

struct tracking {
    struct mete__wrapper wrapper;
    struct mete__ledger ledger;
    bool checks;
    void (*on_error)(void *context, const mete_allocator_error *error);
    void *context;
};

/* ---- errors ---- */

static const char *const fault_names[] = {
    [METE_ALLOCATOR_DOUBLE_FREE] = "double-free",
    [METE_ALLOCATOR_INVALID_FREE] = "invalid-free",
    [METE_ALLOCATOR_WRONG_LAYOUT] = "wrong-layout",
    [METE_ALLOCATOR_OVERFLOW] = "heap-overflow",
};

const char *mete_allocator_checking_fault(enum mete_allocator_fault fault) {
    if (fault < METE_ALLOCATOR_DOUBLE_FREE || fault > METE_ALLOCATOR_OVERFLOW) return "unknown";
    return fault_names[fault];
}

static METE_NORETURN void die(void *context, const mete_allocator_error *error) {
    char buffer[512];
    struct mete__text line = mete__text_in(buffer, sizeof buffer);

    (void)context;
    mete__text_add(&line, "mete: %s of %p", fault_names[error->fault], error->address);
    if (error->actual.size != 0)
        mete__text_add(&line, ", a block of %zu bytes, align %zu", error->actual.size,
                       error->actual.align);
    if (error->fault == METE_ALLOCATOR_WRONG_LAYOUT)
        mete__text_add(&line, ", given back as %zu bytes, align %zu", error->given.size,
                       error->given.align);
    if (error->fault == METE_ALLOCATOR_INVALID_FREE)
        mete__text_add(&line, ", which is no live block of the checking allocator");
    if (error->site != NULL)
        mete__text_add(&line, ", asked for at %s:%u", error->site->file, error->site->line);
    mete__text_add(&line, "\n");
    mete__process_complain(line.start, line.length);
    abort();
}

static void report(struct tracking *tracking, enum mete_allocator_fault fault, const void *block,
                   mete_layout given, const struct mete__ledger_entry *entry) {
    mete_allocator_error error = {.fault = fault, .address = block, .given = given};

    if (entry != NULL) {
        error.actual = mete__ledger_layout(entry);
        error.site = entry->site;
    }
    tracking->on_error(tracking->context, &error);
}

/* ---- the tail ---- */

static size_t tail_of(const struct tracking *tracking) {
    return tracking->checks ? TAIL : 0;
}

static void seal(const struct tracking *tracking, void *block, size_t size) {
    memset((char *)block + size, TAIL_BYTE, tail_of(tracking));
}

static bool is_sealed(const struct tracking *tracking, const void *block, size_t size) {
    const unsigned char *tail = (const unsigned char *)block + size;

    for (size_t i = 0; i < tail_of(tracking); i++)
        if (tail[i] != TAIL_BYTE) return false;
    return true;
}

/* The layout below: with the tail. 0; -EINVAL where the size itself has no layout, -ENOMEM where
 * only the tail is too much. */
static int extend(const struct tracking *tracking, mete_layout layout, size_t size,
                  mete_layout *out) {
    size_t tail = tail_of(tracking);
    mete_layout extended = {size + tail, layout.align};

    if (!METE_LAYOUT_IS_VALID(size, layout.align)) return -EINVAL;
    if (!mete_layout_is_valid(extended)) return -ENOMEM;
    *out = extended;
    return 0;
}

/* ---- methods ---- */

static void *take(void *state, mete_layout layout, const mete_site *site) {
    struct tracking *tracking = state;
    mete_layout extended;
    void *block = NULL;

    int no_layout = extend(tracking, layout, layout.size, &extended);
    if (no_layout == 0)
        block = mete_allocator_alloc_at(tracking->wrapper.under, extended, site);
    else
        errno = -no_layout;
    if (block != NULL) {
        int status = mete__ledger_enter(&tracking->ledger, block, layout, site);
        if (status < 0) {
            mete_allocator_free(tracking->wrapper.under, block, extended);
            errno = -status;
            block = NULL;
        } else {
            seal(tracking, block, layout.size);
        }
    }
    mete__wrapper_count_alloc(&tracking->wrapper, block, layout.size);
    return block;
}

/* Whether the block may be worked on as `layout`; else the program has been told. Of bytes behind
 * the block that were written to it is told once. */
static bool is_right(struct tracking *tracking, void *block, mete_layout layout) {
    struct mete__ledger_entry entry;

    if (!tracking->checks) return true;
    if (!mete__ledger_find(&tracking->ledger, block, &entry)) {
        bool twice = mete__ledger_has_left(&tracking->ledger, block);
        report(tracking, twice ? METE_ALLOCATOR_DOUBLE_FREE : METE_ALLOCATOR_INVALID_FREE, block,
               layout, NULL);
        return false;
    }
    mete_layout actual = mete__ledger_layout(&entry);
    if (actual.size != layout.size || actual.align != layout.align) {
        report(tracking, METE_ALLOCATOR_WRONG_LAYOUT, block, layout, &entry);
        return false;
    }
    if (!is_sealed(tracking, block, layout.size)) {
        report(tracking, METE_ALLOCATOR_OVERFLOW, block, layout, &entry);
        seal(tracking, block, layout.size);
    }
    return true;
}

static void give(void *state, void *block, mete_layout layout) {
    struct tracking *tracking = state;
    struct mete__ledger_entry entry;
    int saved = errno;

    if (!is_right(tracking, block, layout)) return;
    mete__ledger_take(&tracking->ledger, block, &entry);
    mete__wrapper_count_free(&tracking->wrapper, layout.size);
    layout.size += tail_of(tracking);
    mete_allocator_free(tracking->wrapper.under, block, layout);
    errno = saved;
}

static int resize(void *state, void *block, mete_layout layout, size_t new_size) {
    struct tracking *tracking = state;
    mete_layout before, after;

    if (!is_right(tracking, block, layout)) return -EINVAL;
    int status = extend(tracking, layout, new_size, &after);
    if (status != 0) return status;
    before = (mete_layout){layout.size + tail_of(tracking), layout.align};
    status = mete_allocator_resize(tracking->wrapper.under, block, before, after.size);
    if (status == 0) {
        mete__ledger_resize(&tracking->ledger, block, new_size);
        seal(tracking, block, new_size);
    }
    mete__wrapper_count_resize(&tracking->wrapper, status, layout.size, new_size);
    return status;
}

/* By hand, so that the ledger knows both places at no time and one at each. */
static void *remap(void *state, void *block, mete_layout layout, size_t new_size) {
    struct tracking *tracking = state;
    const mete_allocator *self = &tracking->wrapper.self;
    struct mete__ledger_entry entry;

    if (!is_right(tracking, block, layout)) {
        errno = EINVAL;
        return NULL;
    }
    if (mete_allocator_resize(self, block, layout, new_size) == 0) return block;
    const mete_site *site = mete__ledger_find(&tracking->ledger, block, &entry) ? entry.site : NULL;
    return mete__allocator_move(self, block, layout, new_size, site);
}

static void destroy(void *state) {
    struct tracking *tracking = state;
    mete__ledger_end(&tracking->ledger);
    mete__wrapper_destroy(tracking);
}

static const mete_allocator_methods methods = {
    .name = "tracking",
    .alloc = take,
    .free = give,
    .resize = resize,
    .remap = remap,
    .destroy = destroy,
};

static struct tracking *make(const mete_allocator *under) {
    return mete__wrapper_make(sizeof(struct tracking), under, &methods,
                              METE_ALLOCATOR_KNOWS_SIZE | METE_ALLOCATOR_FREES_ALL);
}

mete_allocator *mete_allocator_tracking(const mete_allocator *under) {
    struct tracking *tracking = make(under);
    return tracking != NULL ? &tracking->wrapper.self : NULL;
}

mete_allocator *mete_allocator_checking(const mete_allocator *under,
                                        void (*on_error)(void *context,
                                                         const mete_allocator_error *error),
                                        void *context) {
    struct tracking *tracking = make(under);

    if (tracking == NULL) return NULL;
    tracking->wrapper.methods.name = "checking";
    tracking->checks = true;
    tracking->on_error = on_error != NULL ? on_error : die;
    tracking->context = context;
    return &tracking->wrapper.self;
}

/* ---- what is live ---- */

/* A copy of the ledger, or NULL; *count is -EINVAL or -ENOMEM, or the number of live blocks. */
static struct mete__ledger_entry *copy_live(const mete_allocator *allocator, long *count,
                                            size_t *bytes) {
    size_t live;

    *count = -EINVAL;
    if (allocator == NULL || allocator->methods->destroy != destroy) return NULL;
    struct tracking *tracking = allocator->state;
    struct mete__ledger_entry *entries = mete__ledger_copy(&tracking->ledger, &live, bytes);
    *count = entries == NULL && live != 0 ? -ENOMEM : (long)live;
    return entries;
}

static bool is_older(const void *left, const void *right) {
    const struct mete__ledger_entry *a = left, *b = right;
    return a->sequence < b->sequence;
}

long mete_allocator_tracking_each(const mete_allocator *allocator,
                                  bool (*visit)(void *context, const mete_tracked_block *live),
                                  void *context) {
    size_t bytes;
    long count;
    struct mete__ledger_entry *entries = copy_live(allocator, &count, &bytes);

    if (entries == NULL) return count;
    mete__sort(entries, (size_t)count, sizeof *entries, is_older);
    for (long i = 0; i < count; i++) {
        const struct mete__ledger_entry *entry = &entries[i];
        mete_tracked_block live = {
            .block = (const void *)entry->block,
            .layout = mete__ledger_layout(entry),
            .site = entry->site,
            .sequence = entry->sequence,
        };
        if (!visit(context, &live)) break;
    }
    mete__meta_unmap(entries, bytes);
    return count;
}

static bool has_lower_site(const void *left, const void *right) {
    const struct mete__ledger_entry *a = left, *b = right;
    return (uintptr_t)a->site < (uintptr_t)b->site;
}

static bool has_more_bytes(const void *left, const void *right) {
    const struct mete__ledger_entry *a = left, *b = right;
    return a->size > b->size;
}

/* Makes one entry of all that have the same site, its size that of all, its sequence their number.
 * How many are left. */
static size_t merge_sites(struct mete__ledger_entry *entries, size_t count) {
    size_t sites = 0;

    mete__sort(entries, count, sizeof *entries, has_lower_site);
    for (size_t i = 0; i < count; i++) {
        if (sites > 0 && entries[sites - 1].site == entries[i].site) {
            entries[sites - 1].size += entries[i].size;
            entries[sites - 1].sequence++;
        } else {
            entries[sites] = entries[i];
            entries[sites++].sequence = 1;
        }
    }
    mete__sort(entries, sites, sizeof *entries, has_more_bytes);
    return sites;
}

static void add_sum(struct mete__text *text, size_t blocks, size_t bytes) {
    mete__text_add(text, "%zu block%s, %zu bytes", blocks, blocks == 1 ? "" : "s", bytes);
}

static void add_site(struct mete__text *text, const struct mete__ledger_entry *entry) {
    const mete_site *site = entry->site;

    add_sum(text, (size_t)entry->sequence, entry->size);
    if (site == NULL)
        mete__text_add(text, " asked for where nobody said");
    else if (site->type != NULL)
        mete__text_add(text, " (%s) asked for at %s:%u", site->type, site->file, site->line);
    else
        mete__text_add(text, " asked for at %s:%u", site->file, site->line);
    mete__text_add(text, "\n");
}

/* Standard error gets each line as it is made. */
static void flush(struct mete__text *text, bool to_standard_error) {
    if (!to_standard_error) return;
    mete__process_complain(text->start, text->length);
    *text = mete__text_in(text->start, text->capacity);
}

long mete_allocator_tracking_report(const mete_allocator *allocator, char *buffer, size_t size) {
    char line[512];
    size_t bytes, total = 0;
    long count;
    bool is_direct = buffer == NULL || size == 0;
    struct mete__text text =
        is_direct ? mete__text_in(line, sizeof line) : mete__text_in(buffer, size);
    struct mete__ledger_entry *entries = copy_live(allocator, &count, &bytes);

    if (count < 0) return count;
    size_t sites = entries != NULL ? merge_sites(entries, (size_t)count) : 0;
    for (size_t i = 0; i < sites; i++) {
        total += entries[i].size;
        add_site(&text, &entries[i]);
        flush(&text, is_direct);
    }
    add_sum(&text, (size_t)count, total);
    mete__text_add(&text, " live\n");
    flush(&text, is_direct);
    if (entries != NULL) mete__meta_unmap(entries, bytes);
    return count;
}
