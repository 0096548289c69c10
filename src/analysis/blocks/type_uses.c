#include "analysis/blocks/type_uses.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "heap/size_class.h"

#define PAGE_BYTES 4096 /* of blocks that have spans of their own only touched pages count */

/* One site, before sites of one type are put together. */
struct part {
    struct mete__site_type type;
    const struct mete__summary_site *site;
    struct mete__type_use_site shape;
};

uint64_t mete__type_uses_block(uint64_t bytes) {
    if (bytes <= METE__MEDIUM_MAX)
        return mete__size_class_bytes(mete__size_class_of((size_t)bytes));
    return bytes > UINT64_MAX - PAGE_BYTES ? bytes
                                           : (bytes + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
}

uint64_t mete__type_uses_glibc_block(uint64_t bytes) {
    enum { HEADER = 8, GRAIN = 16, LEAST = 32 };

    if (bytes > UINT64_MAX - HEADER - GRAIN) return bytes;
    uint64_t chunk = (bytes + HEADER + GRAIN - 1) / GRAIN * GRAIN;
    return chunk < LEAST ? LEAST : chunk;
}

static uint64_t at_most(uint64_t count, uint64_t each) {
    uint64_t product;

    return __builtin_mul_overflow(count, each, &product) ? UINT64_MAX : product;
}

/* Sums of what comes from a file, which may be anything, stay at the top. */
static void add(uint64_t *sum, uint64_t more) {
    if (__builtin_add_overflow(*sum, more, sum)) *sum = UINT64_MAX;
}

/* Objects in a block. */
static uint64_t objects_in(const struct mete__type_use_site *shape, uint64_t size) {
    bool many = shape->form == METE__SITE_TYPE_ARRAY || shape->form == METE__SITE_TYPE_BYTES;

    if (!many || size == 0) return 1;
    return shape->block_bytes < shape->header ? 0 : (shape->block_bytes - shape->header) / size;
}

static struct part part_of(const struct mete__summary_site *site,
                           const struct mete__site_type *type) {
    uint64_t count = site->allocations;
    uint64_t mean = count == 0 ? 0 : site->allocated_bytes / count;

    if (count != 0 && site->allocated_bytes % count > count / 2) mean++;
    return (struct part){
        .type = *type,
        .site = site,
        .shape = {.form = type->form,
                  .block_bytes = mean,
                  .header = type->header,
                  .peak_blocks = mean == 0 ? 0
                                           : site->peak_live_bytes / mean +
                                                 (site->peak_live_bytes % mean > mean / 2),
                  .live_blocks = site->live_blocks},
    };
}

/* By type; those of no known type last. */
static int by_type(const void *left, const void *right) {
    const struct part *a = left, *b = right;

    if (a->type.name == NULL || b->type.name == NULL)
        return (a->type.name == NULL) - (b->type.name == NULL);
    int order = a->type.name == b->type.name ? 0 : strcmp(a->type.name, b->type.name);
    if (order != 0) return order;
    return a->type.bytes < b->type.bytes ? -1 : a->type.bytes > b->type.bytes;
}

static int by_peak(const void *left, const void *right) {
    const struct mete__type_use *a = left, *b = right;

    if (a->peak.bytes != b->peak.bytes) return a->peak.bytes > b->peak.bytes ? -1 : 1;
    if (a->allocated_bytes != b->allocated_bytes)
        return a->allocated_bytes > b->allocated_bytes ? -1 : 1;
    if (a->name == NULL || b->name == NULL) return (a->name == NULL) - (b->name == NULL);
    return strcmp(a->name, b->name);
}

static void add_amount(struct mete__type_amount *amount, const struct mete__type_use_site *shape,
                       uint64_t size, uint64_t blocks, uint64_t bytes) {
    uint64_t rounding = mete__type_uses_block(shape->block_bytes) - shape->block_bytes;

    add(&amount->blocks, blocks);
    add(&amount->objects, at_most(blocks, objects_in(shape, size)));
    add(&amount->bytes, bytes);
    add(&amount->rounding, at_most(blocks, rounding));
}

static void add_part(struct mete__type_use *use, const struct part *part) {
    const struct mete__summary_site *site = part->site;

    if (part->type.confidence != METE__SITE_TYPE_CERTAIN) use->is_certain = false;
    add(&use->allocations, site->allocations);
    add(&use->allocated_bytes, site->allocated_bytes);
    add_amount(&use->live, &part->shape, use->size, site->live_blocks, site->live_bytes);
    add_amount(&use->peak, &part->shape, use->size, part->shape.peak_blocks, site->peak_live_bytes);
}

static void put_together(struct mete__type_uses *uses, const struct part *parts, size_t count) {
    for (size_t i = 0, end; i < count; i = end) {
        struct mete__type_use *use = &uses->items[uses->count++];
        *use = (struct mete__type_use){
            .name = parts[i].type.name,
            .size = parts[i].type.bytes,
            .is_certain = true,
            .sites = &uses->sites[i],
        };
        for (end = i; end < count && by_type(&parts[i], &parts[end]) == 0; end++) {
            uses->sites[end] = parts[end].shape;
            add_part(use, &parts[end]);
        }
        use->site_count = end - i;
    }
    if (uses->count != 0) qsort(uses->items, uses->count, sizeof *uses->items, by_peak);
}

int mete__type_uses_make(struct mete__site_types *types, const struct mete__summary *summary,
                         struct mete__type_uses **out) {
    struct mete__type_uses *uses = calloc(1, sizeof *uses);
    struct part *parts = calloc(summary->site_count + 1, sizeof *parts);
    int status = uses == NULL || parts == NULL ? -ENOMEM : 0;

    if (status == 0) {
        uses->items = calloc(summary->site_count + 1, sizeof *uses->items);
        uses->sites = calloc(summary->site_count + 1, sizeof *uses->sites);
        if (uses->items == NULL || uses->sites == NULL) status = -ENOMEM;
    }
    for (size_t i = 0; i < summary->site_count && status == 0; i++) {
        struct mete__site_type type;
        status = mete__site_types_find(types, &summary->sites[i], &type);
        if (status == 0) parts[i] = part_of(&summary->sites[i], &type);
    }
    if (status == 0) {
        qsort(parts, summary->site_count, sizeof *parts, by_type);
        put_together(uses, parts, summary->site_count);
        *out = uses;
    } else {
        mete__type_uses_free(uses);
    }
    free(parts);
    return status;
}

void mete__type_uses_free(struct mete__type_uses *uses) {
    if (uses == NULL) return;
    free(uses->items);
    free(uses->sites);
    free(uses);
}

static int by_name(const void *left, const void *right) {
    const struct mete__type_use *a = *(const struct mete__type_use *const *)left;
    const struct mete__type_use *b = *(const struct mete__type_use *const *)right;
    int order = strcmp(a->name, b->name);

    if (order != 0) return order;
    return a->size < b->size ? -1 : a->size > b->size;
}

void mete__type_uses_sort(const struct mete__type_use **uses, size_t count) {
    if (count != 0) qsort(uses, count, sizeof(struct mete__type_use *), by_name);
}

const struct mete__type_use **mete__type_uses_find(const struct mete__type_use **sorted,
                                                   size_t count, const char *name, uint64_t size) {
    const struct mete__type_use key = {.name = name, .size = size}, *wanted = &key;

    return count == 0 ? NULL
                      : bsearch(&wanted, sorted, count, sizeof(struct mete__type_use *), by_name);
}

struct mete__type_saving mete__type_uses_saving(const struct mete__type_use *use,
                                                uint64_t smaller_by,
                                                uint64_t (*block_of)(uint64_t bytes)) {
    struct mete__type_saving saving = {0};

    for (size_t i = 0; i < use->site_count; i++) {
        const struct mete__type_use_site *site = &use->sites[i];
        uint64_t less = at_most(objects_in(site, use->size), smaller_by);
        if (less > site->block_bytes) less = site->block_bytes;
        uint64_t saved = block_of(site->block_bytes) - block_of(site->block_bytes - less);
        add(&saving.peak, at_most(site->peak_blocks, saved));
        add(&saving.live, at_most(site->live_blocks, saved));
    }
    return saving;
}
