#include "analysis/symbol_table.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct symbol {
    uint64_t start, end; /* equal where the size is not known (assembly) */
    const char *name;    /* libdwfl's */
    uint64_t reach;      /* the highest end of all symbols up to this one: symbols may nest */
    int rank;            /* of several at one address the highest is shown */
};

struct mete__symbol_table {
    struct symbol *symbols; /* sorted by start */
    size_t count;
    char *name; /* what find returned */
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

int mete__symbol_table_open(Dwfl_Module *module, struct mete__symbol_table **out) {
    int total = dwfl_module_getsymtab(module);

    if (total <= 0) return -ENOENT;
    struct mete__symbol_table *table = calloc(1, sizeof *table);
    if (table == NULL) return -ENOMEM;
    table->symbols = calloc((size_t)total, sizeof *table->symbols);
    if (table->symbols == NULL) goto fail_table;

    for (int i = 0; i < total; i++) {
        GElf_Sym symbol;
        GElf_Addr address, bias;
        GElf_Word section;
        Elf *elf = NULL;
        const char *name =
            dwfl_module_getsym_info(module, i, &symbol, &address, &section, &elf, &bias);
        int rank = name == NULL ? 0 : rank_of(&symbol, section, elf, name);
        if (rank == 0) continue;
        uint64_t end = address + symbol.st_size < address ? address : address + symbol.st_size;
        table->symbols[table->count++] =
            (struct symbol){.start = address, .end = end, .name = name, .rank = rank};
    }
    qsort(table->symbols, table->count, sizeof *table->symbols, by_start);
    uint64_t reach = 0;
    for (size_t i = 0; i < table->count; i++) {
        if (table->symbols[i].end > reach) reach = table->symbols[i].end;
        table->symbols[i].reach = reach;
    }
    *out = table;
    return 0;

fail_table:
    mete__symbol_table_close(table);
    return -ENOMEM;
}

void mete__symbol_table_close(struct mete__symbol_table *table) {
    if (table == NULL) return;
    free(table->symbols);
    free(table->name);
    free(table);
}

static const struct symbol *covering(const struct mete__symbol_table *table, uint64_t address) {
    size_t low = 0, high = table->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (table->symbols[middle].start <= address)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0) return NULL;
    /* The last symbol before the address, or an earlier one that reaches farther. */
    for (size_t i = low; i-- > 0 && table->symbols[i].reach > address;)
        if (table->symbols[i].end > address) return &table->symbols[i];
    /* Assembly often has no sizes: then a symbol goes on to the next. */
    const struct symbol *last = &table->symbols[low - 1];
    return last->end == last->start ? last : NULL;
}

const char *mete__symbol_table_find(struct mete__symbol_table *table, uint64_t address) {
    const struct symbol *symbol = covering(table, address);

    if (symbol == NULL) return NULL;
    const char *version = strchr(symbol->name, '@');
    if (version == NULL || version == symbol->name) return symbol->name;
    free(table->name);
    table->name = strndup(symbol->name, (size_t)(version - symbol->name));
    return table->name;
}
