#include "analysis/elf_sections.h"

bool mete__elf_sections_next(struct mete__elf_sections *at) {
    if (at->section == NULL && elf_getshdrstrndx(at->elf, &at->names) != 0) return false;
    while ((at->section = elf_nextscn(at->elf, at->section)) != NULL) {
        if (gelf_getshdr(at->section, &at->header) == NULL) continue;
        at->name = elf_strptr(at->elf, at->names, at->header.sh_name);
        if (at->name != NULL) return true;
    }
    return false;
}
