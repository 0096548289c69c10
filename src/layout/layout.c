/* mete/layout.h: the table of a struct's members. */
#include <mete/layout.h>

#include "base/text.h"

/* `value`, right-aligned in a column. */
static void add_column(struct mete__text *text, size_t value, size_t width) {
    size_t digits = 1;

    for (size_t rest = value; rest >= 10; rest /= 10) digits++;
    for (; digits < width; digits++) mete__text_add(text, " ");
    mete__text_add(text, "%zu", value);
}

static void add_row(struct mete__text *text, size_t offset, size_t size) {
    add_column(text, offset, 8);
    add_column(text, size, 8);
}

static void add_padding(struct mete__text *text, size_t offset, size_t size) {
    if (size == 0) return;
    add_row(text, offset, size);
    mete__text_add(text, "          (padding)\n");
}

/* Whether a stands before b in the table: by offset, then by place in the list. */
static bool is_before(const mete_layout_member *a, const mete_layout_member *b) {
    return a->offset != b->offset ? a->offset < b->offset : a < b;
}

/* The member after `last` in the table, NULL where there is none; the first for NULL. Lists are
 * short and need not be sorted, and there is no memory to sort them in. */
static const mete_layout_member *member_after(const mete_layout_type *type,
                                              const mete_layout_member *last) {
    const mete_layout_member *next = NULL;

    for (size_t i = 0; i < type->count; i++) {
        const mete_layout_member *member = &type->members[i];
        if (last != NULL && !is_before(last, member)) continue;
        if (next == NULL || is_before(member, next)) next = member;
    }
    return next;
}

static size_t end_of(const mete_layout_member *member, size_t end) {
    return member->offset + member->size > end ? member->offset + member->size : end;
}

static size_t padding_of(const mete_layout_type *type) {
    const mete_layout_member *member = NULL;
    size_t end = 0, padding = 0;

    while ((member = member_after(type, member)) != NULL) {
        if (member->offset > end) padding += member->offset - end;
        end = end_of(member, end);
    }
    return padding + (type->size > end ? type->size - end : 0);
}

size_t mete_layout_describe(const mete_layout_type *type, char *buffer, size_t capacity) {
    char nothing[1];
    struct mete__text text =
        mete__text_in(capacity > 0 ? buffer : nothing, capacity > 0 ? capacity : sizeof nothing);
    const mete_layout_member *member = NULL;
    size_t end = 0; /* of what has been written, in bytes of the struct */

    mete__text_add(&text, "%s: size %zu, align %zu, padding %zu\n", type->name, type->size,
                   type->align, padding_of(type));
    mete__text_add(&text, "  offset    size   align  member\n");
    while ((member = member_after(type, member)) != NULL) {
        if (member->offset > end) add_padding(&text, end, member->offset - end);
        add_row(&text, member->offset, member->size);
        add_column(&text, member->align, 8);
        mete__text_add(&text, "  %s\n", member->name);
        end = end_of(member, end);
    }
    if (type->size > end) add_padding(&text, end, type->size - end);
    return text.wanted;
}
