#include "analysis/findings/grouping.h"

#include <stdbool.h>
#include <stdlib.h>

#define INITIAL_SLOTS 1024 /* a power of two */

/* A tree of what is shown, outermost step last: a sequence of frames is the step that ends it. */
struct step {
    uint32_t before; /* number + 1 of the step before; 0: none */
    uint32_t group;  /* 0: no sequence ends here yet */
    uint32_t line;
    uint64_t offset; /* in the module, where there is no function */
    const char *function, *file, *module;
};

struct mete__grouping {
    struct step *steps;
    size_t step_count, step_capacity;
    uint32_t *slots; /* open addressing over steps: number + 1, 0: free; at most half in use */
    size_t slot_count;
    uint32_t group_count;
};

static uint64_t mixed(uint64_t hash, uint64_t word) {
    hash = (hash ^ word) * 0x9e3779b97f4a7c15u; /* 2^64 divided by the golden ratio (Knuth) */
    return hash ^ hash >> 32;
}

/* Texts of one struct mete__symbols are kept once, so their addresses will do. */
static uint64_t hash_of(const struct step *step) {
    uint64_t hash = mixed(step->before, step->line);

    hash = mixed(hash, step->offset);
    hash = mixed(hash, (uintptr_t)step->function);
    hash = mixed(hash, (uintptr_t)step->file);
    return mixed(hash, (uintptr_t)step->module);
}

static bool equal(const struct step *a, const struct step *b) {
    return a->before == b->before && a->line == b->line && a->offset == b->offset &&
           a->function == b->function && a->file == b->file && a->module == b->module;
}

static uint32_t *slot_of(struct mete__grouping *grouping, const struct step *step) {
    size_t mask = grouping->slot_count - 1;
    size_t i = (size_t)hash_of(step) & mask;

    while (grouping->slots[i] != 0 && !equal(&grouping->steps[grouping->slots[i] - 1], step))
        i = (i + 1) & mask;
    return &grouping->slots[i];
}

static bool grow(struct mete__grouping *grouping) {
    size_t slot_count = grouping->slot_count == 0 ? INITIAL_SLOTS : grouping->slot_count * 2;
    uint32_t *slots = calloc(slot_count, sizeof *slots);
    struct step *steps =
        slots == NULL ? NULL : reallocarray(grouping->steps, slot_count / 2, sizeof *steps);

    if (steps == NULL) {
        free(slots);
        return false;
    }
    free(grouping->slots);
    grouping->slots = slots;
    grouping->slot_count = slot_count;
    grouping->steps = steps;
    grouping->step_capacity = slot_count / 2;
    for (size_t i = 0; i < grouping->step_count; i++)
        *slot_of(grouping, &steps[i]) = (uint32_t)i + 1;
    return true;
}

struct mete__grouping *mete__grouping_open(void) {
    return calloc(1, sizeof(struct mete__grouping));
}

void mete__grouping_close(struct mete__grouping *grouping) {
    if (grouping == NULL) return;
    free(grouping->steps);
    free(grouping->slots);
    free(grouping);
}

uint32_t mete__grouping_number(struct mete__grouping *grouping,
                               const struct mete__frame *const *frames, size_t count) {
    uint32_t number = 0;

    if (count == 0) return 0;
    for (size_t i = 0; i < count; i++) {
        const struct mete__frame *frame = frames[i];
        struct step step = {.before = number,
                            .line = frame->line,
                            .offset = frame->function == NULL ? frame->offset : 0,
                            .function = frame->function,
                            .file = frame->file,
                            .module = frame->module};
        if (grouping->step_count == grouping->step_capacity && !grow(grouping)) return UINT32_MAX;
        uint32_t *slot = slot_of(grouping, &step);
        if (*slot == 0) {
            grouping->steps[grouping->step_count++] = step;
            *slot = (uint32_t)grouping->step_count;
        }
        number = *slot;
    }
    struct step *last = &grouping->steps[number - 1];
    if (last->group == 0) last->group = ++grouping->group_count;
    return last->group;
}

uint32_t mete__grouping_function(struct mete__grouping *grouping, const struct mete__frame *frame) {
    const struct mete__frame function = {
        .function = frame->function,
        .module = frame->module,
        .offset = frame->offset,
    };
    const struct mete__frame *pointer = &function;

    return mete__grouping_number(grouping, &pointer, 1);
}
