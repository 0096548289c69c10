#include "analysis/debug_types/type_name.h"

#include <dwarf.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/debug_types/dwarf_type.h"
#include "analysis/debug_types/dwarf_unit.h"
#include "analysis/debug_types/source_files.h"
#include "analysis/dwarf/dwarf_die.h"
#include "analysis/dwarf/unit_language.h"

#define NAME_SIZE   1024 /* bytes of a name that is made of a place */
#define ALIASES_MAX 16   /* typedefs of typedefs; files may say anything */

struct mete__type_namer {
    struct mete__names *names;
    struct mete__dwarf_type_cache *cache; /* of names */
    struct mete__source_files *files;     /* NULL: nobody has asked for one */
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
    mete__source_files_close(namer->files);
    free(namer);
}

/* Whether a class is what a lambda expression makes: a call operator, and nobody could name it. */
static bool is_closure(Dwarf_Die *class) {
    Dwarf_Die child;

    if (dwarf_child(class, &child) != 0) return false;
    do {
        const char *name = dwarf_tag(&child) == DW_TAG_subprogram ? dwarf_diename(&child) : NULL;
        if (name != NULL && strcmp(name, "operator()") == 0) return true;
    } while (dwarf_siblingof(&child, &child) == 0);
    return false;
}

static const char *file_of(struct mete__type_namer *namer, Dwarf_Die *die) {
    Dwarf_Die unit;
    uint64_t number;

    if (!mete__dwarf_die_number(die, DW_AT_decl_file, &number) ||
        dwarf_diecu(die, &unit, NULL, NULL) == NULL)
        return NULL;
    if (namer->files == NULL) namer->files = mete__source_files_open(namer->names);
    return namer->files == NULL ? NULL : mete__source_files_path(namer->files, &unit, number);
}

/* Where a type without a name is declared tells it from others: "struct {...} at net.c:12". */
static const char *name_by_place(struct mete__type_namer *namer, Dwarf_Die *type) {
    const char *file = file_of(namer, type);
    const char *slash = file == NULL ? NULL : strrchr(file, '/');
    const char *text = is_closure(type) ? "lambda" : mete__dwarf_type_name(namer->cache, type);
    char name[NAME_SIZE];
    int line;

    if (file == NULL || text == NULL || dwarf_decl_line(type, &line) != 0)
        return mete__dwarf_type_name(namer->cache, type);
    snprintf(name, sizeof name, "%s at %s:%d", text, slash == NULL ? file : slash + 1, line);
    return mete__names_keep(namer->names, name);
}

/* Whether a typedef is a library's own for something that has a name of its own: that of a template
 * for what it is an instance of ("std::iterator_traits<int *>::value_type"), or one with a name
 * that is reserved to the library. */
static bool is_inner(struct mete__type_namer *namer, Dwarf_Die *alias) {
    const char *name = dwarf_diename(alias);
    const char *scope = mete__dwarf_unit_scope(&namer->units, alias);

    return scope != NULL &&
           (strchr(scope, '<') != NULL || (name != NULL && strncmp(name, "__", 2) == 0));
}

const char *mete__type_name_of(struct mete__type_namer *namer, Dwarf_Die *type) {
    Dwarf_Die unit, bare, named = *type, target;

    if (dwarf_diecu(type, &unit, NULL, NULL) == NULL) return mete__names_keep(namer->names, "?");
    int language = mete__unit_language_of(&unit);
    bool has_scopes = !mete__dwarf_die_is_c(language);
    mete__dwarf_type_forget(namer->cache, language < 0 ? 0 : language, 0,
                            has_scopes ? mete__dwarf_unit_scope : NULL, &namer->units);
    if (mete__dwarf_die_peel(type, &bare) && mete__dwarf_die_is_aggregate(dwarf_tag(&bare)) &&
        dwarf_diename(&bare) != NULL)
        named = bare;
    for (int i = 0; i < ALIASES_MAX && has_scopes && dwarf_tag(&named) == DW_TAG_typedef &&
                    is_inner(namer, &named) && mete__dwarf_die_follow(&named, DW_AT_type, &target);
         i++)
        named = target;
    if (mete__dwarf_die_is_aggregate(dwarf_tag(&named)))
        return dwarf_diename(&named) == NULL ? name_by_place(namer, &named)
                                             : mete__dwarf_type_name(namer->cache, &named);
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
