#include "analysis/blocks/global_table.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <errno.h>
#include <stdlib.h>

#include "analysis/array.h"
#include "analysis/blocks/pointee.h"
#include "analysis/dwarf/dwarf_children.h"
#include "analysis/dwarf/dwarf_die.h"
#include "analysis/dwarf/dwarf_split.h"

#define DEPTH_MAX   16      /* of namespaces and classes */
#define GLOBALS_MAX 1000000 /* real programs stay below 200,000 */

bool mete__global_table_address(Dwarf_Attribute *location, const Dwarf_Op *operation,
                                uint64_t *address) {
    Dwarf_Attribute entry;

    if (operation->atom == DW_OP_addr) {
        *address = operation->number;
        return true;
    }
    /* DWARF 5 and -gsplit-dwarf: by index. */
    return (operation->atom == DW_OP_addrx || operation->atom == DW_OP_GNU_addr_index) &&
           dwarf_getlocation_attr(location, operation, &entry) == 0 &&
           dwarf_formaddr(&entry, address) == 0;
}

static int add_global(struct mete__global_table *table, const struct mete__global *global,
                      uint64_t size) {
    if (table->count == GLOBALS_MAX || global->address == 0 || size > UINT64_MAX - global->address)
        return 0;
    struct mete__global *globals =
        mete__array_room(table->globals, table->count, &table->capacity, sizeof *globals);
    if (globals == NULL) return -ENOMEM;
    table->globals = globals;
    table->globals[table->count++] = *global;
    return mete__address_ranges_add(&table->ranges, global->address, global->address + size,
                                    (uint32_t)table->count - 1);
}

/* A variable in one place, or in pieces of which each has a size. */
static int add(struct mete__global_table *table, Dwarf_Die *die) {
    struct mete__global global = {.variable = *die};
    Dwarf_Attribute location;
    Dwarf_Op *operations;
    Dwarf_Die type;
    uint64_t whole;
    size_t count;
    int status = 0;

    if (dwarf_attr(die, DW_AT_location, &location) == NULL ||
        dwarf_getlocation(&location, &operations, &count) != 0 || count == 0 ||
        !mete__pointee_type_of(die, &type) || !mete__dwarf_die_size(&type, &whole))
        return 0;
    for (size_t i = 0; i < count && status == 0;) {
        bool fixed = mete__global_table_address(&location, &operations[i], &global.address);
        size_t end = i;
        while (end < count && operations[end].atom != DW_OP_piece) end++;
        uint64_t size = end < count ? operations[end].number : whole - global.part;
        if (size > whole - global.part) break;
        if (fixed && end == i + 1) status = add_global(table, &global, size);
        global.part += size;
        i = end + 1;
    }
    return status;
}

/* 0, -ENOMEM, or -EBADMSG: what comes before the damage is there. */
static int scan(struct mete__global_table *table, Dwarf_Die *parent, const uint8_t *limit,
                int depth) {
    struct mete__dwarf_children children;

    if (depth > DEPTH_MAX) return 0;
    int more = mete__dwarf_children_begin(&children, parent, limit);
    for (; more > 0; more = mete__dwarf_children_next(&children)) {
        int tag = dwarf_tag(&children.die), status = 0;
        if (tag == DW_TAG_variable)
            status = add(table, &children.die);
        else if (tag == DW_TAG_namespace || tag == DW_TAG_module)
            status = scan(table, &children.die, children.end, depth + 1);
        if (status != 0) return status;
    }
    return more;
}

int mete__global_table_read(struct mete__global_table *table, Dwfl_Module *module) {
    Dwarf_Die *die = NULL, unit;
    Dwarf_Addr bias;
    int status = 0;

    *table = (struct mete__global_table){0};
    while (status == 0 && (die = dwfl_module_nextcu(module, die, &bias)) != NULL) {
        if (mete__dwarf_split_unit(die, &unit)) status = scan(table, &unit, NULL, 0);
        if (status == -EBADMSG) status = 0;
    }
    mete__address_ranges_complete(&table->ranges);
    return status;
}

void mete__global_table_free(struct mete__global_table *table) {
    free(table->globals);
    mete__address_ranges_free(&table->ranges);
    *table = (struct mete__global_table){0};
}

bool mete__global_table_find(const struct mete__global_table *table, uint64_t address,
                             Dwarf_Die *variable, uint64_t *offset) {
    int64_t index = mete__address_ranges_find(&table->ranges, address);

    if (index < 0) return false;
    const struct mete__global *global = &table->globals[index];
    *variable = global->variable;
    *offset = address - global->address + global->part;
    return true;
}
