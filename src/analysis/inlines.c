#include "analysis/inlines.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <errno.h>
#include <search.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 64 /* nesting of scopes; real programs stay below 30 */

/* Addresses [low, high) belong to `unit` or are function `die`. */
struct range {
    Dwarf_Addr low, high;
    Dwarf_Addr reach; /* the highest `high` of all ranges up to this one: ranges may overlap */
    Dwarf_Die die;    /* the function; unused for units */
    size_t unit;
};

struct ranges {
    struct range *items; /* sorted by low once complete */
    size_t count;
    size_t capacity;
};

struct unit {
    Dwarf_Die die;
    bool scanned; /* functions are in place */
    struct ranges functions;
};

/* What a function is called: kept per DIE, because qualified names are found by walking the unit.
 */
struct naming {
    const void *die; /* its address in the DWARF data: the key */
    const char *symbol;
    const char *function;
};

struct mete__inlines {
    struct mete__names *names;
    Dwarf_Addr bias; /* module address = bias + DWARF address */
    struct unit *units;
    size_t unit_count;
    size_t unit_capacity;
    struct ranges unit_ranges;
    void *namings; /* tsearch tree of struct naming */
};

/* --- Tables of ranges --- */

static int ranges_add(struct ranges *ranges, const struct range *range) {
    if (ranges->count == ranges->capacity) {
        size_t capacity = ranges->capacity == 0 ? 64 : ranges->capacity * 2;
        struct range *items = reallocarray(ranges->items, capacity, sizeof *items);
        if (items == NULL) return -ENOMEM;
        ranges->items = items;
        ranges->capacity = capacity;
    }
    ranges->items[ranges->count++] = *range;
    return 0;
}

/* Adds every address range of a DIE. Functions that the linker threw away have ranges at address
 * 0 or (lld) empty ones. */
static int ranges_add_die(struct ranges *ranges, Dwarf_Die *die, size_t unit) {
    struct range range = {.die = *die, .unit = unit};
    Dwarf_Addr base;
    ptrdiff_t next = 0;

    while ((next = dwarf_ranges(die, next, &base, &range.low, &range.high)) > 0) {
        if (range.low == 0 || range.high <= range.low) continue;
        if (ranges_add(ranges, &range) != 0) return -ENOMEM;
    }
    return 0;
}

static int by_low(const void *left, const void *right) {
    const struct range *a = left, *b = right;

    if (a->low != b->low) return a->low < b->low ? -1 : 1;
    /* The tighter one last, where the search begins. */
    return a->high > b->high ? -1 : a->high < b->high;
}

static void ranges_complete(struct ranges *ranges) {
    Dwarf_Addr reach = 0;

    if (ranges->count != 0) qsort(ranges->items, ranges->count, sizeof *ranges->items, by_low);
    for (size_t i = 0; i < ranges->count; i++) {
        if (ranges->items[i].high > reach) reach = ranges->items[i].high;
        ranges->items[i].reach = reach;
    }
}

static struct range *ranges_find(const struct ranges *ranges, Dwarf_Addr address) {
    size_t low = 0, high = ranges->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (ranges->items[middle].low <= address)
            low = middle + 1;
        else
            high = middle;
    }
    /* The last one that begins at or before the address, or one before it that reaches farther. */
    for (size_t i = low; i-- > 0 && ranges->items[i].reach > address;)
        if (ranges->items[i].high > address) return &ranges->items[i];
    return NULL;
}

/* --- Units --- */

static int add_unit(struct mete__inlines *inlines, Dwarf_Die *die) {
    Dwarf_Die split;
    uint8_t type = 0;

    if (inlines->unit_count == inlines->unit_capacity) {
        size_t capacity = inlines->unit_capacity == 0 ? 64 : inlines->unit_capacity * 2;
        struct unit *units = reallocarray(inlines->units, capacity, sizeof *units);
        if (units == NULL) return -ENOMEM;
        inlines->units = units;
        inlines->unit_capacity = capacity;
    }
    struct unit *unit = &inlines->units[inlines->unit_count++];
    *unit = (struct unit){.die = *die};
    /* -gsplit-dwarf: the ranges are in the skeleton, everything else in the .dwo file. */
    if (dwarf_cu_info(die->cu, NULL, &type, NULL, &split, NULL, NULL, NULL) == 0 &&
        type == DW_UT_skeleton && split.addr != NULL)
        unit->die = split;
    return ranges_add_die(&inlines->unit_ranges, die, inlines->unit_count - 1);
}

static int read_units(struct mete__inlines *inlines, Dwfl_Module *module) {
    Dwarf_Die *die = NULL;
    Dwarf_Addr bias;

    while ((die = dwfl_module_nextcu(module, die, &bias)) != NULL) {
        if (dwarf_tag(die) == DW_TAG_partial_unit) continue;
        inlines->bias = bias;
        if (add_unit(inlines, die) != 0) return -ENOMEM;
    }
    ranges_complete(&inlines->unit_ranges);
    return inlines->unit_ranges.count == 0 ? -ENOENT : 0;
}

int mete__inlines_open(Dwfl_Module *module, struct mete__names *names, struct mete__inlines **out) {
    struct mete__inlines *inlines = calloc(1, sizeof *inlines);

    if (inlines == NULL) return -ENOMEM;
    inlines->names = names;
    int status = read_units(inlines, module);
    if (status == 0)
        *out = inlines;
    else
        mete__inlines_close(inlines);
    return status;
}

void mete__inlines_close(struct mete__inlines *inlines) {
    if (inlines == NULL) return;
    for (size_t i = 0; i < inlines->unit_count; i++) free(inlines->units[i].functions.items);
    free(inlines->units);
    free(inlines->unit_ranges.items);
    tdestroy(inlines->namings, free);
    free(inlines);
}

/* --- Functions of a unit --- */

/* Whether functions with code may be nested inside a DIE of this kind. */
static bool holds_functions(int tag) {
    switch (tag) {
    case DW_TAG_namespace:
    case DW_TAG_module:
    case DW_TAG_class_type:
    case DW_TAG_structure_type:
    case DW_TAG_union_type:
    case DW_TAG_interface_type:
    case DW_TAG_subprogram:
    case DW_TAG_lexical_block:
    case DW_TAG_try_block:
    case DW_TAG_catch_block: return true;
    default: return false;
    }
}

static int scan_functions(struct ranges *functions, Dwarf_Die *parent, int depth) {
    Dwarf_Die die;

    if (depth > DEPTH_MAX || dwarf_child(parent, &die) != 0) return 0;
    do {
        int tag = dwarf_tag(&die);
        if (tag == DW_TAG_subprogram && ranges_add_die(functions, &die, 0) != 0) return -ENOMEM;
        if (holds_functions(tag) && scan_functions(functions, &die, depth + 1) != 0) return -ENOMEM;
    } while (dwarf_siblingof(&die, &die) == 0);
    return 0;
}

/* NULL where the unit has no function there. */
static Dwarf_Die *function_at(struct unit *unit, Dwarf_Addr address) {
    if (!unit->scanned) {
        unit->scanned = true;
        /* Without memory the functions found so far do; frames then get names from symbols. */
        (void)scan_functions(&unit->functions, &unit->die, 0);
        ranges_complete(&unit->functions);
    }
    struct range *range = ranges_find(&unit->functions, address);
    return range == NULL ? NULL : &range->die;
}

/* Appends the inlined calls around `address` below `parent`, outermost first. */
static size_t inlined_calls(Dwarf_Die *parent, Dwarf_Addr address, Dwarf_Die *chain,
                            size_t capacity, int depth) {
    Dwarf_Die die;

    if (depth > DEPTH_MAX || capacity == 0 || dwarf_child(parent, &die) != 0) return 0;
    do {
        int tag = dwarf_tag(&die);
        if (tag == DW_TAG_inlined_subroutine) {
            if (dwarf_haspc(&die, address) != 1) continue;
            chain[0] = die;
            return 1 + inlined_calls(&die, address, chain + 1, capacity - 1, depth + 1);
        }
        if (tag != DW_TAG_lexical_block && tag != DW_TAG_try_block && tag != DW_TAG_catch_block)
            continue;
        /* A block may have no addresses of its own and yet hold what has. */
        bool bounded =
            dwarf_hasattr(&die, DW_AT_low_pc) != 0 || dwarf_hasattr(&die, DW_AT_ranges) != 0;
        if (bounded && dwarf_haspc(&die, address) != 1) continue;
        size_t found = inlined_calls(&die, address, chain, capacity, depth + 1);
        if (found != 0 || bounded) return found;
    } while (dwarf_siblingof(&die, &die) == 0);
    return 0;
}

/* --- Names --- */

/* The DIE that names a function: what it is an instance or a definition of. */
static Dwarf_Die origin_of(Dwarf_Die die) {
    Dwarf_Attribute attribute;
    Dwarf_Die origin;

    for (int i = 0; i < 16; i++) {
        if (dwarf_attr(&die, DW_AT_abstract_origin, &attribute) == NULL &&
            dwarf_attr(&die, DW_AT_specification, &attribute) == NULL)
            break;
        if (dwarf_formref_die(&attribute, &origin) == NULL) break;
        die = origin;
    }
    return die;
}

/* "ns::Class::" before a name, for languages that have such; from malloc, NULL: nothing to add. */
static char *qualified(Dwarf_Die *die, const char *name) {
    Dwarf_Die *scopes = NULL;
    int count = dwarf_getscopes_die(die, &scopes);
    char *text = strdup(name);

    for (int i = 1; i < count && text != NULL; i++) {
        int tag = dwarf_tag(&scopes[i]);
        if (!holds_functions(tag) || tag == DW_TAG_lexical_block) continue;
        const char *scope = dwarf_diename(&scopes[i]);
        if (scope == NULL)
            scope = tag == DW_TAG_namespace           ? "(anonymous namespace)"
                    : strcmp(text, "operator()") == 0 ? "{lambda}"
                                                      : "{unnamed}";
        char *longer = NULL;
        if (asprintf(&longer, "%s::%s", scope, text) < 0) longer = NULL;
        free(text);
        text = longer;
    }
    free(scopes);
    return text;
}

static bool language_has_scopes(Dwarf_Die *unit) {
    switch (dwarf_srclang(unit)) {
    case DW_LANG_C_plus_plus:
    case DW_LANG_C_plus_plus_03:
    case DW_LANG_C_plus_plus_11:
    case DW_LANG_C_plus_plus_14:
    case DW_LANG_Rust: return true;
    default: return false;
    }
}

static void find_names(struct mete__inlines *inlines, Dwarf_Die *unit, Dwarf_Die *die,
                       struct naming *naming) {
    Dwarf_Attribute attribute;
    const char *linkage = NULL;
    const char *name = dwarf_diename(die);

    if (dwarf_attr_integrate(die, DW_AT_linkage_name, &attribute) != NULL ||
        dwarf_attr_integrate(die, DW_AT_MIPS_linkage_name, &attribute) != NULL)
        linkage = dwarf_formstring(&attribute);
    naming->symbol = mete__names_keep(inlines->names, linkage != NULL ? linkage
                                                      : name != NULL  ? name
                                                                      : "");
    if (linkage != NULL) {
        const char *readable = mete__names_readable(inlines->names, linkage);
        if (readable != NULL && (name == NULL || strcmp(readable, linkage) != 0)) {
            naming->function = readable;
            return;
        }
    }
    if (name == NULL) return;
    if (language_has_scopes(unit)) {
        Dwarf_Die origin = origin_of(*die);
        char *whole = qualified(&origin, name);
        naming->function = mete__names_keep(inlines->names, whole == NULL ? name : whole);
        free(whole);
    } else {
        naming->function = mete__names_keep(inlines->names, name);
    }
}

static int by_die(const void *left, const void *right) {
    const struct naming *a = left, *b = right;

    return a->die == b->die ? 0 : a->die < b->die ? -1 : 1;
}

static void name_frame(struct mete__inlines *inlines, Dwarf_Die *unit, Dwarf_Die *die,
                       struct mete__frame *frame) {
    struct naming key = {.die = die->addr};
    struct naming **found = tfind(&key, &inlines->namings, by_die);

    if (found == NULL) {
        struct naming *naming = malloc(sizeof *naming);
        if (naming == NULL) return;
        *naming = key;
        find_names(inlines, unit, die, naming);
        found = tsearch(naming, &inlines->namings, by_die);
        if (found == NULL) {
            free(naming);
            return;
        }
    }
    frame->function = (*found)->function;
    frame->symbol = (*found)->function == NULL ? NULL : (*found)->symbol;
}

/* --- Lines --- */

static void set_line_of_address(struct mete__inlines *inlines, Dwarf_Die *unit, Dwarf_Addr address,
                                struct mete__frame *frame) {
    Dwarf_Line *line = dwarf_getsrc_die(unit, address);
    int number = 0;

    if (line == NULL) return;
    const char *file = dwarf_linesrc(line, NULL, NULL);
    if (file == NULL) return;
    frame->file = mete__names_keep(inlines->names, file);
    if (dwarf_lineno(line, &number) == 0 && number > 0) frame->line = (uint32_t)number;
}

/* Where `call`, an inlined subroutine, was called: a line of the frame around it. */
static void set_line_of_call(struct mete__inlines *inlines, Dwarf_Die *unit, Dwarf_Die *call,
                             struct mete__frame *frame) {
    Dwarf_Attribute attribute;
    Dwarf_Word file_index, line;
    Dwarf_Files *files;
    size_t file_count;

    if (dwarf_formudata(dwarf_attr(call, DW_AT_call_file, &attribute), &file_index) != 0) return;
    if (dwarf_getsrcfiles(unit, &files, &file_count) != 0 || file_index >= file_count) return;
    const char *file = dwarf_filesrc(files, file_index, NULL, NULL);
    if (file == NULL) return;
    frame->file = mete__names_keep(inlines->names, file);
    if (dwarf_formudata(dwarf_attr(call, DW_AT_call_line, &attribute), &line) == 0 &&
        line <= UINT32_MAX)
        frame->line = (uint32_t)line;
}

size_t mete__inlines_frames(struct mete__inlines *inlines, uint64_t address,
                            struct mete__frame *frames, size_t capacity) {
    Dwarf_Addr pc = address - inlines->bias;
    struct range *range = ranges_find(&inlines->unit_ranges, pc);
    Dwarf_Die chain[DEPTH_MAX]; /* the function, then the inlined calls, outermost first */

    if (range == NULL) return 0;
    struct unit *unit = &inlines->units[range->unit];
    Dwarf_Die *function = function_at(unit, pc);
    size_t depth = 1;
    if (capacity > DEPTH_MAX) capacity = DEPTH_MAX;
    if (function != NULL) {
        chain[0] = *function;
        depth += inlined_calls(function, pc, chain + 1, capacity - 1, 0);
    }

    for (size_t i = 0; i < depth; i++) {
        Dwarf_Die *die = &chain[depth - 1 - i];
        struct mete__frame *frame = &frames[i];
        frame->function = frame->symbol = frame->file = NULL;
        frame->line = 0;
        frame->inlined = i + 1 < depth;
        if (function != NULL) name_frame(inlines, &unit->die, die, frame);
        if (i == 0)
            set_line_of_address(inlines, &unit->die, pc, frame);
        else
            set_line_of_call(inlines, &unit->die, die + 1, frame);
    }
    return depth;
}
