#include "analysis/layout/layout_class.h"

#include <stddef.h>

#define LOOKS_MAX 10000 /* members looked at for one question: files may say anything */
#define BASES_MAX 64    /* virtual ones of a class */

/* Virtual bases that were met. */
struct bases {
    const struct mete__type *types[BASES_MAX];
    size_t count;
    uint64_t bytes;
    int *looks; /* that are left */
};

static bool is_base(const struct mete__member *member) {
    return member->flags & METE__MEMBER_BASE;
}

static bool is_empty(const struct mete__type *type, int *looks) {
    if (!(type->flags & METE__TYPE_CXX) || type->kind == METE__TYPE_UNION) return false;
    for (uint32_t i = 0; i < type->member_count; i++) {
        const struct mete__member *member = &type->members[i];
        const struct mete__type *held = mete__type_held(member);
        if ((*looks)-- <= 0 || held == NULL || (member->flags & METE__MEMBER_ARRAY) ||
            !is_empty(held, looks))
            return false;
    }
    return true;
}

bool mete__layout_class_is_empty(const struct mete__type *type) {
    int looks = LOOKS_MAX;

    return is_empty(type, &looks);
}

static void add(struct bases *bases, const struct mete__type *type);

static void add_virtual(struct bases *bases, const struct mete__type *type) {
    for (size_t i = 0; i < bases->count; i++)
        if (bases->types[i] == type) return;
    if (bases->count == BASES_MAX) return;
    bases->types[bases->count++] = type;
    /* Its own virtual bases lie beside it. */
    struct bases own = {.looks = bases->looks};
    add(&own, type);
    if (!is_empty(type, bases->looks) && own.bytes <= type->size)
        bases->bytes += type->size - own.bytes;
    add(bases, type);
}

static void add(struct bases *bases, const struct mete__type *type) {
    for (uint32_t i = 0; i < type->member_count && (*bases->looks)-- > 0; i++) {
        const struct mete__member *member = &type->members[i];
        if (!is_base(member) || member->nested == NULL) continue;
        if (member->flags & METE__MEMBER_VIRTUAL_BASE)
            add_virtual(bases, member->nested);
        else
            add(bases, member->nested);
    }
}

static uint64_t virtual_bytes(const struct mete__type *type, int *looks) {
    struct bases bases = {.looks = looks};

    if (type->flags & METE__TYPE_VIRTUAL || type->flags & METE__TYPE_BASES) add(&bases, type);
    return bases.bytes;
}

uint64_t mete__layout_class_virtual_bytes(const struct mete__type *type) {
    int looks = LOOKS_MAX;

    return virtual_bytes(type, &looks);
}

static uint64_t bytes_of(const struct mete__member *member, int *looks) {
    const struct mete__type *type = member->nested;
    uint64_t end = 0;

    if (!is_base(member) || type == NULL || virtual_bytes(type, looks) == 0) return member->size;
    for (uint32_t i = 0; i < type->member_count && (*looks)-- > 0; i++) {
        const struct mete__member *inner = &type->members[i];
        uint64_t bytes = bytes_of(inner, looks);
        if (inner->flags & METE__MEMBER_VIRTUAL_BASE || bytes > UINT64_MAX / 2 - inner->offset)
            continue;
        if (inner->offset + bytes > end) end = inner->offset + bytes;
    }
    uint64_t rest = end % type->align;
    if (rest != 0) end += type->align - rest;
    return end < member->size ? end : member->size;
}

uint64_t mete__layout_class_bytes(const struct mete__member *member) {
    int looks = LOOKS_MAX;

    return bytes_of(member, &looks);
}
