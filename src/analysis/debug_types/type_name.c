#include "analysis/debug_types/type_name.h"

#include <dwarf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/dwarf/dwarf_die.h"

struct scope {
    Dwarf *dwarf;
    struct mete__names *names;
};

/* "ns::Class::" in front of what the DIE declares; NULL: nothing. */
static const char *scope_of(void *context, const void *address) {
    const struct scope *scope = context;
    Dwarf_Die die, *scopes = NULL;
    char text[1024] = "";
    size_t length = 0;

    if (dwarf_die_addr_die(scope->dwarf, (void *)address, &die) == NULL) return NULL;
    int count = dwarf_getscopes_die(&die, &scopes);
    for (int i = count - 1; i > 0; i--) { /* the outermost first; 0 is the DIE itself */
        int tag = dwarf_tag(&scopes[i]);
        const char *name = dwarf_diename(&scopes[i]);
        if (tag != DW_TAG_namespace && !mete__dwarf_die_is_aggregate(tag)) continue;
        if (name == NULL) name = tag == DW_TAG_namespace ? "(anonymous namespace)" : "{unnamed}";
        int added = snprintf(text + length, sizeof text - length, "%s::", name);
        if (added < 0 || (size_t)added >= sizeof text - length) break;
        length += (size_t)added;
    }
    free(scopes);
    return length == 0 ? NULL : mete__names_keep(scope->names, text);
}

const char *mete__type_name_of(struct mete__dwarf_type_cache *cache, struct mete__names *names,
                               Dwarf_Die *type) {
    struct scope scope = {.dwarf = dwarf_cu_getdwarf(type->cu), .names = names};
    Dwarf_Die unit, bare, named = *type;

    if (dwarf_diecu(type, &unit, NULL, NULL) == NULL) return mete__names_keep(names, "?");
    int language = dwarf_srclang(&unit);
    bool is_cxx = language == DW_LANG_C_plus_plus || language == DW_LANG_C_plus_plus_03 ||
                  language == DW_LANG_C_plus_plus_11 || language == DW_LANG_C_plus_plus_14 ||
                  language == DW_LANG_Rust;
    mete__dwarf_type_forget(cache, language < 0 ? 0 : language, 0, is_cxx ? scope_of : NULL,
                            &scope);
    if (mete__dwarf_die_peel(type, &bare) && mete__dwarf_die_is_aggregate(dwarf_tag(&bare)) &&
        dwarf_diename(&bare) != NULL)
        named = bare;
    if (mete__dwarf_die_is_aggregate(dwarf_tag(&named)))
        return mete__dwarf_type_name(cache, &named);
    const struct mete__dwarf_type *found = mete__dwarf_type_of(cache, &named);
    return found == NULL ? NULL : found->text;
}
