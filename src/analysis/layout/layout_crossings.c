#include "analysis/layout/layout_crossings.h"

#include <errno.h>
#include <search.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/array.h"
#include "analysis/layout/layout_place.h"

#define KINDS_MAX  16     /* of items */
#define STATES_MAX 100000 /* that are looked at */

/* Items that are the same to a layout. */
struct kind {
    struct mete__layout_crossings_item item;
    uint64_t bits; /* of one, without padding */
    uint32_t count;
};

/* What was placed, and the best way there. */
struct state {
    uint64_t bits; /* where it ends: with the numbers the key */
    uint8_t placed[KINDS_MAX];
    uint32_t straddling;
    uint32_t before; /* index of the state before; that of the first is its own */
    uint8_t last;    /* kind that was placed last */
};

struct search {
    const struct mete__layout_crossings_limits *limits;
    struct kind kinds[KINDS_MAX];
    uint32_t kind_count;
    struct state *states;
    size_t count, capacity;
    uint32_t *slots; /* 1 + index, 0: free; open addressing, twice as many as states */
    size_t slot_count;
};

/* --- Kinds --- */

static bool is_same_member(const struct mete__member *one, const struct mete__member *other) {
    return one->size == other->size && one->align == other->align &&
           one->bit_size == other->bit_size;
}

static bool is_same(const struct mete__layout_crossings_item *one,
                    const struct mete__layout_crossings_item *other) {
    if (one->count != other->count || one->rank != other->rank) return false;
    for (uint32_t i = 0; i < one->count; i++)
        if (!is_same_member(&one->members[i], &other->members[i])) return false;
    return true;
}

static uint64_t bits_of(const struct mete__layout_crossings_item *item) {
    uint64_t bits = 0;

    for (uint32_t i = 0; i < item->count; i++)
        bits +=
            item->members[i].bit_size != 0 ? item->members[i].bit_size : item->members[i].size * 8;
    return bits;
}

/* False: there are more kinds, or items of one, than fit a state. */
static bool make_kinds(struct search *search, const struct mete__layout_crossings_item *items,
                       uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        uint32_t k = 0;
        while (k < search->kind_count && !is_same(&search->kinds[k].item, &items[i])) k++;
        if (k == KINDS_MAX) return false;
        if (k == search->kind_count)
            search->kinds[search->kind_count++] =
                (struct kind){.item = items[i], .bits = bits_of(&items[i])};
        if (search->kinds[k].count++ == UINT8_MAX) return false;
    }
    return true;
}

/* --- States --- */

static size_t hash_of(const struct state *state) {
    uint64_t hash = state->bits * UINT64_C(0x9e3779b97f4a7c15);

    for (int i = 0; i < KINDS_MAX; i += 8) {
        uint64_t word;
        memcpy(&word, state->placed + i, sizeof word);
        hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
        hash ^= hash >> 32;
    }
    return (size_t)hash;
}

/* Keeps a state, or the better of two ways to it. */
static int keep(struct search *search, const struct state *state) {
    size_t i = hash_of(state) & (search->slot_count - 1);

    for (; search->slots[i] != 0; i = (i + 1) & (search->slot_count - 1)) {
        struct state *known = &search->states[search->slots[i] - 1];
        if (known->bits != state->bits ||
            memcmp(known->placed, state->placed, sizeof state->placed) != 0)
            continue;
        if (state->straddling < known->straddling) *known = *state;
        return 0;
    }
    if (search->count == STATES_MAX) return -E2BIG;
    struct state *states =
        mete__array_room(search->states, search->count, &search->capacity, sizeof *states);
    if (states == NULL) return -ENOMEM;
    search->states = states;
    states[search->count++] = *state;
    search->slots[i] = (uint32_t)search->count;
    return 0;
}

/* The bits of all that is still to come. */
static uint64_t rest_of(const struct search *search, const struct state *state) {
    uint64_t bits = 0;

    for (uint32_t k = 0; k < search->kind_count; k++)
        bits += (search->kinds[k].count - state->placed[k]) * search->kinds[k].bits;
    return bits;
}

/* Whether items of a lower rank are still to come. */
static bool is_early(const struct search *search, const struct state *state, uint32_t kind) {
    for (uint32_t k = 0; k < search->kind_count; k++)
        if (search->kinds[k].item.rank < search->kinds[kind].item.rank &&
            state->placed[k] < search->kinds[k].count)
            return true;
    return false;
}

/* Places one of a kind behind a state, if what comes then can still be small and good enough. */
static int extend(struct search *search, uint32_t from, uint32_t kind) {
    const struct mete__layout_crossings_limits *limits = search->limits;
    const struct mete__layout_crossings_item *item = &search->kinds[kind].item;
    struct state next = search->states[from];
    struct mete__layout_place place = {.bits = next.bits, .straddling = next.straddling};

    for (uint32_t i = 0; i < item->count; i++) {
        struct mete__member member = item->members[i];
        mete__layout_place_put(&place, &member, limits->line);
    }
    next.placed[kind]++;
    next.bits = place.bits;
    next.straddling = place.straddling;
    next.before = from;
    next.last = (uint8_t)kind;
    const struct mete__layout_place end = {.bits = place.bits + rest_of(search, &next)};
    if (place.straddling >= limits->below ||
        mete__layout_place_size(end, limits->align) > limits->size)
        return 0;
    return keep(search, &next);
}

/* Layer by layer: states of equally many items lie side by side. */
static int find_all(struct search *search, uint32_t count) {
    const struct state first = {0};
    size_t begin = 0;
    int status = keep(search, &first);

    for (uint32_t i = 0; i < count && status == 0; i++) {
        size_t end = search->count;
        for (size_t s = begin; s < end && status == 0; s++)
            for (uint32_t k = 0; k < search->kind_count && status == 0; k++)
                if (search->states[s].placed[k] < search->kinds[k].count &&
                    !is_early(search, &search->states[s], k))
                    status = extend(search, (uint32_t)s, k);
        begin = end;
    }
    return status != 0 ? status : begin == search->count ? -ENOENT : (int)begin;
}

/* Writes the way to a state: of each kind the items as they were declared. */
static void write_order(const struct search *search, size_t state,
                        const struct mete__layout_crossings_item *items, uint32_t count,
                        uint32_t *order) {
    uint32_t next[KINDS_MAX];

    for (uint32_t k = 0; k < search->kind_count; k++) next[k] = count;
    for (uint32_t i = count; i-- > 0; state = search->states[state].before) {
        uint8_t kind = search->states[state].last;
        do next[kind]--;
        while (!is_same(&items[next[kind]], &search->kinds[kind].item));
        order[i] = next[kind];
    }
}

int mete__layout_crossings_find(const struct mete__layout_crossings_item *items, uint32_t count,
                                const struct mete__layout_crossings_limits *limits,
                                uint32_t *order) {
    struct search search = {.limits = limits, .slot_count = (size_t)1 << 18};
    int status = -E2BIG;

    static_assert(((size_t)1 << 18) >= 2 * (size_t)STATES_MAX, "a free slot is always found");
    if (!make_kinds(&search, items, count)) return status;
    search.slots = calloc(search.slot_count, sizeof *search.slots);
    if (search.slots == NULL) return -ENOMEM;
    status = find_all(&search, count);
    if (status >= 0) {
        size_t best = (size_t)status;
        for (size_t s = best; s < search.count; s++)
            if (search.states[s].straddling < search.states[best].straddling) best = s;
        write_order(&search, best, items, count, order);
        status = 0;
    }
    free(search.slots);
    free(search.states);
    return status;
}
