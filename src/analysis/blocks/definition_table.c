#include "analysis/blocks/definition_table.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <errno.h>
#include <search.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/dwarf/dwarf_die.h"
#include "analysis/dwarf/dwarf_split.h"
#include "analysis/dwarf/unit_language.h"

#define DEPTH_MAX 32   /* scopes in each other */
#define NAME_SIZE 1024 /* bytes of a name with its scopes; longer ones are not looked for */

struct definition {
    int tag; /* with the name the key; that of a struct for classes */
    const char *name;
    uint64_t size;
    Dwarf_Die die;
    bool differs; /* units define different ones */
    char text[];  /* the name */
};

static int by_name(const void *left, const void *right) {
    const struct definition *a = left, *b = right;

    return a->tag != b->tag ? (a->tag < b->tag ? -1 : 1) : strcmp(a->name, b->name);
}

static int tag_of(Dwarf_Die *die) {
    return dwarf_tag(die) == DW_TAG_class_type ? DW_TAG_structure_type : dwarf_tag(die);
}

static int add(struct mete__definition_table *table, Dwarf_Die *die, const char *name) {
    struct definition key = {.tag = tag_of(die), .name = name, .die = *die};

    if (dwarf_hasattr(die, DW_AT_declaration) ||
        !mete__dwarf_die_number(die, DW_AT_byte_size, &key.size))
        return 0;
    struct definition **found = tfind(&key, &table->definitions, by_name);
    if (found != NULL) {
        if ((*found)->size != key.size) (*found)->differs = true;
        return 0;
    }
    size_t length = strlen(name);
    struct definition *definition = malloc(sizeof *definition + length + 1);
    if (definition == NULL) return -ENOMEM;
    *definition = key;
    memcpy(definition->text, name, length + 1);
    definition->name = definition->text;
    if (tsearch(definition, &table->definitions, by_name) != NULL) return 0;
    free(definition);
    return -ENOMEM;
}

static int scan(struct mete__definition_table *table, Dwarf_Die *parent, const char *scope,
                bool has_scopes, int depth);

static int look_at(struct mete__definition_table *table, Dwarf_Die *die, const char *scope,
                   bool has_scopes, int depth) {
    const char *own = dwarf_diename(die);
    bool is_aggregate = mete__dwarf_die_is_aggregate(dwarf_tag(die));
    char name[NAME_SIZE];
    Dwarf_Die declared;
    int status = 0;

    /* What is in a namespace without a name is each unit's own. */
    if (own == NULL || !(is_aggregate || (has_scopes && dwarf_tag(die) == DW_TAG_namespace)))
        return 0;
    /* A class that has a unit of its own is defined outside of where it is declared. */
    if (has_scopes && is_aggregate && mete__dwarf_die_follow(die, DW_AT_specification, &declared)) {
        const char *around = mete__type_name_scope(table->namer, &declared);
        scope = around == NULL ? "" : around;
    }
    int length = snprintf(name, sizeof name, "%s%s", scope, own);
    if (length < 0 || (size_t)length + sizeof "::" > sizeof name) return 0;
    if (is_aggregate) status = add(table, die, name);
    memcpy(name + length, "::", sizeof "::");
    return status == 0 && has_scopes ? scan(table, die, name, true, depth + 1) : status;
}

/* Those of a scope, and of C++ those in the scopes inside. */
static int scan(struct mete__definition_table *table, Dwarf_Die *parent, const char *scope,
                bool has_scopes, int depth) {
    Dwarf_Die die;
    int status;

    if (depth > DEPTH_MAX || dwarf_child(parent, &die) != 0) return 0;
    for (;;) {
        status = look_at(table, &die, scope, has_scopes, depth);
        const void *last = die.addr;
        /* A sibling that lies before would lead in a circle. */
        if (status != 0 || dwarf_siblingof(&die, &die) != 0 ||
            (uintptr_t)die.addr <= (uintptr_t)last)
            return status;
    }
}

int mete__definition_table_read(struct mete__definition_table *table, Dwfl_Module *module) {
    Dwarf_CU *cu = NULL;
    Dwarf_Die die, unit;
    Dwarf_Addr bias;
    int status = 0;

    *table = (struct mete__definition_table){.names = mete__names_open()};
    if (table->names == NULL || mete__type_name_open(table->names, &table->namer) != 0)
        return -ENOMEM;
    Dwarf *dwarf = dwfl_module_getdwarf(module, &bias);
    if (dwarf == NULL) return 0;
    /* Units of types, too, which libdwfl leaves out. */
    while (status == 0 && dwarf_get_units(dwarf, cu, &cu, NULL, NULL, &die, NULL) == 0)
        if (die.addr != NULL && dwarf_tag(&die) != DW_TAG_invalid &&
            mete__dwarf_split_unit(&die, &unit))
            status =
                scan(table, &unit, "", !mete__dwarf_die_is_c(mete__unit_language_of(&unit)), 0);
    return status;
}

void mete__definition_table_free(struct mete__definition_table *table) {
    tdestroy(table->definitions, free);
    mete__type_name_close(table->namer);
    if (table->names != NULL) mete__names_close(table->names);
    *table = (struct mete__definition_table){0};
}

bool mete__definition_table_complete(const struct mete__definition_table *table, Dwarf_Die *type) {
    char name[NAME_SIZE];
    Dwarf_Die bare;

    if (!mete__dwarf_die_peel(type, &bare) || !dwarf_hasattr(&bare, DW_AT_declaration) ||
        dwarf_diename(&bare) == NULL || table->namer == NULL)
        return false;
    const char *scope = mete__type_name_scope(table->namer, &bare);
    int length =
        snprintf(name, sizeof name, "%s%s", scope == NULL ? "" : scope, dwarf_diename(&bare));
    if (length < 0 || (size_t)length >= sizeof name) return false;
    struct definition key = {.tag = tag_of(&bare), .name = name};
    struct definition **found = tfind(&key, (void *const *)&table->definitions, by_name);
    if (found == NULL || (*found)->differs) return false;
    *type = (*found)->die;
    return true;
}
