#include "analysis/debug_types/dwarf_unit.h"

#include <dwarf.h>
#include <errno.h>
#include <search.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "analysis/array.h"
#include "analysis/dwarf/dwarf_children.h"
#include "analysis/dwarf/dwarf_die.h"
#include "analysis/dwarf/unit_header.h"
#include "analysis/dwarf/unit_language.h"

#define OTHERS_MAX     16   /* units that lead to each other */
#define DEPTH_MAX      192  /* nesting of scopes; real programs stay below 60 */
#define SCOPE_TEXT_MAX 4096 /* bytes of "one::two::" */

/* A typedef of an aggregate without a name. */
struct alias {
    Dwarf_Die target;
    const char *name;
    size_t number; /* in order of the unit: of several typedefs the first counts */
};

/* Of one call of mete__dwarf_unit_read. */
struct walk {
    struct mete__dwarf_unit *unit;
    struct mete__names *names;
    bool has_scopes;
    struct mete__dwarf_unit *asker; /* the unit whose types lead here; mostly `unit` itself */
    const char *scope;              /* around what is being looked at: "ns::", or NULL */
    Dwarf_Die *function;            /* NULL: in none, or `scope` has its name already */
    const void *last;               /* the DIE seen last: the end of a scope */
    const uint8_t *end; /* of the children walked last: the zero behind them; NULL: not there */
    struct alias *aliases;
    size_t alias_count, alias_capacity;
};

/* The scopes of another unit. */
struct other {
    Dwarf_CU *cu;
    struct mete__address_ranges scopes;
    const char **texts;
};

static int walk_children(struct walk *walk, Dwarf_Die *parent, const uint8_t *limit, int depth);

/* Whether types may be declared inside a DIE of this kind. */
static bool holds_types(int tag) {
    switch (tag) {
    case DW_TAG_namespace:
    case DW_TAG_module:
    case DW_TAG_subprogram:
    case DW_TAG_lexical_block:
    case DW_TAG_try_block:
    case DW_TAG_catch_block: return true;
    default: return mete__dwarf_die_is_aggregate(tag);
    }
}

static int add_found(struct mete__dwarf_unit *unit, const Dwarf_Die *die) {
    struct mete__dwarf_found *found =
        mete__array_room(unit->found, unit->count, &unit->capacity, sizeof *found);
    if (found == NULL) return -ENOMEM;
    unit->found = found;
    unit->found[unit->count++] = (struct mete__dwarf_found){.die = *die};
    return 0;
}

/* A name of C beside another. */
static int add_synonym(const struct walk *walk, const char *name, const char *of) {
    if (walk->unit->synonyms == NULL || walk->has_scopes) return 0;
    const char *kept = mete__names_keep(walk->names, name);
    const char *kept_of = mete__names_keep(walk->names, of);

    if (kept == NULL || kept_of == NULL) return -ENOMEM;
    return mete__type_synonyms_add(walk->unit->synonyms, kept, kept_of);
}

static int add_alias(struct walk *walk, Dwarf_Die *typedef_die) {
    const char *name = mete__dwarf_die_name(typedef_die);
    Dwarf_Die target;

    if (name == NULL || !mete__dwarf_die_follow(typedef_die, DW_AT_type, &target) ||
        !mete__dwarf_die_is_aggregate(dwarf_tag(&target)))
        return 0;
    const char *own_name = mete__dwarf_die_name(&target);
    if (own_name != NULL) return add_synonym(walk, name, own_name);
    struct alias *aliases =
        mete__array_room(walk->aliases, walk->alias_count, &walk->alias_capacity, sizeof *aliases);
    if (aliases == NULL) return -ENOMEM;
    walk->aliases = aliases;
    walk->aliases[walk->alias_count] =
        (struct alias){.target = target, .name = name, .number = walk->alias_count};
    walk->alias_count++;
    return 0;
}

static int add_scope(struct mete__dwarf_unit *unit, const void *low, const void *high,
                     const char *text) {
    const char **texts = mete__array_room(unit->scope_texts, unit->scope_count,
                                          &unit->scope_capacity, sizeof(char *));
    if (texts == NULL) return -ENOMEM;
    unit->scope_texts = texts;
    unit->scope_texts[unit->scope_count] = text;
    return mete__address_ranges_add(&unit->scopes, (uintptr_t)low + 1, (uintptr_t)high + 1,
                                    (uint32_t)unit->scope_count++);
}

/* What the name of a function or a class begins with. One that is defined outside of where it is
 * declared begins as there: inner scopes are added before those around them, so that the first is
 * the innermost. A class of another unit begins as that says: gcc declares it in no namespace. */
static const char *scope_of(const struct walk *walk, Dwarf_Die *die) {
    const struct mete__address_ranges *scopes = &walk->unit->scopes;
    Dwarf_Die declared, full;

    if (walk->scope == NULL && mete__dwarf_die_follow(die, DW_AT_signature, &full)) {
        bool is_outside = mete__dwarf_die_follow(&full, DW_AT_specification, &declared);
        return mete__dwarf_unit_scope(walk->asker, is_outside ? &declared : &full);
    }
    if (!mete__dwarf_die_follow(die, DW_AT_specification, &declared)) return walk->scope;
    uintptr_t address = (uintptr_t)declared.addr;
    for (size_t i = 0; i < scopes->count; i++)
        if (scopes->items[i].low <= address && address < scopes->items[i].high)
            return walk->unit->scope_texts[scopes->items[i].index];
    return walk->scope;
}

/* Walks a namespace or a class, whose name is put before those inside. */
static int walk_scope(struct walk *walk, Dwarf_Die *die, const uint8_t *end, int depth) {
    const char *outer = walk->scope, *around = scope_of(walk, die);
    const char *name = mete__dwarf_die_name(die);
    char text[SCOPE_TEXT_MAX];
    Dwarf_Die full;

    /* clang names a class that another unit has by its signature alone. */
    if (name == NULL && mete__dwarf_die_follow(die, DW_AT_signature, &full))
        name = mete__dwarf_die_name(&full);
    if (name == NULL)
        name = dwarf_tag(die) == DW_TAG_namespace ? "(anonymous namespace)" : "(anonymous)";
    snprintf(text, sizeof text, "%s%s::", around == NULL ? "" : around, name);
    walk->scope = mete__names_keep(walk->names, text);
    if (walk->scope == NULL) return -ENOMEM;
    int status = walk_children(walk, die, end, depth);
    if (status == 0) status = add_scope(walk->unit, die->addr, walk->last, walk->scope);
    walk->scope = outer;
    return status;
}

/* What is inside a function has its name before its own: that is made for the first, if any. */
static int enter_function(struct walk *walk) {
    char text[SCOPE_TEXT_MAX];

    if (walk->function == NULL) return 0;
    const char *name = dwarf_diename(walk->function);
    const char *outer = scope_of(walk, walk->function);
    snprintf(text, sizeof text, "%s%s()::", outer == NULL ? "" : outer,
             name == NULL ? "(anonymous)" : name);
    const char *scope = mete__names_keep(walk->names, text);
    if (scope == NULL) return -ENOMEM;
    walk->scope = scope;
    walk->function = NULL;
    return 0;
}

static int walk_function(struct walk *walk, Dwarf_Die *die, const uint8_t *end, int depth) {
    const char *outer_scope = walk->scope;
    Dwarf_Die *outer_function = walk->function;

    walk->function = die;
    int status = walk_children(walk, die, end, depth);
    bool was_entered = walk->function == NULL;
    if (status == 0 && was_entered)
        status = add_scope(walk->unit, die->addr, walk->last, walk->scope);
    walk->scope = outer_scope;
    walk->function = outer_function;
    return status;
}

static int visit(struct walk *walk, Dwarf_Die *die, const uint8_t *end, int depth) {
    int tag = dwarf_tag(die);
    bool is_aggregate = mete__dwarf_die_is_aggregate(tag);

    walk->last = die->addr;
    if (tag == DW_TAG_typedef) return add_alias(walk, die);
    if (is_aggregate &&
        (!dwarf_hasattr(die, DW_AT_declaration) || dwarf_hasattr(die, DW_AT_signature))) {
        int status = add_found(walk->unit, die);
        if (status == 0) status = enter_function(walk);
        if (status != 0) return status;
    }
    if (!holds_types(tag) || depth >= DEPTH_MAX || !dwarf_haschildren(die)) return 0;
    if (walk->has_scopes && (is_aggregate || tag == DW_TAG_namespace || tag == DW_TAG_module))
        return walk_scope(walk, die, end, depth + 1);
    if (walk->has_scopes && tag == DW_TAG_subprogram)
        return walk_function(walk, die, end, depth + 1);
    return walk_children(walk, die, end, depth + 1);
}

static int walk_children(struct walk *walk, Dwarf_Die *parent, const uint8_t *limit, int depth) {
    struct mete__dwarf_children children;
    int more = mete__dwarf_children_begin(&children, parent, limit);

    for (; more > 0; more = mete__dwarf_children_next(&children)) {
        int status = visit(walk, &children.die, children.end, depth);
        if (status != 0) return status;
    }
    walk->end = children.tail;
    return more;
}

/* Whether the tree of DIEs is over before its unit is, as with another unit's abbreviations. Some
 * producers fill units up with zeros. */
static bool ends_early(Dwarf_Die *root, const uint8_t *end) {
    const uint8_t *start = (const uint8_t *)root->addr - dwarf_cuoffset(root);
    const char *ident = elf_getident(dwarf_getelf(dwarf_cu_getdwarf(root->cu)), NULL);
    bool is_big_endian = ident != NULL && ident[EI_DATA] == ELFDATA2MSB;
    uint64_t length = mete__unit_header_number(start, 4, is_big_endian), field = 4;

    if (end == NULL) return false;
    if (length == UINT32_MAX) {
        length = mete__unit_header_number(start + 4, 8, is_big_endian);
        field = 12;
    }
    /* libdw has seen to it that all of the unit is there. */
    const uint8_t *behind = start + field + length;
    while (end < behind && *end == 0) end++;
    return end < behind;
}

static int compare_addresses(const void *one, const void *other) {
    return (uintptr_t)one < (uintptr_t)other ? -1 : (uintptr_t)one > (uintptr_t)other;
}

static int found_in_order(const void *left, const void *right) {
    const struct mete__dwarf_found *a = left, *b = right;

    return compare_addresses(a->die.addr, b->die.addr);
}

static int aliases_in_order(const void *left, const void *right) {
    const struct alias *a = left, *b = right;
    int order = compare_addresses(a->target.addr, b->target.addr);

    return order != 0 ? order : a->number < b->number ? -1 : 1;
}

/* The first at this DIE, of some in order; NULL: there is none. */
static struct mete__dwarf_found *find_in(struct mete__dwarf_found *found, size_t count,
                                         const void *die_address) {
    size_t low = 0, high = count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if ((uintptr_t)found[middle].die.addr < (uintptr_t)die_address)
            low = middle + 1;
        else
            high = middle;
    }
    return low < count && found[low].die.addr == die_address ? &found[low] : NULL;
}

/* Names what typedefs of other units name. */
static void name_shared(struct mete__dwarf_unit *unit) {
    for (size_t i = 0; i < unit->count && unit->shared_count > 0; i++) {
        const struct mete__dwarf_found *shared =
            find_in(unit->shared, unit->shared_count, unit->found[i].die.addr);
        if (shared != NULL && unit->found[i].alias == NULL) unit->found[i].alias = shared->alias;
    }
}

/* Gives the aggregates their typedefs' names. One that is in a type unit, where it has no name at
 * all, is found by its typedef only. */
static int name_aliases(struct walk *walk) {
    struct mete__dwarf_unit *unit = walk->unit;
    size_t own_count = unit->count;
    const struct alias *first = NULL; /* of those of one type */
    int status = 0;

    if (walk->alias_count == 0) return 0;
    qsort(walk->aliases, walk->alias_count, sizeof *walk->aliases, aliases_in_order);
    for (size_t i = 0; i < walk->alias_count && status == 0; i++) {
        const struct alias *alias = &walk->aliases[i];
        if (i > 0 && alias[-1].target.addr == alias->target.addr) {
            status = add_synonym(walk, alias->name, first->name);
            continue;
        }
        first = alias;
        struct mete__dwarf_found *found = find_in(unit->found, own_count, alias->target.addr);
        if (found == NULL) {
            status = add_found(unit, &alias->target);
            found = status == 0 ? &unit->found[unit->count - 1] : NULL;
        }
        if (found != NULL) found->alias = alias->name;
    }
    if (unit->count > own_count)
        qsort(unit->found, unit->count, sizeof *unit->found, found_in_order);
    return status;
}

static int shared_in_order(const void *left, const void *right) {
    const struct mete__dwarf_found *a = left, *b = right;

    int order = compare_addresses(a->die.addr, b->die.addr);

    return order != 0 ? order : a->number < b->number ? -1 : 1;
}

static void complete_shared(struct mete__dwarf_unit *unit) {
    size_t kept = 0;

    if (unit->shared_count == 0) return;
    qsort(unit->shared, unit->shared_count, sizeof *unit->shared, shared_in_order);
    for (size_t i = 0; i < unit->shared_count; i++)
        if (kept == 0 || unit->shared[kept - 1].die.addr != unit->shared[i].die.addr)
            unit->shared[kept++] = unit->shared[i];
    unit->shared_count = kept;
}

static int share(struct mete__dwarf_unit *unit, Dwarf_Die *typedef_die, bool is_partial) {
    const char *name = mete__dwarf_die_name(typedef_die);
    Dwarf_Die target;

    if (name == NULL || !mete__dwarf_die_follow(typedef_die, DW_AT_type, &target) ||
        (target.cu == typedef_die->cu && !is_partial) ||
        !mete__dwarf_die_is_aggregate(dwarf_tag(&target)) || mete__dwarf_die_name(&target) != NULL)
        return 0;
    struct mete__dwarf_found *shared =
        mete__array_room(unit->shared, unit->shared_count, &unit->shared_capacity, sizeof *shared);
    if (shared == NULL) return -ENOMEM;
    unit->shared = shared;
    shared[unit->shared_count] =
        (struct mete__dwarf_found){.die = target, .alias = name, .number = unit->shared_count};
    unit->shared_count++;
    return 0;
}

int mete__dwarf_unit_share(struct mete__dwarf_unit *unit, Dwarf_Die *root) {
    bool is_partial = root != NULL && dwarf_tag(root) == DW_TAG_partial_unit;
    Dwarf_Die die;
    int status = 0;

    if (root == NULL) {
        complete_shared(unit);
        return 0;
    }
    if (dwarf_child(root, &die) != 0) return 0;
    do {
        const void *last = die.addr;
        if (dwarf_tag(&die) == DW_TAG_typedef) status = share(unit, &die, is_partial);
        if (status != 0 || dwarf_siblingof(&die, &die) != 0 ||
            (uintptr_t)die.addr <= (uintptr_t)last)
            return status;
    } while (true);
}

static int read_unit(struct mete__dwarf_unit *unit, Dwarf_Die *root, bool has_scopes,
                     struct mete__dwarf_unit *asker) {
    struct walk walk = {.unit = unit,
                        .names = asker->names,
                        .has_scopes = has_scopes,
                        .asker = asker,
                        .last = root->addr};

    unit->count = 0;
    unit->scopes.count = 0;
    unit->scope_count = 0;
    int status = walk_children(&walk, root, NULL, 0);
    if (status == 0 && ends_early(root, walk.end)) status = -EBADMSG;
    mete__address_ranges_complete(&unit->scopes);
    int named = name_aliases(&walk);
    name_shared(unit);
    free(walk.aliases);
    return status != 0 ? status : named;
}

int mete__dwarf_unit_read(struct mete__dwarf_unit *unit, Dwarf_Die *root, bool has_scopes,
                          struct mete__names *names) {
    unit->cu = root->cu;
    unit->names = names;
    return read_unit(unit, root, has_scopes, unit);
}

/* --- Other units --- */

static int by_unit(const void *left, const void *right) {
    const struct other *a = left, *b = right;

    return compare_addresses(a->cu, b->cu);
}

static void free_other(void *node) {
    struct other *other = node;

    mete__address_ranges_free(&other->scopes);
    free(other->texts);
    free(other);
}

void mete__dwarf_unit_forget_others(struct mete__dwarf_unit *unit) {
    tdestroy(unit->others, free_other);
    unit->others = NULL;
}

/* Walks another unit, which is entered before: should the units go in a circle, it has no scopes
 * yet. */
static void read_scopes(struct mete__dwarf_unit *unit, Dwarf_Die *die, struct other *other) {
    struct mete__dwarf_unit read = {0};
    Dwarf_Die root;

    if (unit->other_depth >= OTHERS_MAX || dwarf_diecu(die, &root, NULL, NULL) == NULL) return;
    unit->other_depth++;
    (void)read_unit(&read, &root, !mete__dwarf_die_is_c(mete__unit_language_of(&root)), unit);
    unit->other_depth--;
    other->scopes = read.scopes;
    other->texts = read.scope_texts;
    read.scopes = (struct mete__address_ranges){0};
    read.scope_texts = NULL;
    mete__dwarf_unit_free(&read);
}

/* NULL: there is no memory. */
static struct other *add_other(struct mete__dwarf_unit *unit, Dwarf_Die *die) {
    struct other *other = calloc(1, sizeof *other);

    if (other == NULL) return NULL;
    other->cu = die->cu;
    if (tsearch(other, &unit->others, by_unit) == NULL) {
        free(other);
        return NULL;
    }
    read_scopes(unit, die, other);
    return other;
}

static struct other *other_of(struct mete__dwarf_unit *unit, Dwarf_Die *die) {
    const struct other key = {.cu = die->cu};
    struct other **found = tfind(&key, &unit->others, by_unit);

    return found != NULL ? *found : add_other(unit, die);
}

void mete__dwarf_unit_free(struct mete__dwarf_unit *unit) {
    free(unit->found);
    free(unit->shared);
    free(unit->scope_texts);
    mete__dwarf_unit_forget_others(unit);
    mete__address_ranges_free(&unit->scopes);
}

struct mete__dwarf_found *mete__dwarf_unit_find(const struct mete__dwarf_unit *unit,
                                                const void *die_address) {
    struct mete__dwarf_found *found = find_in(unit->found, unit->count, die_address);

    return found != NULL ? found : find_in(unit->shared, unit->shared_count, die_address);
}

const char *mete__dwarf_unit_scope(void *context, Dwarf_Die *die) {
    struct mete__dwarf_unit *unit = context;
    struct other *other = die->cu == unit->cu ? NULL : other_of(unit, die);

    if (die->cu != unit->cu && other == NULL) return NULL;
    const struct mete__address_ranges *scopes = other == NULL ? &unit->scopes : &other->scopes;
    int64_t index = mete__address_ranges_find(scopes, (uintptr_t)die->addr);
    if (index < 0) return NULL;
    return other == NULL ? unit->scope_texts[index] : other->texts[index];
}
