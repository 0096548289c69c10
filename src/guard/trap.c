/* guard/trap.h */
#include "guard/trap.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "guard/finding.h"
#include "heap/cushion.h"
#include "os/fault.h"

static ptrdiff_t distance(const char *address, const struct mete__cushion *cushion) {
    if (address < cushion->block) return cushion->block - address;
    ptrdiff_t behind = address - (cushion->block + cushion->size);
    return behind < 0 ? 0 : behind;
}

/* Between two blocks there is one fence for both: the access is that one's whose block is nearer.
 */
static void choose_nearer(const char *address, struct mete__cushion *cushion) {
    bool is_before = address < cushion->block;
    const char *beside = is_before ? cushion->memory - 1 : cushion->memory + cushion->bytes;
    struct mete__cushion other;

    if (mete__cushion_find(beside, &other) && other.fenced &&
        distance(address, &other) < distance(address, cushion))
        *cushion = other;
}

static void look(uintptr_t where, const void *context) {
    struct mete__cushion cushion;
    char *address = (char *)where;

    if (!mete__cushion_find(address, &cushion) || !cushion.fenced) return;
    choose_nearer(address, &cushion);
    enum mete__misuse kind = !cushion.record->live     ? METE__USE_AFTER_FREE
                             : address < cushion.block ? METE__HEAP_UNDERFLOW
                                                       : METE__HEAP_OVERFLOW;
    mete__finding_trapped(kind, address, &cushion, context);
}

void mete__trap_start(void) {
    (void)mete__fault_watch(look);
}
