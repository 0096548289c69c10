#include "analysis/blocks/definition_table.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <errno.h>
#include <search.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/blocks/struct_kin.h"
#include "analysis/dwarf/dwarf_children.h"
#include "analysis/dwarf/dwarf_die.h"
#include "analysis/dwarf/dwarf_member.h"
#include "analysis/dwarf/dwarf_split.h"
#include "analysis/dwarf/unit_language.h"

#define DEPTH_MAX 32   /* scopes in each other */
#define NAME_SIZE 1024 /* bytes of a name with its scopes; longer ones are not looked for */

struct definition {
    int tag; /* with the name the key; that of a struct for classes */
    const char *name;
    uint64_t size;    /* of what begins with it: key, too */
    Dwarf_Die die;    /* of what begins with it: the first */
    bool differs;     /* there are different ones */
    unsigned int kin; /* METE__START_*: of what begins with it */
    char text[];      /* the name */
};

static int by_name(const void *left, const void *right) {
    const struct definition *a = left, *b = right;

    return a->tag != b->tag ? (a->tag < b->tag ? -1 : 1) : strcmp(a->name, b->name);
}

static int by_name_and_size(const void *left, const void *right) {
    const struct definition *a = left, *b = right;
    int order = by_name(a, b);

    return order != 0 ? order : a->size < b->size ? -1 : a->size > b->size;
}

static int tag_of(Dwarf_Die *die) {
    return dwarf_tag(die) == DW_TAG_class_type ? DW_TAG_structure_type : dwarf_tag(die);
}

/* The entry of a key; `*found` is NULL where memory ran out. False: it has been there before. */
static bool put(void **tree, int (*compare)(const void *, const void *),
                const struct definition *key, struct definition **found) {
    struct definition **known = tfind(key, tree, compare);

    *found = known == NULL ? NULL : *known;
    if (known != NULL) return false;
    size_t length = strlen(key->name);
    struct definition *definition = malloc(sizeof *definition + length + 1);
    if (definition == NULL) return true;
    *definition = *key;
    memcpy(definition->text, key->name, length + 1);
    definition->name = definition->text;
    if (tsearch(definition, tree, compare) != NULL)
        *found = definition;
    else
        free(definition);
    return true;
}

static int add(struct mete__definition_table *table, Dwarf_Die *die, const char *name,
               uint64_t size) {
    const struct definition key = {.tag = tag_of(die), .name = name, .size = size, .die = *die};
    struct definition *definition;

    if (!put(&table->definitions, by_name, &key, &definition) && definition->size != size)
        definition->differs = true;
    return definition == NULL ? -ENOMEM : 0;
}

/* --- What others begin with --- */

/* The name of a struct, union or class with its scopes. False: it has none. */
static bool name_of(const struct mete__definition_table *table, Dwarf_Die *bare, char *name) {
    const char *own = dwarf_diename(bare);

    if (own == NULL) return false;
    const char *scope = mete__type_name_scope(table->namer, bare);
    int length = snprintf(name, NAME_SIZE, "%s%s", scope == NULL ? "" : scope, own);
    return length >= 0 && length < NAME_SIZE;
}

/* What a struct or class begins with. */
struct start {
    Dwarf_Die bare;
    unsigned int kin;
};

/* False: with no struct, union or class. */
static bool read_start(Dwarf_Die *child, struct start *start) {
    struct mete__dwarf_member member;
    Dwarf_Die type;

    mete__dwarf_member_read(child, &member);
    if (!member.has_place || member.offset != 0 || !mete__dwarf_member_type(&member, &type) ||
        !mete__dwarf_die_peel(&type, &start->bare) ||
        !mete__dwarf_die_is_aggregate(dwarf_tag(&start->bare)))
        return false;
    start->kin = member.is_base ? METE__START_OF_CLASS : METE__START_OF_MEMBER;
    return true;
}

static int add_start(struct mete__definition_table *table, Dwarf_Die *whole, uint64_t size,
                     struct start *start) {
    struct definition *known;
    char name[NAME_SIZE];

    if (!name_of(table, &start->bare, name)) return 0;
    const struct definition key = {
        .tag = tag_of(&start->bare), .name = name, .size = size, .die = *whole};
    if (!put(&table->starts, by_name_and_size, &key, &known) && known != NULL)
        known->differs |= !mete__struct_kin_is_same(&known->die, whole);
    if (known == NULL) return -ENOMEM;
    known->kin |= start->kin;
    return 0;
}

/* A base or a member, and what that begins with. */
static int add_starts(struct mete__definition_table *table, Dwarf_Die *whole, uint64_t size,
                      Dwarf_Die *child) {
    struct start start;
    Dwarf_Die type;

    if (!read_start(child, &start)) return 0;
    for (int depth = 0;; depth++) {
        int status = add_start(table, whole, size, &start);
        if (status != 0 || depth == DEPTH_MAX || !mete__struct_kin_start(&start.bare, &type) ||
            !mete__dwarf_die_peel(&type, &start.bare))
            return status;
        start.kin = METE__START_OF_MEMBER;
    }
}

/* --- Scopes --- */

/* Where a scan is: in a scope, or NULL where it defines nothing for other units. */
struct around {
    const char *scope;
    bool has_scopes;
    int depth;
};

static int scan(struct mete__definition_table *table, Dwarf_Die *parent, const uint8_t *limit,
                struct around around);

/* The scope of what is in a DIE, written to `name`; NULL: it defines nothing for other units. */
static const char *scope_in(struct mete__definition_table *table, Dwarf_Die *die, const char *scope,
                            bool has_scopes, char *name) {
    const char *own = dwarf_diename(die);
    Dwarf_Die declared;

    /* What is in a namespace without a name, or in a function, is each unit's own. */
    if (own == NULL || scope == NULL ||
        !(mete__dwarf_die_is_aggregate(dwarf_tag(die)) || dwarf_tag(die) == DW_TAG_namespace))
        return NULL;
    /* A class that has a unit of its own is defined outside of where it is declared. */
    if (has_scopes && mete__dwarf_die_follow(die, DW_AT_specification, &declared)) {
        const char *around = mete__type_name_scope(table->namer, &declared);
        scope = around == NULL ? "" : around;
    }
    int length = snprintf(name, NAME_SIZE, "%s%s", scope, own);
    return length < 0 || (size_t)length + sizeof "::" > NAME_SIZE ? NULL : name;
}

static int look_at(struct mete__definition_table *table, Dwarf_Die *die, const uint8_t *end,
                   struct around around) {
    int tag = dwarf_tag(die), status = 0;
    bool is_aggregate = mete__dwarf_die_is_aggregate(tag);
    bool is_scope =
        tag == DW_TAG_namespace || tag == DW_TAG_subprogram || tag == DW_TAG_lexical_block;
    char name[NAME_SIZE];
    uint64_t size;

    if (!is_aggregate && !(around.has_scopes && is_scope)) return 0;
    const char *inside = scope_in(table, die, around.scope, around.has_scopes, name);
    if (is_aggregate && inside != NULL && !dwarf_hasattr(die, DW_AT_declaration) &&
        mete__dwarf_die_number(die, DW_AT_byte_size, &size))
        status = add(table, die, name, size);
    if (inside != NULL) memcpy(name + strlen(name), "::", sizeof "::"); /* there is room */
    around.scope = inside;
    around.depth++;
    return status == 0 ? scan(table, die, end, around) : status;
}

/* Those of a scope, and of C++ those in the scopes inside. 0, -ENOMEM, or -EBADMSG: what comes
 * before the damage is there. */
static int scan(struct mete__definition_table *table, Dwarf_Die *parent, const uint8_t *limit,
                struct around around) {
    struct mete__dwarf_children children;
    uint64_t size;

    if (around.depth > DEPTH_MAX) return 0;
    bool is_whole = mete__dwarf_die_is_aggregate(dwarf_tag(parent)) &&
                    mete__dwarf_die_number(parent, DW_AT_byte_size, &size);
    int more = mete__dwarf_children_begin(&children, parent, limit);
    for (; more > 0; more = mete__dwarf_children_next(&children)) {
        int tag = dwarf_tag(&children.die), status = 0;
        if (tag == DW_TAG_inheritance || tag == DW_TAG_member)
            status = is_whole ? add_starts(table, parent, size, &children.die) : 0;
        else if (around.depth == 0 || around.has_scopes)
            status = look_at(table, &children.die, children.end, around);
        if (status != 0) return status;
    }
    return more;
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
            mete__dwarf_split_unit(&die, &unit)) {
            bool has_scopes = !mete__dwarf_die_is_c(mete__unit_language_of(&unit));
            status = scan(table, &unit, NULL, (struct around){"", has_scopes, 0});
            if (status == -EBADMSG) status = 0;
        }
    return status;
}

void mete__definition_table_free(struct mete__definition_table *table) {
    tdestroy(table->definitions, free);
    tdestroy(table->starts, free);
    mete__type_name_close(table->namer);
    if (table->names != NULL) mete__names_close(table->names);
    *table = (struct mete__definition_table){0};
}

bool mete__definition_table_complete(const struct mete__definition_table *table, Dwarf_Die *type) {
    char name[NAME_SIZE];
    Dwarf_Die bare;

    if (!mete__dwarf_die_peel(type, &bare) || !dwarf_hasattr(&bare, DW_AT_declaration) ||
        table->namer == NULL || !name_of(table, &bare, name))
        return false;
    const struct definition key = {.tag = tag_of(&bare), .name = name};
    struct definition **found = tfind(&key, (void *const *)&table->definitions, by_name);
    if (found == NULL || (*found)->differs) return false;
    *type = (*found)->die;
    return true;
}

/* What of a size begins with a type; NULL: nothing. */
static const struct definition *find_heir(const struct mete__definition_table *table,
                                          Dwarf_Die *type, uint64_t size) {
    char name[NAME_SIZE];
    Dwarf_Die bare;

    if (table->namer == NULL || !mete__dwarf_die_peel(type, &bare) || !name_of(table, &bare, name))
        return NULL;
    const struct definition key = {.tag = tag_of(&bare), .name = name, .size = size};
    struct definition **found = tfind(&key, (void *const *)&table->starts, by_name_and_size);
    return found == NULL ? NULL : *found;
}

unsigned int mete__definition_table_starts(const struct mete__definition_table *table,
                                           Dwarf_Die *type) {
    uint64_t size;
    const struct definition *heir =
        mete__dwarf_die_size(type, &size) ? find_heir(table, type, size) : NULL;

    return heir == NULL ? 0 : heir->kin;
}

unsigned int mete__definition_table_heirs(const struct mete__definition_table *table,
                                          Dwarf_Die *type, uint64_t bytes, Dwarf_Die *heir) {
    const struct definition *found = find_heir(table, type, bytes);

    if (found == NULL) return 0;
    *heir = found->die;
    return found->differs ? 2 : 1;
}
