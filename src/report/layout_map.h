/*
 * report/layout_map.h - a picture of a type's bytes: one row per cache line, a letter per member.
 *
 * Bytes of no member are dots, those that several bit-fields share are plus signs. Large types have
 * no map, since nobody could read it.
 */
#ifndef METE_REPORT_LAYOUT_MAP_H
#define METE_REPORT_LAYOUT_MAP_H

#include <stdint.h>

#include "analysis/types/type.h"
#include "report/page.h"

#define METE__LAYOUT_MAP_BYTES 1024 /* of the largest type that is drawn */

struct mete__layout_map {
    uint64_t size; /* 0: not drawn */
    uint64_t line; /* bytes of a cache line */
    uint32_t members;
    char letters[METE__LAYOUT_MAP_BYTES];
};

void mete__layout_map_begin(struct mete__layout_map *map, const struct mete__type *type,
                            uint64_t line);
/* Draws a member that begins at `offset` of the type; its letter, or ' ' where nothing is drawn. */
char mete__layout_map_add(struct mete__layout_map *map, const struct mete__member *member,
                          uint64_t offset);
void mete__layout_map_write(const struct mete__layout_map *map, const struct mete__page *page);

#endif
