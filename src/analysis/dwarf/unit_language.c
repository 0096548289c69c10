#include "analysis/dwarf/unit_language.h"

#include <dwarf.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "analysis/array.h"
#include "analysis/dwarf/dwarf_die.h"

#define HOPS_MAX 16 /* units that import each other; dwz makes them a few deep */

/* That one unit imports another. */
struct import {
    Dwarf_CU *unit, *importer;
    int language; /* of the importer; -1: it does not say */
};

struct mete__unit_languages {
    struct mete__unit_languages *next;
    Dwarf *dwarf;
    bool is_read;
    struct import *imports; /* by unit */
    size_t count, capacity;
};

static struct mete__unit_languages *all; /* that are open */

int mete__unit_language_open(Dwarf *dwarf, struct mete__unit_languages **out) {
    struct mete__unit_languages *languages = calloc(1, sizeof *languages);

    if (languages == NULL) return -ENOMEM;
    languages->dwarf = dwarf;
    languages->next = all;
    all = *out = languages;
    return 0;
}

void mete__unit_language_close(struct mete__unit_languages *languages) {
    if (languages == NULL) return;
    for (struct mete__unit_languages **link = &all; *link != NULL; link = &(*link)->next) {
        if (*link != languages) continue;
        *link = languages->next;
        break;
    }
    free(languages->imports);
    free(languages);
}

static int by_unit(const void *left, const void *right) {
    const struct import *a = left, *b = right;
    uintptr_t one = (uintptr_t)a->unit, other = (uintptr_t)b->unit;

    return one < other ? -1 : one > other;
}

static bool add(struct mete__unit_languages *languages, struct import import) {
    struct import *imports = mete__array_room(languages->imports, languages->count,
                                              &languages->capacity, sizeof *imports);

    if (imports == NULL) return false;
    languages->imports = imports;
    imports[languages->count++] = import;
    return true;
}

/* What one unit imports. false: memory ran out. */
static bool read_unit(struct mete__unit_languages *languages, Dwarf_Die *root) {
    int language = dwarf_srclang(root);
    Dwarf_Die die, imported;

    if (dwarf_child(root, &die) != 0) return true;
    for (;;) {
        const void *last = die.addr;
        if (dwarf_tag(&die) == DW_TAG_imported_unit &&
            mete__dwarf_die_follow(&die, DW_AT_import, &imported) &&
            !add(languages, (struct import){imported.cu, root->cu, language}))
            return false;
        /* A sibling that lies before would lead in a circle. */
        if (dwarf_siblingof(&die, &die) != 0 || (uintptr_t)die.addr <= (uintptr_t)last) return true;
    }
}

static void read_units(struct mete__unit_languages *languages, Dwarf *dwarf) {
    Dwarf_CU *unit = NULL;
    Dwarf_Die root;

    while (dwarf_get_units(dwarf, unit, &unit, NULL, NULL, &root, NULL) == 0)
        if (root.addr != NULL && dwarf_tag(&root) != DW_TAG_invalid && !read_unit(languages, &root))
            return;
}

static void read_all(struct mete__unit_languages *languages) {
    Dwarf *supplement = dwarf_getalt(languages->dwarf);

    languages->is_read = true;
    read_units(languages, languages->dwarf);
    if (supplement != NULL) read_units(languages, supplement);
    if (languages->count > 0)
        qsort(languages->imports, languages->count, sizeof *languages->imports, by_unit);
}

static int find(struct mete__unit_languages *languages, Dwarf_CU *unit) {
    for (int hops = 0; hops < HOPS_MAX; hops++) {
        const struct import key = {.unit = unit};
        const struct import *found = languages->count == 0
                                         ? NULL
                                         : bsearch(&key, languages->imports, languages->count,
                                                   sizeof *languages->imports, by_unit);
        if (found == NULL) return -1;
        if (found->language >= 0) return found->language;
        unit = found->importer;
    }
    return -1;
}

int mete__unit_language_of(Dwarf_Die *root) {
    int language = dwarf_srclang(root);
    Dwarf *dwarf = dwarf_cu_getdwarf(root->cu);

    if (language >= 0 || dwarf_tag(root) != DW_TAG_partial_unit) return language;
    for (struct mete__unit_languages *at = all; at != NULL && language < 0; at = at->next) {
        if (at->dwarf != dwarf && dwarf_getalt(at->dwarf) != dwarf) continue;
        if (!at->is_read) read_all(at);
        language = find(at, root->cu);
    }
    return language;
}
