#include "analysis/types/packing.h"

/* In the order in which they are tried. */
enum rule { WHOLE, MEMBERS, TO_2, TO_4, TO_8, RULES };

/* What a rule leaves of an alignment; of MEMBERS that is another thing. */
static const uint32_t most[RULES] = {[WHOLE] = 1, [TO_2] = 2, [TO_4] = 4, [TO_8] = 8};

static uint32_t larger(uint32_t one, uint32_t other) {
    return one > other ? one : other;
}

static uint64_t round_up(uint64_t bytes, uint32_t align) {
    return (bytes + align - 1) & ~(uint64_t)(align - 1);
}

/* The alignment that a rule has a member lie by. */
static uint32_t under(enum rule rule, uint64_t offset, uint32_t align) {
    if (rule == MEMBERS) return offset % align == 0 ? align : 1;
    return align < most[rule] ? align : most[rule];
}

void mete__packing_add(struct mete__packing *packing, uint64_t offset, uint64_t size,
                       uint32_t align, uint32_t declared) {
    uint64_t before = packing->is_union ? 0 : packing->end;

    if (offset % align != 0)
        packing->is_odd = true;
    else
        packing->aligned = larger(packing->aligned, align);
    packing->natural = larger(packing->natural, align);
    packing->declared = larger(packing->declared, declared);
    for (enum rule rule = 0; rule < RULES; rule++)
        if (round_up(before, larger(under(rule, offset, align), declared)) != offset)
            packing->broken_rules |= UINT32_C(1) << rule;
    if (offset + size > packing->end) packing->end = offset + size;
}

void mete__packing_add_elsewhere(struct mete__packing *packing, uint32_t align) {
    packing->aligned = larger(packing->aligned, align);
    packing->natural = larger(packing->natural, align);
}

void mete__packing_add_bits(struct mete__packing *packing, uint64_t end_bits, uint32_t align,
                            bool crosses) {
    uint64_t end = end_bits / 8 + (end_bits % 8 != 0);

    if (crosses) packing->is_odd = true;
    if (!crosses) packing->aligned = larger(packing->aligned, align);
    packing->natural = larger(packing->natural, align);
    if (end > packing->end) packing->end = end;
}

/* That of the whole by a rule. */
static uint32_t align_by(const struct mete__packing *packing, enum rule rule, uint32_t declared) {
    uint32_t align = rule == MEMBERS ? packing->aligned : under(rule, 0, packing->natural);

    return larger(larger(align, 1), larger(packing->declared, declared));
}

uint32_t mete__packing_finish(struct mete__packing *packing, uint64_t size, uint32_t declared) {
    uint32_t natural = larger(packing->natural, 1);

    if (size % natural != 0) packing->is_odd = true;
    if (!packing->is_odd) return larger(natural, declared);
    for (enum rule rule = 0; rule < RULES; rule++) {
        uint32_t align = align_by(packing, rule, declared);
        if (!(packing->broken_rules >> rule & 1) && round_up(packing->end, align) == size)
            return align;
    }
    /* In an array no object but the first would be aligned to more. */
    uint32_t align = align_by(packing, MEMBERS, declared);
    while (size % align != 0) align /= 2;
    return align;
}
