#include "report/layout_map.h"

#include <string.h>

#include "analysis/layout/layout_class.h"

#define EMPTY  '.'
#define SHARED '+'
#define GROUP  8 /* bytes between two gaps */

static const char alphabet[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

void mete__layout_map_begin(struct mete__layout_map *map, const struct mete__type *type,
                            uint64_t line) {
    map->size = type->size <= METE__LAYOUT_MAP_BYTES ? type->size : 0;
    map->line = line;
    map->members = 0;
    memset(map->letters, EMPTY, sizeof map->letters);
}

char mete__layout_map_add(struct mete__layout_map *map, const struct mete__member *member,
                          uint64_t offset) {
    uint64_t first = offset, end = offset + mete__layout_class_bytes(member);

    if (map->size == 0) return ' ';
    char letter = alphabet[map->members++ % (sizeof alphabet - 1)];
    if (member->bit_size != 0) {
        first = offset + member->bit_offset / 8;
        end = offset + (uint64_t)(member->bit_offset + member->bit_size + 7) / 8;
    }
    for (uint64_t i = first; i < end && i < map->size; i++)
        if (map->letters[i] == EMPTY)
            map->letters[i] = letter;
        else
            map->letters[i] = SHARED;
    return letter;
}

/* Neighbours differ, so that a member can be seen without reading. */
static enum mete__page_style style_of(char letter) {
    if (letter == EMPTY) return METE__PAGE_BAD;
    return (letter & 1) != 0 ? METE__PAGE_STRONG : METE__PAGE_PLAIN;
}

static void write_row(const struct mete__layout_map *map, const struct mete__page *page,
                      uint64_t start) {
    uint64_t end = start + map->line < map->size ? start + map->line : map->size;

    mete__page_print(page, METE__PAGE_FAINT, "%5llu  ", (unsigned long long)start);
    mete__page_mark(page);
    for (uint64_t i = start; i < end;) {
        uint64_t run = i + 1; /* of one letter, within a group */
        while (run < end && run % GROUP != 0 && map->letters[run] == map->letters[i]) run++;
        mete__page_put(page, style_of(map->letters[i]), map->letters + i, run - i);
        if (run % GROUP == 0 && run < end) mete__page_gap(page, 1);
        i = run;
    }
    mete__page_put(page, METE__PAGE_PLAIN, "\n", 1);
}

void mete__layout_map_write(const struct mete__layout_map *map, const struct mete__page *page) {
    for (uint64_t start = 0; start < map->size; start += map->line) write_row(map, page, start);
}
