#include "analysis/dwarf/dwo_file.h"

#include <dwarf.h>
#include <errno.h>
#include <gelf.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "analysis/dwarf/dwarf_package_state.h"
#include "analysis/dwarf/unit_header.h"
#include "analysis/elf_sections.h"
#include "analysis/regular_file.h"

bool mete__dwo_file_is_scattered(Elf *elf) {
    struct mete__elf_sections at = {.elf = elf};
    size_t units = 0, types = 0;

    while (mete__elf_sections_next(&at)) {
        units += strcmp(at.name, ".debug_info.dwo") == 0 || strcmp(at.name, ".debug_info") == 0;
        types += strcmp(at.name, ".debug_types.dwo") == 0 || strcmp(at.name, ".debug_types") == 0;
    }
    return units > 1 || types > 1;
}

/* The places that libdw looks in, in order; "" is none. */
struct places {
    char paths[2][PATH_MAX];
};

static void put_path(char path[PATH_MAX], const char *base, const char *directory,
                     const char *name) {
    const char *slash = directory[0] == '\0' ? "" : "/";

    if (name[0] == '/' || directory[0] == '/') base = "";
    if (name[0] == '/') directory = slash = "";
    int length = snprintf(path, PATH_MAX, "%s%s%s%s", base, directory, slash, name);
    if (length < 0 || length >= PATH_MAX) path[0] = '\0';
}

static void find_places(Dwarf_Die *skeleton, const char *base, struct places *places) {
    Dwarf_Attribute attribute;

    *places = (struct places){0};
    if (dwarf_attr(skeleton, DW_AT_dwo_name, &attribute) == NULL &&
        dwarf_attr(skeleton, DW_AT_GNU_dwo_name, &attribute) == NULL)
        return;
    const char *name = dwarf_formstring(&attribute);
    const char *directory = dwarf_attr(skeleton, DW_AT_comp_dir, &attribute) == NULL
                                ? NULL
                                : dwarf_formstring(&attribute);
    if (name == NULL) return;
    if (base == NULL) base = "";
    if (name[0] != '/') put_path(places->paths[0], base, "", name);
    put_path(places->paths[1], base, directory == NULL ? "" : directory, name);
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
static bool section_has_unit(const struct mete__unit_section *units, uint64_t id) {
    struct mete__unit_header header;
    size_t at = 0;

    do {
        if (mete__unit_header_read(units, at, &header) == 0 && header.id == id &&
            header.type == DW_UT_split_compile)
            return true;
        at += header.size;
    } while (header.size != 0 && at < units->size);
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
        const struct mete__unit_section units = {
            .data = part.data,
            .size = part.size,
            .abbreviations_size = SIZE_MAX,
            .is_big_endian = file.e_ident[EI_DATA] == ELFDATA2MSB,
        };
        if (section_has_unit(&units, id)) return true;
    }
    return libdw_has_unit(elf, id);
}

/* Opens a file and judges it; it stays open, if it could be opened. */
static enum mete__dwo_file_state judge(Dwarf_Die *skeleton, const char *path,
                                       struct mete__dwo_file *file) {
    uint64_t id;
    int fd = path[0] == '\0' ? -ENOENT : mete__regular_file_open(path);

    if (fd == -EINVAL || fd == -EISDIR) return METE__DWO_FILE_NO_FILE;
    if (fd < 0) return METE__DWO_FILE_MISSING;
    file->fd = fd;
    file->elf = elf_begin(fd, ELF_C_READ, NULL);
    bool is_scattered = file->elf != NULL && mete__dwo_file_is_scattered(file->elf) &&
                        dwarf_cu_info(skeleton->cu, NULL, NULL, NULL, NULL, &id, NULL, NULL) == 0 &&
                        has_unit(file->elf, id);
    return is_scattered ? METE__DWO_FILE_SCATTERED : METE__DWO_FILE_FOREIGN;
}

enum mete__dwo_file_state mete__dwo_file_open(Dwarf_Die *skeleton, const char *directory,
                                              struct mete__dwo_file *file) {
    enum mete__dwo_file_state state = METE__DWO_FILE_MISSING;
    struct places places;

    file->fd = -1;
    file->elf = NULL;
    find_places(skeleton, directory, &places);
    memcpy(file->path, places.paths[1], sizeof file->path);
    for (int i = 0; i < 2; i++) {
        struct mete__dwo_file found = {.fd = -1};
        enum mete__dwo_file_state its = judge(skeleton, places.paths[i], &found);
        /* One that is there says more than one that is not, and the right one most. */
        if (its == METE__DWO_FILE_MISSING ||
            (state != METE__DWO_FILE_MISSING && its != METE__DWO_FILE_SCATTERED)) {
            mete__dwo_file_close(&found);
            continue;
        }
        mete__dwo_file_close(file);
        state = its;
        file->fd = found.fd;
        file->elf = found.elf;
        memcpy(file->path, places.paths[i], sizeof file->path);
        if (state == METE__DWO_FILE_SCATTERED) break;
    }
    return state;
}

void mete__dwo_file_close(struct mete__dwo_file *file) {
    elf_end(file->elf);
    if (file->fd >= 0) close(file->fd);
    file->elf = NULL;
    file->fd = -1;
}
