/*
 * track/modules.h - the objects that frames have been met in, and their entry in the profile.
 *
 * An object is entered when an address of it is first asked for, with its build-id and path, and
 * never leaves the list: frames recorded in it outlive its unloading. Objects that are mapped over
 * the same addresses one after the other are told apart by a generation (profile/format.h).
 *
 * Lock-free, async-signal-safe but for the memory of a new entry.
 */
#ifndef METE_TRACK_MODULES_H
#define METE_TRACK_MODULES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "track/unwind_cfi.h"

struct mete__module {
    struct mete__unwind_tables tables;
    uintptr_t entry; /* the first instruction of the process; 0: not here */
    uintptr_t start; /* mapped at [start, end) */
    uintptr_t end;
    uint32_t generation; /* up to METE_GENERATION_MAX */
    bool fleeting;       /* the C library unloads it unseen: nothing about it may be kept */
    bool main_program;
};

/* Whether an address is in the code at a process's entry, which nobody called. Where it has a
 * table, that says so too. */
METE_INLINE bool mete__module_is_entry(const struct mete__module *module, uintptr_t address) {
    const uintptr_t enough = 256; /* bytes: it is a few instructions */
    return module->entry != 0 && address - module->entry < enough;
}

/* The object that holds `address`; false for none: code made at run time, or no code. */
METE_HIDDEN bool mete__modules_find(uintptr_t address, struct mete__module *out);

/* The state of unloading: what is remembered of code is good for as long as this number stays, and
 * only if no unloading is in progress. */
#define METE__MODULES_UNLOADING 0xffffu /* these bits: how many are in progress */
METE_HIDDEN uint64_t mete__modules_state(void);

/* To be called around dlclose, by whoever wraps it. In between frames are unwound without any
 * memory of earlier ones, since other objects may appear where one has just gone. */
METE_HIDDEN void mete__modules_unloading(void);
METE_HIDDEN void mete__modules_unloaded(void);

#endif
