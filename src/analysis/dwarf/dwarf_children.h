/*
 * analysis/dwarf/dwarf_children.h - the children of a DIE, each once.
 *
 * In damaged DWARF a DIE may seem to have children that are in truth what follows it. libdw finds a
 * DIE's sibling by an offset that it has, or by going through its children; where these disagree,
 * who walks down and on comes to the same DIEs again and again, in a time that doubles with each
 * level. So a child has to end before the next one begins, and before its parent does.
 */
#ifndef METE_ANALYSIS_DWARF_DWARF_CHILDREN_H
#define METE_ANALYSIS_DWARF_DWARF_CHILDREN_H

#include <elfutils/libdw.h>
#include <stdbool.h>
#include <stdint.h>

struct mete__dwarf_children {
    Dwarf_Die die;       /* the child */
    const uint8_t *end;  /* where it ends, with all that is in it; NULL: with its unit */
    const uint8_t *tail; /* behind the last: the zero that ends the list; NULL: it is not there */
    /* Its own: */
    Dwarf_Die next;
    const uint8_t *limit;
    int more; /* 1: `next` is the next child; 0: there is none; negative: damaged */
};

/* Takes the first child. `limit`: where the parent ends, as `end` says it; NULL: nobody knows. 1:
 * it is there; 0: there is none; -EBADMSG. */
int mete__dwarf_children_begin(struct mete__dwarf_children *children, Dwarf_Die *parent,
                               const uint8_t *limit);

/* Takes the next one. 1: it is there; 0: there are no more; -EBADMSG: what follows is damaged, and
 * so perhaps all of the unit. */
int mete__dwarf_children_next(struct mete__dwarf_children *children);

#endif
