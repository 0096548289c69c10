#include "analysis/blocks/call_results.h"

#include <dwarf.h>
#include <elfutils/libdwfl.h>
#include <errno.h>
#include <gelf.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/blocks/call_site.h"
#include "analysis/blocks/frame_table.h"
#include "analysis/blocks/global_table.h"
#include "analysis/blocks/pointee.h"
#include "analysis/blocks/variable_places.h"
#include "analysis/dwarf/dwarf_die.h"
#include "analysis/dwarf/dwarf_split.h"
#include "analysis/symbols/inlines.h"

#define BEFORE_BYTES   160  /* in front of a call that are read with it, if so many there are */
#define LINE_BYTES_MAX 1024 /* code of one source line in front of that */

struct function {
    const void *die; /* its address in the DWARF data: the key */
    struct mete__variable_places places;
};

struct answer {
    uint64_t address; /* with the next the key */
    bool is_allocator;
    struct mete__block_flow flow;
};

/* A segment of the file. */
struct segment {
    uint64_t low, high;
    const uint8_t *bytes;
    bool code;
};

#define SEGMENTS_MAX 16

struct mete__call_results {
    struct mete__image *image;
    Dwfl_Module *module;           /* NULL: no file */
    struct mete__inlines *inlines; /* NULL: no DWARF */
    uint64_t bias;                 /* the file's address = bias + DWARF's */
    struct mete__instruction_decoder *decoder;
    struct segment segments[SEGMENTS_MAX];
    size_t segment_count;
    struct mete__frame_table frames;
    bool has_globals;
    struct mete__global_table globals;
    bool has_definitions;
    struct mete__definition_table definitions;
    void *functions;                            /* tsearch tree of struct function */
    void *answers;                              /* tsearch tree of struct answer */
    const struct mete__variable_places *places; /* of the function that is walked */
};

/* --- The file --- */

static void read_segments(struct mete__call_results *results, Elf *elf) {
    size_t size, count;
    const char *bytes = elf_rawfile(elf, &size);

    if (bytes == NULL || elf_getphdrnum(elf, &count) != 0) return;
    for (size_t i = 0; i < count && results->segment_count < SEGMENTS_MAX; i++) {
        GElf_Phdr header;
        if (gelf_getphdr(elf, (int)i, &header) == NULL || header.p_type != PT_LOAD) continue;
        bool code = (header.p_flags & PF_X) != 0;
        uint64_t length = code ? header.p_filesz : header.p_memsz;
        if (code && (header.p_offset > size || length > size - header.p_offset)) continue;
        if (length > UINT64_MAX - header.p_vaddr) continue;
        results->segments[results->segment_count++] = (struct segment){
            .low = header.p_vaddr,
            .high = header.p_vaddr + length,
            .bytes = code ? (const uint8_t *)bytes + header.p_offset : NULL,
            .code = code,
        };
    }
}

/* A detached debug file has the segments, but not what is in them. */
static bool has_code(Elf *elf) {
    Elf_Scn *section = NULL;
    GElf_Shdr header;

    while ((section = elf_nextscn(elf, section)) != NULL)
        if (gelf_getshdr(section, &header) != NULL && (header.sh_flags & SHF_EXECINSTR) != 0 &&
            header.sh_type == SHT_NOBITS)
            return false;
    return true;
}

static int read_file(struct mete__call_results *results) {
    GElf_Addr elf_bias;
    GElf_Ehdr header;
    Elf *elf = dwfl_module_getelf(results->module, &elf_bias);

    if (elf == NULL || gelf_getehdr(elf, &header) == NULL || elf_bias != 0) return 0;
    if (!has_code(elf)) return 0;
    int status = mete__instruction_decoder_open(header.e_machine, &results->decoder);
    if (status != 0) return status == -ENOMEM ? status : 0;
    read_segments(results, elf);
    return mete__frame_table_read(&results->frames, elf);
}

int mete__call_results_open(struct mete__image *image, struct mete__call_results **out) {
    struct mete__call_results *results = calloc(1, sizeof *results);

    if (results == NULL) return -ENOMEM;
    results->image = image;
    results->module = mete__image_module(image);
    results->inlines = mete__image_inlines(image);
    if (results->inlines != NULL) results->bias = mete__inlines_bias(results->inlines);
    if (results->module != NULL && read_file(results) != 0) {
        mete__call_results_close(results);
        return -ENOMEM;
    }
    *out = results;
    return 0;
}

static void free_function(void *node) {
    struct function *function = node;

    mete__variable_places_free(&function->places);
    free(function);
}

void mete__call_results_close(struct mete__call_results *results) {
    if (results == NULL) return;
    tdestroy(results->functions, free_function);
    tdestroy(results->answers, free);
    mete__global_table_free(&results->globals);
    mete__definition_table_free(&results->definitions);
    mete__frame_table_free(&results->frames);
    mete__instruction_decoder_close(results->decoder);
    free(results);
}

static const struct segment *segment_at(const struct mete__call_results *results,
                                        uint64_t address) {
    for (size_t i = 0; i < results->segment_count; i++)
        if (results->segments[i].low <= address && address < results->segments[i].high)
            return &results->segments[i];
    return NULL;
}

/* The beginning of the stretch of the function's code that holds an address; 0: none. */
static uint64_t stretch_of(Dwarf_Die *function, uint64_t address) {
    Dwarf_Addr base, low, high;
    ptrdiff_t next = 0;

    while ((next = mete__dwarf_split_ranges(function, next, &base, &low, &high)) > 0)
        if (low <= address && address < high) return low;
    return 0;
}

/* --- What a walk asks for; its addresses are DWARF's --- */

static bool frame_at(void *context, uint64_t address, int8_t *number, int64_t *offset) {
    const struct mete__call_results *results = context;
    uint64_t of;

    if (!mete__frame_table_find(&results->frames, address + results->bias, &of, offset) ||
        of >= METE__REGISTERS)
        return false;
    *number = (int8_t)of;
    return true;
}

/* A static variable of the function itself. */
static bool static_at(const struct mete__variable_places *places, uint64_t address, Dwarf_Die *type,
                      const char **name, uint64_t *offset) {
    for (size_t i = 0; i < places->place_count; i++) {
        const struct mete__variable_place *place = &places->places[i];
        uint64_t size;
        if (place->kind != METE__VARIABLE_AT_ADDRESS || (uint64_t)place->offset > address) continue;
        struct mete__variable *variable = &places->variables[place->variable];
        *offset = address - (uint64_t)place->offset;
        if (!mete__dwarf_die_size(&variable->type, &size) || *offset >= size) continue;
        *type = variable->type;
        *name = variable->name;
        return true;
    }
    return false;
}

static bool global_at(void *context, uint64_t address, Dwarf_Die *type, const char **name,
                      uint64_t *offset) {
    struct mete__call_results *results = context;
    Dwarf_Die variable;
    const struct segment *segment = segment_at(results, address + results->bias);

    if (segment == NULL || segment->code) return false;
    if (results->places != NULL && static_at(results->places, address, type, name, offset))
        return true;
    if (!results->has_globals) {
        results->has_globals = true;
        int status = mete__global_table_read(&results->globals, results->module);
        (void)status; /* what there is will do */
    }
    if (!mete__global_table_find(&results->globals, address, &variable, offset) ||
        !mete__pointee_type_of(&variable, type))
        return false;
    Dwarf_Attribute attribute;
    *name = dwarf_formstring(dwarf_attr_integrate(&variable, DW_AT_name, &attribute));
    return true;
}

static bool callee_at(void *context, uint64_t address, Dwarf_Die *function) {
    const struct mete__call_results *results = context;
    Dwarf_Die unit;

    return mete__inlines_function(results->inlines, address + results->bias, function, &unit) &&
           stretch_of(function, address) == address;
}

static const struct mete__definition_table *definitions_of(struct mete__call_results *results) {
    if (!results->has_definitions) {
        results->has_definitions = true;
        int status = mete__definition_table_read(&results->definitions, results->module);
        (void)status; /* what there is will do */
    }
    return &results->definitions;
}

static bool complete_type(void *context, Dwarf_Die *type) {
    struct mete__call_results *results = context;
    Dwarf_Die bare;

    return mete__dwarf_die_peel(type, &bare) && dwarf_hasattr(&bare, DW_AT_declaration) &&
           mete__definition_table_complete(definitions_of(results), type);
}

unsigned int mete__call_results_starts(struct mete__call_results *results, Dwarf_Die *type) {
    return mete__definition_table_starts(definitions_of(results), type);
}

unsigned int mete__call_results_heirs(struct mete__call_results *results, Dwarf_Die *type,
                                      uint64_t bytes, Dwarf_Die *heir) {
    return mete__definition_table_heirs(definitions_of(results), type, bytes, heir);
}

/* --- Answers --- */

static int by_die(const void *left, const void *right) {
    const struct function *a = left, *b = right;

    return a->die < b->die ? -1 : a->die > b->die;
}

static const struct mete__variable_places *places_of(struct mete__call_results *results,
                                                     Dwarf_Die *die) {
    const struct function key = {.die = die->addr};
    struct function **found = tfind(&key, &results->functions, by_die);

    if (found != NULL) return &(*found)->places;
    struct function *function = calloc(1, sizeof *function);
    if (function == NULL) return NULL;
    function->die = die->addr;
    (void)mete__variable_places_read(&function->places, die); /* what there is will do */
    if (tsearch(function, &results->functions, by_die) == NULL) {
        free_function(function);
        return NULL;
    }
    return &function->places;
}

/* The beginning of an instruction some way before the call: a source line's, or the function's. */
static uint64_t before(Dwarf_Die *unit, Dwarf_Die *function, uint64_t address) {
    Dwarf_Addr entry = stretch_of(function, address - 1), start;

    if (entry == 0) return address;
    if (address - entry <= BEFORE_BYTES + LINE_BYTES_MAX / 2) return entry;
    Dwarf_Die skeleton = mete__dwarf_split_skeleton(unit);
    Dwarf_Line *line = dwarf_getsrc_die(&skeleton, address - BEFORE_BYTES);
    if (line == NULL || dwarf_lineaddr(line, &start) != 0 || start > address || start < entry ||
        address - start > BEFORE_BYTES + LINE_BYTES_MAX)
        return address;
    return start;
}

/* A clue of the walk may give way: these are better. */
static void add_clue(struct mete__block_flow *flow, enum mete__clue_kind kind,
                     const Dwarf_Die *type) {
    if (flow->clue_count == METE__CLUES_MAX) flow->clue_count--;
    flow->clues[flow->clue_count++] = (struct mete__clue){.kind = kind, .type = *type};
}

static const char *text_of(Dwarf_Die *die, unsigned int name) {
    Dwarf_Attribute attribute;

    return dwarf_formstring(dwarf_attr_integrate(die, name, &attribute));
}

/* Whether a function is a member of a class that is called an allocator: by its name for the
 * linker, or, where it has none since other units cannot call it, by the object it is called for.
 */
static bool is_of_allocator(Dwarf_Die *function) {
    const char *linkage = text_of(function, DW_AT_linkage_name);
    Dwarf_Die child, pointer, class;

    if (linkage == NULL) linkage = text_of(function, DW_AT_MIPS_linkage_name);
    if (linkage != NULL)
        return strstr(linkage, "allocatorI") != NULL || strncmp(linkage, "_ZNSaI", 6) == 0;
    if (dwarf_child(function, &child) != 0) return false;
    while (dwarf_tag(&child) != DW_TAG_formal_parameter)
        if (dwarf_siblingof(&child, &child) != 0) return false;
    if (!mete__pointee_type_of(&child, &pointer) || !mete__pointee_of(&pointer, &class))
        return false;
    const char *name = mete__dwarf_die_name(&class);
    return name != NULL && strstr(name, "allocator<") != NULL;
}

/* What a function allocates any number of, if it is the `allocate` of a class that an allocator of
 * C++ is ([allocator.requirements]): its names say so, and it returns a pointer to that. */
static bool allocates(Dwarf_Die *function, Dwarf_Die *type) {
    const char *name = text_of(function, DW_AT_name);
    Dwarf_Die pointer;

    return name != NULL && strcmp(name, "allocate") == 0 && is_of_allocator(function) &&
           mete__pointee_type_of(function, &pointer) && mete__pointee_of(&pointer, type);
}

/* Whether the innermost function around the call is that of an allocator. */
static void read_allocator(const struct mete__call_results *results, Dwarf_Die *function,
                           uint64_t address, struct mete__block_flow *flow) {
    const struct mete__variable_places *places = results->places;
    Dwarf_Die type, *innermost = function;

    /* Inner calls come after those around them. */
    for (size_t i = places == NULL ? 0 : places->inlined_count; i-- > 0;)
        if (dwarf_haspc(&places->inlined[i], address - 1) > 0) {
            innermost = &places->inlined[i];
            break;
        }
    if (allocates(innermost, &type)) add_clue(flow, METE__CLUE_ALLOCATED, &type);
}

/* What the compiler says of the call itself. */
static void read_call_site(const struct mete__call_results *results, uint64_t address,
                           struct mete__block_flow *flow) {
    Dwarf_Die site, type;

    if (results->places == NULL || !mete__variable_places_call(results->places, address, &site))
        return;
    mete__call_site_arguments(&site, mete__instruction_decoder_convention(results->decoder),
                              flow->arguments);
    if (!mete__call_site_type(&site, &type)) return;
    add_clue(flow, METE__CLUE_CALL, &type);
}

static void follow(struct mete__call_results *results, uint64_t address, bool is_allocator,
                   struct mete__block_flow *flow) {
    const struct segment *segment = segment_at(results, address - 1);
    Dwarf_Die function, unit;
    bool known = results->inlines != NULL &&
                 mete__inlines_function(results->inlines, address - 1, &function, &unit);

    if (results->decoder == NULL || segment == NULL || !segment->code) return;
    results->places = known ? places_of(results, &function) : NULL;
    const struct mete__block_flow_source source = {
        .decoder = results->decoder,
        .code = segment->bytes,
        .code_low = segment->low - results->bias,
        .code_high = segment->high - results->bias,
        .is_allocator = is_allocator,
        .function = known ? &function : NULL,
        .places = results->places,
        .frame = frame_at,
        .global = known ? global_at : NULL,
        .callee = known ? callee_at : NULL,
        .complete = known ? complete_type : NULL,
        .context = results,
    };
    uint64_t at = address - results->bias, from = known ? before(&unit, &function, at) : at;
    (void)mete__block_flow_follow(&source, from, at, flow);
    /* Not optimised, clang keeps what it needs all the time where the function begins. */
    uint64_t entry = known ? stretch_of(&function, at - 1) : 0;
    if (flow->clue_count == 0 && entry != 0 && entry < from)
        (void)mete__block_flow_follow(&source, entry, at, flow);
    if (known) read_allocator(results, &function, at, flow);
    read_call_site(results, at, flow);
    for (size_t i = 0; i < flow->clue_count; i++)
        (void)complete_type(results, &flow->clues[i].type);
}

static int by_address(const void *left, const void *right) {
    const struct answer *a = left, *b = right;

    if (a->address != b->address) return a->address < b->address ? -1 : 1;
    return a->is_allocator - b->is_allocator;
}

const struct mete__block_flow *mete__call_results_at(struct mete__call_results *results,
                                                     uint64_t address, bool is_allocator) {
    const struct answer key = {.address = address, .is_allocator = is_allocator};
    struct answer **found = tfind(&key, &results->answers, by_address);

    if (found != NULL) return &(*found)->flow;
    struct answer *answer = calloc(1, sizeof *answer);
    if (answer == NULL) return NULL;
    answer->address = address;
    answer->is_allocator = is_allocator;
    follow(results, address, is_allocator, &answer->flow);
    if (tsearch(answer, &results->answers, by_address) == NULL) {
        free(answer);
        return NULL;
    }
    return &answer->flow;
}

bool mete__call_results_typedef(const struct mete__call_results *results, uint64_t address,
                                const char *name, uint64_t bytes, Dwarf_Die *type) {
    Dwarf_Die function, unit;
    uint64_t size;

    if (results->inlines == NULL ||
        !mete__inlines_function(results->inlines, address - 1, &function, &unit) ||
        dwarf_child(&unit, type) != 0)
        return false;
    do {
        const char *of = dwarf_tag(type) == DW_TAG_typedef ? dwarf_diename(type) : NULL;
        Dwarf_Die bare;
        if (of != NULL && strcmp(of, name) == 0)
            return mete__dwarf_die_peel(type, &bare) &&
                   mete__dwarf_die_is_aggregate(dwarf_tag(&bare)) &&
                   mete__dwarf_die_number(&bare, DW_AT_byte_size, &size) && size == bytes;
    } while (dwarf_siblingof(type, type) == 0);
    return false;
}
