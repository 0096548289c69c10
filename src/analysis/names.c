#include "analysis/names.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/array.h"
#include "analysis/demangle.h"

#define INITIAL_SLOTS 1024              /* a power of two */
#define CHUNK_BYTES   ((size_t)1 << 16) /* what is larger has a chunk of its own */
#define PLACE_BITS    14
#define CHUNKS_MAX    (((size_t)1 << (32 - PLACE_BITS)) - 1)

/* A name lies in a chunk, many of them in each: a file has ten thousands, most of them short. Its
 * reference is that of the chunk, from 1, and the word in it; 0 is none. */
struct name {
    uint32_t number;
    uint32_t readable; /* reference of the demangled form; 0: not asked for yet */
    char text[];
};

static_assert(CHUNK_BYTES / sizeof(uint32_t) == (size_t)1 << PLACE_BITS,
              "a reference has room for every word of a chunk");

struct slot {
    uint32_t hash; /* beside the reference, so that other names need not be looked at */
    uint32_t reference;
};

struct mete__names {
    struct slot *slots; /* open addressing; a power of two of them, at most seven eighths in use */
    size_t slot_count;
    uint32_t name_count;
    char **chunks;
    size_t chunk_count, chunk_capacity;
    size_t left; /* bytes at the end of the last chunk */
};

/* Words are multiplied by 2^64 divided by the golden ratio, as Knuth has it: short keys, no
 * adversary worth more. */
static uint32_t hash_of(const char *text, size_t length) {
    const uint64_t factor = UINT64_C(0x9e3779b97f4a7c15);
    uint64_t hash = length, word;

    for (; length > sizeof word; text += sizeof word, length -= sizeof word) {
        memcpy(&word, text, sizeof word);
        hash = (hash ^ word) * factor;
        hash ^= hash >> 32;
    }
    word = 0;
    memcpy(&word, text, length);
    hash = (hash ^ word) * factor;
    return (uint32_t)(hash >> 32);
}

static struct name *name_at(const struct mete__names *names, uint32_t reference) {
    char *chunk = names->chunks[(reference >> PLACE_BITS) - 1];
    size_t word = reference & (((uint32_t)1 << PLACE_BITS) - 1);

    return (struct name *)(void *)(chunk + word * sizeof(uint32_t));
}

/* The slot of a name, or the free one where it would be. */
static struct slot *slot_of(const struct mete__names *names, uint32_t hash, const char *text) {
    size_t mask = names->slot_count - 1;
    size_t i = hash & mask;

    for (; names->slots[i].reference != 0; i = (i + 1) & mask)
        if (names->slots[i].hash == hash &&
            strcmp(name_at(names, names->slots[i].reference)->text, text) == 0)
            break;
    return &names->slots[i];
}

static int grow(struct mete__names *names) {
    size_t slot_count = names->slot_count * 2;
    struct slot *slots = calloc(slot_count, sizeof *slots);

    if (slots == NULL) return -1;
    for (size_t i = 0; i < names->slot_count; i++) {
        if (names->slots[i].reference == 0) continue;
        size_t at = names->slots[i].hash & (slot_count - 1);
        while (slots[at].reference != 0) at = (at + 1) & (slot_count - 1);
        slots[at] = names->slots[i];
    }
    free(names->slots);
    names->slots = slots;
    names->slot_count = slot_count;
    return 0;
}

static int add_chunk(struct mete__names *names, size_t bytes) {
    if (names->chunk_count == CHUNKS_MAX) return -1;
    char **chunks =
        mete__array_room(names->chunks, names->chunk_count, &names->chunk_capacity, sizeof(char *));
    if (chunks == NULL) return -1;
    names->chunks = chunks;
    chunks[names->chunk_count] = malloc(bytes);
    if (chunks[names->chunk_count] == NULL) return -1;
    names->chunk_count++;
    names->left = bytes;
    return 0;
}

/* The reference of a new name; 0 where memory ran out. */
static uint32_t add(struct mete__names *names, const char *text, size_t length) {
    const size_t word = sizeof(uint32_t);
    size_t bytes = (sizeof(struct name) + length + 1 + word - 1) / word * word;

    if (bytes > names->left && add_chunk(names, bytes > CHUNK_BYTES ? bytes : CHUNK_BYTES) != 0)
        return 0;
    size_t start = bytes > CHUNK_BYTES ? 0 : CHUNK_BYTES - names->left;
    uint32_t reference = (uint32_t)(names->chunk_count << PLACE_BITS | start / word);
    struct name *name = name_at(names, reference);
    names->left -= bytes;
    name->number = names->name_count++;
    name->readable = 0;
    memcpy(name->text, text, length + 1);
    return reference;
}

/* The reference of a name, new or not; 0 where memory ran out. */
static uint32_t keep(struct mete__names *names, const char *text) {
    size_t length = strlen(text);
    uint32_t hash = hash_of(text, length);

    if (names->name_count >= names->slot_count / 8 * 7 && grow(names) != 0) return 0;
    struct slot *slot = slot_of(names, hash, text);
    if (slot->reference == 0) *slot = (struct slot){hash, add(names, text, length)};
    return slot->reference;
}

struct mete__names *mete__names_open(void) {
    struct mete__names *names = calloc(1, sizeof *names);

    if (names == NULL) return NULL;
    names->slot_count = INITIAL_SLOTS;
    names->slots = calloc(names->slot_count, sizeof *names->slots);
    if (names->slots == NULL) {
        free(names);
        return NULL;
    }
    return names;
}

void mete__names_close(struct mete__names *names) {
    if (names == NULL) return;
    for (size_t i = 0; i < names->chunk_count; i++) free(names->chunks[i]);
    free(names->chunks);
    free(names->slots);
    free(names);
}

const char *mete__names_keep(struct mete__names *names, const char *text) {
    uint32_t reference = keep(names, text);

    return reference == 0 ? NULL : name_at(names, reference)->text;
}

size_t mete__names_number(struct mete__names *names, const char *text) {
    uint32_t reference = keep(names, text);

    return reference == 0 ? SIZE_MAX : name_at(names, reference)->number;
}

const char *mete__names_readable(struct mete__names *names, const char *symbol) {
    uint32_t reference = keep(names, symbol);

    if (reference == 0) return NULL;
    struct name *name = name_at(names, reference); /* names stay where they are */
    if (name->readable == 0) {
        char *demangled = mete__demangle(symbol);
        name->readable = demangled == NULL ? reference : keep(names, demangled);
        free(demangled);
    }
    return name->readable == 0 ? NULL : name_at(names, name->readable)->text;
}
