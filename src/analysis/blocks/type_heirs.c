#include "analysis/blocks/type_heirs.h"

#include "analysis/blocks/struct_kin.h"
#include "analysis/dwarf/dwarf_die.h"

/* Whether the choice leaves open what lies behind the struct. */
static bool ends_unknown(const struct mete__type_choice *choice, const struct mete__sizes *sizes) {
    return choice->shape.is_struct && choice->header == 0 && sizes->are_known && sizes->step == 0 &&
           choice->kind <= METE__CLUE_VARIABLE && !choice->clue->is_one_of && !choice->is_counted &&
           (choice->fit == METE__TYPE_FIT_TAIL || choice->fit == METE__TYPE_FIT_ARRAY);
}

void mete__type_heirs_find(struct mete__type_choice *choice, struct mete__call_results *results,
                           const struct mete__sizes *sizes) {
    struct mete__type_choice heir = *choice;

    if (results == NULL || !ends_unknown(choice, sizes)) return;
    unsigned int count = mete__call_results_heirs(results, &choice->type, sizes->min, &heir.type);
    /* What begins with two of them may as well be an array of those. */
    if (count == 0 || mete__struct_kin_has_at(&heir.type, choice->shape.bytes, &choice->type))
        return;
    choice->is_head = true;
    if (count > 1 || !mete__type_fit_shape_of(&heir.type, &heir.shape)) return;
    heir.fit = METE__TYPE_FIT_ONE;
    heir.is_heir = true;
    *choice = heir;
}

void mete__type_heirs_look(struct mete__type_choice *choice, struct mete__call_results *results) {
    unsigned int starts = mete__call_results_starts(results, &choice->type);
    Dwarf_Die class;

    choice->is_first = (starts & METE__START_OF_MEMBER) != 0;
    choice->is_base =
        (starts & METE__START_OF_CLASS) != 0 ||
        (choice->kind < METE__CLUE_CONSTRUCTED && mete__dwarf_die_peel(&choice->type, &class) &&
         mete__struct_kin_is_virtual(&class));
}
