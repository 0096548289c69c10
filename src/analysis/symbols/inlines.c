#include "analysis/symbols/inlines.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <errno.h>
#include <search.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/address_ranges.h"
#include "analysis/array.h"
#include "analysis/dwarf/dwarf_children.h"
#include "analysis/dwarf/dwarf_split.h"

#define DEPTH_MAX 64 /* nesting of scopes; real programs stay below 30 */

#define NO_CALL UINT32_MAX

/* A call that was inlined. */
struct call {
    Dwarf_Die die;
    uint32_t around; /* the inlined call that it is in; NO_CALL: it is in the function itself */
};

struct function {
    Dwarf_Die die;
    bool scanned; /* calls are in place */
    struct call *calls;
    size_t call_count, call_capacity;
    struct mete__address_ranges call_ranges;
};

struct unit {
    Dwarf_Die die;
    bool scanned; /* functions are in place */
    struct function *functions;
    size_t function_count, function_capacity;
    struct mete__address_ranges function_ranges;
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
    struct mete__address_ranges unit_ranges;
    void *namings; /* tsearch tree of struct naming */
};

/* Adds every address range of a DIE. Functions that the linker threw away have ranges at address 0,
 * or empty ones (lld). */
static int add_ranges(struct mete__address_ranges *ranges, Dwarf_Die *die, uint32_t index) {
    Dwarf_Addr base, low, high;
    ptrdiff_t next = 0;
    int status = 0;

    while (status == 0 && (next = mete__dwarf_split_ranges(die, next, &base, &low, &high)) > 0)
        if (low != 0) status = mete__address_ranges_add(ranges, low, high, index);
    return status;
}

/* --- Units --- */

static int add_unit(struct mete__inlines *inlines, Dwarf_Die *die) {
    struct unit *units = mete__array_room(inlines->units, inlines->unit_count,
                                          &inlines->unit_capacity, sizeof *units);
    if (units == NULL) return -ENOMEM;
    inlines->units = units;
    struct unit *unit = &inlines->units[inlines->unit_count++];
    *unit = (struct unit){.die = *die};
    /* -gsplit-dwarf: the ranges and lines are in the skeleton, everything else elsewhere. */
    Dwarf_Die whole;
    if (mete__dwarf_split_unit(die, &whole)) unit->die = whole;
    return add_ranges(&inlines->unit_ranges, die, (uint32_t)inlines->unit_count - 1);
}

static int read_units(struct mete__inlines *inlines, Dwfl_Module *module) {
    Dwarf_Die *die = NULL;
    Dwarf_Addr bias;

    while ((die = dwfl_module_nextcu(module, die, &bias)) != NULL) {
        if (dwarf_tag(die) == DW_TAG_partial_unit) continue;
        inlines->bias = bias;
        if (add_unit(inlines, die) != 0) return -ENOMEM;
    }
    mete__address_ranges_complete(&inlines->unit_ranges);
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

static void free_unit(struct unit *unit) {
    for (size_t i = 0; i < unit->function_count; i++) {
        free(unit->functions[i].calls);
        mete__address_ranges_free(&unit->functions[i].call_ranges);
    }
    free(unit->functions);
    mete__address_ranges_free(&unit->function_ranges);
}

void mete__inlines_close(struct mete__inlines *inlines) {
    if (inlines == NULL) return;
    for (size_t i = 0; i < inlines->unit_count; i++) free_unit(&inlines->units[i]);
    free(inlines->units);
    mete__address_ranges_free(&inlines->unit_ranges);
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

static int add_function(struct unit *unit, Dwarf_Die *die) {
    struct function *functions = mete__array_room(unit->functions, unit->function_count,
                                                  &unit->function_capacity, sizeof *functions);
    if (functions == NULL) return -ENOMEM;
    unit->functions = functions;
    unit->functions[unit->function_count++] = (struct function){.die = *die};
    return add_ranges(&unit->function_ranges, die, (uint32_t)unit->function_count - 1);
}

static int scan_functions(struct unit *unit, Dwarf_Die *parent, const uint8_t *limit, int depth) {
    struct mete__dwarf_children children;

    if (depth > DEPTH_MAX) return 0;
    int status = mete__dwarf_children_begin(&children, parent, limit);
    for (; status > 0; status = mete__dwarf_children_next(&children)) {
        Dwarf_Die *die = &children.die;
        int tag = dwarf_tag(die), inner = 0;
        bool has_code = tag == DW_TAG_subprogram && (dwarf_hasattr(die, DW_AT_low_pc) != 0 ||
                                                     dwarf_hasattr(die, DW_AT_ranges) != 0);
        if (has_code && add_function(unit, die) != 0) return -ENOMEM;
        if (holds_functions(tag)) inner = scan_functions(unit, die, children.end, depth + 1);
        if (inner != 0) return inner;
    }
    return status;
}

/* NULL where the unit has no function there. */
static struct function *function_at(struct unit *unit, Dwarf_Addr address) {
    if (!unit->scanned) {
        unit->scanned = true;
        /* Without memory, or in a damaged unit, the functions found so far do; frames then get
         * names from symbols. */
        (void)scan_functions(unit, &unit->die, NULL, 0);
        mete__address_ranges_complete(&unit->function_ranges);
    }
    int64_t index = mete__address_ranges_find(&unit->function_ranges, address);
    return index < 0 ? NULL : &unit->functions[index];
}

/* --- Inlined calls of a function --- */

static int add_call(struct function *function, Dwarf_Die *die, uint32_t around) {
    struct call *calls = mete__array_room(function->calls, function->call_count,
                                          &function->call_capacity, sizeof *calls);
    if (calls == NULL) return -ENOMEM;
    function->calls = calls;
    function->calls[function->call_count++] = (struct call){.die = *die, .around = around};
    return add_ranges(&function->call_ranges, die, (uint32_t)function->call_count - 1);
}

/* Outer calls come before what is inlined into them: inner ones have higher indices. */
static int scan_calls(struct function *function, Dwarf_Die *parent, const uint8_t *limit,
                      uint32_t around, int depth) {
    struct mete__dwarf_children children;

    if (depth > DEPTH_MAX) return 0;
    int status = mete__dwarf_children_begin(&children, parent, limit);
    for (; status > 0; status = mete__dwarf_children_next(&children)) {
        int tag = dwarf_tag(&children.die);
        uint32_t inside = around;
        if (tag == DW_TAG_inlined_subroutine) {
            if (add_call(function, &children.die, around) != 0) return -ENOMEM;
            inside = (uint32_t)function->call_count - 1;
        } else if (tag != DW_TAG_lexical_block && tag != DW_TAG_try_block &&
                   tag != DW_TAG_catch_block) {
            continue;
        }
        int inner = scan_calls(function, &children.die, children.end, inside, depth + 1);
        if (inner != 0) return inner;
    }
    return status;
}

/* The innermost call around the address; NO_CALL: it is in none. */
static uint32_t call_at(struct function *function, Dwarf_Addr address) {
    if (!function->scanned) {
        function->scanned = true;
        (void)scan_calls(function, &function->die, NULL, NO_CALL, 0); /* as function_at */
        mete__address_ranges_complete(&function->call_ranges);
    }
    int64_t index = mete__address_ranges_find(&function->call_ranges, address);
    return index < 0 ? NO_CALL : (uint32_t)index;
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
    Dwarf_Die skeleton = mete__dwarf_split_skeleton(unit);
    Dwarf_Line *line = dwarf_getsrc_die(&skeleton, address);
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
    Dwarf_Die named = mete__dwarf_split_files(unit, NULL);
    if (dwarf_getsrcfiles(&named, &files, &file_count) != 0 || file_index >= file_count) return;
    const char *file = dwarf_filesrc(files, file_index, NULL, NULL);
    if (file == NULL) return;
    frame->file = mete__names_keep(inlines->names, file);
    if (dwarf_formudata(dwarf_attr(call, DW_AT_call_line, &attribute), &line) == 0 &&
        line <= UINT32_MAX)
        frame->line = (uint32_t)line;
}

/* The DIEs of the frames at `address`, innermost first: the inlined calls, then the function. */
static size_t chain_at(struct function *function, Dwarf_Addr address, Dwarf_Die *chain,
                       size_t capacity) {
    size_t depth = 0;

    for (uint32_t i = call_at(function, address); i != NO_CALL && depth + 1 < capacity;
         i = function->calls[i].around)
        chain[depth++] = function->calls[i].die;
    chain[depth] = function->die;
    return depth + 1;
}

size_t mete__inlines_frames(struct mete__inlines *inlines, uint64_t address,
                            struct mete__frame *frames, size_t capacity) {
    Dwarf_Addr pc = address - inlines->bias;
    int64_t index = mete__address_ranges_find(&inlines->unit_ranges, pc);
    Dwarf_Die chain[DEPTH_MAX];
    size_t depth = 1;

    if (index < 0) return 0;
    struct unit *unit = &inlines->units[index];
    struct function *function = function_at(unit, pc);
    if (function != NULL)
        depth = chain_at(function, pc, chain, capacity < DEPTH_MAX ? capacity : DEPTH_MAX);

    for (size_t i = 0; i < depth; i++) {
        struct mete__frame *frame = &frames[i];
        frame->function = frame->symbol = frame->file = NULL;
        frame->line = 0;
        frame->inlined = i + 1 < depth;
        if (function != NULL) name_frame(inlines, &unit->die, &chain[i], frame);
        if (i == 0)
            set_line_of_address(inlines, &unit->die, pc, frame);
        else
            set_line_of_call(inlines, &unit->die, &chain[i - 1], frame);
    }
    return depth;
}

bool mete__inlines_function(struct mete__inlines *inlines, uint64_t address, Dwarf_Die *function,
                            Dwarf_Die *unit) {
    Dwarf_Addr pc = address - inlines->bias;
    int64_t index = mete__address_ranges_find(&inlines->unit_ranges, pc);
    struct function *found = index < 0 ? NULL : function_at(&inlines->units[index], pc);

    if (found == NULL) return false;
    *function = found->die;
    *unit = inlines->units[index].die;
    return true;
}

uint64_t mete__inlines_bias(const struct mete__inlines *inlines) {
    return inlines->bias;
}
