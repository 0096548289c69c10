#include "analysis/blocks/stated_types.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct mete__stated_types {
    const struct mete__profile *profile;
    size_t count;
    const struct mete_profile_type *records[]; /* in order of stack */
};

static int compare_stacks(const void *left, const void *right) {
    const struct mete_profile_type *a = *(const struct mete_profile_type *const *)left;
    const struct mete_profile_type *b = *(const struct mete_profile_type *const *)right;
    return a->stack < b->stack ? -1 : a->stack > b->stack;
}

int mete__stated_types_open(const struct mete__profile *profile, struct mete__stated_types **out) {
    size_t count = (size_t)mete__profile_count(profile, METE_SECTION_TYPES);
    struct mete__stated_types *types =
        malloc(sizeof *types + (count + 1) * sizeof types->records[0]);

    if (types == NULL) return -ENOMEM;
    types->profile = profile;
    types->count = 0;
    for (size_t i = 0; i < count; i++) {
        const struct mete_profile_type *record =
            mete__profile_record(profile, METE_SECTION_TYPES, i);
        if (record->stack != 0 && mete__profile_string(profile, record->name)[0] != '\0')
            types->records[types->count++] = record;
    }
    qsort(types->records, types->count, sizeof types->records[0], compare_stacks);
    *out = types;
    return 0;
}

void mete__stated_types_close(struct mete__stated_types *types) {
    free(types);
}

const struct mete_profile_type *mete__stated_types_find(const struct mete__stated_types *types,
                                                        uint32_t stack) {
    size_t low = 0, high = types->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (types->records[middle]->stack < stack)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == types->count || types->records[low]->stack != stack) return NULL;
    const struct mete_profile_type *first = types->records[low];
    const char *name = mete__profile_string(types->profile, first->name);
    for (size_t i = low + 1; i < types->count && types->records[i]->stack == stack; i++)
        if (types->records[i]->bytes != first->bytes ||
            strcmp(mete__profile_string(types->profile, types->records[i]->name), name) != 0)
            return NULL;
    return first;
}
