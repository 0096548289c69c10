#include "analysis/dwarf/dwarf_gather.h"

#include <errno.h>
#include <gelf.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/dwarf/dwarf_package_state.h"
#include "analysis/elf_sections.h"

#define BYTES_MOST ((size_t)1 << 30)

#define NAMES 4

static const char *const names[NAMES] = {".debug_info", ".debug_types", ".debug_info.dwo",
                                         ".debug_types.dwo"};

/* The sections of one name, and the one of them that libdw reads. */
struct group {
    size_t count, size;
    Elf_Scn *read;
    char *bytes; /* what it has now; NULL: it is as it was */
    Elf_Data was;
    bool was_grouped;
};

struct mete__dwarf_gather {
    struct mete__dwarf_gather *next;
    Dwarf *dwarf;
    struct group groups[NAMES];
};

static struct mete__dwarf_gather *gathers; /* all that are open */

/* libdw passes over the sections of which the linker keeps one, and then reads the first. */
static void find(Elf *elf, const char *name, struct group *group) {
    struct mete__elf_sections at = {.elf = elf};

    while (mete__elf_sections_next(&at)) {
        if (strcmp(at.name, name) != 0) continue;
        bool is_grouped = (at.header.sh_flags & SHF_GROUP) != 0;
        struct mete__dwarf_package_part part = mete__dwarf_package_part_of(at.section, &at.header);
        if (part.size == 0) continue;
        if (part.size > BYTES_MOST - group->size) {
            group->count = 0;
            return;
        }
        group->count++;
        group->size += part.size;
        if (group->read != NULL && (is_grouped || !group->was_grouped)) continue;
        group->read = at.section;
        group->was_grouped = is_grouped;
    }
}

static size_t copy(Elf *elf, const char *name, bool is_grouped, char *to) {
    struct mete__elf_sections at = {.elf = elf};
    size_t used = 0;

    while (mete__elf_sections_next(&at)) {
        if (strcmp(at.name, name) != 0 || ((at.header.sh_flags & SHF_GROUP) != 0) != is_grouped)
            continue;
        struct mete__dwarf_package_part part = mete__dwarf_package_part_of(at.section, &at.header);
        if (part.size > 0) memcpy(to + used, part.data, part.size);
        used += part.size;
    }
    return used;
}

/* Marks the section as one of which the linker keeps all, or not so. */
static void set_grouped(Elf_Scn *section, bool is_grouped) {
    GElf_Shdr header;

    if (gelf_getshdr(section, &header) == NULL) return;
    header.sh_flags &= ~(GElf_Xword)SHF_GROUP;
    if (is_grouped) header.sh_flags |= SHF_GROUP;
    (void)gelf_update_shdr(section, &header);
}

static int gather_name(Elf *elf, const char *name, struct group *group) {
    find(elf, name, group);
    if (group->count < 2) return 0;
    Elf_Data *data = elf_getdata(group->read, NULL);
    group->bytes = malloc(group->size + 1);
    if (group->bytes == NULL) return -ENOMEM;
    group->bytes[group->size] = '\0'; /* libdw does not see that the last string has no end */
    group->was = *data;
    /* What is in no group comes first: then offsets into it are right as they are. */
    size_t used = copy(elf, name, false, group->bytes);
    used += copy(elf, name, true, group->bytes + used);
    data->d_buf = group->bytes;
    data->d_size = used;
    if (group->was_grouped) set_grouped(group->read, false);
    return 0;
}

static void restore(struct group *group) {
    if (group->bytes == NULL) return;
    *elf_getdata(group->read, NULL) = group->was;
    if (group->was_grouped) set_grouped(group->read, true);
    free(group->bytes);
}

int mete__dwarf_gather_open(Dwarf *dwarf, struct mete__dwarf_gather **out) {
    Elf *elf = dwarf_getelf(dwarf);
    GElf_Ehdr header;
    int status = 0;

    *out = NULL;
    if (gelf_getehdr(elf, &header) == NULL || header.e_type != ET_REL) return 0;
    struct mete__dwarf_gather *gather = calloc(1, sizeof *gather);
    if (gather == NULL) return -ENOMEM;
    gather->next = gathers;
    gathers = gather;
    bool has_gathered = false;
    for (int i = 0; i < NAMES && status == 0; i++) {
        status = gather_name(elf, names[i], &gather->groups[i]);
        has_gathered |= gather->groups[i].bytes != NULL;
    }
    if (status == 0 && has_gathered) gather->dwarf = dwarf_begin_elf(elf, DWARF_C_READ, NULL);
    if (gather->dwarf != NULL)
        *out = gather;
    else
        mete__dwarf_gather_close(gather);
    return status;
}

void mete__dwarf_gather_close(struct mete__dwarf_gather *gather) {
    if (gather == NULL) return;
    for (struct mete__dwarf_gather **link = &gathers; *link != NULL; link = &(*link)->next) {
        if (*link != gather) continue;
        *link = gather->next;
        break;
    }
    if (gather->dwarf != NULL) dwarf_end(gather->dwarf);
    for (int i = 0; i < NAMES; i++) restore(&gather->groups[i]);
    free(gather);
}

Dwarf *mete__dwarf_gather_dwarf(const struct mete__dwarf_gather *gather) {
    return gather->dwarf;
}

bool mete__dwarf_gather_is(Dwarf *dwarf) {
    const struct mete__dwarf_gather *gather = gathers;

    while (gather != NULL && gather->dwarf != dwarf) gather = gather->next;
    return gather != NULL;
}
