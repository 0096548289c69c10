#include "analysis/names.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/demangle.h"

#define INITIAL_SLOTS 1024 /* a power of two */

struct name {
    uint64_t hash;
    size_t number;
    struct name *readable; /* the demangled form; NULL: not asked for yet */
    char text[];
};

struct mete__names {
    struct name **slots; /* open addressing; a power of two of them, at most half in use */
    size_t slot_count;
    size_t name_count;
};

/* FNV-1a, 64 bits (Fowler, Noll, Vo): short keys, no adversary worth more. */
static uint64_t hash_of(const char *text) {
    uint64_t hash = 0xcbf29ce484222325u;

    for (; *text != '\0'; text++) hash = (hash ^ (unsigned char)*text) * 0x100000001b3u;
    return hash;
}

static struct name **slot_of(struct name **slots, size_t slot_count, uint64_t hash,
                             const char *text) {
    size_t i = (size_t)hash & (slot_count - 1);

    while (slots[i] != NULL && (slots[i]->hash != hash || strcmp(slots[i]->text, text) != 0))
        i = (i + 1) & (slot_count - 1);
    return &slots[i];
}

static int grow(struct mete__names *names) {
    size_t slot_count = names->slot_count * 2;
    struct name **slots = calloc(slot_count, sizeof(struct name *));

    if (slots == NULL) return -1;
    for (size_t i = 0; i < names->slot_count; i++) {
        struct name *name = names->slots[i];
        if (name != NULL) *slot_of(slots, slot_count, name->hash, name->text) = name;
    }
    free(names->slots);
    names->slots = slots;
    names->slot_count = slot_count;
    return 0;
}

static struct name *keep(struct mete__names *names, const char *text) {
    if (names->name_count * 2 >= names->slot_count && grow(names) != 0) return NULL;

    uint64_t hash = hash_of(text);
    struct name **slot = slot_of(names->slots, names->slot_count, hash, text);
    if (*slot != NULL) return *slot;

    size_t bytes = strlen(text) + 1;
    struct name *name = malloc(sizeof *name + bytes);
    if (name == NULL) return NULL;
    name->hash = hash;
    name->number = names->name_count;
    name->readable = NULL;
    memcpy(name->text, text, bytes);
    *slot = name;
    names->name_count++;
    return name;
}

struct mete__names *mete__names_open(void) {
    struct mete__names *names = calloc(1, sizeof *names);

    if (names == NULL) return NULL;
    names->slot_count = INITIAL_SLOTS;
    names->slots = calloc(names->slot_count, sizeof(struct name *));
    if (names->slots == NULL) {
        free(names);
        return NULL;
    }
    return names;
}

void mete__names_close(struct mete__names *names) {
    if (names == NULL) return;
    for (size_t i = 0; i < names->slot_count; i++) free(names->slots[i]);
    free(names->slots);
    free(names);
}

const char *mete__names_keep(struct mete__names *names, const char *text) {
    struct name *name = keep(names, text);

    return name == NULL ? NULL : name->text;
}

size_t mete__names_number(struct mete__names *names, const char *text) {
    struct name *name = keep(names, text);

    return name == NULL ? SIZE_MAX : name->number;
}

const char *mete__names_readable(struct mete__names *names, const char *symbol) {
    struct name *name = keep(names, symbol);

    if (name == NULL) return NULL;
    if (name->readable == NULL) {
        char *demangled = mete__demangle(symbol);
        name->readable = demangled == NULL ? name : keep(names, demangled);
        free(demangled);
    }
    return name->readable == NULL ? NULL : name->readable->text;
}
