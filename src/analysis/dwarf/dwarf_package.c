#include "analysis/dwarf/dwarf_package.h"

#include <dwarf.h>
#include <errno.h>
#include <gelf.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "analysis/dwarf/dwarf_package_state.h"
#include "analysis/elf_sections.h"
#include "analysis/regular_file.h"

const char mete__dwarf_package_names[METE__DWARF_PACKAGE_SECTIONS][METE__DWARF_PACKAGE_NAME_BYTES] =
    {
        [METE__DWARF_INDEX_INFO] = ".debug_info.dwo",
        [METE__DWARF_INDEX_TYPES] = ".debug_types.dwo",
        [METE__DWARF_INDEX_ABBREV] = ".debug_abbrev.dwo",
        [METE__DWARF_INDEX_LINE] = ".debug_line.dwo",
        [METE__DWARF_INDEX_LOC] = ".debug_loc.dwo",
        [METE__DWARF_INDEX_LOCLISTS] = ".debug_loclists.dwo",
        [METE__DWARF_INDEX_STR_OFFSETS] = ".debug_str_offsets.dwo",
        [METE__DWARF_INDEX_RNGLISTS] = ".debug_rnglists.dwo",
        [METE__DWARF_PACKAGE_STR] = ".debug_str.dwo",
        [METE__DWARF_PACKAGE_ADDR] = ".debug_addr.dwo",
        [METE__DWARF_PACKAGE_RANGES] = ".debug_ranges.dwo",
};

static const char no_units[1];

#define NAMES_SECTION (METE__DWARF_PACKAGE_SECTIONS + 1)
#define HEADERS       (METE__DWARF_PACKAGE_SECTIONS + 2)

/* --- The image --- */

static void to_file(void *data, size_t size, Elf_Type type, unsigned int order) {
    Elf_Data piece = {.d_buf = data, .d_type = type, .d_version = EV_CURRENT, .d_size = size};

    elf64_xlatetof(&piece, &piece, order); /* which cannot fail: both are one, of the right size */
}

void mete__dwarf_package_make_image(struct mete__dwarf_package_image *image,
                                    const GElf_Ehdr *header) {
    unsigned int order = header->e_ident[EI_DATA];

    image->header = (Elf64_Ehdr){
        .e_type = ET_REL,
        .e_machine = header->e_machine,
        .e_version = EV_CURRENT,
        .e_shoff = offsetof(struct mete__dwarf_package_image, sections),
        .e_ehsize = sizeof(Elf64_Ehdr),
        .e_shentsize = sizeof(Elf64_Shdr),
        .e_shnum = HEADERS,
        .e_shstrndx = NAMES_SECTION,
    };
    memcpy(image->header.e_ident, header->e_ident, EI_NIDENT);
    image->header.e_ident[EI_CLASS] = ELFCLASS64;
    for (size_t i = 1; i < HEADERS; i++)
        image->sections[i] = (Elf64_Shdr){
            .sh_name = i == NAMES_SECTION ? 0 : (uint32_t)((i - 1) * sizeof image->names[0]),
            .sh_type = i == NAMES_SECTION ? SHT_STRTAB : SHT_PROGBITS,
            .sh_offset = offsetof(struct mete__dwarf_package_image, names),
            .sh_size = i == NAMES_SECTION ? sizeof image->names : 1,
            .sh_addralign = 1,
        };
    memcpy(image->names, mete__dwarf_package_names, sizeof mete__dwarf_package_names);
    to_file(&image->header, sizeof image->header, ELF_T_EHDR, order);
    to_file(image->sections, sizeof image->sections, ELF_T_SHDR, order);
}

/* --- The package --- */

struct mete__dwarf_package_part mete__dwarf_package_part_of(Elf_Scn *section,
                                                            const GElf_Shdr *header) {
    if ((header->sh_flags & SHF_COMPRESSED) != 0) (void)elf_compress(section, 0, 0);
    Elf_Data *data = header->sh_type == SHT_NOBITS ? NULL : elf_getdata(section, NULL);

    if (data == NULL || data->d_buf == NULL) return (struct mete__dwarf_package_part){0};
    return (struct mete__dwarf_package_part){data->d_buf, data->d_size};
}

/* The number of an index's name among the kinds; -1: it is no index. */
static int index_kind(const char *name) {
    return strcmp(name, ".debug_cu_index") == 0   ? METE__DWARF_PACKAGE_UNIT
           : strcmp(name, ".debug_tu_index") == 0 ? METE__DWARF_PACKAGE_TYPE
                                                  : -1;
}

static int read_sections(struct mete__dwarf_package *package, bool is_big_endian) {
    struct mete__elf_sections at = {.elf = package->elf};
    int status = -ENOENT;

    while (mete__elf_sections_next(&at)) {
        int kind = index_kind(at.name);
        if (kind >= 0) {
            struct mete__dwarf_package_part part =
                mete__dwarf_package_part_of(at.section, &at.header);
            status = mete__dwarf_index_open(&package->indexes[kind], part.data, part.size,
                                            is_big_endian);
            if (status != 0) return status;
            continue;
        }
        for (size_t i = 0; i < METE__DWARF_PACKAGE_OWN; i++)
            if (strcmp(at.name, mete__dwarf_package_names[i]) == 0)
                package->sections[i] = mete__dwarf_package_part_of(at.section, &at.header);
    }
    return status;
}

static int read_package(struct mete__dwarf_package *package, const char *path) {
    GElf_Ehdr header;

    package->fd = mete__regular_file_open(path);
    if (package->fd < 0) return -ENOENT;
    elf_version(EV_CURRENT);
    package->elf = elf_begin(package->fd, ELF_C_READ_MMAP, NULL);
    if (package->elf == NULL || gelf_getehdr(package->elf, &header) == NULL) return -ENOENT;
    mete__dwarf_package_make_image(&package->image, &header);
    return read_sections(package, header.e_ident[EI_DATA] == ELFDATA2MSB);
}

int mete__dwarf_package_open(const char *path, struct mete__dwarf_package **out) {
    struct mete__dwarf_package *package = calloc(1, sizeof *package);

    if (package == NULL) return -ENOMEM;
    int status = read_package(package, path);
    if (status == 0)
        *out = package;
    else
        mete__dwarf_package_close(package);
    return status;
}

void mete__dwarf_package_close(struct mete__dwarf_package *package) {
    if (package == NULL) return;
    if (package->elf != NULL) elf_end(package->elf);
    if (package->fd >= 0) close(package->fd);
    for (size_t i = 0; i < METE__DWARF_PACKAGE_OWN; i++) free(package->made[i]);
    for (size_t i = 0; i < 2; i++) free(package->made_indexes[i]);
    free(package);
}

size_t mete__dwarf_package_lost(const struct mete__dwarf_package *package) {
    return package->lost_count;
}

const struct mete__dwarf_index *mete__dwarf_package_index(const struct mete__dwarf_package *package,
                                                          enum mete__dwarf_package_kind kind) {
    return &package->indexes[kind];
}

/* --- A unit --- */

/* A row's slice of a section; nothing where it lies outside. */
static struct mete__dwarf_package_part slice_of(const struct mete__dwarf_package *package,
                                                const struct mete__dwarf_index *index, uint32_t row,
                                                size_t number) {
    const struct mete__dwarf_package_part *whole = &package->sections[number];
    uint32_t offset, size;

    if (!mete__dwarf_index_slice(index, row, (enum mete__dwarf_index_section)number, &offset,
                                 &size) ||
        offset > whole->size || size > whole->size - offset)
        return (struct mete__dwarf_package_part){0};
    return (struct mete__dwarf_package_part){(const char *)whole->data + offset, size};
}

static void find_parts(const struct mete__dwarf_package *package,
                       const struct mete__dwarf_index *index, uint32_t row,
                       const struct mete__dwarf_package_rest *rest,
                       struct mete__dwarf_package_part parts[METE__DWARF_PACKAGE_SECTIONS]) {
    for (size_t i = 0; i < METE__DWARF_INDEX_SECTIONS; i++)
        parts[i] = slice_of(package, index, row, i);
    parts[METE__DWARF_PACKAGE_STR] = package->sections[METE__DWARF_PACKAGE_STR];
    parts[METE__DWARF_PACKAGE_ADDR] = rest->addr;
    parts[METE__DWARF_PACKAGE_RANGES] = rest->ranges;
}

/* Makes the sections of an image the parts. */
static int set_sections(Elf *elf,
                        const struct mete__dwarf_package_part parts[METE__DWARF_PACKAGE_SECTIONS]) {
    for (size_t i = 0; i < METE__DWARF_PACKAGE_SECTIONS; i++) {
        Elf_Scn *section = elf_getscn(elf, i + 1);
        Elf_Data *data = section == NULL ? NULL : elf_getdata(section, NULL);
        if (data == NULL) return -ENOMEM;
        data->d_buf = parts[i].size == 0 ? NULL : (void *)(uintptr_t)parts[i].data;
        data->d_size = parts[i].size;
    }
    return 0;
}

static bool find_type_root(Dwarf *dwarf, Dwarf_Die *root) {
    Dwarf_Off next, type;
    size_t header;
    uint64_t signature;

    /* As one asks for units of .debug_types. */
    return dwarf_next_unit(dwarf, 0, &next, &header, NULL, NULL, NULL, NULL, &signature, &type) ==
               0 &&
           dwarf_offdie_types(dwarf, header, root) != NULL && dwarf_tag(root) != DW_TAG_invalid;
}

/* The DIE of the unit that is looked for: its root. */
static bool find_root(Dwarf *dwarf, enum mete__dwarf_package_kind kind, bool in_types,
                      Dwarf_Die *root) {
    Dwarf_CU *unit = NULL;
    uint8_t type;

    if (in_types) return find_type_root(dwarf, root);
    while (dwarf_get_units(dwarf, unit, &unit, NULL, &type, root, NULL) == 0) {
        bool is_type = type == DW_UT_type || type == DW_UT_split_type;
        if (is_type == (kind == METE__DWARF_PACKAGE_TYPE) && root->addr != NULL &&
            dwarf_tag(root) != DW_TAG_invalid)
            return true;
    }
    return false;
}

int mete__dwarf_package_read(const struct mete__dwarf_package *package,
                             enum mete__dwarf_package_kind kind, uint32_t row,
                             const struct mete__dwarf_package_rest *rest,
                             struct mete__dwarf_package_unit *unit) {
    struct mete__dwarf_package_part parts[METE__DWARF_PACKAGE_SECTIONS];
    struct mete__dwarf_package_unit made = {0};
    int status = -ENOMEM;

    find_parts(package, &package->indexes[kind], row, rest, parts);
    made.rnglists = parts[METE__DWARF_INDEX_RNGLISTS];
    made.has_files = parts[METE__DWARF_INDEX_LINE].size != 0;
    bool in_types = parts[METE__DWARF_INDEX_TYPES].size != 0;
    made.info = parts[in_types ? METE__DWARF_INDEX_TYPES : METE__DWARF_INDEX_INFO];
    /* libdw is not at ease without any .debug_info. */
    if (in_types)
        parts[METE__DWARF_INDEX_INFO] =
            (struct mete__dwarf_package_part){no_units, sizeof no_units};
    /* libelf only reads it. */
    made.elf = elf_memory((char *)(uintptr_t)&package->image, sizeof package->image);
    if (made.elf == NULL || set_sections(made.elf, parts) != 0) goto fail_unit;
    status = -EBADMSG;
    made.dwarf = dwarf_begin_elf(made.elf, DWARF_C_READ, NULL);
    if (made.dwarf == NULL || !find_root(made.dwarf, kind, in_types, &made.root)) goto fail_unit;
    *unit = made;
    return 0;

fail_unit:
    mete__dwarf_package_free(&made);
    return status;
}

void mete__dwarf_package_free(struct mete__dwarf_package_unit *unit) {
    if (unit->dwarf != NULL) dwarf_end(unit->dwarf);
    if (unit->elf != NULL) elf_end(unit->elf);
    *unit = (struct mete__dwarf_package_unit){0};
}
