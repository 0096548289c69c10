/*
 * analysis/symbols/symbol_table.h - from addresses to symbols, for objects without debug
 * information.
 *
 * libdwfl gathers the symbols (.symtab here or in the separate debug file, else .dynsym, and the
 * compressed .gnu_debugdata), but looks each address up by reading all of them; here they are
 * sorted once.
 */
#ifndef METE_ANALYSIS_SYMBOLS_SYMBOL_TABLE_H
#define METE_ANALYSIS_SYMBOLS_SYMBOL_TABLE_H

#include <elfutils/libdwfl.h>
#include <stdint.h>

struct mete__symbol_table;

/* 0, -ENOENT where the module has no symbols of code, -ENOMEM. The module must outlive the table.
 */
int mete__symbol_table_open(Dwfl_Module *module, struct mete__symbol_table **out);
void mete__symbol_table_close(struct mete__symbol_table *table);

/* The symbol that covers `address`, without a version ("memcpy", not "memcpy@@GLIBC_2.14") in a
 * buffer that the next call overwrites; NULL: none does. */
const char *mete__symbol_table_find(struct mete__symbol_table *table, uint64_t address);

#endif
