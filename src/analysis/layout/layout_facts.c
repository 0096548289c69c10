#include "analysis/layout/layout_facts.h"

#include "analysis/layout/layout_class.h"

#define SORTED_MAX 1000 /* members of a class that are put in order */

/* Where a walk over the members stands; bits, from the type's start. */
struct walk {
    int64_t end;          /* of what was seen */
    int64_t storage_end;  /* of the bit-field before; meaningless where there is none */
    int64_t storage_bits; /* of it */
    bool in_bits;         /* the member before was a bit-field */
    bool unknown;         /* the member before ends nobody knows where */
};

bool mete__layout_facts_counts(const struct mete__member *member) {
    if (member->flags & METE__MEMBER_VIRTUAL_BASE) return false;
    if (!(member->flags & METE__MEMBER_BASE)) return true;
    if (member->flags & METE__MEMBER_INCOMPLETE) return true;
    return member->size != 0 &&
           (member->nested == NULL || !mete__layout_class_is_empty(member->nested));
}

bool mete__layout_facts_straddles(const struct mete__member *member, uint64_t line) {
    return member->size > 1 && member->size <= line && member->bit_size == 0 &&
           member->offset / line != (member->offset + member->size - 1) / line;
}

/* Offsets and sizes of a hostile file may be anything; those of real types fit. */
static int64_t in_bits(uint64_t bytes) {
    return bytes > INT64_MAX / 16 ? INT64_MAX / 2 : (int64_t)(bytes * 8);
}

static struct walk begin(const struct mete__type *type) {
    return (struct walk){.storage_end = in_bits(type->size)};
}

static int64_t not_negative(int64_t number) {
    return number < 0 ? 0 : number;
}

/* Keeps where the storage of the latest bit-field ends. A field that borrows bits of the storage
 * before it ends in the next. */
static void enter_storage(struct walk *walk, const struct mete__member *member) {
    int64_t bits = in_bits(member->size);

    if (walk->end <= walk->storage_end && bits <= walk->storage_bits) return;
    walk->storage_bits = bits;
    walk->storage_end = in_bits(member->offset) + bits;
    if (walk->end > walk->storage_end) walk->storage_end += bits;
}

/* Whether it has an address there and nothing else: [[no_unique_address]] of an empty class. */
static bool is_within(const struct walk *walk, const struct mete__member *member) {
    const struct mete__type *held = mete__type_held(member);

    return held != NULL && in_bits(member->offset) < walk->end && mete__layout_class_is_empty(held);
}

/* Takes the next member; the gap before it. */
static struct mete__layout_gap step(struct walk *walk, const struct mete__member *member) {
    int64_t base = in_bits(member->offset);
    int64_t start = base + (member->bit_size != 0 ? member->bit_offset : 0);
    int64_t bytes = 0, bits = 0;

    if (is_within(walk, member)) return (struct mete__layout_gap){0};
    if (walk->unknown) walk->end = start;
    walk->unknown = member->flags & METE__MEMBER_INCOMPLETE;
    if (walk->in_bits) {
        int64_t rest = start < walk->storage_end ? start : walk->storage_end;
        bits = rest - walk->end;
        walk->end = rest;
    }
    if (member->bit_size != 0) {
        if (walk->end < base && base <= start) {
            bytes = base / 8 - walk->end / 8;
            walk->end = base;
        }
        bits += start - walk->end;
        walk->end = start + member->bit_size;
        if (!walk->in_bits) walk->storage_bits = 0;
        enter_storage(walk, member);
        walk->in_bits = true;
    } else {
        bytes = start / 8 - walk->end / 8;
        walk->end = start + in_bits(mete__layout_class_bytes(member));
        walk->storage_end = walk->end;
        walk->storage_bits = 0;
        walk->in_bits = false;
    }
    return (struct mete__layout_gap){.bytes = (uint64_t)not_negative(bytes),
                                     .bits = (uint64_t)not_negative(bits)};
}

static bool is_class(const struct mete__type *type) {
    return (type->flags & METE__TYPE_CXX) && type->kind != METE__TYPE_UNION;
}

static bool has_gaps(const struct mete__type *type) {
    return type->kind != METE__TYPE_UNION && !(type->flags & METE__TYPE_VARIANT);
}

/* Members in the order in which they lie. A class has its bases and empty members in any other. */
struct in_order {
    const struct mete__type *type;
    bool is_declared; /* that is the order of the declaration */
    uint32_t next;    /* index; in another order that of the last one */
    uint32_t taken;
};

static struct in_order in_order_of(const struct mete__type *type) {
    uint64_t last = 0;
    bool is_declared = true;

    for (uint32_t i = 0; i < type->member_count && type->member_count <= SORTED_MAX; i++) {
        if (!mete__layout_facts_counts(&type->members[i])) continue;
        is_declared = is_declared && type->members[i].offset >= last;
        last = type->members[i].offset;
    }
    return (struct in_order){.type = type, .is_declared = is_declared || !is_class(type)};
}

/* The index of the next that counts; the number of members: there is none. */
static uint32_t next_of(struct in_order *order) {
    const struct mete__type *type = order->type;
    const struct mete__member *members = type->members;
    uint32_t best = type->member_count;

    if (order->is_declared) {
        while (order->next < type->member_count &&
               !mete__layout_facts_counts(&members[order->next]))
            order->next++;
        return order->next < type->member_count ? order->next++ : best;
    }
    for (uint32_t i = 0; i < type->member_count; i++) {
        bool is_behind = order->taken == 0 || members[i].offset > members[order->next].offset ||
                         (members[i].offset == members[order->next].offset && i > order->next);
        if (mete__layout_facts_counts(&members[i]) && is_behind &&
            (best == type->member_count || members[i].offset < members[best].offset))
            best = i;
    }
    order->next = best;
    order->taken++;
    return best;
}

void mete__layout_facts_gaps(const struct mete__type *type, struct mete__layout_gap *gaps) {
    struct walk walk = begin(type);
    struct in_order order = in_order_of(type);

    for (uint32_t i = 0; i < type->member_count; i++) gaps[i] = (struct mete__layout_gap){0};
    for (uint32_t i; has_gaps(type) && (i = next_of(&order)) < type->member_count;)
        gaps[i] = step(&walk, &type->members[i]);
}

static void find_tail(const struct mete__type *type, struct walk *walk,
                      struct mete__layout_facts *facts) {
    int64_t size = in_bits(type->size);

    /* A class of nothing has a byte, so that objects have addresses. */
    if (walk->unknown || (type->size <= 1 && mete__layout_class_is_empty(type))) return;
    if (walk->in_bits) {
        int64_t rest = size < walk->storage_end ? size : walk->storage_end;
        facts->tail_padding_bits = (uint64_t)not_negative(rest - walk->end);
        walk->end = rest;
    }
    int64_t virtual_bytes = in_bits(mete__layout_class_virtual_bytes(type)) / 8;
    facts->tail_padding = (uint64_t)not_negative(size / 8 - walk->end / 8 - virtual_bytes);
}

static void find_union_tail(const struct mete__type *type, struct mete__layout_facts *facts) {
    uint64_t largest = 0;

    for (uint32_t i = 0; i < type->member_count; i++)
        if (type->members[i].size > largest) largest = type->members[i].size;
    facts->tail_padding =
        type->size > largest && type->member_count != 0 ? type->size - largest : 0;
}

void mete__layout_facts_find(const struct mete__type *type, uint64_t line,
                             struct mete__layout_facts *facts) {
    struct walk walk = begin(type);

    *facts = (struct mete__layout_facts){.lines = type->size / line + (type->size % line != 0)};
    if (type->kind == METE__TYPE_UNION) {
        find_union_tail(type, facts);
        return;
    }
    struct in_order order = in_order_of(type);
    for (uint32_t i; (i = next_of(&order)) < type->member_count;) {
        const struct mete__member *member = &type->members[i];
        struct mete__layout_gap gap = {0};
        if (has_gaps(type)) gap = step(&walk, member);
        facts->holes += gap.bytes != 0;
        facts->bit_holes += gap.bits != 0;
        facts->hole_bytes += gap.bytes;
        facts->hole_bits += gap.bits;
        facts->straddling += mete__layout_facts_straddles(member, line);
    }
    if (has_gaps(type)) find_tail(type, &walk, facts);
}

uint64_t mete__layout_facts_wasted(const struct mete__layout_facts *facts) {
    return facts->hole_bytes + facts->hole_bits / 8 + facts->tail_padding +
           facts->tail_padding_bits / 8;
}
