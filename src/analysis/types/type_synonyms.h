/*
 * analysis/types/type_synonyms.h - typedefs of types that have a name besides: PyTypeObject is a
 * struct _typeobject.
 *
 * Names are kept in an analysis/names.h table. Of two types that a name stands for in different
 * units the first counts. Not thread-safe.
 */
#ifndef METE_ANALYSIS_TYPES_TYPE_SYNONYMS_H
#define METE_ANALYSIS_TYPES_TYPE_SYNONYMS_H

#include <stddef.h>

/* Zero-initialised it is empty. */
struct mete__type_synonyms {
    struct mete__type_synonym *slots; /* by name; open addressing, at most half in use */
    size_t slot_count, count;
};

/* `name` and `of`, the type's name without "struct ", are kept ones. 0 or -ENOMEM. */
int mete__type_synonyms_add(struct mete__type_synonyms *synonyms, const char *name, const char *of);
void mete__type_synonyms_free(struct mete__type_synonyms *synonyms);

/* The name of the type that a typedef stands for; NULL: there is no such typedef. */
const char *mete__type_synonyms_find(const struct mete__type_synonyms *synonyms, const char *name);

#endif
