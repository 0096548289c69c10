/*
 * track/unwind_cfi.h - reading .eh_frame: the rules that recover a frame's caller.
 *
 * Given an address in an object, finds its description by the binary search table of .eh_frame_hdr
 * and runs the call frame program up to the address (DWARF 5, section 6.4; Linux Standard Base 5,
 * "Exception Frames"). Nothing is cached here. The tables are not trusted: every byte is read
 * within the segment that holds them, and what is odd is refused.
 *
 * No memory is allocated, no lock taken; about 3 KiB of stack.
 */
#ifndef METE_TRACK_UNWIND_CFI_H
#define METE_TRACK_UNWIND_CFI_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "track/unwind_arch.h"

/* The canonical frame address (CFA) is the stack pointer as the caller had it before its call. */
enum mete__unwind_how {
    METE__UNWIND_SAME,           /* the register has the caller's value still */
    METE__UNWIND_UNDEFINED,      /* lost; of the return address: there is no caller */
    METE__UNWIND_SAVED,          /* in memory at CFA + value */
    METE__UNWIND_OFFSET,         /* is CFA + value; of the CFA: is register + value */
    METE__UNWIND_REGISTER,       /* in register `value` */
    METE__UNWIND_SAVED_COMPUTED, /* in memory at the address that an expression computes */
    METE__UNWIND_COMPUTED,       /* is what an expression computes */
};

struct mete__unwind_rule {
    uint32_t how;  /* enum mete__unwind_how */
    int32_t value; /* as above; of an expression its length's place, in bytes from table_low */
};

struct mete__unwind_rules {
    struct mete__unwind_rule cfa; /* METE__UNWIND_OFFSET or _COMPUTED */
    uint16_t cfa_register;
    bool signal_frame; /* the caller was interrupted: its pc is no return address */
    bool at_start;     /* the address is the first one that the description covers */
    struct mete__unwind_rule registers[METE__ARCH_REGISTERS];
};

/* Where an object's tables are. */
struct mete__unwind_tables {
    uintptr_t header; /* .eh_frame_hdr; 0: none */
    uintptr_t low;    /* the readable segment it lies in */
    uintptr_t high;
};

/* The rules that hold at `address`. 0, or -ENOENT where no description covers it, or -EINVAL where
 * that is malformed or uses what mete does not know. */
METE_HIDDEN METE_MUST_USE int mete__unwind_cfi_rules(const struct mete__unwind_tables *tables,
                                                     uintptr_t address,
                                                     struct mete__unwind_rules *out);

/* Bytes of a table, read with care: past the end all reads give 0 and set `bad`. */
struct mete__unwind_bytes {
    const uint8_t *at;
    const uint8_t *end;
    bool bad;
};
METE_HIDDEN uint64_t mete__unwind_cfi_fixed(struct mete__unwind_bytes *bytes, unsigned size);
METE_HIDDEN int64_t mete__unwind_cfi_signed(struct mete__unwind_bytes *bytes, unsigned size);
METE_HIDDEN uint64_t mete__unwind_cfi_uleb(struct mete__unwind_bytes *bytes);
METE_HIDDEN int64_t mete__unwind_cfi_sleb(struct mete__unwind_bytes *bytes);

/* The bytes of an expression that a rule names; bad where it does not fit the segment. */
METE_HIDDEN struct mete__unwind_bytes
mete__unwind_cfi_expression(const struct mete__unwind_tables *tables,
                            struct mete__unwind_rule rule);

#endif
