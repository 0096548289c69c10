/* track/unwind_reach.h: page by page. */
#include "track/unwind_reach.h"

#include "base/bits.h"
#include "os/probe.h"

bool mete__unwind_reach_grow(struct mete__unwind_reach *reach, uintptr_t from, uintptr_t to) {
    if (from > to || to - from > METE__UNWIND_FRAME_LIMIT || to > UINTPTR_MAX - METE__PROBE_STEP)
        return false;
    uintptr_t first = mete__round_down(from, METE__PROBE_STEP);
    uintptr_t last = mete__round_up(to, METE__PROBE_STEP);

    /* Another stack, unless what lies between is readable too and not far. */
    if (first > reach->high || last < reach->low ||
        (first < reach->low && reach->low - first > METE__UNWIND_FRAME_LIMIT))
        reach->low = reach->high = first;
    while (reach->low > first) {
        if (!mete__probe_readable(reach->low - METE__PROBE_STEP)) {
            reach->high = reach->low = first; /* a gap: another stack after all */
            break;
        }
        reach->low -= METE__PROBE_STEP;
    }
    while (reach->high < last) {
        if (!mete__probe_readable(reach->high)) return false;
        reach->high += METE__PROBE_STEP;
    }
    return true;
}

bool mete__unwind_reach_read(const struct mete__unwind_reach *reach, uintptr_t address,
                             uintptr_t *out) {
    if (address > UINTPTR_MAX - sizeof *out) return false;
    bool known = address >= reach->low && address + sizeof *out <= reach->high;
    if (!known &&
        (!mete__probe_readable(address) || !mete__probe_readable(address + sizeof *out - 1)))
        return false;
    __builtin_memcpy(out, (const void *)address, sizeof *out);
    return true;
}
