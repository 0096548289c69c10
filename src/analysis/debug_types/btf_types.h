/*
 * analysis/debug_types/btf_types.h - one type of BTF after the other: what it is called, and how
 * large it is.
 */
#ifndef METE_ANALYSIS_BTF_TYPES_H
#define METE_ANALYSIS_BTF_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analysis/names.h"
#include "analysis/types/type.h"
#include "analysis/types/type_text.h"

enum mete__btf_kind { /* as in the data */
                      METE__BTF_VOID,
                      METE__BTF_INT,
                      METE__BTF_POINTER,
                      METE__BTF_ARRAY,
                      METE__BTF_STRUCT,
                      METE__BTF_UNION,
                      METE__BTF_ENUM,
                      METE__BTF_FORWARD,
                      METE__BTF_TYPEDEF,
                      METE__BTF_VOLATILE,
                      METE__BTF_CONST,
                      METE__BTF_RESTRICT,
                      METE__BTF_FUNCTION,
                      METE__BTF_PROTOTYPE,
                      METE__BTF_VARIABLE,
                      METE__BTF_SECTION,
                      METE__BTF_FLOAT,
                      METE__BTF_DECLARATION_TAG,
                      METE__BTF_TYPE_TAG,
                      METE__BTF_ENUM64,
                      METE__BTF_KINDS,
};

/* A record of the data. */
struct mete__btf_record {
    const char *name; /* NULL: none */
    enum mete__btf_kind kind;
    bool flag;             /* of members: bit-field sizes are with their offsets */
    uint32_t count;        /* of members, parameters */
    uint32_t size_or_type; /* as the kind has it */
    const uint32_t *words; /* what follows */
};

/* What is known of a type; made when it is first asked for. */
struct mete__btf_entry {
    struct mete__type_text text;   /* text NULL: not made yet */
    const struct mete__type *made; /* of an aggregate */
    uint64_t size;
    uint32_t align;  /* 0: not measured yet */
    uint32_t alias;  /* of an anonymous aggregate: the typedef whose name it has; 0: none */
    uint32_t target; /* of a pointer, through further ones: the bare type; 0: none */
    bool has_size, is_array, is_packed, is_being_made;
};

struct mete__btf_types {
    const char *strings;
    uint32_t string_bytes; /* the last of which is 0 */
    const uint32_t *words; /* of all records */
    uint32_t *places;      /* by id: at which word its record is; the first is void */
    uint32_t count;
    uint32_t *numbers;               /* by id: 1 + that of its entry; 0: none was asked for yet */
    struct mete__btf_entry **chunks; /* of entries, which stay where they are */
    size_t chunk_count, chunk_capacity;
    uint32_t entry_count;
    struct mete__names *names;
    int depth;
    uint32_t address_size, greatest_align;
};

/* A type of the data; one that is not there is void. */
struct mete__btf_record mete__btf_types_record(const struct mete__btf_types *types, uint32_t id);
/* Its kind alone. */
enum mete__btf_kind mete__btf_types_kind(const struct mete__btf_types *types, uint32_t id);

/* The entry of a type, made when it is first asked for: most types are functions, and nobody asks.
 * NULL: memory ran out. */
struct mete__btf_entry *mete__btf_types_entry(struct mete__btf_types *types, uint32_t id);
/* Frees entries, places and numbers. */
void mete__btf_types_free(struct mete__btf_types *types);

/* The type that one stands for: without typedefs and qualifiers. */
uint32_t mete__btf_types_bare(const struct mete__btf_types *types, uint32_t id);
/* Of an array what it holds, bare; else the bare type. */
uint32_t mete__btf_types_element(const struct mete__btf_types *types, uint32_t id);

/* The entry with its text; with size and alignment. NULL: memory ran out. */
struct mete__btf_entry *mete__btf_types_text(struct mete__btf_types *types, uint32_t id);
struct mete__btf_entry *mete__btf_types_measure(struct mete__btf_types *types, uint32_t id);

/* A member's place: bits from the start of the aggregate, and how many it has (0: no bit-field). */
void mete__btf_types_place(const struct mete__btf_types *types,
                           const struct mete__btf_record *aggregate, uint32_t index, uint32_t *bits,
                           uint32_t *bit_size);

#endif
