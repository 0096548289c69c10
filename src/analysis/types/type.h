/*
 * analysis/types/type.h - structs, unions and classes as a program's debug data describe them.
 *
 * What a type is, not what follows from it: holes and cache lines are computed by
 * analysis/layout/layout_facts.h. Readers of DWARF and BTF make types, a table
 * (analysis/types/type_table.h) keeps equal ones once and owns them; they are never changed after
 * that.
 *
 * All texts are kept in an analysis/names.h table, so equal texts have equal addresses.
 */
#ifndef METE_ANALYSIS_TYPES_TYPE_H
#define METE_ANALYSIS_TYPES_TYPE_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum mete__type_kind {
    METE__TYPE_STRUCT,
    METE__TYPE_UNION,
    METE__TYPE_CLASS,
};

enum mete__type_flag {
    METE__TYPE_ANONYMOUS = 1 << 0,      /* has no name of its own, nor a typedef's */
    METE__TYPE_TYPEDEF = 1 << 1,        /* anonymous; the name is its typedef's */
    METE__TYPE_PACKED = 1 << 2,         /* members lie where alignment alone would not put them */
    METE__TYPE_DECLARED_ALIGN = 1 << 3, /* aligned on purpose: _Alignas, __attribute__((aligned)) */
    METE__TYPE_CXX = 1 << 4,            /* from C++: names are qualified by their scopes */
    METE__TYPE_BASES = 1 << 5,          /* inherits */
    METE__TYPE_VIRTUAL = 1 << 6,        /* has a virtual table, or virtual bases */
    METE__TYPE_FOREIGN = 1 << 7,        /* neither C nor C++: other rules of layout, or none */
    METE__TYPE_VARIANT = 1 << 8,        /* one of what a value may be: its gaps are others' */
    METE__TYPE_CONSTRUCTED = 1 << 9,    /* has constructors of its own */
};

enum mete__member_flag {
    METE__MEMBER_BASE = 1 << 0,           /* a base class; no name */
    METE__MEMBER_VIRTUAL_BASE = 1 << 1,   /* where it lies is known at run time only: offset 0 */
    METE__MEMBER_VPTR = 1 << 2,           /* the pointer to the virtual table */
    METE__MEMBER_FLEXIBLE = 1 << 3,       /* an array without a length: "int tail[]" */
    METE__MEMBER_DECLARED_ALIGN = 1 << 4, /* aligned on purpose */
    METE__MEMBER_ARRAY = 1 << 5,          /* of a length, 0 included */
    METE__MEMBER_INCOMPLETE = 1 << 6,     /* the debug data do not say how large it is: size 0 */
    METE__MEMBER_POINTER = 1 << 7,        /* what is nested is what it points to */
};

struct mete__type;

struct mete__member {
    const char *name;                /* NULL: an anonymous struct or union, a base class */
    const char *type;                /* as C writes it without a name: "char *", "int (*)(void)" */
    const struct mete__type *nested; /* the aggregate it is, or is an array of; with POINTER the
                                      * anonymous one it points to, which lies elsewhere; or NULL */
    const char *target;              /* name of the aggregate it points to; NULL: to none */
    uint64_t offset;                 /* bytes; of a bit-field, those of its storage */
    uint64_t size;                   /* bytes; of a bit-field, those of its storage */
    uint32_t align;                  /* bytes: a power of two, at least 1 */
    uint32_t flags;                  /* enum mete__member_flag */
    uint32_t name_at;                /* where in `type` a declaration has the name */
    uint16_t bit_offset;             /* of a bit-field: bits from `offset`, in storage order */
    uint16_t bit_size;               /* 0: no bit-field */
};

struct mete__type {
    const char *name; /* "struct conn"; a typedef's name alone; "struct {...}" where ANONYMOUS */
    const char *file; /* where it is declared; NULL: unknown */
    uint64_t size;    /* bytes */
    uint32_t line;    /* 0: unknown */
    uint32_t align;   /* bytes: a power of two, at least 1 */
    uint32_t units;   /* compilation units that define it */
    uint16_t flags;   /* enum mete__type_flag */
    uint8_t kind;     /* enum mete__type_kind */
    uint8_t plain_at; /* where in `name` the name begins without its "struct " */
    uint32_t unit;    /* the reader's: in which it was first found */
    uint32_t member_count;
    struct mete__member members[]; /* in order of declaration, without static ones */
};

/* Members are compared byte by byte. */
static_assert(sizeof(struct mete__member) == 4 * sizeof(void *) + 32, "no padding");

/* The name without "struct ", as users may give it. */
static inline const char *mete__type_plain_name(const struct mete__type *type) {
    return type->name + type->plain_at;
}

/* The aggregate that lies where the member lies; NULL: none. */
static inline const struct mete__type *mete__type_held(const struct mete__member *member) {
    return member->flags & METE__MEMBER_POINTER ? NULL : member->nested;
}

/* Whether a pointer leads to an aggregate that has no name, and whose members nobody else shows:
 * "struct {...} *", but not by a typedef of the pointer. */
bool mete__type_points_to_anonymous(const struct mete__member *member);

/* A name as users give it, without "struct ", "union " or "class " where it begins so. */
const char *mete__type_without_keyword(const char *name);

/* "struct", "union" or "class" */
const char *mete__type_keyword(enum mete__type_kind kind);

/* Writes a declaration of `name` (NULL: none) of a type whose text has the name at `name_at`:
 * "int (*done)(void)". What exceeds the buffer, which has at least a byte, is cut. Returns the
 * length of the whole. */
size_t mete__type_declare(char *buffer, size_t size, const char *type, size_t name_at,
                          const char *name);

#endif
