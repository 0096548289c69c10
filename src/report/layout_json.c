#include "report/layout_json.h"

#include <errno.h>
#include <stdlib.h>

#include "analysis/layout/layout_facts.h"
#include "report/json.h"

/* Members of anonymous types in one type: files may be hostile, and their types deep. */
#define NESTED_MAX 4000

/* Adds to an object; takes the value, which may be NULL for lack of memory. */
static void put(struct mete__json *json, json_t *object, const char *key, json_t *value) {
    if (json_object_set_new(object, key, value) != 0) mete__json_fail(json, -ENOMEM);
}

static json_t *flag(bool on) {
    return json_boolean(on);
}

static json_t *members_of(struct mete__json *json, const struct mete__type *type, uint32_t *room);
static json_t *pointee_object(struct mete__json *json, const struct mete__type *type,
                              uint32_t *room);

static json_t *member_object(struct mete__json *json, const struct mete__member *member,
                             const struct mete__layout_gap *gap, uint32_t *room) {
    bool is_bits = member->bit_size != 0;
    json_t *object = json_object();

    put(json, object, "name", mete__json_text(member->name));
    put(json, object, "type", mete__json_text(member->type));
    put(json, object, "offset", mete__json_count(member->offset));
    put(json, object, "size", mete__json_count(member->size));
    put(json, object, "bit_offset", is_bits ? mete__json_count(member->bit_offset) : json_null());
    put(json, object, "bit_size", is_bits ? mete__json_count(member->bit_size) : json_null());
    put(json, object, "align", mete__json_count(member->align));
    put(json, object, "hole_before", mete__json_count(gap->bytes));
    put(json, object, "bit_hole_before", mete__json_count(gap->bits));
    if (member->flags & METE__MEMBER_BASE) put(json, object, "base", flag(true));
    if (member->flags & METE__MEMBER_VIRTUAL_BASE) put(json, object, "virtual", flag(true));
    if (member->flags & METE__MEMBER_FLEXIBLE) put(json, object, "flexible", flag(true));
    if (member->nested != NULL && member->nested->flags & METE__TYPE_ANONYMOUS &&
        *room >= member->nested->member_count) {
        *room -= member->nested->member_count;
        if (member->flags & METE__MEMBER_POINTER)
            put(json, object, "pointee", pointee_object(json, member->nested, room));
        else
            put(json, object, "members", members_of(json, member->nested, room));
    }
    return object;
}

static json_t *pointee_object(struct mete__json *json, const struct mete__type *type,
                              uint32_t *room) {
    json_t *object = json_object();

    put(json, object, "kind",
        mete__json_text(mete__type_keyword((enum mete__type_kind)type->kind)));
    put(json, object, "size", mete__json_count(type->size));
    put(json, object, "align", mete__json_count(type->align));
    put(json, object, "members", members_of(json, type, room));
    return object;
}

static json_t *members_of(struct mete__json *json, const struct mete__type *type, uint32_t *room) {
    json_t *members = json_array();
    struct mete__layout_gap *gaps = calloc(type->member_count + 1, sizeof *gaps);

    if (gaps == NULL) {
        json_decref(members);
        return NULL;
    }
    mete__layout_facts_gaps(type, gaps);
    for (uint32_t i = 0; i < type->member_count; i++)
        if (json_array_append_new(members,
                                  member_object(json, &type->members[i], &gaps[i], room)) != 0)
            mete__json_fail(json, -ENOMEM);
    free(gaps);
    return members;
}

/* A text to call a member by: anonymous ones have their type. */
static const char *name_of(const struct mete__member *member) {
    return member->name != NULL ? member->name : member->type;
}

static json_t *proof_value(enum mete__layout_proof proof) {
    bool is_known = proof == METE__LAYOUT_PROOF_HOLDS || proof == METE__LAYOUT_PROOF_FAILED;

    return is_known ? json_boolean(proof == METE__LAYOUT_PROOF_HOLDS) : json_null();
}

static json_t *reordered_object(struct mete__json *json, const struct mete__type *type,
                                const struct mete__layout_reordered *reordered) {
    const struct mete__layout_order *order = &reordered->order;

    if (reordered->type == NULL) return json_null();
    json_t *object = json_object(), *names = json_array(), *numbers = json_array();
    for (uint32_t i = 0; i < order->count; i++) {
        uint32_t number = order->members[i];
        if (json_array_append_new(names, mete__json_text(name_of(&type->members[number]))) != 0 ||
            json_array_append_new(numbers, mete__json_count(number)) != 0)
            mete__json_fail(json, -ENOMEM);
    }
    put(json, object, "size", mete__json_count(order->size));
    put(json, object, "order", names);
    put(json, object, "order_numbers", numbers);
    put(json, object, "straddling", mete__json_count(order->straddling));
    put(json, object, "proven", proof_value(reordered->proof));
    put(json, object, "shared_head", mete__json_count(reordered->head));
    put(json, object, "shared_with",
        reordered->head == 0 ? json_null() : mete__json_text(reordered->relative->name));
    put(json, object, "keeps_head", json_boolean(reordered->keeps_head));
    return object;
}

json_t *mete__layout_json_type(struct mete__json *json, const struct mete__type *type,
                               uint64_t line) {
    struct mete__layout_facts facts;
    json_t *object = json_object();

    mete__layout_facts_find(type, line, &facts);
    put(json, object, "name", mete__json_text(type->name));
    put(json, object, "kind",
        mete__json_text(mete__type_keyword((enum mete__type_kind)type->kind)));
    put(json, object, "size", mete__json_count(type->size));
    put(json, object, "align", mete__json_count(type->align));
    put(json, object, "holes", mete__json_count(facts.holes));
    put(json, object, "hole_bytes", mete__json_count(facts.hole_bytes));
    put(json, object, "bit_holes", mete__json_count(facts.bit_holes));
    put(json, object, "bit_hole_bits", mete__json_count(facts.hole_bits));
    put(json, object, "tail_padding", mete__json_count(facts.tail_padding));
    put(json, object, "tail_padding_bits", mete__json_count(facts.tail_padding_bits));
    put(json, object, "wasted", mete__json_count(mete__layout_facts_wasted(&facts)));
    put(json, object, "cachelines", mete__json_count(facts.lines));
    put(json, object, "straddling", mete__json_count(facts.straddling));
    put(json, object, "packed", flag(type->flags & METE__TYPE_PACKED));
    put(json, object, "units", mete__json_count(type->units));
    put(json, object, "file", mete__json_text(type->file));
    put(json, object, "line", type->line == 0 ? json_null() : mete__json_count(type->line));
    put(json, object, "members", members_of(json, type, &(uint32_t){NESTED_MAX}));
    return object;
}

static void put_reordered(struct mete__json *json, json_t *object, const struct mete__type *type,
                          const struct mete__layout_reordered *reordered) {
    put(json, object, "reordered", reordered_object(json, type, reordered));
    if (reordered->order.refusal != NULL)
        put(json, object, "refusal", mete__json_text(reordered->order.refusal));
}

int mete__layout_json_write(const struct mete__type *const *types,
                            const struct mete__layout_reordered *reordered,
                            const struct mete__layout_heap *heap, size_t count, uint64_t line,
                            FILE *out) {
    struct mete__json json = {.out = out};
    bool any = false;

    mete__json_member(&json, "mete", mete__json_text(METE_VERSION_STRING));
    mete__json_begin_member(&json, "types");
    fputs("[", out);
    for (size_t i = 0; i < count && json.status == 0; i++) {
        mete__json_begin_entry(&json, &any);
        json_t *object = mete__layout_json_type(&json, types[i], line);
        put_reordered(&json, object, types[i], &reordered[i]);
        if (heap != NULL) put(&json, object, "heap", mete__layout_heap_json(heap, i));
        mete__json_write(&json, object);
    }
    mete__json_end_entries(&json, any);
    fputs("\n}\n", out);
    if (json.status == 0 && (fflush(out) != 0 || ferror(out))) json.status = errno ? -errno : -EIO;
    return json.status;
}
