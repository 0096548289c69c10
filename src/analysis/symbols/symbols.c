#include "analysis/symbols/symbols.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/array.h"
#include "analysis/names.h"
#include "analysis/symbols/allocation_function.h"
#include "analysis/symbols/image.h"

#define UNKNOWN_MODULE  "?"
#define PROGRESS_STRIDE 64 /* addresses between two calls of the progress function */
#define NOT_OPENED      UINT32_MAX
#define NO_MODULE       UINT32_MAX

/* The frames of one address, which any number of nodes may share. Frames never move. */
struct place {
    struct mete__frame *frames;
    size_t count;
};

/* A node whose names were asked for. */
struct wish {
    uint32_t node;
    uint32_t module; /* NO_MODULE: in none */
    bool exact;      /* the address is the instruction's own, not the one after it */
    uint64_t pc;     /* as recorded */
    uint64_t bias;
};

enum wanted {
    WANTED_NOT,
    WANTED_NODE, /* itself: names are asked for or found */
    WANTED_STACK /* itself and all frames around it */
};

struct mete__symbols {
    const struct mete__profile *profile;
    struct mete__symbols_options options;
    struct mete__names *names;

    struct mete__image **images; /* one per file and build-id */
    uint32_t image_count;
    uint32_t *image_of;     /* per module: index into images, or NOT_OPENED */
    uint32_t *first_module; /* per image: the module it was opened for */
    uint64_t module_count;

    uint32_t *place_of; /* per node: index + 1 into places; 0: none yet */
    uint8_t *wanted;    /* per node: an enum wanted */
    uint64_t node_count;
    struct place *places;
    size_t place_count, place_capacity;
    size_t frame_count;  /* in all places */
    struct wish *wishes; /* asked for and not yet resolved */
    size_t wish_count, wish_capacity;
    const struct mete__frame **wrappers; /* a frame of each function that was said to be one */
    size_t wrapper_count;
    bool out_of_memory;
};

static const struct mete_profile_module *module_record(const struct mete__symbols *symbols,
                                                       uint64_t index) {
    return mete__profile_record(symbols->profile, METE_SECTION_MODULES, index);
}

static const struct mete_profile_node *node_record(const struct mete__symbols *symbols,
                                                   uint32_t index) {
    return mete__profile_record(symbols->profile, METE_SECTION_NODES, index);
}

int mete__symbols_open(const struct mete__profile *profile,
                       const struct mete__symbols_options *options, struct mete__symbols **out) {
    struct mete__symbols *symbols = calloc(1, sizeof *symbols);

    if (symbols == NULL) return -ENOMEM;
    symbols->profile = profile;
    symbols->options = *options;
    symbols->node_count = mete__profile_count(profile, METE_SECTION_NODES);
    symbols->module_count = mete__profile_count(profile, METE_SECTION_MODULES);
    symbols->names = mete__names_open();
    symbols->place_of = calloc(symbols->node_count + 1, sizeof *symbols->place_of);
    symbols->wanted = calloc(symbols->node_count + 1, sizeof *symbols->wanted);
    symbols->images = calloc(symbols->module_count + 1, sizeof(struct mete__image *));
    symbols->image_of = calloc(symbols->module_count + 1, sizeof *symbols->image_of);
    symbols->first_module = calloc(symbols->module_count + 1, sizeof *symbols->first_module);
    if (symbols->names == NULL || symbols->place_of == NULL || symbols->wanted == NULL ||
        symbols->images == NULL || symbols->image_of == NULL || symbols->first_module == NULL) {
        mete__symbols_close(symbols);
        return -ENOMEM;
    }
    for (uint64_t i = 0; i < symbols->module_count; i++) symbols->image_of[i] = NOT_OPENED;
    *out = symbols;
    return 0;
}

void mete__symbols_close(struct mete__symbols *symbols) {
    if (symbols == NULL) return;
    for (size_t i = 0; i < symbols->place_count; i++) free(symbols->places[i].frames);
    if (symbols->images != NULL)
        for (uint32_t i = 0; i < symbols->image_count; i++) mete__image_close(symbols->images[i]);
    free(symbols->images);
    free(symbols->image_of);
    free(symbols->first_module);
    free(symbols->place_of);
    free(symbols->wanted);
    free(symbols->places);
    free(symbols->wishes);
    free(symbols->wrappers);
    mete__names_close(symbols->names);
    free(symbols);
}

/* --- Asking --- */

static int add_wish(struct mete__symbols *symbols, const struct wish *wish) {
    struct wish *wishes = mete__array_room(symbols->wishes, symbols->wish_count,
                                           &symbols->wish_capacity, sizeof *wishes);
    if (wishes == NULL) return -ENOMEM;
    symbols->wishes = wishes;
    symbols->wishes[symbols->wish_count++] = *wish;
    return 0;
}

void mete__symbols_want_node(struct mete__symbols *symbols, uint32_t node) {
    if (node == 0 || node >= symbols->node_count || symbols->wanted[node] != WANTED_NOT) return;

    const struct mete_profile_node *record = node_record(symbols, node);
    int64_t module = mete__profile_module_of(symbols->profile, node);
    struct wish wish = {
        .node = node,
        .module = module < 0 ? NO_MODULE : (uint32_t)module,
        .exact = (record->flags & METE_NODE_EXACT_PC) != 0,
        .pc = record->pc,
        .bias = module < 0 ? 0 : module_record(symbols, (uint64_t)module)->bias,
    };
    if (add_wish(symbols, &wish) != 0)
        symbols->out_of_memory = true;
    else
        symbols->wanted[node] = WANTED_NODE;
}

void mete__symbols_want(struct mete__symbols *symbols, uint32_t stack) {
    uint32_t i = stack;

    while (i != 0 && i < symbols->node_count && symbols->wanted[i] != WANTED_STACK) {
        mete__symbols_want_node(symbols, i);
        if (symbols->wanted[i] == WANTED_NOT) return; /* no memory */
        symbols->wanted[i] = WANTED_STACK;
        i = node_record(symbols, i)->parent;
    }
}

/* --- Images --- */

static bool same_file(const struct mete__symbols *symbols, uint64_t left, uint64_t right) {
    const struct mete_profile_module *a = module_record(symbols, left);
    const struct mete_profile_module *b = module_record(symbols, right);

    return a->build_id_bytes == b->build_id_bytes &&
           memcmp(a->build_id, b->build_id, sizeof a->build_id) == 0 &&
           strcmp(mete__profile_string(symbols->profile, a->path),
                  mete__profile_string(symbols->profile, b->path)) == 0;
}

/* The image of a module, opened where it is needed for the first time; NOT_OPENED: no memory. A
 * library that was unloaded and loaded again is two modules of one image. */
static uint32_t image_of(struct mete__symbols *symbols, uint32_t index) {
    if (symbols->image_of[index] != NOT_OPENED) return symbols->image_of[index];
    for (uint32_t i = 0; i < symbols->image_count; i++) {
        if (!same_file(symbols, symbols->first_module[i], index)) continue;
        symbols->image_of[index] = i;
        return i;
    }

    const struct mete_profile_module *module = module_record(symbols, index);
    struct mete__image_source source = {
        .path = mete__profile_string(symbols->profile, module->path),
        .build_id = module->build_id,
        .build_id_bytes = module->build_id_bytes,
        .start = module->start - module->bias,
        .end = module->end - module->bias,
        .run_nanoseconds = mete__profile_header(symbols->profile)->start_realtime,
        .debug_directory = symbols->options.debug_directory,
        .watch = {symbols->options.progress, symbols->options.context},
    };
    struct mete__image *image;
    if (mete__image_open(&source, symbols->names, &image) != 0) return NOT_OPENED;
    symbols->images[symbols->image_count] = image;
    symbols->first_module[symbols->image_count] = index;
    symbols->image_of[index] = symbols->image_count;
    return symbols->image_count++;
}

/* --- Resolving --- */

static int by_address(const void *left, const void *right) {
    const struct wish *a = left, *b = right;

    if (a->module != b->module) return a->module < b->module ? -1 : 1;
    if (a->pc != b->pc) return a->pc < b->pc ? -1 : 1;
    return (int)a->exact - (int)b->exact;
}

static bool same_function(const struct mete__frame *a, const struct mete__frame *b) {
    if (a->module != b->module || a->function != b->function) return false;
    return a->function != NULL || a->offset == b->offset;
}

static enum mete__frame_role role_of(const struct mete__symbols *symbols,
                                     const struct mete__frame *frame) {
    for (size_t i = 0; i < symbols->wrapper_count; i++)
        if (same_function(symbols->wrappers[i], frame)) return METE__FRAME_WRAPPER;
    return mete__allocation_function_role(frame);
}

int mete__symbols_mark_wrapper(struct mete__symbols *symbols, const struct mete__frame *frame) {
    const struct mete__frame **wrappers = reallocarray(
        symbols->wrappers, symbols->wrapper_count + 1, sizeof(const struct mete__frame *));

    if (wrappers == NULL) return -ENOMEM;
    symbols->wrappers = wrappers;
    symbols->wrappers[symbols->wrapper_count++] = frame;
    for (size_t i = 0; i < symbols->place_count; i++)
        for (size_t j = 0; j < symbols->places[i].count; j++)
            if (same_function(&symbols->places[i].frames[j], frame))
                symbols->places[i].frames[j].role = METE__FRAME_WRAPPER;
    return 0;
}

/* Looks the wish's address up. -ENOMEM. */
static int add_place(struct mete__symbols *symbols, const struct wish *wish) {
    struct mete__frame found[METE__IMAGE_FRAMES_MAX] = {{0}};
    const char *path = UNKNOWN_MODULE;
    uint64_t offset = wish->pc - wish->bias - (wish->exact ? 0 : 1);
    size_t count = 1;

    struct place *places = mete__array_room(symbols->places, symbols->place_count,
                                            &symbols->place_capacity, sizeof *places);
    if (places == NULL) return -ENOMEM;
    symbols->places = places;
    if (wish->module != NO_MODULE) {
        const char *recorded =
            mete__profile_string(symbols->profile, module_record(symbols, wish->module)->path);
        path = mete__names_keep(symbols->names, recorded);
        if (path == NULL) return -ENOMEM;
        uint32_t image = image_of(symbols, wish->module);
        if (image == NOT_OPENED) return -ENOMEM;
        count = mete__image_frames(symbols->images[image], offset, found);
    }
    struct mete__frame *frames = calloc(count, sizeof *frames);
    if (frames == NULL) return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        frames[i] = found[i];
        frames[i].module = path;
        frames[i].address = wish->pc;
        frames[i].offset = offset;
        frames[i].id = (uint32_t)symbols->frame_count++;
        frames[i].role = role_of(symbols, &frames[i]);
    }
    symbols->places[symbols->place_count++] = (struct place){frames, count};
    return 0;
}

static void show_progress(const struct mete__symbols *symbols, size_t done) {
    const struct wish *wish = &symbols->wishes[done];
    const char *path = UNKNOWN_MODULE;

    if (symbols->options.progress == NULL) return;
    if (wish->module != NO_MODULE)
        path = mete__profile_string(symbols->profile, module_record(symbols, wish->module)->path);
    symbols->options.progress(symbols->options.context, done, symbols->wish_count, path);
}

int mete__symbols_resolve(struct mete__symbols *symbols) {
    size_t done = 0;

    if (symbols->wish_count != 0)
        qsort(symbols->wishes, symbols->wish_count, sizeof *symbols->wishes, by_address);
    for (; done < symbols->wish_count; done++) {
        const struct wish *wish = &symbols->wishes[done];
        bool other_module = done == 0 || wish[-1].module != wish->module;
        if (other_module || done % PROGRESS_STRIDE == 0) show_progress(symbols, done);
        if ((done == 0 || by_address(wish - 1, wish) != 0) && add_place(symbols, wish) != 0) {
            symbols->out_of_memory = true;
            break;
        }
        symbols->place_of[wish->node] = (uint32_t)symbols->place_count;
    }
    symbols->wish_count = 0;
    return symbols->out_of_memory ? -ENOMEM : 0;
}

size_t mete__symbols_frames(const struct mete__symbols *symbols, uint32_t node,
                            const struct mete__frame **frames) {
    if (node >= symbols->node_count || symbols->place_of[node] == 0) return 0;
    const struct place *place = &symbols->places[symbols->place_of[node] - 1];
    *frames = place->frames;
    return place->count;
}

size_t mete__symbols_frame_count(const struct mete__symbols *symbols) {
    return symbols->frame_count;
}

struct mete__image *mete__symbols_image(struct mete__symbols *symbols, uint32_t node,
                                        uint32_t *number, uint64_t *address) {
    if (node == 0 || node >= symbols->node_count) return NULL;
    int64_t module = mete__profile_module_of(symbols->profile, node);
    uint32_t image = module < 0 ? NOT_OPENED : image_of(symbols, (uint32_t)module);
    if (image == NOT_OPENED) return NULL;
    *number = image;
    *address = node_record(symbols, node)->pc - module_record(symbols, (uint64_t)module)->bias;
    return symbols->images[image];
}

bool mete__symbols_note(const struct mete__symbols *symbols, uint64_t index, const char **path,
                        const char **note) {
    if (index >= symbols->image_count) return false;
    const char *text = mete__image_note(symbols->images[index]);
    if (text == NULL) return false;
    *path = mete__profile_string(symbols->profile,
                                 module_record(symbols, symbols->first_module[index])->path);
    *note = text;
    return true;
}
