/*
 * Unwind tables of an object that is not to be trusted: any bytes, read within their bounds.
 *
 * The input is the segment that holds .eh_frame_hdr, at its start, and .eh_frame. Rules are asked
 * for at the addresses that its search table names and near them, and what they name is read.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "track/unwind_cfi.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ENTRIES = 16, FIRST_ENTRY = 12, ENTRY_BYTES = 8 };

static void read_expression(const struct mete__unwind_tables *tables,
                            struct mete__unwind_rule rule) {
    if (rule.how != METE__UNWIND_COMPUTED && rule.how != METE__UNWIND_SAVED_COMPUTED) return;
    struct mete__unwind_bytes bytes = mete__unwind_cfi_expression(tables, rule);
    while (bytes.at < bytes.end) mete__unwind_cfi_sleb(&bytes);
    if ((uintptr_t)bytes.end > tables->high) abort();
}

static void ask(const struct mete__unwind_tables *tables, uintptr_t address) {
    struct mete__unwind_rules rules, unchanged;
    memset(&rules, 0x5a, sizeof rules);
    unchanged = rules;
    if (mete__unwind_cfi_rules(tables, address, &rules) != 0) {
        if (memcmp(&rules, &unchanged, sizeof rules) != 0) abort();
        return;
    }
    if (rules.cfa.how == METE__UNWIND_OFFSET && rules.cfa_register >= METE__ARCH_REGISTERS) abort();
    read_expression(tables, rules.cfa);
    for (unsigned i = 0; i < METE__ARCH_REGISTERS; i++) read_expression(tables, rules.registers[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    uint8_t *copy = malloc(size + 1);
    if (copy == NULL) return 0;
    if (size > 0) memcpy(copy, data, size);
    struct mete__unwind_tables tables = {
        .header = (uintptr_t)copy, .low = (uintptr_t)copy, .high = (uintptr_t)copy + size};

    ask(&tables, tables.header);
    ask(&tables, UINTPTR_MAX);
    for (size_t i = 0; i < ENTRIES && size >= FIRST_ENTRY + (i + 1) * ENTRY_BYTES; i++) {
        int32_t start;
        memcpy(&start, copy + FIRST_ENTRY + i * ENTRY_BYTES, sizeof start);
        static const uintptr_t distances[] = {0, 1, 4, 9, 40, (uintptr_t)-1};
        for (size_t j = 0; j < METE_COUNT_OF(distances); j++)
            ask(&tables, tables.header + (uintptr_t)(intptr_t)start + distances[j]);
    }
    free(copy);
    return 0;
}
