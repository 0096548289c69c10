/*
 * analysis/dwarf/dwarf_join.c on any bytes: two .dwo files, damaged or made to harm, are joined,
 * and every unit is read that the package then has.
 *
 * An input is the ids of two units, of 8 bytes each, how long the first file is, in 4, and the
 * files: what a program says of its .dwo files is made here.
 */
#include <dwarf.h>
#include <elfutils/libdw.h>
#include <errno.h>
#include <gelf.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "analysis/dwarf/dwarf_join.h"
#include "analysis/dwarf/dwarf_package_state.h"
#include "analysis/dwarf/unit_header.h"

#define FILES      2
#define HEAD       20 /* bytes before the files */
#define UNIT_BYTES 64
#define ID_AT      12
#define DIES_MOST  1000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A program of two units whose rest is in .dwo files. */
struct program {
    Elf64_Ehdr header;
    Elf64_Shdr sections[4];
    uint8_t units[FILES][UNIT_BYTES];
    uint8_t abbreviations[8];
    char names[40];
};

static void make_unit(uint8_t *unit, const uint8_t *id, int file) {
    memset(unit, 0, UNIT_BYTES);
    mete__unit_header_put(unit, UNIT_BYTES - 4, 4, false);
    mete__unit_header_put(unit + 4, 5, 2, false);
    unit[6] = DW_UT_skeleton;
    unit[7] = 8;
    memcpy(unit + ID_AT, id, 8);
    unit[20] = 1; /* the abbreviation of its DIE; its only attribute is a string */
    snprintf((char *)unit + 21, UNIT_BYTES - 21, "/proc/self/fd/%d", file);
}

static Elf64_Shdr section_at(uint32_t name, uint32_t type, size_t offset, size_t size) {
    return (Elf64_Shdr){
        .sh_name = name, .sh_type = type, .sh_offset = offset, .sh_size = size, .sh_addralign = 1};
}

static void make_program(struct program *program, const uint8_t *ids, const int files[FILES]) {
    static const uint8_t abbreviations[] = {
        1, DW_TAG_skeleton_unit, DW_CHILDREN_no, DW_AT_dwo_name, DW_FORM_string, 0, 0, 0};
    static const char names[] = "\0.debug_info\0.debug_abbrev\0.shstrtab";

    *program = (struct program){
        .header = {.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
                               EV_CURRENT},
                   .e_type = ET_EXEC,
                   .e_machine = EM_X86_64,
                   .e_version = EV_CURRENT,
                   .e_shoff = offsetof(struct program, sections),
                   .e_ehsize = sizeof(Elf64_Ehdr),
                   .e_shentsize = sizeof(Elf64_Shdr),
                   .e_shnum = 4,
                   .e_shstrndx = 3},
        .sections = {[1] = section_at(1, SHT_PROGBITS, offsetof(struct program, units),
                                      sizeof program->units),
                     [2] = section_at(13, SHT_PROGBITS, offsetof(struct program, abbreviations),
                                      sizeof abbreviations),
                     [3] =
                         section_at(27, SHT_STRTAB, offsetof(struct program, names), sizeof names)},
    };
    memcpy(program->abbreviations, abbreviations, sizeof abbreviations);
    memcpy(program->names, names, sizeof names);
    for (int i = 0; i < FILES; i++) make_unit(program->units[i], ids + 8 * i, files[i]);
}

/* What an index must be, whatever the files say. */
static void check_index(const struct mete__dwarf_package *package,
                        enum mete__dwarf_package_kind kind) {
    const struct mete__dwarf_index *index = mete__dwarf_package_index(package, kind);
    uint32_t filled = 0, row, found, offset, bytes;
    uint64_t signature;

    for (uint32_t slot = 0; slot < index->slot_count; slot++) {
        if (!mete__dwarf_index_at(index, slot, &signature, &row)) continue;
        filled++;
        if (row >= index->row_count || !mete__dwarf_index_find(index, signature, &found) ||
            found != row)
            abort();
        for (int i = 0; i < METE__DWARF_INDEX_SECTIONS; i++)
            if (mete__dwarf_index_slice(index, row, (enum mete__dwarf_index_section)i, &offset,
                                        &bytes) &&
                (offset > package->sections[i].size || bytes > package->sections[i].size - offset))
                abort();
    }
    if (filled != index->row_count) abort();
}

/* Reads names and types of DIEs, as strings and references that were moved. */
static void walk(Dwarf_Die *die, int *left) {
    Dwarf_Attribute attribute;
    Dwarf_Die child, type;

    do {
        const char *name = dwarf_diename(die);
        if (name != NULL && strlen(name) == SIZE_MAX) abort();
        if (dwarf_attr(die, DW_AT_type, &attribute) != NULL)
            (void)dwarf_formref_die(&attribute, &type);
        if (dwarf_child(die, &child) == 0 && --*left > 0) walk(&child, left);
    } while (--*left > 0 && dwarf_siblingof(die, die) == 0);
}

static void use(const struct mete__dwarf_package *package, enum mete__dwarf_package_kind kind) {
    const struct mete__dwarf_package_rest rest = {0};
    struct mete__dwarf_package_unit unit;
    uint32_t count = mete__dwarf_package_index(package, kind)->row_count;

    check_index(package, kind);
    for (uint32_t row = 0; row < count; row++) {
        int left = DIES_MOST;
        if (mete__dwarf_package_read(package, kind, row, &rest, &unit) != 0) continue;
        walk(&unit.root, &left);
        mete__dwarf_package_free(&unit);
    }
}

static int make_file(const uint8_t *data, size_t size) {
    int file = memfd_create("file.dwo", MFD_CLOEXEC);

    if (file < 0 || write(file, data, size) != (ssize_t)size) abort();
    return file;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct program program;
    struct mete__dwarf_package *package;

    if (size < HEAD) return 0;
    size_t first = (size_t)mete__unit_header_number(data + 16, 4, false);
    if (first > size - HEAD) first = size - HEAD;
    const int files[FILES] = {make_file(data + HEAD, first),
                              make_file(data + HEAD + first, size - HEAD - first)};
    elf_version(EV_CURRENT);
    make_program(&program, data, files);
    Elf *elf = elf_memory((char *)&program, sizeof program);
    Dwarf *dwarf = elf == NULL ? NULL : dwarf_begin_elf(elf, DWARF_C_READ, NULL);
    if (dwarf == NULL) abort();
    int status = mete__dwarf_join(dwarf, NULL, &package);
    if (status == 0) {
        use(package, METE__DWARF_PACKAGE_UNIT);
        use(package, METE__DWARF_PACKAGE_TYPE);
        mete__dwarf_package_close(package);
    } else if (status != -ENOENT) {
        abort();
    }
    dwarf_end(dwarf);
    elf_end(elf);
    for (int i = 0; i < FILES; i++) close(files[i]);
    return 0;
}
