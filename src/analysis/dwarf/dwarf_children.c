#include "analysis/dwarf/dwarf_children.h"

#include <errno.h>
#include <stddef.h>

static bool is_within(const struct mete__dwarf_children *children, const uint8_t *address) {
    return address > (const uint8_t *)children->die.addr &&
           (children->limit == NULL || address <= children->limit);
}

/* Looks where the child ends, and what comes then. */
static void look_ahead(struct mete__dwarf_children *children) {
    int status = dwarf_siblingof(&children->die, &children->next);
    const uint8_t *end = children->next.addr;

    children->more = status == 0 ? 1 : status > 0 ? 0 : -EBADMSG;
    if (children->more >= 0 && end != NULL && !is_within(children, end)) children->more = -EBADMSG;
    children->tail = children->more == 0 ? end : NULL;
    children->end = children->more >= 0 && end != NULL ? end : children->limit;
}

int mete__dwarf_children_begin(struct mete__dwarf_children *children, Dwarf_Die *parent,
                               const uint8_t *limit) {
    *children = (struct mete__dwarf_children){.limit = limit};
    int status = dwarf_child(parent, &children->die);

    if (status != 0) return status > 0 ? 0 : -EBADMSG;
    if (limit != NULL && (const uint8_t *)children->die.addr >= limit) return -EBADMSG;
    look_ahead(children);
    return 1;
}

int mete__dwarf_children_next(struct mete__dwarf_children *children) {
    if (children->more <= 0) return children->more;
    children->die = children->next;
    look_ahead(children);
    return 1;
}
