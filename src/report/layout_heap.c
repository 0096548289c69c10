#include "report/layout_heap.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/blocks/type_uses.h"
#include "analysis/layout/layout_facts.h"
#include "report/json.h"
#include "report/layout_place.h"
#include "report/page.h"
#include "report/report.h"
#include "report/units.h"

#define MOVES_MAX     4    /* more are a new order, which --reorder shows */
#define TABLE_COLUMNS 61   /* before the types */
#define MEMBERS_MAX   4096 /* of types whose moves are looked for */

/* A type of the file beside its objects in the profile. */
struct row {
    const struct mete__type *type;
    const struct mete__layout_reordered *reordered;
    const struct mete__type_use *use;   /* NULL: there are none */
    uint64_t padding;                   /* bytes of it in one object */
    uint64_t smaller_by;                /* bytes that the best order saves in one object */
    struct mete__type_saving won;       /* bytes of mete's heap that this saves */
    struct mete__type_saving won_glibc; /* ... and of glibc's */
};

struct mete__layout_heap {
    const char *path;
    struct mete__report *report; /* types' names live as long as it */
    struct mete__type_uses *uses;
    struct row *rows; /* one per type, in the same order */
    size_t count;
};

/* --- Rows --- */

static struct row row_of(const struct mete__type *type,
                         const struct mete__layout_reordered *reordered,
                         const struct mete__type_use *use) {
    struct row row = {.type = type, .reordered = reordered, .use = use};
    struct mete__layout_facts facts;

    mete__layout_facts_find(type, METE__LAYOUT_LINE, &facts);
    /* What the smaller members of a union leave is no waste. */
    if (type->kind != METE__TYPE_UNION) row.padding = mete__layout_facts_wasted(&facts);
    if (reordered != NULL && reordered->type != NULL && reordered->type->size < type->size)
        row.smaller_by = type->size - reordered->type->size;
    if (use != NULL) {
        row.won = mete__type_uses_saving(use, row.smaller_by, mete__type_uses_block);
        row.won_glibc = mete__type_uses_saving(use, row.smaller_by, mete__type_uses_glibc_block);
    }
    return row;
}

static int make_rows(struct mete__layout_heap *heap, const struct mete__type *const *types,
                     const struct mete__layout_reordered *reordered) {
    const struct mete__type_uses *uses = heap->uses;
    const struct mete__type_use **sorted =
        calloc(uses->count + 1, sizeof(const struct mete__type_use *));
    size_t named = 0;

    heap->rows = calloc(heap->count + 1, sizeof *heap->rows);
    if (heap->rows == NULL || sorted == NULL) {
        free(sorted);
        return -ENOMEM;
    }
    for (size_t i = 0; i < uses->count; i++)
        if (uses->items[i].name != NULL) sorted[named++] = &uses->items[i];
    mete__type_uses_sort(sorted, named);
    for (size_t i = 0; i < heap->count; i++) {
        const struct mete__type_use **use =
            mete__type_uses_find(sorted, named, types[i]->name, types[i]->size);
        heap->rows[i] =
            row_of(types[i], reordered == NULL ? NULL : &reordered[i], use == NULL ? NULL : *use);
    }
    free(sorted);
    return 0;
}

int mete__layout_heap_open(const char *profile, const char *debug_directory,
                           const struct mete__type *const *types,
                           const struct mete__layout_reordered *reordered, size_t count,
                           struct mete__layout_heap **out, char *why, size_t why_size) {
    const struct mete__report_options options = {.debug_directory = debug_directory,
                                                 .progress = true};
    struct mete__layout_heap *heap = calloc(1, sizeof *heap);

    snprintf(why, why_size, "%s: not enough memory for its types", profile);
    if (heap == NULL) return -ENOMEM;
    heap->path = profile;
    heap->count = count;
    int status = mete__report_open(profile, &options, &heap->report, why, why_size);
    if (status != 0) goto fail_heap;
    snprintf(why, why_size, "%s: not enough memory for its types", profile);
    status = mete__report_find_wrappers(heap->report);
    if (status == 0)
        status = mete__type_uses_make(heap->report->types, heap->report->summary, &heap->uses);
    mete__progress_end(&heap->report->progress);
    if (status == 0) status = make_rows(heap, types, reordered);
    if (status != 0) goto fail_heap;
    *out = heap;
    return 0;

fail_heap:
    mete__layout_heap_close(heap);
    return status;
}

void mete__layout_heap_close(struct mete__layout_heap *heap) {
    if (heap == NULL) return;
    mete__type_uses_free(heap->uses);
    mete__report_close(heap->report);
    free(heap->rows);
    free(heap);
}

static int by_won(const void *left, const void *right) {
    const struct row *a = left, *b = right;

    if (a->won.peak != b->won.peak) return a->won.peak > b->won.peak ? -1 : 1;
    if (a->use->peak.bytes != b->use->peak.bytes)
        return a->use->peak.bytes > b->use->peak.bytes ? -1 : 1;
    return strcmp(a->type->name, b->type->name);
}

/* --- The edit --- */

/* Marks the members that keep their order among each other, as many as can: those of a longest
 * increasing run of the new order. What is left has to be moved. Fredman, "On computing the length
 * of longest increasing subsequences", 1975; in its simple form. */
static void mark_kept(const uint32_t *members, uint32_t count, uint32_t *best, uint32_t *before,
                      bool *kept) {
    uint32_t last = 0;

    for (uint32_t i = 0; i < count; i++) {
        best[i] = 1;
        before[i] = UINT32_MAX;
        for (uint32_t j = 0; j < i; j++) {
            if (members[j] > members[i] || best[j] < best[i]) continue;
            best[i] = best[j] + 1;
            before[i] = j;
        }
        if (best[i] > best[last]) last = i;
    }
    for (uint32_t i = last; i != UINT32_MAX; i = before[i]) kept[i] = true;
}

static const char *member_name(const struct mete__type *type, uint32_t index) {
    const struct mete__member *member = &type->members[index];

    return member->name != NULL ? member->name : member->type;
}

static void write_moves(const struct mete__page *page, const struct mete__type *type,
                        const struct mete__layout_order *order, const bool *kept) {
    const char *between = "move ";
    uint32_t moves = 0;

    for (uint32_t i = 0; i < order->count; i++) moves += !kept[i];
    if (moves > MOVES_MAX) {
        mete__page_print(page, METE__PAGE_PLAIN, "move %u members: --reorder shows where", moves);
        return;
    }
    for (uint32_t i = 0; i < order->count; i++) {
        if (kept[i]) continue;
        mete__page_print(page, METE__PAGE_PLAIN, "%s", between);
        mete__page_text(page, METE__PAGE_STRONG, member_name(type, order->members[i]),
                        METE__PAGE_ENDLESS, false);
        if (i == 0) {
            mete__page_print(page, METE__PAGE_PLAIN, " to the front");
        } else {
            mete__page_print(page, METE__PAGE_PLAIN, " behind ");
            mete__page_text(page, METE__PAGE_STRONG, member_name(type, order->members[i - 1]),
                            METE__PAGE_ENDLESS, false);
        }
        between = ", ";
    }
}

static int write_edit(const struct mete__page *page, const struct row *row) {
    const struct mete__layout_order *order = &row->reordered->order;
    uint32_t count = order->count;

    mete__page_gap(page, 10);
    mete__page_print(page, METE__PAGE_PLAIN,
                     "%llu → %llu bytes: ", (unsigned long long)row->type->size,
                     (unsigned long long)(row->type->size - row->smaller_by));
    if (row->won.peak == 0) {
        mete__page_print(page, METE__PAGE_PLAIN, "saves nothing, blocks stay as large\n");
        return 0;
    }
    if (count > MEMBERS_MAX) {
        mete__page_print(page, METE__PAGE_PLAIN, "--reorder shows how\n");
        return 0;
    }
    uint32_t *best = calloc(2 * (size_t)count + 1, sizeof *best);
    bool *kept = calloc((size_t)count + 1, sizeof *kept);
    int status = best == NULL || kept == NULL ? -ENOMEM : 0;
    if (status == 0) {
        mark_kept(order->members, count, best, best + count, kept);
        write_moves(page, row->type, order, kept);
        mete__page_print(page, METE__PAGE_PLAIN, "\n");
    }
    free(best);
    free(kept);
    return status;
}

/* --- The table --- */

static uint64_t times(uint64_t count, uint64_t each) {
    uint64_t product;

    return __builtin_mul_overflow(count, each, &product) ? UINT64_MAX : product;
}

static int write_row(const struct mete__page *page, const struct row *row) {
    const struct mete__type_amount *peak = &row->use->peak;

    mete__page_print(page, row->won.peak != 0 ? METE__PAGE_GOOD : METE__PAGE_PLAIN, "%9s",
                     row->won.peak == 0 ? "-" : mete__units_bytes(METE__UNITS, row->won.peak));
    mete__page_print(page, METE__PAGE_PLAIN, " %9s %9s %9s %9s %9s",
                     mete__units_bytes(METE__UNITS, peak->bytes),
                     mete__units_count(METE__UNITS, peak->objects),
                     mete__units_bytes(METE__UNITS, times(peak->objects, row->padding)),
                     mete__units_bytes(METE__UNITS, peak->rounding),
                     mete__units_count(METE__UNITS, row->use->live.objects));
    mete__layout_place_write(page, row->type, TABLE_COLUMNS, 0);
    mete__page_print(page, METE__PAGE_PLAIN, "\n");
    if (!row->use->is_certain)
        mete__page_print(page, METE__PAGE_PLAIN, "          not certain at all its sites\n");
    return row->smaller_by == 0 ? 0 : write_edit(page, row);
}

static void write_head(const struct mete__page *page, const struct mete__layout_heap *heap,
                       const struct row *rows, size_t used) {
    uint64_t whole = 0, typed = 0, here = 0, won = 0, won_glibc = 0;

    for (size_t i = 0; i < heap->uses->count; i++) {
        const struct mete__type_use *use = &heap->uses->items[i];
        whole += use->peak.bytes;
        if (use->name != NULL) typed += use->peak.bytes;
    }
    for (size_t i = 0; i < used; i++) {
        here += rows[i].use->peak.bytes;
        won += rows[i].won.peak;
        won_glibc += rows[i].won_glibc.peak;
    }
    mete__page_text(page, METE__PAGE_HEADING, heap->path, METE__PAGE_ENDLESS, false);
    mete__page_print(page, METE__PAGE_PLAIN,
                     ": of %s at the peak %s have a known type, %s are of %s type%s of this file",
                     mete__units_bytes(METE__UNITS, whole),
                     mete__units_share(METE__UNITS, typed, whole),
                     mete__units_share(METE__UNITS, here, whole),
                     mete__units_count(METE__UNITS, used), mete__units_plural(used));
    if (won != 0 || won_glibc != 0)
        mete__page_print(
            page, METE__PAGE_GOOD, "; %s can be won by reordering (glibc's malloc: %s)",
            mete__units_bytes(METE__UNITS, won), mete__units_bytes(METE__UNITS, won_glibc));
    mete__page_print(page, METE__PAGE_PLAIN, "\n");
}

int mete__layout_heap_write(const struct mete__layout_heap *heap, uint64_t top, FILE *out) {
    struct row *rows = calloc(heap->count + 1, sizeof *rows);
    struct mete__page page;
    size_t used = 0;
    int status = 0;

    if (rows == NULL) return -ENOMEM;
    for (size_t i = 0; i < heap->count; i++)
        if (heap->rows[i].use != NULL) rows[used++] = heap->rows[i];
    qsort(rows, used, sizeof *rows, by_won);
    mete__page_open(&page, out);
    write_head(&page, heap, rows, used);
    if (used != 0) {
        mete__page_print(&page, METE__PAGE_FAINT, "\n%9s %9s %9s %9s %9s %9s", "won", "bytes",
                         "objects", "padding", "rounding", "live");
        mete__layout_place_title(&page, TABLE_COLUMNS);
    }
    for (size_t i = 0; i < used && i < top && status == 0; i++) status = write_row(&page, &rows[i]);
    if (used > top)
        mete__page_print(&page, METE__PAGE_FAINT, "and %s more (--top=N shows them)\n",
                         mete__units_count(METE__UNITS, used - top));
    free(rows);
    return mete__page_close(&page, status);
}

/* --- Figures --- */

uint64_t mete__layout_heap_objects(const struct mete__layout_heap *heap, size_t number) {
    const struct mete__type_use *use = heap->rows[number].use;

    if (use == NULL) return 0;
    return use->peak.objects > use->live.objects ? use->peak.objects : use->live.objects;
}

uint64_t mete__layout_heap_won(const struct mete__layout_heap *heap, size_t number) {
    return heap->rows[number].won.peak;
}

static json_t *amount_value(const struct mete__type_amount *amount, uint64_t padding, uint64_t won,
                            uint64_t won_glibc) {
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "objects",
                     mete__json_count(amount->objects), "blocks", mete__json_count(amount->blocks),
                     "bytes", mete__json_count(amount->bytes), "padding",
                     mete__json_count(times(amount->objects, padding)), "rounding",
                     mete__json_count(amount->rounding), "won", mete__json_count(won), "won_glibc",
                     mete__json_count(won_glibc));
}

json_t *mete__layout_heap_json(const struct mete__layout_heap *heap, size_t number) {
    const struct row *row = &heap->rows[number];
    const struct mete__type_use *use = row->use;

    if (use == NULL) return json_null();
    return json_pack("{s:b, s:o, s:o, s:o, s:o}", "certain", use->is_certain, "allocations",
                     mete__json_count(use->allocations), "allocated_bytes",
                     mete__json_count(use->allocated_bytes), "live",
                     amount_value(&use->live, row->padding, row->won.live, row->won_glibc.live),
                     "peak",
                     amount_value(&use->peak, row->padding, row->won.peak, row->won_glibc.peak));
}
