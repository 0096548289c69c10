#include "report/layout_changes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/layout/layout_facts.h"
#include "report/json.h"
#include "report/page.h"
#include "report/units.h"

static const char *kind_of(const void *before, const void *after) {
    return before == NULL ? "added" : after == NULL ? "removed" : "changed";
}

static uint64_t wasted_by(const struct mete__type *type, uint64_t line) {
    struct mete__layout_facts facts;

    mete__layout_facts_find(type, line, &facts);
    return mete__layout_facts_wasted(&facts);
}

static int finish(FILE *out, int status) {
    if (status == 0 && (fflush(out) != 0 || ferror(out))) return errno != 0 ? -errno : -EIO;
    return status;
}

/* --- Text --- */

static void write_text(const struct mete__page *page, enum mete__page_style style,
                       const char *text) {
    mete__page_text(page, style, text, METE__PAGE_ENDLESS, false);
}

static void write_declaration(const struct mete__page *page, const struct mete__member *member) {
    char text[512]; /* longer declarations are cut: the layout itself shows them whole */

    mete__type_declare(text, sizeof text, member->type, member->name_at, member->name);
    write_text(page, METE__PAGE_PLAIN, text);
    if (member->bit_size != 0) mete__page_print(page, METE__PAGE_PLAIN, ":%u", member->bit_size);
}

/* "12", or "12:3" of a bit-field */
static char *place_text(char buffer[48], const struct mete__member *member) {
    if (member->bit_size != 0)
        snprintf(buffer, 48, "%llu:%u", (unsigned long long)member->offset, member->bit_offset);
    else
        snprintf(buffer, 48, "%llu", (unsigned long long)member->offset);
    return buffer;
}

/* What of a member is another than it was. */
static void write_differences(const struct mete__page *page, const struct mete__member *before,
                              const struct mete__member *after) {
    char place[48], old_place[48];
    const char *between = " ";

    if (strcmp(before->type, after->type) != 0 || before->bit_size != after->bit_size) {
        mete__page_print(page, METE__PAGE_FAINT, "%s was ", between);
        write_declaration(page, before);
        between = ";";
    }
    if (before->offset != after->offset || before->bit_offset != after->bit_offset) {
        mete__page_print(page, METE__PAGE_FAINT, "%s offset %s, was %s", between,
                         place_text(place, after), place_text(old_place, before));
        between = ";";
    }
    if (before->size != after->size)
        mete__page_print(page, METE__PAGE_FAINT, "%s %llu byte%s, was %llu", between,
                         (unsigned long long)after->size, mete__units_plural(after->size),
                         (unsigned long long)before->size);
    mete__page_print(page, METE__PAGE_FAINT, "\n");
}

static void write_member(const struct mete__page *page,
                         const struct mete__layout_member_change *change) {
    const struct mete__member *before = change->before, *after = change->after;
    const struct mete__member *shown = after == NULL ? before : after;
    char place[48];

    if (shown == NULL) return; /* there is one of them always */
    mete__page_print(page, METE__PAGE_PLAIN, "  %c ",
                     before == NULL  ? '+'
                     : after == NULL ? '-'
                                     : '~');
    write_declaration(page, shown);
    if (before != NULL && after != NULL)
        write_differences(page, before, after);
    else
        mete__page_print(page, METE__PAGE_FAINT, "  offset %s, %llu byte%s\n",
                         place_text(place, shown), (unsigned long long)shown->size,
                         mete__units_plural(shown->size));
}

static int write_members(const struct mete__page *page, const struct mete__layout_change *change) {
    struct mete__layout_member_change *members;
    size_t count;

    if (mete__layout_diff_members(change->before, change->after, &members, &count) != 0)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) write_member(page, &members[i]);
    free(members);
    return 0;
}

static int write_change(const struct mete__page *page, const struct mete__layout_changes *changes,
                        const struct mete__layout_change *change) {
    const struct mete__type *before = change->before, *after = change->after;
    const struct mete__type *shown = before == NULL || after != NULL ? after : before;
    int64_t growth = mete__layout_diff_growth(change);

    write_text(page, METE__PAGE_STRONG, shown->name);
    if (before == NULL || after == NULL) {
        mete__page_print(page, METE__PAGE_PLAIN, ": %s, %llu byte%s\n", kind_of(before, after),
                         (unsigned long long)shown->size, mete__units_plural(shown->size));
        return 0;
    }
    mete__page_print(page,
                     growth > 0   ? METE__PAGE_BAD
                     : growth < 0 ? METE__PAGE_GOOD
                                  : METE__PAGE_PLAIN,
                     ": %llu byte%s, was %llu (%+lld)", (unsigned long long)after->size,
                     mete__units_plural(after->size), (unsigned long long)before->size,
                     (long long)growth);
    uint64_t wasted = wasted_by(after, changes->line), was = wasted_by(before, changes->line);
    if (wasted != was)
        mete__page_print(page, METE__PAGE_PLAIN, "; %llu wasted, was %llu",
                         (unsigned long long)wasted, (unsigned long long)was);
    if (after->align != before->align)
        mete__page_print(page, METE__PAGE_PLAIN, "; align %u, was %u", after->align, before->align);
    mete__page_print(page, METE__PAGE_PLAIN, "\n");
    return write_members(page, change);
}

static void write_totals(const struct mete__page *page,
                         const struct mete__layout_changes *changes) {
    size_t added = 0, removed = 0;
    int64_t growth = 0;

    for (size_t i = 0; i < changes->count; i++) {
        added += changes->changes[i].before == NULL;
        removed += changes->changes[i].after == NULL;
        if (changes->changes[i].before != NULL && changes->changes[i].after != NULL)
            growth += mete__layout_diff_growth(&changes->changes[i]);
    }
    size_t changed = changes->count - added - removed;
    mete__page_print(page, METE__PAGE_PLAIN,
                     "%zu type%s changed (%+lld byte%s in one of each), %zu added, %zu removed\n",
                     changed, mete__units_plural(changed), (long long)growth,
                     mete__units_plural((uint64_t)(growth < 0 ? -growth : growth)), added, removed);
}

int mete__layout_changes_text(const struct mete__layout_changes *changes, FILE *out) {
    struct mete__page page;
    int status = 0;

    mete__page_open(&page, out);
    for (size_t i = 0; i < changes->count && status == 0; i++)
        status = write_change(&page, changes, &changes->changes[i]);
    write_totals(&page, changes);
    return mete__page_close(&page, status);
}

/* --- JSON --- */

static json_t *member_value(const struct mete__member *member) {
    bool is_bits = member != NULL && member->bit_size != 0;

    if (member == NULL) return json_null();
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "name", mete__json_text(member->name),
                     "type", mete__json_text(member->type), "offset",
                     mete__json_count(member->offset), "size", mete__json_count(member->size),
                     "bit_offset", is_bits ? mete__json_count(member->bit_offset) : json_null(),
                     "bit_size", is_bits ? mete__json_count(member->bit_size) : json_null());
}

static json_t *members_value(const struct mete__layout_change *change) {
    struct mete__layout_member_change *members;
    json_t *array = json_array();
    size_t count = 0;

    if (change->before == NULL || change->after == NULL || array == NULL) return array;
    if (mete__layout_diff_members(change->before, change->after, &members, &count) != 0) {
        json_decref(array);
        return NULL;
    }
    for (size_t i = 0; i < count; i++) {
        const struct mete__layout_member_change *member = &members[i];
        json_t *value =
            json_pack("{s:s, s:o, s:o}", "change", kind_of(member->before, member->after), "old",
                      member_value(member->before), "new", member_value(member->after));
        if (json_array_append_new(array, value) != 0) {
            json_decref(array);
            array = NULL;
            break;
        }
    }
    free(members);
    return array;
}

static json_t *size_value(const struct mete__type *type) {
    return type == NULL ? json_null() : mete__json_count(type->size);
}

static json_t *align_value(const struct mete__type *type) {
    return type == NULL ? json_null() : mete__json_count(type->align);
}

static json_t *wasted_value(const struct mete__type *type, uint64_t line) {
    return type == NULL ? json_null() : mete__json_count(wasted_by(type, line));
}

static json_t *change_value(const struct mete__layout_changes *changes,
                            const struct mete__layout_change *change) {
    const struct mete__type *before = change->before, *after = change->after;

    return json_pack("{s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "name",
                     mete__json_text((after == NULL ? before : after)->name), "change",
                     kind_of(before, after), "old_size", size_value(before), "new_size",
                     size_value(after), "old_wasted", wasted_value(before, changes->line),
                     "new_wasted", wasted_value(after, changes->line), "old_align",
                     align_value(before), "new_align", align_value(after), "members",
                     members_value(change));
}

int mete__layout_changes_json(const struct mete__layout_changes *changes, FILE *out) {
    struct mete__json json = {.out = out};
    bool any = false;

    mete__json_member(&json, "mete", mete__json_text(METE_VERSION_STRING));
    mete__json_member(&json, "old", mete__json_text(changes->old_path));
    mete__json_member(&json, "new", mete__json_text(changes->new_path));
    mete__json_begin_member(&json, "changes");
    fputs("[", out);
    for (size_t i = 0; i < changes->count && json.status == 0; i++) {
        mete__json_begin_entry(&json, &any);
        mete__json_write(&json, change_value(changes, &changes->changes[i]));
    }
    mete__json_end_entries(&json, any);
    fputs("\n}\n", out);
    return finish(out, json.status);
}
