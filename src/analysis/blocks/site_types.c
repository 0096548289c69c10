#include "analysis/blocks/site_types.h"

#include <dwarf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/blocks/call_results.h"
#include "analysis/blocks/stated_types.h"
#include "analysis/blocks/struct_kin.h"
#include "analysis/blocks/type_fit.h"
#include "analysis/debug_types/type_name.h"
#include "analysis/dwarf/dwarf_die.h"
#include "analysis/names.h"
#include "base/bits.h"

#define CALLERS_MAX 24 /* frames from malloc on that are looked at */
#define SCALAR_MAX  8  /* bytes: what is that small many sizes are a multiple of */

struct mete__site_types {
    const struct mete__profile *profile;
    struct mete__symbols *symbols;
    struct mete__stated_types *stated;
    struct mete__names *names;
    struct mete__dwarf_type_cache *cache; /* of names */
    struct mete__call_results **results;  /* by the image's number; NULL: not opened yet */
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
    types->cache = types->names == NULL ? NULL : mete__dwarf_type_open(types->names);
    types->results = calloc(types->result_count + 1, sizeof(struct mete__call_results *));
    if (types->cache == NULL || types->results == NULL ||
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
    mete__dwarf_type_close(types->cache);
    mete__names_close(types->names);
    free(types);
}

/* --- One frame --- */

/* What is known of a node of the stack. */
struct caller {
    const struct mete__frame *frame;     /* the innermost that is no allocator's */
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
static int read_caller(struct mete__site_types *types, uint32_t node, struct caller *caller) {
    const struct mete__frame *frames;
    size_t count = mete__symbols_frames(types->symbols, node, &frames);
    struct mete__call_results *results;
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
    int status = results_of(types, node, &address, &results);
    if (results != NULL) caller->flow = mete__call_results_at(results, address);
    return status;
}

/* --- Which clue is best --- */

struct choice {
    const struct mete__clue *clue; /* NULL: none yet */
    const struct mete__frame *frame;
    struct mete__type_fit_shape shape;
    enum mete__type_fit fit;
    int64_t header;
    bool is_vague;    /* found where memory for others is got: they may know better */
    bool is_passed;   /* what is returned to these others begins elsewhere in the block */
    bool passes_tail; /* the same, but that is the flexible array at its end */
    bool is_assumed;  /* nobody saw the pointer returned from further in */
    bool is_counted;  /* a caller up to here multiplies by the type's size, or names it */
    bool varies;      /* the blocks' sizes are apart by whole objects */
    bool is_direct;   /* it is malloc's own caller that has it: no wrapper has rounded the size */
    bool is_handed;   /* the function returns the block as a pointer to nothing in particular: it is
                       * for others, who may know better */
    bool is_disputed; /* the same frame takes the block for something else that fits as well */
};

/* A struct within the other is the beginning of that one. */
enum sameness { NO_STRUCTS, SAME, WITHIN, AROUND, DIFFERENT };

/* By typedefs or not. */
static enum sameness compare_structs(const struct choice *a, const struct choice *b) {
    Dwarf_Die types[2] = {a->clue->type, b->clue->type}, bare[2];

    for (int i = 0; i < 2; i++)
        if (!mete__dwarf_die_peel(&types[i], &bare[i]) ||
            !mete__dwarf_die_is_aggregate(dwarf_tag(&bare[i])))
            return NO_STRUCTS;
    if (mete__struct_kin_is_same(&bare[0], &bare[1])) return SAME;
    if (mete__struct_kin_begins_with(&bare[0], &bare[1])) return AROUND;
    return mete__struct_kin_begins_with(&bare[1], &bare[0]) ? WITHIN : DIFFERENT;
}

/* Whether it would not be shown: a header that a wrapper keeps for itself is not what the block is.
 */
static bool is_void(const struct choice *choice) {
    return choice->fit == METE__TYPE_FIT_NONE ||
           (choice->is_passed && choice->fit != METE__TYPE_FIT_ONE && !choice->passes_tail);
}

/* How well a size bears out that it is this one of a union's pointers that was stored. */
static int support(const struct choice *choice) {
    if (choice->is_counted && !choice->shape.is_character && choice->fit >= METE__TYPE_FIT_ARRAY)
        return 3;
    if (choice->shape.bytes > SCALAR_MAX && choice->fit >= METE__TYPE_FIT_ARRAY) return 2;
    return choice->shape.is_character ? 1 : 0;
}

/* Whether what is said of the block without doubt weighs more than one of several things. */
static bool outdoes(const struct choice *said, const struct choice *one_of) {
    if (support(one_of) < 2 || said->fit > METE__TYPE_FIT_TAIL)
        return said->fit >= METE__TYPE_FIT_BYTES;
    return said->frame == one_of->frame ? !is_void(said) : !is_void(said) && !said->is_vague;
}

static bool is_seen(const struct choice *choice) {
    return choice->clue->kind >= METE__CLUE_RETURNED;
}

/* Whether both may be right, since `b` is but what `a` begins with. */
static bool is_whole(const struct choice *a, const struct choice *b) {
    return a->header == b->header && is_seen(a) && compare_structs(a, b) == AROUND;
}

/* Whether it is what an allocator counts its memory in. */
static bool is_grain(const struct choice *choice) {
    return choice->is_handed && choice->shape.bytes <= SCALAR_MAX;
}

static bool is_better(const struct choice *a, const struct choice *b) {
    if (b->clue == NULL) return true;
    if (a->frame == b->frame && is_void(a) != is_void(b)) return is_void(b);
    if (a->clue->is_one_of != b->clue->is_one_of)
        return b->clue->is_one_of ? outdoes(a, b) : !outdoes(b, a);
    if (a->frame == b->frame && a->clue->is_one_of && support(a) != support(b))
        return support(a) > support(b);
    if (a->frame != b->frame && a->fit == b->fit && a->clue->kind < b->clue->kind &&
        compare_structs(a, b) == SAME)
        return false;
    if (a->frame != b->frame && b->is_vague &&
        a->fit >= (b->fit <= METE__TYPE_FIT_TAIL || is_grain(b) ? METE__TYPE_FIT_BYTES
                                                                : METE__TYPE_FIT_TAIL))
        return true;
    if (a->fit != b->fit) return a->fit > b->fit;
    if (a->frame != b->frame) return false; /* who is further in knew first */
    if (a->clue->is_one_of != b->clue->is_one_of) return b->clue->is_one_of;
    if (is_whole(a, b) || is_whole(b, a)) return is_whole(a, b);
    return a->clue->kind > b->clue->kind;
}

/* Whether the two are different structs or unions, and equally likely: what a function makes on
 * different ways through it, say. */
static bool contradict(const struct choice *a, const struct choice *b) {
    return a->frame == b->frame && a->fit == b->fit && a->fit > METE__TYPE_FIT_TAIL &&
           a->header == b->header && is_seen(a) && is_seen(b) && !a->clue->is_one_of &&
           !b->clue->is_one_of && compare_structs(a, b) == DIFFERENT;
}

/* From malloc to a frame. */
struct way {
    int64_t header;  /* so many bytes into the block is what the frame has got */
    size_t callers;  /* frames on the way */
    bool is_assumed; /* one of them was not seen to return it */
    bool is_inside;  /* what the frame has got begins somewhere in the block */
};

/* Whether a call is given a number of such objects, or their size, as calloc is. */
static bool counts(const struct mete__block_flow *flow, uint64_t size) {
    for (size_t i = 0; i < METE__ARGUMENTS_MAX; i++) {
        const struct mete__argument *argument = &flow->arguments[i];
        if (argument->kind == METE__ARGUMENT_CONSTANT && argument->number == size) return true;
        if (argument->kind == METE__ARGUMENT_MULTIPLE && argument->number % size == 0) return true;
    }
    return false;
}

static struct mete__type_fit_blocks blocks_of(const struct mete__summary_site *site) {
    return (struct mete__type_fit_blocks){site->allocations, site->allocated_bytes, site->sizes};
}

/* Whether others get an address of something else in the block. Where the block is all of an object
 * that is one of its members. */
static bool is_passed(const struct mete__block_flow *flow, const struct choice *choice) {
    if (choice->fit == METE__TYPE_FIT_ONE && choice->shape.bytes > SCALAR_MAX) return false;
    if (flow->returned_inside && choice->shape.is_character) return false;
    return flow->returned && flow->returned_offset != choice->clue->offset;
}

static bool is_handed(const struct mete__block_flow *flow) {
    for (size_t i = 0; i < flow->clue_count; i++)
        if (flow->clues[i].kind == METE__CLUE_RETURNED) return false;
    return flow->returned;
}

/* Takes a frame's clues into account. */
static void consider(struct choice *best, const struct caller *caller, const struct way *way,
                     const struct mete__summary_site *site) {
    const struct mete__block_flow *flow = caller->flow;
    const struct mete__type_fit_blocks blocks = blocks_of(site);

    for (size_t i = 0; i < flow->clue_count; i++) {
        struct choice choice = {
            .clue = &flow->clues[i],
            .frame = caller->frame,
            .is_assumed = way->is_assumed,
            .is_direct = way->callers == 0,
        };
        Dwarf_Die type = flow->clues[i].type;
        if (__builtin_add_overflow(way->header, flow->clues[i].offset, &choice.header) ||
            choice.header < 0 || !mete__type_fit_shape_of(&type, &choice.shape) ||
            (way->is_inside && !choice.shape.is_character))
            continue;
        choice.fit = mete__type_fit(&choice.shape, &blocks, (uint64_t)choice.header);
        choice.varies = mete__type_fit_varies(&choice.shape, &blocks);
        /* To pass the address of a first member on is not to say what the block is. */
        if (choice.clue->kind == METE__CLUE_ARGUMENT && choice.shape.bytes <= SCALAR_MAX &&
            choice.fit > METE__TYPE_FIT_BYTES)
            continue;
        choice.is_passed = is_passed(flow, &choice);
        choice.passes_tail = choice.is_passed && choice.fit == METE__TYPE_FIT_FLEXIBLE &&
                             choice.header == 0 && flow->returned &&
                             (uint64_t)flow->returned_offset == choice.shape.flexible;
        choice.is_handed = is_handed(flow);
        choice.is_vague =
            caller->is_wrapper || choice.is_passed || choice.shape.bytes <= SCALAR_MAX;
        choice.is_counted =
            choice.clue->kind == METE__CLUE_CALL || counts(flow, choice.shape.bytes);
        bool is_disputed = best->clue != NULL && contradict(&choice, best);
        /* A better clue to one of the two does not settle it. */
        choice.is_disputed =
            best->is_disputed && best->frame == choice.frame && best->fit == choice.fit;
        if (is_better(&choice, best)) *best = choice;
        best->is_disputed |= is_disputed;
    }
}

/* Walks outwards. -EAGAIN: the names of `*node` are needed first. */
static int choose(struct mete__site_types *types, const struct mete__summary_site *site,
                  struct choice *best, uint32_t *node) {
    struct way way = {0};

    *best = (struct choice){0};
    *node = site->stack;
    for (int i = 0; i < CALLERS_MAX && *node != 0; i++) {
        struct caller caller;
        const struct mete_profile_node *record =
            mete__profile_record(types->profile, METE_SECTION_NODES, *node);
        int status = read_caller(types, *node, &caller);
        if (status != 0) return status;
        if (!caller.is_allocator) {
            bool returned =
                caller.flow != NULL && (caller.flow->returned || caller.flow->returned_inside);
            if (caller.flow != NULL) consider(best, &caller, &way, site);
            bool done = best->clue != NULL && best->fit == METE__TYPE_FIT_ONE && !best->is_vague;
            if (done || (!returned && !caller.is_wrapper)) return 0;
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

/* Whether blocks that are multiples of the type are so for a reason: sizes that differ by objects,
 * where no wrapper's rounding can have made them do so. */
static bool is_array(const struct choice *choice) {
    bool may_be_rounded = !choice->is_direct && mete__is_power_of_two(choice->shape.bytes);
    return choice->is_counted || (choice->varies && !may_be_rounded);
}

static enum mete__site_type_confidence confidence_of(const struct choice *choice) {
    if (is_void(choice)) return METE__SITE_TYPE_UNKNOWN;
    if (choice->is_disputed || choice->clue->is_one_of) return METE__SITE_TYPE_LIKELY;
    switch (choice->fit) {
    case METE__TYPE_FIT_NONE: return METE__SITE_TYPE_UNKNOWN;
    case METE__TYPE_FIT_BYTES:
    case METE__TYPE_FIT_TAIL: return METE__SITE_TYPE_LIKELY;
    case METE__TYPE_FIT_ONE:
        return is_seen(choice) || (choice->clue->kind == METE__CLUE_ARGUMENT &&
                                   choice->shape.bytes > SCALAR_MAX)
                   ? METE__SITE_TYPE_CERTAIN
                   : METE__SITE_TYPE_LIKELY;
    default:
        if (choice->is_handed) return METE__SITE_TYPE_LIKELY;
        /* Many sizes are multiples of small ones by accident, and all that a wrapper has rounded.
         */
        if (choice->fit == METE__TYPE_FIT_ARRAY && !is_array(choice) &&
            (choice->shape.bytes > SCALAR_MAX || !choice->is_direct))
            return METE__SITE_TYPE_LIKELY;
        /* Behind a header any struct with an open end fits: a pool's first object, too. */
        if (choice->fit == METE__TYPE_FIT_FLEXIBLE && (choice->header > 0 || choice->passes_tail))
            return METE__SITE_TYPE_LIKELY;
        return is_seen(choice) && !choice->is_assumed ? METE__SITE_TYPE_CERTAIN
                                                      : METE__SITE_TYPE_LIKELY;
    }
}

static enum mete__site_type_form form_of(const struct choice *choice) {
    switch (choice->fit) {
    case METE__TYPE_FIT_ONE: return METE__SITE_TYPE_ONE;
    case METE__TYPE_FIT_FLEXIBLE: return METE__SITE_TYPE_FLEXIBLE;
    case METE__TYPE_FIT_ARRAY: /* by accident a header with something behind it fits, too */
        return is_array(choice) || choice->shape.bytes <= SCALAR_MAX ||
                       !mete__is_power_of_two(choice->shape.bytes)
                   ? METE__SITE_TYPE_ARRAY
                   : METE__SITE_TYPE_TAIL;
    case METE__TYPE_FIT_TAIL: return METE__SITE_TYPE_TAIL;
    default: return METE__SITE_TYPE_BYTES;
    }
}

/* "stored to list.head in list_add" */
static const char *evidence_of(struct mete__site_types *types, const struct choice *choice) {
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
    case METE__CLUE_CALL: length = asprintf(&text, "said by the compiler in %s", function); break;
    case METE__CLUE_ARGUMENT: length = asprintf(&text, "passed to %s in %s", name, function); break;
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
    return mete__type_name_of(types->cache, types->names, &type);
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

int mete__site_types_find(struct mete__site_types *types, const struct mete__summary_site *site,
                          struct mete__site_type *out) {
    struct choice best;
    uint32_t node;
    int status;

    *out = (struct mete__site_type){0};
    if (site->stack == 0) return 0;
    status = find_stated(types, site, out);
    if (status != 0 || out->name != NULL) return status;
    for (int i = 0; (status = choose(types, site, &best, &node)) == -EAGAIN && i < CALLERS_MAX;
         i++) {
        mete__symbols_want_node(types->symbols, node);
        status = mete__symbols_resolve(types->symbols);
        if (status != 0) return status;
    }
    if (status == -ENOMEM || best.clue == NULL) return status == -ENOMEM ? status : 0;
    out->evidence = evidence_of(types, &best);
    out->confidence = confidence_of(&best);
    if (out->confidence == METE__SITE_TYPE_UNKNOWN) return 0;
    Dwarf_Die type = best.clue->type;
    out->name = mete__type_name_of(types->cache, types->names, &type);
    out->bytes = best.shape.bytes;
    out->header = (uint64_t)best.header;
    out->form = form_of(&best);
    if (out->name == NULL || out->evidence == NULL) return -ENOMEM;
    return 0;
}

const char *mete__site_types_confidence_name(enum mete__site_type_confidence confidence) {
    static const char *const names[] = {"unknown", "likely", "certain"};

    return names[confidence];
}

const char *mete__site_types_form_name(enum mete__site_type_form form) {
    static const char *const names[] = {"bytes", "tail", "array", "flexible", "one"};

    return names[form];
}
