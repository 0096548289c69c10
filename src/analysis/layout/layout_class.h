/*
 * analysis/layout/layout_class.h - bytes of classes of C++ that their sizes do not tell (Itanium
 * C++ ABI, 2.4).
 *
 * A virtual base lies once in an object, behind all that is not virtual, wherever in the hierarchy
 * it is asked for; where exactly is known at run time. So a class that has some takes fewer bytes
 * as a base than its own size, and the end of an object of it is theirs. Empty members, whose
 * address alone counts, may lie where others do.
 *
 * Pure functions.
 */
#ifndef METE_ANALYSIS_LAYOUT_LAYOUT_CLASS_H
#define METE_ANALYSIS_LAYOUT_LAYOUT_CLASS_H

#include <stdbool.h>
#include <stdint.h>

#include "analysis/types/type.h"

/* Whether no member of a class takes any bytes. */
bool mete__layout_class_is_empty(const struct mete__type *type);

/* The bytes that a member takes where it lies: of a base class without its virtual bases. */
uint64_t mete__layout_class_bytes(const struct mete__member *member);

/* The bytes of all virtual bases of a class, each once; without the padding between them. */
uint64_t mete__layout_class_virtual_bytes(const struct mete__type *type);

#endif
