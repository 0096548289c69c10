#include "analysis/symbols/symbol_table.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/address_ranges.h"

#define UNSIZED_MAX 4096 /* bytes that a last symbol without a size is believed to cover */

struct symbol {
    uint64_t start, size; /* size 0: not known (assembly) */
    const char *name;     /* libdwfl's */
    int rank;             /* of several at one address the highest is shown */
};

struct mete__symbol_table {
    struct symbol *symbols; /* sorted by start, then by rank */
    size_t count;
    struct mete__address_ranges ranges; /* indices into symbols */
    char *name;                         /* what find returned */
};

static bool is_code(Elf *elf, GElf_Word section) {
    GElf_Shdr header;
    Elf_Scn *scn = elf_getscn(elf, section);

    return scn != NULL && gelf_getshdr(scn, &header) != NULL &&
           (header.sh_flags & SHF_EXECINSTR) != 0;
}

/* 0: not a symbol to show. Functions before labels, those with a size and the public names first.
 */
static int rank_of(const GElf_Sym *symbol, GElf_Word section, Elf *elf, const char *name) {
    int type = GELF_ST_TYPE(symbol->st_info);
    int binding = GELF_ST_BIND(symbol->st_info);

    if (section == SHN_UNDEF || name[0] == '\0' || name[0] == '$') return 0;
    if (type != STT_FUNC && type != STT_GNU_IFUNC) {
        /* A label counts where it is code: "_start" of some C libraries, assembly. */
        if (type != STT_NOTYPE || elf == NULL || !is_code(elf, section)) return 0;
        return 1;
    }
    return 2 + (symbol->st_size != 0 ? 8 : 0) +
           (binding == STB_GLOBAL ? 4
            : binding == STB_WEAK ? 2
                                  : 0) +
           (name[0] != '_' ? 1 : 0);
}

static int by_start(const void *left, const void *right) {
    const struct symbol *a = left, *b = right;

    if (a->start != b->start) return a->start < b->start ? -1 : 1;
    if (a->rank != b->rank) return a->rank < b->rank ? -1 : 1; /* the one to show is last */
    return strcmp(b->name, a->name);
}

static int read_symbols(struct mete__symbol_table *table, Dwfl_Module *module, int total) {
    table->symbols = calloc((size_t)total, sizeof *table->symbols);
    if (table->symbols == NULL) return -ENOMEM;
    for (int i = 0; i < total; i++) {
        GElf_Sym symbol;
        GElf_Addr address, bias;
        GElf_Word section;
        Elf *elf = NULL;
        const char *name =
            dwfl_module_getsym_info(module, i, &symbol, &address, &section, &elf, &bias);
        int rank = name == NULL ? 0 : rank_of(&symbol, section, elf, name);
        if (rank == 0) continue;
        table->symbols[table->count] =
            (struct symbol){.start = address, .size = symbol.st_size, .name = name, .rank = rank};
        table->count++;
    }
    qsort(table->symbols, table->count, sizeof *table->symbols, by_start);
    return 0;
}

/* A symbol without a size goes on to the next. */
static int make_ranges(struct mete__symbol_table *table) {
    uint64_t next = UINT64_MAX; /* start of the next symbol at another address */

    for (size_t i = table->count; i-- > 0;) {
        const struct symbol *symbol = &table->symbols[i];
        uint64_t size = symbol->size;
        if (i + 1 < table->count && table->symbols[i + 1].start != symbol->start)
            next = table->symbols[i + 1].start;
        if (size == 0) size = next == UINT64_MAX ? UNSIZED_MAX : next - symbol->start;
        if (mete__address_ranges_add(&table->ranges, symbol->start, symbol->start + size,
                                     (uint32_t)i) != 0)
            return -ENOMEM;
    }
    mete__address_ranges_complete(&table->ranges);
    return 0;
}

int mete__symbol_table_open(Dwfl_Module *module, struct mete__symbol_table **out) {
    int total = dwfl_module_getsymtab(module);

    if (total <= 0) return -ENOENT;
    struct mete__symbol_table *table = calloc(1, sizeof *table);
    if (table == NULL) return -ENOMEM;
    if (read_symbols(table, module, total) != 0 || make_ranges(table) != 0) {
        mete__symbol_table_close(table);
        return -ENOMEM;
    }
    *out = table;
    return 0;
}

void mete__symbol_table_close(struct mete__symbol_table *table) {
    if (table == NULL) return;
    mete__address_ranges_free(&table->ranges);
    free(table->symbols);
    free(table->name);
    free(table);
}

const char *mete__symbol_table_find(struct mete__symbol_table *table, uint64_t address) {
    int64_t index = mete__address_ranges_find(&table->ranges, address);

    if (index < 0) return NULL;
    const char *name = table->symbols[index].name;
    const char *version = strchr(name, '@');
    if (version == NULL || version == name) return name;
    free(table->name);
    table->name = strndup(name, (size_t)(version - name));
    return table->name;
}
