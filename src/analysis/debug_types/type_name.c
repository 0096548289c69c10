#include "analysis/debug_types/type_name.h"

#include <errno.h>
#include <stdlib.h>

#include "analysis/debug_types/dwarf_type.h"
#include "analysis/debug_types/dwarf_unit.h"
#include "analysis/dwarf/dwarf_die.h"
#include "analysis/dwarf/unit_language.h"

struct mete__type_namer {
    struct mete__names *names;
    struct mete__dwarf_type_cache *cache; /* of names */
    struct mete__dwarf_unit units;        /* no unit of its own: all are others to it */
};

int mete__type_name_open(struct mete__names *names, struct mete__type_namer **out) {
    struct mete__type_namer *namer = calloc(1, sizeof *namer);

    if (namer == NULL) return -ENOMEM;
    namer->names = namer->units.names = names;
    namer->cache = mete__dwarf_type_open(names);
    if (namer->cache == NULL) {
        free(namer);
        return -ENOMEM;
    }
    *out = namer;
    return 0;
}

void mete__type_name_close(struct mete__type_namer *namer) {
    if (namer == NULL) return;
    mete__dwarf_unit_free(&namer->units);
    mete__dwarf_type_close(namer->cache);
    free(namer);
}

const char *mete__type_name_of(struct mete__type_namer *namer, Dwarf_Die *type) {
    Dwarf_Die unit, bare, named = *type;

    if (dwarf_diecu(type, &unit, NULL, NULL) == NULL) return mete__names_keep(namer->names, "?");
    int language = mete__unit_language_of(&unit);
    bool has_scopes = !mete__dwarf_die_is_c(language);
    mete__dwarf_type_forget(namer->cache, language < 0 ? 0 : language, 0,
                            has_scopes ? mete__dwarf_unit_scope : NULL, &namer->units);
    if (mete__dwarf_die_peel(type, &bare) && mete__dwarf_die_is_aggregate(dwarf_tag(&bare)) &&
        dwarf_diename(&bare) != NULL)
        named = bare;
    if (mete__dwarf_die_is_aggregate(dwarf_tag(&named)))
        return mete__dwarf_type_name(namer->cache, &named);
    const struct mete__dwarf_type *found = mete__dwarf_type_of(namer->cache, &named);
    return found == NULL ? NULL : found->text;
}

const char *mete__type_name_scope(struct mete__type_namer *namer, Dwarf_Die *die) {
    Dwarf_Die unit;

    if (dwarf_diecu(die, &unit, NULL, NULL) == NULL ||
        mete__dwarf_die_is_c(mete__unit_language_of(&unit)))
        return NULL;
    return mete__dwarf_unit_scope(&namer->units, die);
}
