#include "analysis/dwarf/dwo_file.h"

#include <dwarf.h>
#include <fcntl.h>
#include <gelf.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "analysis/dwarf/dwarf_package_state.h"
#include "analysis/dwarf/unit_header.h"
#include "analysis/elf_sections.h"

bool mete__dwo_file_is_scattered(Elf *elf) {
    struct mete__elf_sections at = {.elf = elf};
    size_t units = 0, types = 0;

    while (mete__elf_sections_next(&at)) {
        units += strcmp(at.name, ".debug_info.dwo") == 0 || strcmp(at.name, ".debug_info") == 0;
        types += strcmp(at.name, ".debug_types.dwo") == 0 || strcmp(at.name, ".debug_types") == 0;
    }
    return units > 1 || types > 1;
}

static void find_path(Dwarf_Die *skeleton, char *path, size_t size) {
    Dwarf_Attribute attribute;

    path[0] = '\0';
    if (dwarf_attr(skeleton, DW_AT_dwo_name, &attribute) == NULL &&
        dwarf_attr(skeleton, DW_AT_GNU_dwo_name, &attribute) == NULL)
        return;
    const char *name = dwarf_formstring(&attribute);
    const char *directory = dwarf_attr(skeleton, DW_AT_comp_dir, &attribute) == NULL
                                ? NULL
                                : dwarf_formstring(&attribute);
    if (name == NULL) return;
    bool is_relative = name[0] != '/' && directory != NULL;
    int length =
        snprintf(path, size, "%s%s%s", is_relative ? directory : "", is_relative ? "/" : "", name);
    if (length < 0 || (size_t)length >= size) path[0] = '\0';
}

/* Whether libdw finds the unit, as it does where all units but those of types are in one section.
 */
static bool libdw_has_unit(Elf *elf, uint64_t id) {
    Dwarf *dwarf = dwarf_begin_elf(elf, DWARF_C_READ, NULL);
    Dwarf_CU *unit = NULL;
    uint64_t its_id;
    uint8_t type;
    bool found = false;

    while (!found && dwarf_get_units(dwarf, unit, &unit, NULL, &type, NULL, NULL) == 0)
        found = type == DW_UT_split_compile &&
                dwarf_cu_info(unit, NULL, NULL, NULL, NULL, &its_id, NULL, NULL) == 0 &&
                its_id == id;
    dwarf_end(dwarf);
    return found;
}

/* The same for one of the sections that DWARF 5 may have: its units say their id in their headers.
 */
static bool section_has_unit(const struct mete__unit_section *section, uint64_t id) {
    struct mete__unit_header header;

    for (size_t at = 0; mete__unit_header_read(section, at, &header) == 0; at += header.size)
        if (header.version == 5 && header.type == DW_UT_split_compile && header.id == id)
            return true;
    return false;
}

/* Whether a .dwo file is of this build: it has the unit of this id. */
static bool has_unit(Elf *elf, uint64_t id) {
    struct mete__elf_sections at = {.elf = elf};
    GElf_Ehdr file;

    if (gelf_getehdr(elf, &file) == NULL) return false;
    while (mete__elf_sections_next(&at)) {
        if (strcmp(at.name, ".debug_info.dwo") != 0) continue;
        struct mete__dwarf_package_part part = mete__dwarf_package_part_of(at.section, &at.header);
        const struct mete__unit_section section = {
            .data = part.data,
            .size = part.size,
            .abbreviations_size = SIZE_MAX, /* whether it is sound is not asked here */
            .is_big_endian = file.e_ident[EI_DATA] == ELFDATA2MSB,
        };
        if (section_has_unit(&section, id)) return true;
    }
    return libdw_has_unit(elf, id);
}

enum mete__dwo_file_state mete__dwo_file_state(Dwarf_Die *skeleton, char *path, size_t path_size) {
    uint64_t id;

    find_path(skeleton, path, path_size);
    int fd = path[0] == '\0' ? -1 : open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) return METE__DWO_FILE_MISSING;
    Elf *elf = elf_begin(fd, ELF_C_READ, NULL);
    bool is_scattered = elf != NULL && mete__dwo_file_is_scattered(elf) &&
                        dwarf_cu_info(skeleton->cu, NULL, NULL, NULL, NULL, &id, NULL, NULL) == 0 &&
                        has_unit(elf, id);
    elf_end(elf);
    close(fd);
    return is_scattered ? METE__DWO_FILE_SCATTERED : METE__DWO_FILE_FOREIGN;
}
