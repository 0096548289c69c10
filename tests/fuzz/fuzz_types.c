/*
 * analysis/layout/layout_file.c on any bytes: debug information that is damaged, cut or made to
 * harm is read, reordered and printed in every form.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "analysis/layout/layout_diff.h"
#include "analysis/layout/layout_facts.h"
#include "analysis/layout/layout_file.h"
#include "analysis/layout/layout_filter.h"
#include "analysis/layout/layout_reorder.h"
#include "report/layout_changes.h"
#include "report/layout_json.h"
#include "report/layout_sarif.h"
#include "report/layout_summary.h"
#include "report/layout_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What every type must be, whatever the file says. */
static void check_type(const struct mete__type *type) {
    if (type->align == 0 || (type->align & (type->align - 1)) != 0) abort();
    if (type->plain_at >= strlen(type->name)) abort();
    for (uint32_t i = 0; i < type->member_count; i++) {
        const struct mete__member *member = &type->members[i];
        if (member->align == 0 || (member->align & (member->align - 1)) != 0) abort();
        if (member->name_at > strlen(member->type)) abort();
    }
}

static void print(struct mete__layout_file *file, const struct mete__type *const *types,
                  struct mete__layout_reordered *reordered, size_t count, FILE *out) {
    const struct mete__layout_text_options text = {.line = METE__LAYOUT_LINE, .expand = true};
    const struct mete__layout_summary_options summary = {.line = METE__LAYOUT_LINE, .top = 10};
    struct mete__layout_changes changes = {
        .old_path = "old", .new_path = "new", .line = METE__LAYOUT_LINE};
    struct mete__layout_change *found;

    if (mete__layout_text_write(types, count, &text, out) != 0 ||
        mete__layout_text_reordered(types, reordered, count, &text, out) != 0 ||
        mete__layout_summary_write(file, types, reordered, count, &summary, out) != 0 ||
        mete__layout_json_write(types, reordered, NULL, count, METE__LAYOUT_LINE, out) != 0 ||
        mete__layout_sarif_write(file, types, reordered, NULL, count, METE__LAYOUT_LINE, out) != 0)
        abort();
    /* The first half against the other: they differ in everything. */
    if (mete__layout_diff_types(types, count / 2, types + count / 2, count - count / 2, &found,
                                &changes.count) != 0)
        abort();
    changes.changes = found;
    if (mete__layout_changes_text(&changes, out) != 0 ||
        mete__layout_changes_json(&changes, out) != 0)
        abort();
    free(found);
}

static void use(struct mete__layout_file *file, FILE *out) {
    const struct mete__layout_order_options order = {.line = METE__LAYOUT_LINE};
    const struct mete__layout_filter filter = {
        .contains = "inner", .min_holes = 1, .line = METE__LAYOUT_LINE};
    struct mete__layout_reordered *reordered;
    size_t count = mete__layout_file_count(file);
    const struct mete__type **types = calloc(count + 1, sizeof(struct mete__type *));

    if (types == NULL) abort();
    for (size_t i = 0; i < count; i++) {
        types[i] = mete__layout_file_type(file, i);
        check_type(types[i]);
        (void)mete__layout_filter_passes(&filter, types[i]);
    }
    struct mete__type_heads *heads = mete__type_heads_open(types, count);
    struct mete__type_unions *unions = mete__type_unions_open(types, count);
    if (heads == NULL || unions == NULL) abort();
    if (mete__layout_reorder_all(types, count, &order, heads, unions, &reordered) != 0) abort();
    mete__type_heads_close(heads);
    mete__type_unions_close(unions);
    for (size_t i = 0; i < count; i++)
        if (reordered[i].type != NULL && reordered[i].type->size > types[i]->size) abort();
    print(file, types, reordered, count, out);
    mete__layout_reorder_free(reordered, count);
    free(types);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const struct mete__layout_file_options options = {0};
    struct mete__layout_file *layout;
    char path[64], why[1024];
    static FILE *out;
    int file = memfd_create("types", MFD_CLOEXEC);

    if (out == NULL) out = fopen("/dev/null", "we");
    if (out == NULL || file < 0 || write(file, data, size) != (ssize_t)size) abort();
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    if (mete__layout_file_open(path, &options, &layout, why, sizeof why) == 0) {
        use(layout, out);
        mete__layout_file_close(layout);
    } else if (memchr(why, '\0', sizeof why) == NULL || why[0] == '\0') {
        abort();
    }
    close(file);
    return 0;
}
