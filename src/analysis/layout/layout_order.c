#include "analysis/layout/layout_order.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/layout/layout_crossings.h"
#include "analysis/layout/layout_facts.h"
#include "analysis/layout/layout_place.h"

#define MEMBERS_MAX 4096 /* of a type that is reordered */
#define SWAPPED_MAX 100  /* members of a type whose pairs are tried */
#define SWAP_ROUNDS 4

/* A member, or a run of bit-fields, that moves as one. */
struct item {
    uint32_t first, count; /* of the type's members */
    uint32_t align;        /* the greatest of them */
    bool is_hot;
    bool is_last; /* it may go on behind the type's end */
    bool is_head; /* it stays where it is */
    bool is_used; /* by the order that is being made */
};

struct search {
    const struct mete__type *type;
    const struct mete__layout_order_options *options;
    struct item *items;
    uint32_t item_count;
    bool has_hot;
    uint32_t *best, *trial; /* orders of items */
};

static struct mete__layout_place
put_item(const struct search *search, struct mete__layout_place place, const struct item *item) {
    for (uint32_t i = 0; i < item->count; i++) {
        struct mete__member member = search->type->members[item->first + i];
        mete__layout_place_put(&place, &member, search->options->line);
    }
    return place;
}

static uint64_t size_of(const struct mete__type *type, struct mete__layout_place place) {
    return mete__layout_place_size(place, type->align);
}

static struct mete__layout_place measure(const struct search *search, const uint32_t *order) {
    struct mete__layout_place place = {0};

    for (uint32_t i = 0; i < search->item_count; i++)
        place = put_item(search, place, &search->items[order[i]]);
    return place;
}

/* --- What is refused --- */

static bool follows_the_abi(const struct mete__type *type) {
    struct mete__layout_place place = {0};

    for (uint32_t i = 0; i < type->member_count; i++) {
        struct mete__member member = type->members[i];
        mete__layout_place_put(&place, &member, METE__LAYOUT_LINE);
        if (member.offset != type->members[i].offset ||
            member.bit_offset != type->members[i].bit_offset)
            return false;
    }
    return size_of(type, place) == type->size;
}

static bool is_of_the_system(const char *file) {
    return file != NULL &&
           (strncmp(file, "/usr/include/", 13) == 0 || strncmp(file, "/usr/lib/", 9) == 0);
}

/* Whether it is an array without length, or a struct that ends in one. */
static bool is_flexible(const struct mete__member *member) {
    const struct mete__type *nested = mete__type_held(member);

    if (member->flags & METE__MEMBER_FLEXIBLE) return true;
    return nested != NULL && nested->member_count != 0 && !(member->flags & METE__MEMBER_ARRAY) &&
           is_flexible(&nested->members[nested->member_count - 1]);
}

/* Whether a last member may go on behind the type's end: C that is older than flexible arrays, and
 * all C++, gives them a length of one. */
static bool is_open_ended(const struct mete__member *member) {
    const struct mete__type *nested = mete__type_held(member);

    if (member->flags & METE__MEMBER_ARRAY)
        return member->size == 0 || strncmp(member->type + member->name_at, "[1]", 3) == 0;
    if (member->size == 0 || member->flags & METE__MEMBER_FLEXIBLE) return true;
    return nested != NULL && nested->member_count != 0 &&
           is_open_ended(&nested->members[nested->member_count - 1]);
}

static const char *refuse_member(const struct mete__type *type, uint32_t index) {
    const struct mete__member *member = &type->members[index];
    bool is_last = index + 1 == type->member_count;

    if (member->flags & METE__MEMBER_INCOMPLETE) return "the size of a member is not known";
    if (is_flexible(member) && !is_last) return "an array without length is not its last member";
    if (member->size == 0 && !is_last) return "a member without size marks a place in it";
    if (member->size > UINT32_MAX ||
        (member->bit_size != 0 && (member->size == 0 || member->size > 16)))
        return "a member has a size that cannot be";
    return NULL;
}

/* Whether it is what g++ or clang++ keep a suspended coroutine in. */
static bool is_coroutine(const struct mete__type *type) {
    const char *first = type->member_count == 0 ? NULL : type->members[0].name;

    return (type->flags & METE__TYPE_CXX) && first != NULL &&
           (strcmp(first, "_Coro_resume_fn") == 0 || strcmp(first, "__resume_fn") == 0);
}

static const char *refuse(const struct mete__type *type) {
    if (type->kind == METE__TYPE_UNION) return "it is a union";
    if (type->flags & METE__TYPE_FOREIGN) return "only structs of C and C++ are reordered";
    if (type->flags & METE__TYPE_BASES) return "it inherits";
    if (type->flags & METE__TYPE_VIRTUAL) return "it has a virtual table";
    if (type->member_count == 0) return "it has no members";
    if (is_coroutine(type)) return "it is a coroutine's frame, which the compiler lays out";
    if (type->flags & METE__TYPE_PACKED) return "it is packed";
    if (is_of_the_system(type->file)) return "a system header declares it: its layout is an ABI";
    if (type->member_count > MEMBERS_MAX) return "it has too many members";
    for (uint32_t i = 0; i < type->member_count; i++) {
        const char *refusal = refuse_member(type, i);
        if (refusal != NULL) return refusal;
    }
    if (type->flags & METE__TYPE_CONSTRUCTED) return "its constructors initialise members in order";
    if (!follows_the_abi(type))
        return "its layout does not follow from its members alone (unnamed bit-fields, packing)";
    return NULL;
}

/* --- The search --- */

static bool is_hot(const struct search *search, const char *name) {
    for (size_t i = 0; i < search->options->hot_count && name != NULL; i++)
        if (strcmp(search->options->hot[i], name) == 0) return true;
    return false;
}

static void make_items(struct search *search) {
    const struct mete__type *type = search->type;
    uint32_t head = search->options->head;

    for (uint32_t i = 0; i < type->member_count; i++)
        search->has_hot |= is_hot(search, type->members[i].name);
    if (search->has_hot || search->options->pinned > head) head = search->options->pinned;
    for (uint32_t i = 0; i < type->member_count; i++) {
        const struct mete__member *member = &type->members[i];
        bool joins = i > 0 && member->bit_size != 0 && type->members[i - 1].bit_size != 0;
        if (!joins) search->items[search->item_count++] = (struct item){.first = i, .align = 1};
        struct item *item = &search->items[search->item_count - 1];
        item->count++;
        if (member->align > item->align) item->align = member->align;
        item->is_hot = item->is_hot || is_hot(search, member->name);
        item->is_last = i + 1 == type->member_count && is_open_ended(member);
        item->is_head = item->is_head || i < head;
    }
}

/* Whether one may come before the other, whatever the sizes are: hot ones first, tails last. What
 * is pinned in front of hot ones is as good as these. */
static int rank(const struct search *search, const struct item *item) {
    if (item->is_last) return 2;
    return item->is_hot || (search->has_hot && item->is_head) ? 0 : 1;
}

/* Smaller, else fewer crossings. */
static bool is_better(const struct search *search, struct mete__layout_place one,
                      struct mete__layout_place other) {
    uint64_t size = size_of(search->type, one), others = size_of(search->type, other);

    return size != others ? size < others : one.straddling < other.straddling;
}

/* Whether the item goes behind `place` better than the one found before: no hole, then the greater
 * alignment; of equals the one that was declared first. */
static bool goes_better(const struct search *search, struct mete__layout_place place,
                        const struct item *item, const struct item *before, bool tight) {
    if (before == NULL) return true;
    if (item->is_head != before->is_head) return before->is_head;
    if (rank(search, item) != rank(search, before))
        return rank(search, item) < rank(search, before);
    if (tight) {
        uint64_t at = mete__layout_place_round(place.bits, 8) / 8;
        uint64_t hole = mete__layout_place_round(at, item->align) - at;
        uint64_t others = mete__layout_place_round(at, before->align) - at;
        if (hole != others) return hole < others;
    }
    return item->align > before->align;
}

/* The first of the head's items that is still to come; NULL: none is. */
static const struct item *next_of_head(const struct search *search) {
    for (uint32_t i = 0; i < search->item_count && search->items[i].is_head; i++)
        if (!search->items[i].is_used) return &search->items[i];
    return NULL;
}

/* Whether the item, placed next, still lies where it did. */
static bool stays(const struct search *search, struct mete__layout_place place,
                  const struct item *item) {
    const struct mete__member *was = &search->type->members[item->first];
    struct mete__member member = *was;

    mete__layout_place_put(&place, &member, search->options->line);
    return member.offset == was->offset && member.bit_offset == was->bit_offset;
}

/* What may come next: of the head its `next`; else what leaves that where it is. */
static bool may_come(const struct search *search, struct mete__layout_place place,
                     const struct item *item, const struct item *next) {
    if (item->is_used) return false;
    if (next == NULL || item->is_head) return next == NULL || item == next;
    if (search->has_hot && !item->is_hot) return false;
    return !item->is_last && stays(search, put_item(search, place, item), next);
}

/* Whether the order has the head where it is. */
static bool is_kept(struct search *search, const uint32_t *order) {
    struct mete__layout_place place = {0};

    if (!search->items[0].is_head) return true;
    for (uint32_t i = 0; i < search->item_count; i++) search->items[i].is_used = false;
    for (uint32_t i = 0; i < search->item_count; i++) {
        struct item *item = &search->items[order[i]];
        if (!may_come(search, place, item, next_of_head(search))) return false;
        item->is_used = true;
        place = put_item(search, place, item);
    }
    return true;
}

/* Takes the items one after the other; what fits goes before the head's next. */
static void build(struct search *search, uint32_t *order, bool tight) {
    struct mete__layout_place place = {0};

    for (uint32_t i = 0; i < search->item_count; i++) search->items[i].is_used = false;
    for (uint32_t i = 0; i < search->item_count; i++) {
        const struct item *of_head = next_of_head(search);
        struct item *next = NULL;
        for (uint32_t k = 0; k < search->item_count; k++) {
            struct item *item = &search->items[k];
            if (may_come(search, place, item, of_head) &&
                goes_better(search, place, item, next, tight))
                next = item;
        }
        if (next == NULL) return; /* never: one is left for each place */
        next->is_used = true;
        order[i] = (uint32_t)(next - search->items);
        place = put_item(search, place, next);
    }
}

static void swap(uint32_t *order, uint32_t one, uint32_t other) {
    uint32_t kept = order[one];

    order[one] = order[other];
    order[other] = kept;
}

/* Swaps pairs while that makes it better. */
static void refine(struct search *search, uint32_t *order) {
    struct mete__layout_place place = measure(search, order);
    bool changed = search->item_count <= SWAPPED_MAX;

    for (int round = 0; round < SWAP_ROUNDS && changed && place.straddling != 0; round++) {
        changed = false;
        for (uint32_t i = 0; i < search->item_count; i++)
            for (uint32_t k = i + 1; k < search->item_count; k++) {
                if (rank(search, &search->items[order[i]]) !=
                    rank(search, &search->items[order[k]]))
                    continue;
                swap(order, i, k);
                struct mete__layout_place trial = measure(search, order);
                if (is_better(search, trial, place) && is_kept(search, order)) {
                    place = trial;
                    changed = true;
                } else {
                    swap(order, i, k);
                }
            }
    }
}

/* Whether hot members come first already. */
static bool is_ranked(const struct search *search) {
    for (uint32_t i = 1; i < search->item_count; i++)
        if (rank(search, &search->items[i]) < rank(search, &search->items[i - 1])) return false;
    return true;
}

/* Whether no order can be smaller. */
static bool is_smallest(const struct search *search, const uint32_t *order) {
    uint64_t bits = 0;

    for (uint32_t i = 0; i < search->type->member_count; i++) {
        const struct mete__member *member = &search->type->members[i];
        bits += member->bit_size != 0 ? member->bit_size : member->size * 8;
    }
    return size_of(search->type, measure(search, order)) ==
           size_of(search->type, (struct mete__layout_place){.bits = bits});
}

static void find_best(struct search *search) {
    for (uint32_t i = 0; i < search->item_count; i++) search->best[i] = i;
    bool is_free = is_ranked(search); /* the order that is may stay */
    for (int tight = 0; tight < 2; tight++) {
        if (is_free && search->options->size_only && is_smallest(search, search->best)) return;
        build(search, search->trial, tight != 0);
        if (!search->options->size_only || !is_smallest(search, search->trial))
            refine(search, search->trial);
        if (!is_free ||
            is_better(search, measure(search, search->trial), measure(search, search->best)))
            memcpy(search->best, search->trial, search->item_count * sizeof *search->best);
        is_free = true;
    }
}

/* Of the orders of that size the one with the fewest crossings, where that can be found: it goes to
 * `best`. -ENOMEM. */
static int cross_less(struct search *search) {
    struct mete__layout_place place = measure(search, search->best);
    const struct mete__layout_crossings_limits limits = {
        .size = size_of(search->type, place),
        .line = search->options->line,
        .align = search->type->align,
        .below = place.straddling,
    };

    if (search->options->size_only || place.straddling == 0 || search->items[0].is_head) return 0;
    struct mete__layout_crossings_item *items = calloc(search->item_count, sizeof *items);
    if (items == NULL) return -ENOMEM;
    for (uint32_t i = 0; i < search->item_count; i++)
        items[i] = (struct mete__layout_crossings_item){
            .members = &search->type->members[search->items[i].first],
            .count = search->items[i].count,
            .rank = rank(search, &search->items[i]),
        };
    int status = mete__layout_crossings_find(items, search->item_count, &limits, search->best);
    free(items);
    return status == -ENOMEM ? status : 0;
}

static int keep(const struct search *search, struct mete__layout_order *order) {
    struct mete__layout_place place = measure(search, search->best);
    struct mete__layout_facts facts;

    mete__layout_facts_find(search->type, search->options->line, &facts);
    order->members = calloc(search->type->member_count + 1, sizeof *order->members);
    if (order->members == NULL) return -ENOMEM;
    for (uint32_t i = 0; i < search->item_count; i++) {
        const struct item *item = &search->items[search->best[i]];
        for (uint32_t k = 0; k < item->count; k++) order->members[order->count++] = item->first + k;
    }
    order->size = size_of(search->type, place);
    order->straddling = place.straddling;
    order->is_better = order->size < search->type->size ||
                       (order->size == search->type->size && place.straddling < facts.straddling) ||
                       (search->has_hot && !is_ranked(search));
    return 0;
}

int mete__layout_order_find(const struct mete__type *type,
                            const struct mete__layout_order_options *options,
                            struct mete__layout_order *order) {
    size_t count = type->member_count;
    int status = -ENOMEM;

    *order = (struct mete__layout_order){.refusal = refuse(type)};
    if (order->refusal != NULL) return 0;
    struct search search = {
        .type = type,
        .options = options,
        .items = calloc(count + 1, sizeof(struct item)),
        .best = calloc(count + 1, sizeof(uint32_t)),
        .trial = calloc(count + 1, sizeof(uint32_t)),
    };
    if (search.items != NULL && search.best != NULL && search.trial != NULL) {
        make_items(&search);
        find_best(&search);
        status = cross_less(&search);
        if (status == 0) status = keep(&search, order);
    }
    free(search.items);
    free(search.best);
    free(search.trial);
    return status;
}

void mete__layout_order_free(struct mete__layout_order *order) {
    free(order->members);
    order->members = NULL;
}

struct mete__type *mete__layout_order_apply(const struct mete__type *type,
                                            const struct mete__layout_order *order) {
    struct mete__layout_place place = {0};
    struct mete__type *ordered =
        malloc(sizeof *ordered + type->member_count * sizeof *ordered->members);

    if (ordered == NULL) return NULL;
    *ordered = *type;
    for (uint32_t i = 0; i < order->count; i++) {
        ordered->members[i] = type->members[order->members[i]];
        mete__layout_place_put(&place, &ordered->members[i], METE__LAYOUT_LINE);
    }
    ordered->size = size_of(type, place);
    return ordered;
}
