#include "analysis/blocks/type_choice.h"

#include "analysis/blocks/struct_kin.h"
#include "analysis/dwarf/dwarf_die.h"
#include "base/bits.h"

#define SMALL_STRUCT 32 /* bytes: many structs' sizes are a multiple of it */
#define STARTS_MAX   8  /* structs that begin with structs */

/* A struct within the other is the beginning of that one. */
enum sameness { NO_STRUCTS, SAME, WITHIN, AROUND, DIFFERENT };

void mete__type_choice_fit(struct mete__type_choice *choice,
                           const struct mete__type_fit_blocks *blocks) {
    struct mete__type_choice start = *choice;

    choice->fit = mete__type_fit(&choice->shape, blocks, (uint64_t)choice->header);
    if (choice->fit != METE__TYPE_FIT_NONE || choice->clue->kind < METE__CLUE_RETURNED ||
        choice->clue->kind == METE__CLUE_CONSTRUCTED || choice->clue->is_one_of)
        return;
    for (int i = 0; i < STARTS_MAX && start.fit == METE__TYPE_FIT_NONE; i++) {
        if (!mete__struct_kin_start(&start.type, &start.type) ||
            !mete__type_fit_shape_of(&start.type, &start.shape))
            return;
        start.fit = mete__type_fit(&start.shape, blocks, (uint64_t)choice->header);
    }
    *choice = start;
    choice->is_start = true;
}

/* By typedefs or not. */
static enum sameness compare_structs(const struct mete__type_choice *a,
                                     const struct mete__type_choice *b) {
    Dwarf_Die types[2] = {a->type, b->type}, bare[2];

    for (int i = 0; i < 2; i++)
        if (!mete__dwarf_die_peel(&types[i], &bare[i]) ||
            !mete__dwarf_die_is_aggregate(dwarf_tag(&bare[i])))
            return NO_STRUCTS;
    if (mete__struct_kin_is_same(&bare[0], &bare[1])) return SAME;
    if (mete__struct_kin_begins_with(&bare[0], &bare[1])) return AROUND;
    return mete__struct_kin_begins_with(&bare[1], &bare[0]) ? WITHIN : DIFFERENT;
}

/* Whether it would not be shown: a header that a wrapper keeps for itself is not what the block is.
 */
static bool is_void(const struct mete__type_choice *choice) {
    return choice->fit == METE__TYPE_FIT_NONE ||
           (choice->is_passed && choice->fit != METE__TYPE_FIT_ONE && !choice->passes_tail);
}

/* How well a size bears out that it is this one of a union's pointers that was stored. */
static int support(const struct mete__type_choice *choice) {
    if (choice->is_indexed && choice->fit >= METE__TYPE_FIT_ARRAY) return 4;
    if (choice->is_counted && !choice->shape.is_character && choice->fit >= METE__TYPE_FIT_ARRAY)
        return 3;
    if (choice->shape.bytes > METE__TYPE_CHOICE_SCALAR && choice->fit >= METE__TYPE_FIT_ARRAY)
        return 2;
    return choice->shape.is_character ? 1 : 0;
}

/* Whether what is said of the block without doubt weighs more than one of several things. */
static bool outdoes(const struct mete__type_choice *said, const struct mete__type_choice *one_of) {
    if (support(one_of) < 2 || said->fit > METE__TYPE_FIT_TAIL)
        return said->fit >= METE__TYPE_FIT_BYTES;
    return said->frame == one_of->frame ? !is_void(said) : !is_void(said) && !said->is_vague;
}

static bool is_seen(const struct mete__type_choice *choice) {
    return choice->kind >= METE__CLUE_RETURNED;
}

/* Whether both may be right, since `b` is but what `a` begins with. */
static bool is_whole(const struct mete__type_choice *a, const struct mete__type_choice *b) {
    return a->header == b->header && is_seen(a) && compare_structs(a, b) == AROUND;
}

/* Whether it is a member of the object that the other says is there, or of another one behind it.
 */
static bool is_part(const struct mete__type_choice *a, const struct mete__type_choice *b) {
    Dwarf_Die whole = b->type, part = a->type;

    if (a->header <= b->header || !is_seen(b) || b->clue->is_one_of || b->fit < METE__TYPE_FIT_TAIL)
        return false;
    uint64_t at = (uint64_t)(a->header - b->header);
    if (b->fit == METE__TYPE_FIT_ARRAY) at %= b->shape.bytes;
    return mete__struct_kin_has_at(&whole, at, &part);
}

/* Whether it is another element of the array that the other is the first of. */
static bool is_later(const struct mete__type_choice *a, const struct mete__type_choice *b) {
    return a->frame == b->frame && a->header > b->header && a->shape.bytes == b->shape.bytes &&
           (uint64_t)(a->header - b->header) % b->shape.bytes == 0 && (is_seen(b) || !is_seen(a)) &&
           !is_void(b) && compare_structs(a, b) == SAME;
}

/* Whether a caller's pointer to something small fits by accident, where an object is further in. */
static bool is_accident(const struct mete__type_choice *a, const struct mete__type_choice *b) {
    return a->frame != b->frame && a->shape.bytes <= METE__TYPE_CHOICE_SCALAR &&
           (a->fit == METE__TYPE_FIT_ARRAY || a->fit == METE__TYPE_FIT_TAIL) && !a->is_counted &&
           !a->is_indexed && is_seen(b) && b->shape.bytes > METE__TYPE_CHOICE_SCALAR &&
           b->fit == METE__TYPE_FIT_TAIL && !is_void(b);
}

/* Whether a caller may have got a part of what the other is the beginning of: nobody saw that it is
 * the block's own address that was returned. */
static bool is_carved(const struct mete__type_choice *a, const struct mete__type_choice *b) {
    bool is_loose =
        a->fit == METE__TYPE_FIT_TAIL || (a->fit == METE__TYPE_FIT_ARRAY && !a->is_counted);

    return a->is_assumed && is_loose && b->fit == METE__TYPE_FIT_TAIL && is_seen(b) &&
           b->shape.bytes > METE__TYPE_CHOICE_SCALAR;
}

/* How well what a caller says must fit to be taken for what is vague further in. */
static enum mete__type_fit least_fit(const struct mete__type_choice *vague) {
    if (vague->fit <= METE__TYPE_FIT_TAIL) return METE__TYPE_FIT_BYTES;
    if (!vague->is_grain) return METE__TYPE_FIT_TAIL;
    return vague->is_counted && vague->shape.bytes > METE__TYPE_CHOICE_SCALAR
               ? METE__TYPE_FIT_ARRAY
               : METE__TYPE_FIT_BYTES;
}

/* Whether it is known of the call itself what it gets, and that is so. */
static bool is_exact(const struct mete__type_choice *choice) {
    return choice->kind >= METE__CLUE_ALLOCATED && choice->fit >= METE__TYPE_FIT_ARRAY &&
           choice->header == 0;
}

/* Whether the same frame has the block as text, and as an array of numbers or pointers that it is
 * no multiple of: there the place in the frame has become another variable's. */
static bool is_text_rather(const struct mete__type_choice *a, const struct mete__type_choice *b) {
    return a->frame == b->frame && a->header == b->header && a->fit == METE__TYPE_FIT_BYTES &&
           is_seen(a) && b->fit == METE__TYPE_FIT_TAIL && !b->shape.is_struct &&
           b->shape.bytes <= METE__TYPE_CHOICE_SCALAR;
}

bool mete__type_choice_is_better(const struct mete__type_choice *a,
                                 const struct mete__type_choice *b) {
    if (b->clue == NULL) return true;
    if (is_exact(a) != is_exact(b)) return is_exact(a);
    if (a->frame == b->frame && is_void(a) != is_void(b)) return is_void(b);
    if (is_text_rather(a, b) || is_text_rather(b, a)) return is_text_rather(a, b);
    if (is_part(a, b) || is_part(b, a)) return is_part(b, a);
    if (is_later(a, b) || is_later(b, a)) return is_later(b, a);
    if (a->clue->is_one_of != b->clue->is_one_of)
        return b->clue->is_one_of ? outdoes(a, b) : !outdoes(b, a);
    if (a->frame == b->frame && a->clue->is_one_of && support(a) != support(b))
        return support(a) > support(b);
    if (a->frame != b->frame && a->fit == b->fit && a->kind < b->kind &&
        compare_structs(a, b) == SAME)
        return false;
    if (is_accident(a, b)) return false;
    if (a->frame != b->frame && (b->is_vague || b->is_grain) && a->fit >= least_fit(b) &&
        (is_void(b) || (!is_whole(b, a) && !is_carved(a, b))))
        return true;
    if (a->fit != b->fit) return a->fit > b->fit;
    if (a->frame != b->frame) return false; /* who is further in knew first */
    if (a->clue->is_one_of != b->clue->is_one_of) return b->clue->is_one_of;
    if (is_whole(a, b) || is_whole(b, a)) return is_whole(a, b);
    return a->kind > b->kind;
}

bool mete__type_choice_contradicts(const struct mete__type_choice *a,
                                   const struct mete__type_choice *b) {
    return a->frame == b->frame && a->fit == b->fit && a->fit > METE__TYPE_FIT_TAIL &&
           a->header == b->header && is_seen(a) && is_seen(b) && !a->clue->is_one_of &&
           !b->clue->is_one_of && compare_structs(a, b) == DIFFERENT;
}

/* Whether blocks that are multiples of the type are so for a reason: sizes that differ by objects,
 * where no wrapper's rounding can have made them do so. */
static bool is_array(const struct mete__type_choice *choice) {
    bool may_be_rounded = !choice->is_direct && mete__is_power_of_two(choice->shape.bytes);
    /* Structs that begin alike, of which the pointer's is but the common part. */
    bool may_be_others = choice->shape.is_struct && choice->shape.bytes <= SMALL_STRUCT;
    if (choice->is_chunk) return false;
    return choice->is_counted ||
           (choice->varies && !may_be_rounded && (!may_be_others || choice->is_indexed));
}

bool mete__type_choice_is_doubtful(const struct mete__type_choice *a,
                                   const struct mete__type_choice *b) {
    return a->frame == b->frame && a->clue->is_one_of && b->clue->is_one_of &&
           a->shape.is_character && !b->shape.is_character && b->fit >= METE__TYPE_FIT_ARRAY &&
           support(b) == 0 && support(a) <= 1;
}

/* Whether what is said of a pointer may be true, and the block be more than that: an object of a
 * class that is derived from the one that is named, or of a struct that begins with such a member.
 * What a base's or a member's constructor makes is part of such an object, too. */
static bool may_be_more(const struct mete__type_choice *choice) {
    switch (choice->kind) {
    case METE__CLUE_ALLOCATED:
    case METE__CLUE_CALL: return false;
    case METE__CLUE_CONSTRUCTED:
    case METE__CLUE_ARGUMENT: return choice->is_base || choice->is_first;
    default: return choice->is_base;
    }
}

enum mete__site_type_confidence
mete__type_choice_confidence(const struct mete__type_choice *choice) {
    if (is_void(choice) || choice->is_doubtful) return METE__SITE_TYPE_UNKNOWN;
    if (is_exact(choice)) return METE__SITE_TYPE_CERTAIN;
    if (choice->is_disputed || choice->is_start || choice->is_head || choice->is_heir ||
        choice->clue->is_one_of || may_be_more(choice))
        return METE__SITE_TYPE_LIKELY;
    switch (choice->fit) {
    case METE__TYPE_FIT_NONE: return METE__SITE_TYPE_UNKNOWN;
    case METE__TYPE_FIT_BYTES:
    case METE__TYPE_FIT_TAIL: return METE__SITE_TYPE_LIKELY;
    case METE__TYPE_FIT_ONE:
        /* What is passed on from further inside may be a member of something. */
        return is_seen(choice) ||
                       (choice->kind == METE__CLUE_ARGUMENT && choice->clue->offset == 0 &&
                        choice->shape.bytes > METE__TYPE_CHOICE_SCALAR)
                   ? METE__SITE_TYPE_CERTAIN
                   : METE__SITE_TYPE_LIKELY;
    default:
        /* What a function that is asked for so many bytes takes them for is its own affair. */
        if (choice->is_handed)
            return choice->is_grain && choice->fit == METE__TYPE_FIT_ARRAY && !choice->is_counted
                       ? METE__SITE_TYPE_UNKNOWN
                       : METE__SITE_TYPE_LIKELY;
        /* Many sizes are multiples of small ones by accident, and all that a wrapper has rounded.
         */
        if (choice->fit == METE__TYPE_FIT_ARRAY && !is_array(choice) &&
            (choice->shape.bytes > METE__TYPE_CHOICE_SCALAR || choice->shape.is_struct ||
             !choice->is_direct))
            return METE__SITE_TYPE_LIKELY;
        /* Behind what is carved off first the rest of any block may be a multiple. */
        if (choice->fit == METE__TYPE_FIT_ARRAY && choice->header > 0 && !choice->is_counted)
            return METE__SITE_TYPE_LIKELY;
        /* Behind a header any struct with an open end fits: a pool's first object, too. */
        if (choice->fit == METE__TYPE_FIT_FLEXIBLE && (choice->header > 0 || choice->passes_tail))
            return METE__SITE_TYPE_LIKELY;
        return is_seen(choice) && !choice->is_assumed ? METE__SITE_TYPE_CERTAIN
                                                      : METE__SITE_TYPE_LIKELY;
    }
}

/* Of what is a multiple of the type. A header with something behind it fits as well where sizes are
 * rounded, and so does whatever begins like a struct where the size is not the function's own. */
static enum mete__site_type_form array_form(const struct mete__type_choice *choice) {
    bool is_open = choice->is_direct
                       ? choice->shape.is_struct && !choice->is_sized && choice->header == 0
                       : choice->shape.bytes > METE__TYPE_CHOICE_SCALAR;
    bool is_one = is_open && mete__is_power_of_two(choice->shape.bytes) && !is_array(choice);

    return choice->is_head || is_one ? METE__SITE_TYPE_TAIL : METE__SITE_TYPE_ARRAY;
}

enum mete__site_type_form mete__type_choice_form(const struct mete__type_choice *choice) {
    switch (choice->fit) {
    case METE__TYPE_FIT_ONE: return METE__SITE_TYPE_ONE;
    case METE__TYPE_FIT_FLEXIBLE: return METE__SITE_TYPE_FLEXIBLE;
    case METE__TYPE_FIT_ARRAY: return array_form(choice);
    case METE__TYPE_FIT_TAIL: return METE__SITE_TYPE_TAIL;
    default: return METE__SITE_TYPE_BYTES;
    }
}
