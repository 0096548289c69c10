#include "analysis/debug_types/type_name.h"

#include <dwarf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/dwarf/dwarf_die.h"
#include "analysis/dwarf/unit_language.h"

#define OUTSIDE_MAX \
    4 /* classes that are defined outside of where they are declared, in each other */

/* A text that grows in a buffer. */
struct scopes {
    char *text;
    size_t size, length;
};

static void add(struct scopes *scopes, const char *name) {
    size_t left = scopes->size - scopes->length;
    int added = snprintf(scopes->text + scopes->length, left, "%s::", name);

    if (added > 0 && (size_t)added < left)
        scopes->length += (size_t)added;
    else
        scopes->text[scopes->length] = '\0';
}

/* What stands around the DIE. A class that is defined outside of where it is declared, as in a unit
 * of its own, stands where that is. */
static void add_around(struct scopes *scopes, Dwarf_Die *die, int outside) {
    Dwarf_Die *around = NULL, declared;
    int count = dwarf_getscopes_die(die, &around);

    for (int i = count - 1; i > 0; i--) { /* the outermost first; 0 is the DIE itself */
        int tag = dwarf_tag(&around[i]);
        const char *name = dwarf_diename(&around[i]);
        if (name == NULL && mete__dwarf_die_follow(&around[i], DW_AT_signature, &declared))
            name = dwarf_diename(&declared);
        if (tag != DW_TAG_namespace && !mete__dwarf_die_is_aggregate(tag)) continue;
        if (name == NULL) name = tag == DW_TAG_namespace ? "(anonymous namespace)" : "{unnamed}";
        if (outside < OUTSIDE_MAX &&
            mete__dwarf_die_follow(&around[i], DW_AT_specification, &declared)) {
            scopes->length = 0;
            add_around(scopes, &declared, outside + 1);
        }
        add(scopes, name);
    }
    free(around);
}

size_t mete__type_name_scope(Dwarf_Die *die, char *text, size_t size) {
    struct scopes scopes = {.text = text, .size = size};

    text[0] = '\0';
    add_around(&scopes, die, 0);
    return scopes.length;
}

/* "ns::Class::" in front of what the DIE declares; NULL: nothing. */
static const char *scope_of(void *names, Dwarf_Die *die) {
    char text[1024];

    return mete__type_name_scope(die, text, sizeof text) == 0 ? NULL
                                                              : mete__names_keep(names, text);
}

const char *mete__type_name_of(struct mete__dwarf_type_cache *cache, struct mete__names *names,
                               Dwarf_Die *type) {
    Dwarf_Die unit, bare, named = *type;

    if (dwarf_diecu(type, &unit, NULL, NULL) == NULL) return mete__names_keep(names, "?");
    int language = mete__unit_language_of(&unit);
    bool is_cxx = language == DW_LANG_C_plus_plus || language == DW_LANG_C_plus_plus_03 ||
                  language == DW_LANG_C_plus_plus_11 || language == DW_LANG_C_plus_plus_14 ||
                  language == DW_LANG_Rust;
    mete__dwarf_type_forget(cache, language < 0 ? 0 : language, 0, is_cxx ? scope_of : NULL, names);
    if (mete__dwarf_die_peel(type, &bare) && mete__dwarf_die_is_aggregate(dwarf_tag(&bare)) &&
        dwarf_diename(&bare) != NULL)
        named = bare;
    if (mete__dwarf_die_is_aggregate(dwarf_tag(&named)))
        return mete__dwarf_type_name(cache, &named);
    const struct mete__dwarf_type *found = mete__dwarf_type_of(cache, &named);
    return found == NULL ? NULL : found->text;
}
