#include "analysis/blocks/site_types.h"

#include <dwarf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/blocks/call_results.h"
#include "analysis/blocks/library_types.h"
#include "analysis/blocks/stated_types.h"
#include "analysis/blocks/struct_kin.h"
#include "analysis/blocks/type_choice.h"
#include "analysis/blocks/type_heirs.h"
#include "analysis/debug_types/type_name.h"
#include "analysis/dwarf/dwarf_die.h"
#include "analysis/names.h"

#define CALLERS_MAX         24 /* frames from malloc on that are looked at */
#define MALLOC_ARGUMENTS    2  /* of malloc, calloc and realloc, at most */
#define POSIX_MEMALIGN_SIZE 2  /* the argument of it that is the size, from 0 */

struct mete__site_types {
    const struct mete__profile *profile;
    struct mete__symbols *symbols;
    struct mete__stated_types *stated;
    struct mete__names *names;
    struct mete__type_namer *namer;
    struct mete__call_results **results; /* by the image's number; NULL: not opened yet */
    uint64_t result_count;
};

int mete__site_types_open(const struct mete__profile *profile, struct mete__symbols *symbols,
                          struct mete__site_types **out) {
    struct mete__site_types *types = calloc(1, sizeof *types);

    if (types == NULL) return -ENOMEM;
    types->profile = profile;
    types->symbols = symbols;
    types->result_count = mete__profile_count(profile, METE_SECTION_MODULES);
    types->names = mete__names_open();
    if (types->names != NULL && mete__type_name_open(types->names, &types->namer) != 0)
        types->namer = NULL;
    types->results = calloc(types->result_count + 1, sizeof(struct mete__call_results *));
    if (types->namer == NULL || types->results == NULL ||
        mete__stated_types_open(profile, &types->stated) != 0) {
        mete__site_types_close(types);
        return -ENOMEM;
    }
    *out = types;
    return 0;
}

void mete__site_types_close(struct mete__site_types *types) {
    if (types == NULL) return;
    for (uint64_t i = 0; types->results != NULL && i < types->result_count; i++)
        mete__call_results_close(types->results[i]);
    free(types->results);
    mete__stated_types_close(types->stated);
    mete__type_name_close(types->namer);
    mete__names_close(types->names);
    free(types);
}

/* --- One frame --- */

/* What is known of a node of the stack. */
struct caller {
    const struct mete__frame *frame;     /* the innermost that is no allocator's */
    struct mete__call_results *results;  /* of its image; NULL: nothing */
    const struct mete__block_flow *flow; /* NULL: nothing */
    bool is_allocator;                   /* all of it */
    bool is_wrapper;
};

/* What becomes of results in the image of a node; NULL: it is not known. -ENOMEM. */
static int results_of(struct mete__site_types *types, uint32_t node, uint64_t *address,
                      struct mete__call_results **out) {
    uint32_t number;
    struct mete__image *image = mete__symbols_image(types->symbols, node, &number, address);

    *out = NULL;
    if (image == NULL || number >= types->result_count) return 0;
    if (types->results[number] == NULL &&
        mete__call_results_open(image, &types->results[number]) != 0)
        return -ENOMEM;
    *out = types->results[number];
    return 0;
}

/* -EAGAIN: its names are needed first. */
static int read_caller(struct mete__site_types *types, uint32_t node, bool is_direct,
                       struct caller *caller) {
    const struct mete__frame *frames;
    size_t count = mete__symbols_frames(types->symbols, node, &frames);
    uint64_t address;

    *caller = (struct caller){.is_allocator = true};
    if (count == 0) return -EAGAIN;
    for (size_t i = 0; i < count; i++) {
        if (frames[i].role == METE__FRAME_ALLOCATOR) continue;
        if (frames[i].role == METE__FRAME_WRAPPER) caller->is_wrapper = true;
        if (caller->is_allocator || caller->frame->role == METE__FRAME_WRAPPER)
            caller->frame = &frames[i];
        caller->is_allocator = false;
    }
    /* A wrapper that was inlined: the function that it is in is not the wrapper. */
    if (!caller->is_allocator && caller->frame->role != METE__FRAME_WRAPPER)
        caller->is_wrapper = false;
    if (caller->is_allocator) return 0;
    int status = results_of(types, node, &address, &caller->results);
    if (caller->results != NULL)
        caller->flow = mete__call_results_at(caller->results, address, is_direct);
    return status;
}

/* --- Which clue is best --- */

/* From malloc to a frame. */
struct way {
    int64_t header;  /* so many bytes into the block is what the frame has got */
    size_t callers;  /* frames on the way */
    bool is_assumed; /* one of them was not seen to return it */
    bool is_inside;  /* what the frame has got begins somewhere in the block */
    bool is_chunk;   /* the first asks for the same whatever the others want: a pool grows */
};

/* Whether a call is given a number of such objects, or their size and how many, as calloc is. What
 * is given the size alone is to make one, whatever it takes that from. */
static bool counts(const struct mete__block_flow *flow, const struct mete__type_choice *choice) {
    bool may_count = choice->is_direct || choice->fit == METE__TYPE_FIT_ONE ||
                     flow->callee_numbers == METE__NUMBERS_UNKNOWN || flow->callee_numbers > 1;
    size_t first = 0, most = flow->callee_registers;

    if (flow->is_stored) { /* the size is the third */
        first = POSIX_MEMALIGN_SIZE;
        most = first + 1;
    }
    /* Other registers hold something else. */
    if (choice->is_direct && first == 0 && most > MALLOC_ARGUMENTS) most = MALLOC_ARGUMENTS;
    if (most > METE__ARGUMENTS_MAX) most = METE__ARGUMENTS_MAX;
    for (size_t i = first; i < most; i++) {
        const struct mete__argument *argument = &flow->arguments[i];
        if (argument->kind == METE__ARGUMENT_CONSTANT && argument->number == choice->shape.bytes &&
            may_count)
            return true;
        if (argument->kind == METE__ARGUMENT_MULTIPLE &&
            argument->number % choice->shape.bytes == 0)
            return true;
    }
    return false;
}

/* Whether the same place has the block as characters, too. */
static bool has_characters(const struct mete__block_flow *flow, int64_t offset) {
    struct mete__type_fit_shape shape;

    for (size_t i = 0; i < flow->clue_count; i++) {
        Dwarf_Die type = flow->clues[i].type;
        if (flow->clues[i].kind >= METE__CLUE_GLOBAL && flow->clues[i].offset == offset &&
            mete__type_fit_shape_of(&type, &shape) && shape.is_character)
            return true;
    }
    return false;
}

/* Whether the call asks for so many bytes, and never for any others. */
static bool asks_for(const struct mete__block_flow *flow, const struct mete__summary_site *site) {
    if (!site->sizes.are_known || site->sizes.step != 0) return false;
    for (size_t i = 0; i < METE__ARGUMENTS_MAX; i++)
        if (flow->arguments[i].kind == METE__ARGUMENT_CONSTANT &&
            flow->arguments[i].number == site->sizes.min)
            return true;
    return false;
}

static struct mete__type_fit_blocks blocks_of(const struct mete__summary_site *site) {
    return (struct mete__type_fit_blocks){site->allocations, site->allocated_bytes, site->sizes};
}

/* Whether what the function returns is a member of the object. */
static bool returns_member(const struct mete__block_flow *flow,
                           const struct mete__type_choice *choice) {
    Dwarf_Die whole = choice->type;

    for (size_t i = 0; i < flow->clue_count; i++) {
        const struct mete__clue *clue = &flow->clues[i];
        Dwarf_Die part = clue->type;
        if (clue->offset == flow->returned_offset && clue->offset > choice->clue->offset &&
            mete__struct_kin_has_at(&whole, (uint64_t)(clue->offset - choice->clue->offset), &part))
            return true;
    }
    return false;
}

/* Whether others get an address of something else in the block. Where the block is all of an object
 * that is one of its members. */
static bool is_passed(const struct mete__block_flow *flow, const struct mete__type_choice *choice) {
    if (choice->fit == METE__TYPE_FIT_ONE && choice->shape.bytes > METE__TYPE_CHOICE_SCALAR)
        return false;
    if (flow->returned_inside && choice->shape.is_character) return false;
    return flow->returned && flow->returned_offset != choice->clue->offset &&
           !returns_member(flow, choice);
}

/* What the frame's accesses to the block say of what a clue takes it for. */
static enum mete__type_access access_of(const struct mete__block_flow *flow,
                                        const struct mete__clue *clue) {
    enum mete__type_access all = METE__TYPE_ACCESS_SILENT;
    Dwarf_Die type = clue->type;

    for (size_t i = 0; i < flow->access_count && all != METE__TYPE_ACCESS_FOREIGN; i++) {
        const struct mete__block_access *access = &flow->accesses[i];
        enum mete__type_access one = mete__type_fit_access(&type, access->offset - clue->offset,
                                                           access->stride, access->bytes);
        if (one != METE__TYPE_ACCESS_SILENT) all = one;
    }
    return all;
}

/* A constructor that makes less than all of what the frame has got says what lies there, as any
 * function does that is given its address. */
static enum mete__clue_kind kind_of(const struct mete__type_choice *choice) {
    bool is_all = choice->fit == METE__TYPE_FIT_ONE && choice->clue->offset == 0;

    return choice->clue->kind == METE__CLUE_CONSTRUCTED && !is_all ? METE__CLUE_ARGUMENT
                                                                   : choice->clue->kind;
}

/* Whether a constructor's object is a part of each element of an array: another one like it is made
 * elsewhere in the block, and not where the next one would be. */
static bool is_part_of_each(const struct mete__block_flow *flow, const struct mete__clue *clue) {
    Dwarf_Die type = clue->type, class, other;
    uint64_t size;

    if (clue->kind != METE__CLUE_CONSTRUCTED || !mete__dwarf_die_peel(&type, &class) ||
        !mete__dwarf_die_size(&class, &size) || size == 0)
        return false;
    for (size_t i = 0; i < flow->clue_count; i++) {
        const struct mete__clue *next = &flow->clues[i];
        type = next->type;
        if (next->kind == METE__CLUE_CONSTRUCTED && next->offset != clue->offset &&
            (next->offset - clue->offset) % (int64_t)size != 0 &&
            mete__dwarf_die_peel(&type, &other) && mete__struct_kin_is_same(&class, &other))
            return true;
    }
    return false;
}

/* Whether the size that malloc or one of its kin is asked for, or a factor of it, shows. */
static bool is_sized(const struct mete__block_flow *flow) {
    const struct mete__argument *arguments = flow->arguments;

    if (flow->is_stored) return arguments[POSIX_MEMALIGN_SIZE].kind != METE__ARGUMENT_UNKNOWN;
    return arguments[0].kind != METE__ARGUMENT_UNKNOWN ||
           arguments[1].kind != METE__ARGUMENT_UNKNOWN;
}

/* Takes a frame's clues into account. */
static void consider(struct mete__type_choice *best, const struct caller *caller,
                     const struct way *way, const struct mete__summary_site *site) {
    const struct mete__block_flow *flow = caller->flow;
    const struct mete__type_fit_blocks blocks = blocks_of(site);

    for (size_t i = 0; i < flow->clue_count; i++) {
        struct mete__type_choice choice = {
            .clue = &flow->clues[i],
            .type = flow->clues[i].type,
            .frame = caller->frame,
            .is_assumed = way->is_assumed,
            .is_direct = way->callers == 0,
        };
        if (__builtin_add_overflow(way->header, flow->clues[i].offset, &choice.header) ||
            choice.header < 0 || !mete__type_fit_shape_of(&choice.type, &choice.shape) ||
            (way->is_inside && !choice.shape.is_character) || is_part_of_each(flow, choice.clue) ||
            (choice.clue->is_callee && way->callers > 0)) /* it has been asked itself */
            continue;
        enum mete__type_access access = access_of(flow, choice.clue);
        if (choice.clue->is_one_of && access == METE__TYPE_ACCESS_FOREIGN) continue;
        choice.is_indexed = access == METE__TYPE_ACCESS_OWN;
        mete__type_choice_fit(&choice, &blocks);
        choice.kind = kind_of(&choice);
        choice.varies = mete__type_fit_varies(&choice.shape, &blocks) &&
                        !has_characters(flow, choice.clue->offset);
        /* To pass the address of a first member on is not to say what the block is. */
        if (choice.kind == METE__CLUE_ARGUMENT && choice.shape.bytes <= METE__TYPE_CHOICE_SCALAR &&
            choice.fit > METE__TYPE_FIT_BYTES)
            continue;
        choice.is_passed = is_passed(flow, &choice);
        choice.passes_tail = choice.is_passed && choice.fit == METE__TYPE_FIT_FLEXIBLE &&
                             choice.header == 0 && flow->returned &&
                             (uint64_t)flow->returned_offset == choice.shape.flexible;
        choice.is_handed = flow->returned && !flow->returned_typed;
        choice.is_vague = caller->is_wrapper || choice.is_passed ||
                          choice.shape.bytes <= METE__TYPE_CHOICE_SCALAR;
        choice.is_counted = choice.kind >= METE__CLUE_ALLOCATED || counts(flow, &choice);
        choice.is_grain =
            choice.is_handed && !(choice.is_direct && asks_for(flow, site)) &&
            (choice.shape.bytes <= METE__TYPE_CHOICE_SCALAR || choice.fit == METE__TYPE_FIT_ARRAY);
        choice.is_chunk = way->is_chunk;
        choice.is_sized = is_sized(flow);
        bool is_doubtful = best->clue != NULL && mete__type_choice_is_doubtful(best, &choice);
        choice.is_doubtful = best->clue != NULL && mete__type_choice_is_doubtful(&choice, best);
        bool is_disputed = best->clue != NULL && mete__type_choice_contradicts(&choice, best);
        /* A better clue to one of the two does not settle it. */
        choice.is_disputed =
            best->is_disputed && best->frame == choice.frame && best->fit == choice.fit;
        if (mete__type_choice_is_better(&choice, best)) *best = choice;
        best->is_disputed |= is_disputed;
        best->is_doubtful |= is_doubtful;
    }
}

/* Whether a function puts the block somewhere and returns something else: what its callers get from
 * it, as from a wrapper, is another block. */
static bool keeps(const struct caller *caller) {
    if (caller->flow == NULL || caller->flow->returned || caller->flow->returned_inside)
        return false;
    for (size_t i = 0; i < caller->flow->clue_count; i++)
        if (caller->flow->clues[i].kind == METE__CLUE_MEMBER ||
            caller->flow->clues[i].kind == METE__CLUE_GLOBAL)
            return true;
    return false;
}

/* Walks outwards. Results are those of the best choice's image. -EAGAIN: the names of `*node` are
 * needed first. */
static int choose(struct mete__site_types *types, const struct mete__summary_site *site,
                  struct mete__type_choice *best, struct mete__call_results **results,
                  uint32_t *node) {
    struct way way = {0};

    *best = (struct mete__type_choice){0};
    *results = NULL;
    *node = site->stack;
    for (int i = 0; i < CALLERS_MAX && *node != 0; i++) {
        struct caller caller;
        const struct mete_profile_node *record =
            mete__profile_record(types->profile, METE_SECTION_NODES, *node);
        int status = read_caller(types, *node, way.callers == 0, &caller);
        if (status != 0) return status;
        if (!caller.is_allocator) {
            bool returned =
                caller.flow != NULL && (caller.flow->returned || caller.flow->returned_inside);
            if (caller.flow != NULL) consider(best, &caller, &way, site);
            if (best->frame == caller.frame) *results = caller.results;
            if (caller.flow != NULL && way.callers == 0) way.is_chunk = asks_for(caller.flow, site);
            bool done = best->clue != NULL && best->fit == METE__TYPE_FIT_ONE && !best->is_vague;
            if (done || (!returned && !caller.is_wrapper) || keeps(&caller)) return 0;
            if (!returned || (!caller.flow->returned && caller.is_wrapper))
                way.is_assumed = true;
            else if (!caller.flow->returned)
                way.is_inside = true;
            else if (__builtin_add_overflow(way.header, caller.flow->returned_offset, &way.header))
                return 0;
            way.callers++;
        }
        *node = record->parent;
    }
    return 0;
}

/* --- What is said of it --- */

/* "stored to list.head in list_add" */
static const char *evidence_of(struct mete__site_types *types,
                               const struct mete__type_choice *choice) {
    const struct mete__clue *clue = choice->clue;
    const char *function = choice->frame->function == NULL ? "?" : choice->frame->function;
    const char *name = clue->name == NULL ? "?" : clue->name;
    const char *holder = clue->holder == NULL ? "" : clue->holder;
    const char *dot = clue->holder == NULL ? "" : ".";
    char *text = NULL;
    int length = -1;

    switch (clue->kind) {
    case METE__CLUE_VARIABLE: length = asprintf(&text, "variable %s in %s", name, function); break;
    case METE__CLUE_MEMBER:
    case METE__CLUE_GLOBAL:
        length = clue->name == NULL
                     ? asprintf(&text, "stored through a pointer in %s", function)
                     : asprintf(&text, "stored to %s%s%s in %s", holder, dot, name, function);
        break;
    case METE__CLUE_RETURNED: length = asprintf(&text, "returned by %s", name); break;
    case METE__CLUE_ALLOCATED: length = asprintf(&text, "allocated by %s", function); break;
    case METE__CLUE_CONSTRUCTED:
        length = asprintf(&text, "constructed by %s in %s", name, function);
        break;
    case METE__CLUE_CALL: length = asprintf(&text, "said by the compiler in %s", function); break;
    case METE__CLUE_ARGUMENT: length = asprintf(&text, "passed to %s in %s", name, function); break;
    }
    if (length >= 0 && choice->is_heir) {
        char *clue_text = text;
        length = asprintf(&text, "%s, and the size", clue_text);
        free(clue_text);
    }
    const char *kept = length < 0 ? NULL : mete__names_keep(types->names, text);
    free(length < 0 ? NULL : text);
    return kept;
}

/* The name that blocks of the same type have elsewhere: that of the struct, where a typedef of one
 * is stated and the debugging information is there. NULL: no memory. */
static const char *name_stated(struct mete__site_types *types, uint32_t stack,
                               const struct mete_profile_type *stated) {
    const char *name = mete__profile_string(types->profile, stated->name);
    struct mete__call_results *results;
    uint64_t address;
    Dwarf_Die type;

    if (results_of(types, stack, &address, &results) != 0) return NULL;
    if (results == NULL ||
        !mete__call_results_typedef(results, address, name, stated->bytes, &type))
        return name;
    return mete__type_name_of(types->namer, &type);
}

/* What the program has said itself. 0 where it said nothing, or what its blocks cannot be. -ENOMEM.
 */
static int find_stated(struct mete__site_types *types, const struct mete__summary_site *site,
                       struct mete__site_type *out) {
    const struct mete_profile_type *stated = mete__stated_types_find(types->stated, site->stack);
    const struct mete__type_fit_blocks blocks = blocks_of(site);

    if (stated == NULL) return 0;
    const struct mete__type_fit_shape shape = {.bytes = stated->bytes};
    enum mete__type_fit fit = mete__type_fit(&shape, &blocks, 0);
    if (fit == METE__TYPE_FIT_NONE) return 0;
    const char *file = mete__profile_string(types->profile, stated->file);
    const char *slash = strrchr(file, '/');
    char *text;
    if (asprintf(&text, "stated at %s:%u", slash == NULL ? file : slash + 1, stated->line) < 0)
        return -ENOMEM;
    out->evidence = mete__names_keep(types->names, text);
    free(text);
    out->name = name_stated(types, site->stack, stated);
    out->bytes = stated->bytes;
    out->confidence = METE__SITE_TYPE_CERTAIN;
    out->form = fit == METE__TYPE_FIT_ONE     ? METE__SITE_TYPE_ONE
                : fit == METE__TYPE_FIT_ARRAY ? METE__SITE_TYPE_ARRAY
                                              : METE__SITE_TYPE_TAIL;
    return out->evidence == NULL || out->name == NULL ? -ENOMEM : 0;
}

/* What the functions on the stack do with the block says. -ENOMEM. */
static int find_used(struct mete__site_types *types, const struct mete__summary_site *site,
                     struct mete__site_type *out) {
    struct mete__type_choice best;
    struct mete__call_results *results;
    uint32_t node;
    int status;

    for (int i = 0;
         (status = choose(types, site, &best, &results, &node)) == -EAGAIN && i < CALLERS_MAX;
         i++) {
        mete__symbols_want_node(types->symbols, node);
        status = mete__symbols_resolve(types->symbols);
        if (status != 0) return status;
    }
    if (status == -ENOMEM || best.clue == NULL) return status == -ENOMEM ? status : 0;
    mete__type_heirs_find(&best, results, &site->sizes);
    out->evidence = evidence_of(types, &best);
    out->confidence = mete__type_choice_confidence(&best);
    if (out->confidence == METE__SITE_TYPE_CERTAIN) {
        mete__type_heirs_look(&best, results);
        out->confidence = mete__type_choice_confidence(&best);
    }
    if (out->confidence == METE__SITE_TYPE_UNKNOWN) return 0;
    Dwarf_Die type = best.type;
    out->name = mete__type_name_of(types->namer, &type);
    out->bytes = best.shape.bytes;
    out->header = (uint64_t)best.header;
    out->form = mete__type_choice_form(&best);
    return out->name == NULL || out->evidence == NULL ? -ENOMEM : 0;
}

int mete__site_types_find(struct mete__site_types *types, const struct mete__summary_site *site,
                          struct mete__site_type *out) {
    *out = (struct mete__site_type){0};
    if (site->stack == 0) return 0;
    int status = find_stated(types, site, out);
    if (status != 0 || out->name != NULL) return status;
    status = find_used(types, site, out);
    if (status != 0 || out->confidence == METE__SITE_TYPE_CERTAIN) return status;
    return mete__library_types_find(types->profile, types->symbols, types->names, site, out);
}

const char *mete__site_types_confidence_name(enum mete__site_type_confidence confidence) {
    static const char *const names[] = {"unknown", "likely", "certain"};

    return names[confidence];
}

const char *mete__site_types_form_name(enum mete__site_type_form form) {
    static const char *const names[] = {"bytes", "tail", "array", "flexible", "one"};

    return names[form];
}
