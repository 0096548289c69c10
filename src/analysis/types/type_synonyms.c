#include "analysis/types/type_synonyms.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_SLOTS 64 /* a power of two */

struct mete__type_synonym {
    const char *name; /* NULL: the slot is free */
    const char *of;
};

static struct mete__type_synonym *slot_of(struct mete__type_synonym *slots, size_t slot_count,
                                          const char *name) {
    /* Fibonacci hashing: equal names are one, and so is their address. */
    size_t i = (size_t)(((uintptr_t)name * UINT64_C(0x9e3779b97f4a7c15)) >> 32) & (slot_count - 1);

    while (slots[i].name != NULL && slots[i].name != name) i = (i + 1) & (slot_count - 1);
    return &slots[i];
}

static int grow(struct mete__type_synonyms *synonyms) {
    size_t slot_count = synonyms->slot_count == 0 ? FIRST_SLOTS : synonyms->slot_count * 2;
    struct mete__type_synonym *slots = calloc(slot_count, sizeof *slots);

    if (slots == NULL) return -ENOMEM;
    for (size_t i = 0; i < synonyms->slot_count; i++)
        if (synonyms->slots[i].name != NULL)
            *slot_of(slots, slot_count, synonyms->slots[i].name) = synonyms->slots[i];
    free(synonyms->slots);
    synonyms->slots = slots;
    synonyms->slot_count = slot_count;
    return 0;
}

int mete__type_synonyms_add(struct mete__type_synonyms *synonyms, const char *name,
                            const char *of) {
    if (name == of) return 0; /* typedef struct conn conn */
    if (synonyms->count * 2 >= synonyms->slot_count && grow(synonyms) != 0) return -ENOMEM;
    struct mete__type_synonym *slot = slot_of(synonyms->slots, synonyms->slot_count, name);
    if (slot->name != NULL) return 0;
    *slot = (struct mete__type_synonym){.name = name, .of = of};
    synonyms->count++;
    return 0;
}

void mete__type_synonyms_free(struct mete__type_synonyms *synonyms) {
    free(synonyms->slots);
    *synonyms = (struct mete__type_synonyms){0};
}

const char *mete__type_synonyms_find(const struct mete__type_synonyms *synonyms, const char *name) {
    for (size_t i = 0; i < synonyms->slot_count; i++)
        if (synonyms->slots[i].name != NULL && strcmp(synonyms->slots[i].name, name) == 0)
            return synonyms->slots[i].of;
    return NULL;
}
