/* track/symbol.h */
#include "track/symbol.h"

#include <elf.h>
#include <limits.h>
#include <link.h>
#include <string.h>

#include "os/file.h"
#include "os/meta.h"
#include "os/peek.h"

/* More than any program has; a damaged table ends here. */
#define SYMBOLS_MAX ((uint64_t)1 << 24)

enum {
    AT_ONCE = 128,     /* symbols read at a time: 3 KiB */
    DYNAMIC_MAX = 512, /* entries of a dynamic section */
    COMPARED = 4096,   /* bytes at the start of an object, of its file and as loaded */
    COMPARED_AT_ONCE = 256,
};

/* Where bytes come from: a file, by their offset, or memory, by their address. */
struct source {
    int file;
    struct mete__peek *peek; /* NULL: the file */
    uintptr_t low;           /* memory is read in [low, high) only */
    uintptr_t high;
};

/* A symbol table and its names, by their places in a source. */
struct table {
    uint64_t symbols;
    uint64_t count;
    uint64_t strings;
    uint64_t strings_size; /* bytes */
};

/* Not on the stack, which may be a signal handler's. */
struct search {
    struct source source;
    struct table table;
    uintptr_t address; /* as symbols count */
    bool is_found;
    ElfW(Sym) best;
    ElfW(Sym) some[AT_ONCE];
    char path[PATH_MAX];
};

static bool read_at(const struct source *source, uint64_t at, void *to, size_t size) {
    if (source->peek == NULL)
        return at <= INT64_MAX && mete__file_read(source->file, to, size, at) == (int64_t)size;
    return at >= source->low && at < source->high && size <= source->high - at &&
           mete__peek_copy(source->peek, to, (uintptr_t)at, size);
}

/* ---- in a table ---- */

static bool holds(const ElfW(Sym) * symbol, uintptr_t address) {
    unsigned type = ELF64_ST_TYPE(symbol->st_info);

    /* Without a size it is a mark of the linker's, which stands for no object. */
    if (address - symbol->st_value >= symbol->st_size || symbol->st_name == 0) return false;
    if (symbol->st_shndx == SHN_UNDEF || symbol->st_shndx == SHN_ABS) return false;
    return type == STT_OBJECT || type == STT_FUNC || type == STT_GNU_IFUNC || type == STT_NOTYPE ||
           type == STT_COMMON;
}

/* The weak one of twins is, in the C library, the name that programs know. */
static unsigned rank(const ElfW(Sym) * symbol) {
    switch (ELF64_ST_BIND(symbol->st_info)) {
    case STB_LOCAL: return 2;
    case STB_WEAK: return 0;
    default: return 1;
    }
}

/* Of two that hold the address: the inner one. */
static bool is_better(const ElfW(Sym) * symbol, const ElfW(Sym) * than) {
    if (symbol->st_size != than->st_size) return symbol->st_size < than->st_size;
    return rank(symbol) < rank(than);
}

static void look_through(struct search *search) {
    uint64_t count = search->table.count < SYMBOLS_MAX ? search->table.count : SYMBOLS_MAX;

    for (uint64_t i = 0; i < count; i += AT_ONCE) {
        size_t some = count - i < AT_ONCE ? (size_t)(count - i) : AT_ONCE;
        uint64_t at;
        if (__builtin_add_overflow(search->table.symbols, i * sizeof(ElfW(Sym)), &at)) return;
        if (!read_at(&search->source, at, search->some, some * sizeof(ElfW(Sym)))) return;
        for (size_t j = 0; j < some; j++) {
            const ElfW(Sym) *symbol = &search->some[j];
            if (!holds(symbol, search->address)) continue;
            if (search->is_found && !is_better(symbol, &search->best)) continue;
            search->best = *symbol;
            search->is_found = true;
        }
    }
}

static bool read_name(const struct search *search, char *name, size_t size) {
    const struct table *table = &search->table;
    uint64_t at;

    if (search->best.st_name >= table->strings_size) return false;
    if (__builtin_add_overflow(table->strings, search->best.st_name, &at)) return false;
    if (table->strings_size - search->best.st_name < size)
        size = (size_t)(table->strings_size - search->best.st_name);
    memset(name, 0, size);
    if (!read_at(&search->source, at, name, size)) return false;
    name[size - 1] = '\0';
    char *version = strchr(name, '@'); /* "stdout@GLIBC_2.2.5" */
    if (version != NULL) *version = '\0';
    return name[0] != '\0';
}

/* `bias` is the address that the table takes for 0. */
static bool find_in_table(struct search *search, uintptr_t bias, struct mete__symbol *out) {
    struct mete__symbol symbol;

    search->is_found = false;
    look_through(search);
    if (!search->is_found || !read_name(search, symbol.name, sizeof symbol.name)) return false;
    symbol.start = bias + search->best.st_value;
    symbol.size = search->best.st_size;
    *out = symbol;
    return true;
}

/* ---- of a file ---- */

static bool is_own_kind(const ElfW(Ehdr) * header) {
    const unsigned char kind[] = {ELFMAG0,
                                  ELFMAG1,
                                  ELFMAG2,
                                  ELFMAG3,
                                  sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32,
                                  __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? ELFDATA2LSB
                                                                            : ELFDATA2MSB};
    return memcmp(header->e_ident, kind, sizeof kind) == 0 &&
           header->e_shentsize == sizeof(ElfW(Shdr));
}

static bool read_section(const struct source *source, const ElfW(Ehdr) * header, unsigned number,
                         ElfW(Shdr) * section) {
    uint64_t at;

    return number < header->e_shnum &&
           !__builtin_add_overflow(header->e_shoff, (uint64_t)number * sizeof *section, &at) &&
           read_at(source, at, section, sizeof *section);
}

static bool find_file_table(const struct source *source, struct table *table) {
    ElfW(Ehdr) header;
    ElfW(Shdr) symbols, strings;

    if (!read_at(source, 0, &header, sizeof header) || !is_own_kind(&header)) return false;
    for (unsigned i = 0; read_section(source, &header, i, &symbols); i++) {
        if (symbols.sh_type != SHT_SYMTAB) continue;
        if (symbols.sh_entsize != sizeof(ElfW(Sym))) return false;
        if (!read_section(source, &header, symbols.sh_link, &strings)) return false;
        if (strings.sh_type != SHT_STRTAB) return false;
        *table = (struct table){
            .symbols = symbols.sh_offset,
            .count = symbols.sh_size / sizeof(ElfW(Sym)),
            .strings = strings.sh_offset,
            .strings_size = strings.sh_size,
        };
        return true;
    }
    return false;
}

static bool begins_alike(int file_number, struct mete__peek *peek, uintptr_t head) {
    const struct source file = {.file = file_number};
    const struct source memory = {.peek = peek, .low = head, .high = head + COMPARED};
    char one[COMPARED_AT_ONCE], other[COMPARED_AT_ONCE];

    for (size_t i = 0; i < COMPARED; i += COMPARED_AT_ONCE)
        if (!read_at(&file, i, one, sizeof one) ||
            !read_at(&memory, head + i, other, sizeof other) || memcmp(one, other, sizeof one) != 0)
            return false;
    return true;
}

/* Negative where it has none, or where that is another file by now. */
static int open_file(const struct mete__loaded *object, struct mete__peek *peek,
                     struct search *search) {
    bool is_program = object->name[0] == '\0';
    size_t length = 0;

    if (!is_program) length = mete__loader_path(object, search->path, sizeof search->path - 1);
    search->path[length] = '\0';
    if (!is_program && search->path[0] != '/') return -1;
    int file = mete__file_open_to_read(is_program ? "/proc/self/exe" : search->path);
    if (file < 0 || begins_alike(file, peek, mete__loader_head(object))) return file;
    mete__file_close(file);
    return -1;
}

bool mete__symbol_find_in_file(int file, uintptr_t address, struct mete__symbol *out) {
    struct search *search = mete__meta_alloc(sizeof *search);

    if (search == NULL) return false;
    search->source = (struct source){.file = file};
    search->address = address;
    bool is_found =
        find_file_table(&search->source, &search->table) && find_in_table(search, 0, out);
    mete__meta_free(search, sizeof *search);
    return is_found;
}

/* ---- of what is loaded ---- */

/* How many symbols a hash table in the way of GNU is for: it tells only how to find them. Those of
 * a bucket follow one another, and the last has bit 0 set; so the last of the last bucket is the
 * last of all. */
static uint64_t count_gnu_hash(const struct source *source, uint64_t at) {
    struct {
        uint32_t buckets, first_symbol, bloom_words, bloom_shift;
    } head;
    uint32_t last = 0, hash;

    if (!read_at(source, at, &head, sizeof head)) return 0;
    uint64_t buckets = at + sizeof head + (uint64_t)head.bloom_words * sizeof(ElfW(Addr));
    uint64_t chains = buckets + (uint64_t)head.buckets * sizeof hash;
    for (uint32_t i = 0; i < head.buckets; i++) {
        uint32_t first;
        if (!read_at(source, buckets + (uint64_t)i * sizeof first, &first, sizeof first)) return 0;
        if (first > last) last = first;
    }
    if (last < head.first_symbol) return head.first_symbol;
    do {
        uint64_t place = chains + (uint64_t)(last - head.first_symbol) * sizeof hash;
        if (!read_at(source, place, &hash, sizeof hash)) return 0;
    } while ((hash & 1) == 0 && ++last != 0);
    return (uint64_t)last + 1;
}

/* The second word of the older kind is the number of symbols. */
static uint64_t count_hash(const struct source *source, uint64_t at) {
    uint32_t head[2];
    return read_at(source, at, head, sizeof head) ? head[1] : 0;
}

static bool find_loaded_table(const struct source *source, const struct mete__loaded *object,
                              struct table *table) {
    uint64_t hash = 0, gnu_hash = 0;
    ElfW(Dyn) entry;

    *table = (struct table){0};
    for (size_t i = 0; i < DYNAMIC_MAX; i++) {
        if (!read_at(source, object->dynamic + i * sizeof entry, &entry, sizeof entry))
            return false;
        if (entry.d_tag == DT_NULL) break;
        /* The loader has made addresses of most, but not in the kernel's own object. */
        uint64_t place = entry.d_un.d_ptr;
        if (place < object->start) place += object->bias;
        switch (entry.d_tag) {
        case DT_SYMTAB: table->symbols = place; break;
        case DT_STRTAB: table->strings = place; break;
        case DT_STRSZ: table->strings_size = entry.d_un.d_val; break;
        case DT_HASH: hash = place; break;
        case DT_GNU_HASH: gnu_hash = place; break;
        case DT_SYMENT:
            if (entry.d_un.d_val != sizeof(ElfW(Sym))) return false;
            break;
        default: break;
        }
    }
    table->count = gnu_hash != 0 ? count_gnu_hash(source, gnu_hash)
                   : hash != 0   ? count_hash(source, hash)
                                 : 0;
    return table->symbols != 0 && table->strings != 0 && table->count != 0;
}

static bool find_in_object(struct search *search, const struct mete__loaded *object,
                           const struct source *memory, struct mete__symbol *out) {
    int file = open_file(object, memory->peek, search);
    bool is_found = false;

    if (file >= 0) {
        search->source = (struct source){.file = file};
        is_found = find_file_table(&search->source, &search->table) &&
                   find_in_table(search, object->bias, out);
        mete__file_close(file);
    }
    if (is_found) return true;
    search->source = *memory;
    return object->dynamic != 0 && find_loaded_table(memory, object, &search->table) &&
           find_in_table(search, object->bias, out);
}

bool mete__symbol_find(const struct mete__loaded *object, uintptr_t address,
                       struct mete__symbol *out) {
    struct search *search = mete__meta_alloc(sizeof *search);
    struct source memory = {
        .file = -1, .peek = mete__peek_open(), .low = object->start, .high = object->end};
    bool is_found = false;

    if (search != NULL && memory.peek != NULL) {
        search->address = address - object->bias;
        is_found = find_in_object(search, object, &memory, out);
    }
    mete__peek_close(memory.peek);
    mete__meta_free(search, sizeof *search);
    return is_found;
}
