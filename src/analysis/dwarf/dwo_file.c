#include "analysis/dwarf/dwo_file.h"

#include <dwarf.h>
#include <fcntl.h>
#include <gelf.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

bool mete__dwo_file_is_scattered(Elf *elf) {
    Elf_Scn *section = NULL;
    GElf_Shdr header;
    size_t names, units = 0, types = 0;

    if (elf_getshdrstrndx(elf, &names) != 0) return false;
    while ((section = elf_nextscn(elf, section)) != NULL) {
        const char *name =
            gelf_getshdr(section, &header) == NULL ? NULL : elf_strptr(elf, names, header.sh_name);
        if (name == NULL) continue;
        units += strcmp(name, ".debug_info.dwo") == 0 || strcmp(name, ".debug_info") == 0;
        types += strcmp(name, ".debug_types.dwo") == 0 || strcmp(name, ".debug_types") == 0;
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

enum mete__dwo_file_state mete__dwo_file_state(Dwarf_Die *skeleton, char *path, size_t path_size) {
    find_path(skeleton, path, path_size);
    int fd = path[0] == '\0' ? -1 : open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) return METE__DWO_FILE_MISSING;
    Elf *elf = elf_begin(fd, ELF_C_READ, NULL);
    bool is_scattered = elf != NULL && mete__dwo_file_is_scattered(elf);
    elf_end(elf);
    close(fd);
    return is_scattered ? METE__DWO_FILE_SCATTERED : METE__DWO_FILE_FOREIGN;
}
