/*
 * analysis/types/packing.h - the alignment of a struct some of whose members lie where theirs would
 * not put them.
 *
 * Debug information says where members lie, not why: the whole struct may be packed, or some of its
 * members, or a #pragma pack may hold. They are told apart by what would lie elsewhere. Of these
 * rules the first that puts every member where it is, and the end where it is, is taken for the
 * one: the whole is packed; those members are that lie at no multiple of their alignment; all is
 * packed to 2, 4 or 8 bytes. Bit-fields follow any rule.
 *
 * Pure functions.
 */
#ifndef METE_ANALYSIS_TYPES_PACKING_H
#define METE_ANALYSIS_TYPES_PACKING_H

#include <stdbool.h>
#include <stdint.h>

struct mete__packing {
    uint64_t end;          /* bytes: where what was seen ends */
    uint32_t natural;      /* the greatest alignment of a member; 0: none seen */
    uint32_t declared;     /* the greatest that a member itself declares */
    uint32_t aligned;      /* the greatest of those that lie at a multiple of it */
    uint32_t broken_rules; /* bits: rules that would put something elsewhere */
    bool is_union;         /* the caller's, at first: members do not follow each other */
    bool is_odd;           /* a member lies where its alignment does not put it */
};

/* The next member, its alignment and the part of it that the member itself declares (0: none). */
void mete__packing_add(struct mete__packing *packing, uint64_t offset, uint64_t size,
                       uint32_t align, uint32_t declared);

/* A virtual base, which lies where nothing is said of. */
void mete__packing_add_elsewhere(struct mete__packing *packing, uint32_t align);

/* The next bit-field, which ends before that bit; `crosses`: its storage does not hold all of it.
 */
void mete__packing_add_bits(struct mete__packing *packing, uint64_t end_bits, uint32_t align,
                            bool crosses);

/* The alignment of the whole, of which `declared` is asked for (0: none). is_odd is set where the
 * size is no multiple of the members' alignment, too. */
uint32_t mete__packing_finish(struct mete__packing *packing, uint64_t size, uint32_t declared);

#endif
