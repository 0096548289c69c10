#include "analysis/blocks/definition_table.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <errno.h>
#include <search.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/dwarf/dwarf_die.h"
#include "analysis/dwarf/dwarf_split.h"
#include "analysis/dwarf/unit_language.h"

struct definition {
    int tag; /* with the name the key */
    const char *name;
    uint64_t size;
    Dwarf_Die die;
    bool differs; /* units define different ones */
};

static int by_name(const void *left, const void *right) {
    const struct definition *a = left, *b = right;

    return a->tag != b->tag ? (a->tag < b->tag ? -1 : 1) : strcmp(a->name, b->name);
}

static int add(struct mete__definition_table *table, Dwarf_Die *die) {
    struct definition key = {.tag = dwarf_tag(die), .name = dwarf_diename(die), .die = *die};

    if (key.name == NULL || dwarf_hasattr(die, DW_AT_declaration) ||
        !mete__dwarf_die_number(die, DW_AT_byte_size, &key.size))
        return 0;
    struct definition **found = tfind(&key, &table->definitions, by_name);
    if (found != NULL) {
        if ((*found)->size != key.size) (*found)->differs = true;
        return 0;
    }
    struct definition *definition = malloc(sizeof *definition);
    if (definition == NULL) return -ENOMEM;
    *definition = key;
    if (tsearch(definition, &table->definitions, by_name) != NULL) return 0;
    free(definition);
    return -ENOMEM;
}

static int scan(struct mete__definition_table *table, Dwarf_Die *unit) {
    Dwarf_Die die;
    int status = 0;

    if (!mete__dwarf_die_is_c(mete__unit_language_of(unit)) || dwarf_child(unit, &die) != 0)
        return 0;
    do {
        if (mete__dwarf_die_is_aggregate(dwarf_tag(&die))) status = add(table, &die);
    } while (status == 0 && dwarf_siblingof(&die, &die) == 0);
    return status;
}

int mete__definition_table_read(struct mete__definition_table *table, Dwfl_Module *module) {
    Dwarf_Die *die = NULL, unit;
    Dwarf_Addr bias;
    int status = 0;

    *table = (struct mete__definition_table){0};
    while (status == 0 && (die = dwfl_module_nextcu(module, die, &bias)) != NULL)
        if (mete__dwarf_split_unit(die, &unit)) status = scan(table, &unit);
    return status;
}

void mete__definition_table_free(struct mete__definition_table *table) {
    tdestroy(table->definitions, free);
    *table = (struct mete__definition_table){0};
}

bool mete__definition_table_complete(const struct mete__definition_table *table, Dwarf_Die *type) {
    Dwarf_Die bare;

    if (!mete__dwarf_die_peel(type, &bare) || !dwarf_hasattr(&bare, DW_AT_declaration))
        return false;
    struct definition key = {.tag = dwarf_tag(&bare), .name = dwarf_diename(&bare)};
    if (key.name == NULL) return false;
    struct definition **found = tfind(&key, (void *const *)&table->definitions, by_name);
    if (found == NULL || (*found)->differs) return false;
    *type = (*found)->die;
    return true;
}
