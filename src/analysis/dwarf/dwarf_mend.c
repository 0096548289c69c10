#include "analysis/dwarf/dwarf_mend.h"

#include <dwarf.h>
#include <errno.h>
#include <gelf.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/array.h"
#include "analysis/dwarf/dwarf_package_state.h"
#include "analysis/dwarf/unit_header.h"
#include "analysis/elf_sections.h"

#define CHAIN     4    /* headers that follow each other by no chance */
#define WALKS_MAX 16   /* through all lengths that lead nowhere, in one section */
#define APART_MAX 1000 /* damaged units that are told apart; more that adjoin count as one */
#define NAMES_MAX 16   /* of them whose names are looked for */

/* A unit that is damaged. */
struct damage {
    size_t at, end;   /* bytes of its section; what libdw is to pass */
    size_t root;      /* where its first DIE is, from its start */
    bool has_root;    /* that DIE may be read for its name */
    const char *name; /* libdw's; NULL: none is known */
};

/* A section with such units. */
struct section {
    Elf_Data *data; /* libelf's, which has the copy now */
    uint8_t *copy;
    struct damage *damages;
    size_t damage_count, damage_capacity;
};

struct mete__dwarf_mend {
    struct mete__dwarf_mend *next;
    Dwarf *dwarf;
    struct section sections[2]; /* .debug_info; .debug_types of DWARF 4 */
};

static struct mete__dwarf_mend *mends; /* all that are open */

/* --- Looking --- */

/* How far a section has been looked at. */
struct look {
    const struct mete__unit_section *units;
    size_t at;
    uint16_t version; /* of the last unit in order */
    int walks;
    bool has_lengths; /* those from here on lead to the section's end */
};

/* Whether units follow each other from here to the end, or for some time. */
static bool is_start(const struct mete__unit_section *units, size_t at) {
    struct mete__unit_header header;

    for (int i = 0; i < CHAIN && at < units->size; i++) {
        if (mete__unit_header_read(units, at, &header) != 0) return false;
        at += header.size;
    }
    return true;
}

/* Whether the lengths alone lead to the section's end, which those of sound units do. */
static bool has_lengths(struct look *look, size_t at) {
    struct mete__unit_header header;

    if (look->has_lengths || look->walks >= WALKS_MAX) return look->has_lengths;
    while (at < look->units->size) {
        (void)mete__unit_header_read(look->units, at, &header);
        if (header.size < METE__UNIT_HEADER_LEAST) {
            look->walks++;
            return false;
        }
        at += header.size;
    }
    look->has_lengths = true;
    return true;
}

/* Where the next unit begins behind a damaged one, whose length says `size`, or where the section
 * ends. */
static size_t next_start(struct look *look, size_t size) {
    const struct mete__unit_section *units = look->units;

    if (size >= METE__UNIT_HEADER_LEAST &&
        (is_start(units, look->at + size) || has_lengths(look, look->at + size)))
        return look->at + size;
    for (size_t at = look->at + METE__UNIT_HEADER_LEAST; at < units->size; at++)
        if (is_start(units, at)) return at;
    return units->size;
}

static bool is_padding(const struct mete__unit_section *units, size_t at) {
    while (at < units->size && units->data[at] == 0) at++;
    return at == units->size;
}

static int note(struct section *section, size_t at, size_t end) {
    if (section->damage_count >= APART_MAX &&
        section->damages[section->damage_count - 1].end == at) {
        section->damages[section->damage_count - 1].end = end;
        return 0;
    }
    struct damage *damages = mete__array_room(section->damages, section->damage_count,
                                              &section->damage_capacity, sizeof *damages);

    if (damages == NULL) return -ENOMEM;
    section->damages = damages;
    damages[section->damage_count++] = (struct damage){.at = at, .end = end};
    return 0;
}

/* Finds the damaged units. */
static int look_at(struct section *section, struct look *look) {
    struct mete__unit_header header;
    int status = 0;

    while (status == 0 && look->at < look->units->size) {
        if (mete__unit_header_read(look->units, look->at, &header) == 0) {
            look->version = header.version;
            look->at += header.size;
        } else if (is_padding(look->units, look->at)) {
            section->data->d_size = look->at;
            break;
        } else {
            size_t end = next_start(look, header.size);
            status = note(section, look->at, end);
            look->at = end;
        }
    }
    return status;
}

/* --- Mending --- */

/* Writes a header of which libdw finds nothing wrong, as like what was there as can be: the DIE
 * behind it may still tell the unit's name. */
static void write_header(const struct mete__unit_section *units, uint8_t *copy, uint16_t version,
                         struct damage *damage) {
    uint8_t *unit = copy + damage->at;
    bool is_big_endian = units->is_big_endian;
    size_t size = damage->end - damage->at;
    size_t abbreviations_at = version == 5 ? 8 : 6;

    damage->has_root = true;
    mete__unit_header_put(unit, size - 4, 4, is_big_endian);
    mete__unit_header_put(unit + 4, version, 2, is_big_endian);
    if (version == 5) {
        unit[6] = DW_UT_compile;
        unit[7] = 8;
    } else {
        unit[10] = 8;
    }
    damage->root = version == 5 ? 12 : 11;
    if (mete__unit_header_number(unit + abbreviations_at, 4, is_big_endian) >=
        units->abbreviations_size) {
        mete__unit_header_put(unit + abbreviations_at, 0, 4, is_big_endian);
        damage->has_root = false;
    }
}

static int mend(struct section *section, const struct mete__unit_section *units, uint16_t version) {
    /* Units of types have more than this in their headers. */
    const size_t least = units->has_types ? 24 : 13;

    section->copy = malloc(units->size + 1);
    if (section->copy == NULL) return -ENOMEM;
    section->copy[units->size] = '\0'; /* libdw does not see that the last string has no end */
    memcpy(section->copy, units->data, units->size);
    section->data->d_buf = section->copy;
    for (size_t i = 0; i < section->damage_count; i++) {
        struct damage *damage = &section->damages[i];
        if (damage->end - damage->at < least || damage->end - damage->at - 4 >= 0xfffffff0) {
            section->data->d_size = damage->at; /* libdw sees the rest no more */
            break;
        }
        write_header(units, section->copy, version, damage);
        if (units->has_types) damage->root = 23;
    }
    return 0;
}

/* Reads the names of the damaged units, and empties these: a DIE of 0 is none. */
static void empty(struct section *section, Dwarf *dwarf, bool is_types) {
    for (size_t i = 0; i < section->damage_count; i++) {
        struct damage *damage = &section->damages[i];
        Dwarf_Die root;

        if (damage->root == 0) continue;
        Dwarf_Off offset = damage->at + damage->root;
        if (damage->has_root && i < NAMES_MAX && !is_types &&
            dwarf_offdie(dwarf, offset, &root) != NULL && dwarf_tag(&root) == DW_TAG_compile_unit)
            damage->name = dwarf_diename(&root);
        section->copy[offset] = 0;
    }
}

static bool is_named(const struct mete__elf_sections *at, const char *name,
                     const char *compressed_name) {
    return strcmp(at->name, name) == 0 || strcmp(at->name, compressed_name) == 0;
}

static size_t section_size(Elf *elf, const char *name, const char *compressed_name) {
    struct mete__elf_sections at = {.elf = elf};

    while (mete__elf_sections_next(&at))
        if (is_named(&at, name, compressed_name))
            return mete__dwarf_package_part_of(at.section, &at.header).size;
    return 0;
}

/* The section that libdw reads: the first of that name that is in no group, decompressed. */
static int mend_section(struct mete__dwarf_mend *mended, const struct mete__elf_sections *at,
                        bool has_types) {
    struct section *section = &mended->sections[has_types];
    Elf *elf = at->elf;
    GElf_Ehdr file;

    if (section->data != NULL || (at->header.sh_flags & (SHF_COMPRESSED | SHF_GROUP)) != 0 ||
        at->header.sh_type == SHT_NOBITS || gelf_getehdr(elf, &file) == NULL)
        return 0;
    section->data = elf_getdata(at->section, NULL);
    if (section->data == NULL || section->data->d_buf == NULL) return 0;
    const struct mete__unit_section units = {
        .data = section->data->d_buf,
        .size = section->data->d_size,
        .abbreviations_size = section_size(elf, ".debug_abbrev", ".zdebug_abbrev"),
        .is_big_endian = file.e_ident[EI_DATA] == ELFDATA2MSB,
        .has_types = has_types,
    };
    struct look look = {.units = &units, .version = 4};
    int status = look_at(section, &look);
    if (status != 0 || section->damage_count == 0) return status;
    status = mend(section, &units, has_types ? 4 : look.version);
    if (status == 0) empty(section, mended->dwarf, has_types);
    return status;
}

int mete__dwarf_mend_open(Dwarf *dwarf, struct mete__dwarf_mend **out) {
    struct mete__elf_sections at = {.elf = dwarf_getelf(dwarf)};
    struct mete__dwarf_mend *made = calloc(1, sizeof *made);
    int status = 0;

    *out = NULL;
    if (made == NULL) return -ENOMEM;
    made->dwarf = dwarf;
    made->next = mends;
    mends = made;
    while (status == 0 && mete__elf_sections_next(&at)) {
        if (is_named(&at, ".debug_info", ".zdebug_info"))
            status = mend_section(made, &at, false);
        else if (is_named(&at, ".debug_types", ".zdebug_types"))
            status = mend_section(made, &at, true);
    }
    if (status == 0 && (made->sections[0].copy != NULL || made->sections[1].copy != NULL))
        *out = made;
    else
        mete__dwarf_mend_close(made);
    return status;
}

void mete__dwarf_mend_close(struct mete__dwarf_mend *mended) {
    if (mended == NULL) return;
    for (struct mete__dwarf_mend **link = &mends; *link != NULL; link = &(*link)->next) {
        if (*link != mended) continue;
        *link = mended->next;
        break;
    }
    for (size_t i = 0; i < 2; i++) {
        free(mended->sections[i].copy);
        free(mended->sections[i].damages);
    }
    free(mended);
}

static const struct section *section_of(Dwarf *dwarf, size_t number) {
    const struct mete__dwarf_mend *mended = mends;

    while (mended != NULL && mended->dwarf != dwarf) mended = mended->next;
    return mended == NULL ? NULL : &mended->sections[number];
}

bool mete__dwarf_mend_at(Dwarf *dwarf, size_t number, struct mete__dwarf_mend_unit *unit) {
    const struct section *section = section_of(dwarf, 0);

    if (section == NULL) return false;
    if (number >= section->damage_count) {
        number -= section->damage_count;
        section = section_of(dwarf, 1);
        if (number >= section->damage_count) return false;
    }
    const struct damage *damage = &section->damages[number];
    *unit = (struct mete__dwarf_mend_unit){damage->at, damage->name};
    return true;
}

static bool is_damaged(const struct section *section, size_t offset) {
    size_t low = 0, high = section->damage_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (section->damages[middle].end <= offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low < section->damage_count && section->damages[low].at <= offset;
}

bool mete__dwarf_mend_is(const Dwarf_Die *die) {
    for (size_t i = 0; i < 2; i++) {
        const struct section *section = section_of(dwarf_cu_getdwarf(die->cu), i);
        if (section == NULL || section->copy == NULL) continue;
        uintptr_t begin = (uintptr_t)section->copy, at = (uintptr_t)die->addr;
        if (at >= begin && at - begin < section->data->d_size)
            return is_damaged(section, at - begin);
    }
    return false;
}
