#include "cli/executable.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <libelf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/compiler.h"

/* The kernel looks for the interpreter in this many bytes of a script (BINPRM_BUF_SIZE). */
#define SCRIPT_HEAD 256

/* Symbols by which an allocator is known that was linked into a program. The first row that is met
 * names it; plain `malloc` comes last because the others define it as well. */
static const struct {
    const char *symbol;
    const char *allocator;
} known_allocators[] = {
    {"mallctl", "jemalloc"},
    {"je_mallctl", "jemalloc"},
    {"je_malloc", "jemalloc"},
    {"_rjem_mallctl", "jemalloc"},
    {"_rjem_malloc", "jemalloc"},
    {"tc_malloc", "tcmalloc"},
    {"TCMallocInternalMalloc", "tcmalloc"},
    {"mi_malloc", "mimalloc"},
    {"mi_heap_malloc", "mimalloc"},
    {"rpmalloc", "rpmalloc"},
    {"sn_rust_alloc", "snmalloc"},
    {"__snmalloc_malloc", "snmalloc"},
    {"scudo_malloc", "scudo"},
    {"__asan_init", "AddressSanitizer"},
    {"__tsan_init", "ThreadSanitizer"},
    {"__msan_init", "MemorySanitizer"},
    {"malloc", "a malloc of its own"},
};

/* Libraries that end the program unless they come before every other one. */
static const struct {
    const char *start;
    const char *name;
} jealous_libraries[] = {
    {"libasan.so", "AddressSanitizer"},
    {"libhwasan.so", "HWAddressSanitizer"},
    {"libtsan.so", "ThreadSanitizer"},
    {"libclang_rt.asan", "AddressSanitizer"},
    {"libclang_rt.hwasan", "HWAddressSanitizer"},
    {"libclang_rt.tsan", "ThreadSanitizer"},
};

uint16_t mete__executable_own_machine(void) {
#if defined(__x86_64__)
    return EM_X86_64;
#elif defined(__aarch64__)
    return EM_AARCH64;
#endif
}

const char *mete__executable_machine_name(uint16_t machine) {
    static const struct {
        uint16_t machine;
        const char *name;
    } names[] = {
        {EM_386, "x86"},         {EM_X86_64, "x86-64"}, {EM_ARM, "arm"},
        {EM_AARCH64, "aarch64"}, {EM_RISCV, "riscv"},   {EM_PPC, "powerpc"},
        {EM_PPC64, "ppc64"},     {EM_S390, "s390"},     {EM_MIPS, "mips"},
        {EM_SPARCV9, "sparc64"}, {EM_IA_64, "ia64"},    {EM_LOONGARCH, "loongarch"},
    };
    static char unnamed[32];

    for (size_t i = 0; i < METE_COUNT_OF(names); i++)
        if (names[i].machine == machine) return names[i].name;
    snprintf(unnamed, sizeof unnamed, "machine %u", (unsigned)machine);
    return unnamed;
}

/* ---- scripts ---- */

static void read_script(const char *head, size_t length, struct mete__executable *out) {
    const char *end = memchr(head, '\n', length);
    const char *limit = end ? end : head + length;
    const char *start = head + 2;

    out->kind = METE__EXECUTABLE_SCRIPT;
    while (start < limit && (*start == ' ' || *start == '\t')) start++;
    size_t size = 0;
    while (start + size < limit && start[size] != ' ' && start[size] != '\t' && start[size] != '\0')
        size++;
    memcpy(out->interpreter, start, size); /* size < SCRIPT_HEAD < PATH_MAX */
    out->interpreter[size] = '\0';
}

/* ---- ELF ---- */

/* The text of a segment such as PT_INTERP, read from the file itself. */
static void read_interpreter(int fd, const GElf_Phdr *segment, char out[PATH_MAX]) {
    size_t size = segment->p_filesz < PATH_MAX - 1 ? segment->p_filesz : PATH_MAX - 1;
    ssize_t got = pread(fd, out, size, (off_t)segment->p_offset);
    out[got > 0 ? got : 0] = '\0';
}

/* Whether the notes of a segment hold the one that mete's own objects carry (shim/startup.c). */
static bool has_mete_note(Elf *elf, const GElf_Phdr *segment) {
    Elf_Type type = segment->p_align == 8 ? ELF_T_NHDR8 : ELF_T_NHDR;
    Elf_Data *data = elf_getdata_rawchunk(elf, (int64_t)segment->p_offset, segment->p_filesz, type);
    GElf_Nhdr note;
    size_t name, description;

    for (size_t at = 0; data && (at = gelf_getnote(data, at, &note, &name, &description)) > 0;)
        if (note.n_namesz == sizeof "mete" && memcmp((char *)data->d_buf + name, "mete", 5) == 0)
            return true;
    return false;
}

static size_t section_entries(const GElf_Shdr *header) {
    return header->sh_entsize ? header->sh_size / header->sh_entsize : 0;
}

/* The rank of the first known allocator among the symbols a table defines; the number of rows where
 * none is. */
static size_t rank_allocator(Elf *elf, Elf_Scn *section, const GElf_Shdr *header, size_t rank) {
    Elf_Data *data = elf_getdata(section, NULL);
    size_t count = section_entries(header);
    GElf_Sym symbol;

    for (size_t i = 0; data && i < count && gelf_getsym(data, (int)i, &symbol); i++) {
        if (symbol.st_shndx == SHN_UNDEF || GELF_ST_BIND(symbol.st_info) == STB_LOCAL) continue;
        const char *name = elf_strptr(elf, header->sh_link, symbol.st_name);
        for (size_t row = 0; name && row < rank; row++)
            if (strcmp(known_allocators[row].symbol, name) == 0) rank = row;
    }
    return rank;
}

static void read_needed(Elf *elf, Elf_Scn *section, const GElf_Shdr *header,
                        struct mete__executable *out) {
    Elf_Data *data = elf_getdata(section, NULL);
    size_t count = section_entries(header);
    GElf_Dyn entry;

    for (size_t i = 0; data && i < count && gelf_getdyn(data, (int)i, &entry); i++) {
        if (entry.d_tag != DT_NEEDED) continue;
        const char *name = elf_strptr(elf, header->sh_link, entry.d_un.d_val);
        for (size_t row = 0; name && row < METE_COUNT_OF(jealous_libraries); row++)
            if (strncmp(name, jealous_libraries[row].start, strlen(jealous_libraries[row].start)) ==
                0)
                out->jealous_library = jealous_libraries[row].name;
    }
}

static void read_sections(Elf *elf, struct mete__executable *out) {
    size_t names, rank = METE_COUNT_OF(known_allocators);
    GElf_Shdr header;

    if (elf_getshdrstrndx(elf, &names) != 0) return;
    for (Elf_Scn *section = NULL; (section = elf_nextscn(elf, section));) {
        if (!gelf_getshdr(section, &header)) continue;
        const char *name = elf_strptr(elf, names, header.sh_name);
        if (name && strcmp(name, ".go.buildinfo") == 0) out->allocator = "Go's runtime";
        if (header.sh_type == SHT_SYMTAB || header.sh_type == SHT_DYNSYM)
            rank = rank_allocator(elf, section, &header, rank);
        if (header.sh_type == SHT_DYNAMIC) read_needed(elf, section, &header, out);
    }
    if (!out->allocator && rank < METE_COUNT_OF(known_allocators))
        out->allocator = known_allocators[rank].allocator;
}

/* A program without a loader: static, or the loader itself, or a library that is no program. */
static enum mete__executable_kind kind_without_loader(const char *path, const GElf_Ehdr *header) {
    char real[PATH_MAX];

    if (header->e_entry == 0) return METE__EXECUTABLE_OBJECT;
    if (header->e_type == ET_DYN && realpath(path, real)) {
        const char *base = strrchr(real, '/') + 1;
        if (strncmp(base, "ld-", 3) == 0 || strncmp(base, "ld.so", 5) == 0)
            return METE__EXECUTABLE_LOADER;
    }
    return METE__EXECUTABLE_STATIC;
}

static void read_elf(const char *path, int fd, Elf *elf, struct mete__executable *out) {
    GElf_Ehdr header;
    GElf_Phdr segment;
    size_t segments = 0;

    out->kind = METE__EXECUTABLE_OBJECT;
    if (!gelf_getehdr(elf, &header)) return;
    out->is_wide = gelf_getclass(elf) == ELFCLASS64;
    out->machine = header.e_machine;
    if (header.e_type != ET_EXEC && header.e_type != ET_DYN) return;
    if (elf_getphdrnum(elf, &segments) != 0) return;
    for (size_t i = 0; i < segments && gelf_getphdr(elf, (int)i, &segment); i++) {
        if (segment.p_type == PT_INTERP) read_interpreter(fd, &segment, out->interpreter);
        if (segment.p_type == PT_NOTE && has_mete_note(elf, &segment)) out->holds_mete = true;
    }
    out->kind = out->interpreter[0] ? METE__EXECUTABLE_DYNAMIC : kind_without_loader(path, &header);
    read_sections(elf, out);
    if (out->holds_mete) out->allocator = NULL; /* its own malloc is mete's */
}

int mete__executable_read(const char *path, struct mete__executable *out) {
    char head[SCRIPT_HEAD];
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0) return -errno;
    *out = (struct mete__executable){.kind = METE__EXECUTABLE_TEXT};
    ssize_t length = pread(fd, head, sizeof head, 0);
    if (length >= 2 && memcmp(head, "#!", 2) == 0) read_script(head, (size_t)length, out);
    if (length >= SELFMAG && memcmp(head, ELFMAG, SELFMAG) == 0) {
        elf_version(EV_CURRENT);
        Elf *elf = elf_begin(fd, ELF_C_READ, NULL);
        out->kind = METE__EXECUTABLE_OBJECT;
        if (elf) read_elf(path, fd, elf, out);
        elf_end(elf);
    }
    int status = length < 0 ? -errno : 0;
    close(fd);
    return status;
}
