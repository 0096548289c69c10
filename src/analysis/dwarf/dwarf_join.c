#include "analysis/dwarf/dwarf_join.h"

#include <dwarf.h>
#include <errno.h>
#include <gelf.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/array.h"
#include "analysis/dwarf/dwarf_package_state.h"
#include "analysis/dwarf/dwo_file.h"
#include "analysis/dwarf/unit_header.h"
#include "analysis/elf_sections.h"

#define BYTES_MOST  ((size_t)1 << 30)
#define SLOTS_FIRST 1024

/* A unit, and its slices of the joint sections. */
struct row {
    uint64_t signature;
    uint32_t offsets[METE__DWARF_INDEX_SECTIONS], sizes[METE__DWARF_INDEX_SECTIONS];
};

/* The units of a kind, with the hash table that their index begins with. */
struct rows {
    struct row *items;
    size_t count, capacity;
    uint32_t *slots; /* numbers of rows, from 1 */
    size_t slot_count;
};

struct join {
    struct mete__dwarf_package *package;
    struct rows rows[2]; /* by kind */
    size_t capacities[METE__DWARF_PACKAGE_OWN];
    size_t bytes; /* of all sections */
    bool is_big_endian;
    bool has_image;
};

/* A file that is being joined. */
struct piece {
    Elf *elf;
    uint64_t id;     /* of its unit, as the skeleton has it */
    uint32_t string; /* where its strings begin among all */
    struct row row;  /* what all of its units have */
};

static uint64_t number(const struct join *join, const uint8_t *at, size_t bytes) {
    return mete__unit_header_number(at, bytes, join->is_big_endian);
}

static void put(const struct join *join, uint8_t *at, uint64_t value, size_t bytes) {
    mete__unit_header_put(at, value, bytes, join->is_big_endian);
}

/* --- Rows --- */

/* The slot of a signature, or the free one where it belongs (DWARF 5, 7.3.5.3). */
static size_t slot_of(const struct rows *rows, uint64_t signature) {
    size_t mask = rows->slot_count - 1, slot = (size_t)signature & mask;
    size_t step = ((size_t)(signature >> 32) & mask) | 1;

    while (rows->slots[slot] != 0 && rows->items[rows->slots[slot] - 1].signature != signature)
        slot = (slot + step) & mask;
    return slot;
}

static int grow(struct rows *rows) {
    size_t count = rows->slot_count == 0 ? SLOTS_FIRST : rows->slot_count * 2;
    uint32_t *slots = calloc(count, sizeof *slots);

    if (slots == NULL) return -ENOMEM;
    free(rows->slots);
    rows->slots = slots;
    rows->slot_count = count;
    for (size_t i = 0; i < rows->count; i++)
        slots[slot_of(rows, rows->items[i].signature)] = (uint32_t)i + 1;
    return 0;
}

static int add_row(struct rows *rows, const struct row *row) {
    struct row *items = mete__array_room(rows->items, rows->count, &rows->capacity, sizeof *items);

    if (items == NULL) return -ENOMEM;
    rows->items = items;
    items[rows->count++] = *row;
    rows->slots[slot_of(rows, row->signature)] = (uint32_t)rows->count;
    return 0;
}

static int write_index(const struct join *join, int kind) {
    const struct rows *rows = &join->rows[kind];
    const size_t cells = rows->count * METE__DWARF_INDEX_SECTIONS;
    uint8_t *bytes = malloc(12 * rows->slot_count + 8 * cells + 1);

    if (bytes == NULL) return -ENOMEM;
    uint8_t *numbers = bytes + 8 * rows->slot_count, *offsets = numbers + 4 * rows->slot_count;
    for (size_t i = 0; i < rows->slot_count; i++) {
        uint32_t row = rows->slots[i];
        put(join, bytes + 8 * i, row == 0 ? 0 : rows->items[row - 1].signature, 8);
        put(join, numbers + 4 * i, row, 4);
    }
    for (size_t i = 0; i < cells; i++) {
        const struct row *row = &rows->items[i / METE__DWARF_INDEX_SECTIONS];
        put(join, offsets + 4 * i, row->offsets[i % METE__DWARF_INDEX_SECTIONS], 4);
        put(join, offsets + 4 * (cells + i), row->sizes[i % METE__DWARF_INDEX_SECTIONS], 4);
    }
    join->package->made_indexes[kind] = bytes;
    join->package->indexes[kind] = (struct mete__dwarf_index){
        .slots = bytes,
        .offsets = offsets,
        .slot_count = (uint32_t)rows->slot_count,
        .row_count = (uint32_t)rows->count,
        .column_count = METE__DWARF_INDEX_SECTIONS,
        .is_big_endian = join->is_big_endian,
    };
    for (int i = 0; i < METE__DWARF_INDEX_SECTIONS; i++)
        join->package->indexes[kind].column_of[i] = i;
    return 0;
}

/* --- Sections --- */

/* Appends to a joint section; `*offset` is where. -ENOENT: all would be too much. */
static int append(struct join *join, size_t section, const void *data, size_t size,
                  uint32_t *offset) {
    struct mete__dwarf_package_part *part = &join->package->sections[section];

    if (size > BYTES_MOST - join->bytes) return -ENOENT;
    if (part->size + size > join->capacities[section] || join->package->made[section] == NULL) {
        size_t capacity = (part->size + size) * 2;
        void *grown = realloc(join->package->made[section], capacity + 1);
        if (grown == NULL) return -ENOMEM;
        join->package->made[section] = grown;
        join->capacities[section] = capacity;
    }
    char *bytes = join->package->made[section];
    if (size > 0) memcpy(bytes + part->size, data, size);
    *offset = (uint32_t)part->size;
    part->data = bytes;
    part->size += size;
    bytes[part->size] = '\0'; /* libdw 0.188 takes a string to be there as well */
    join->bytes += size;
    return 0;
}

/* The bytes of an offset in a file of DWARF 4, as its units say. */
static size_t offset_size_of(const struct join *join, Elf *elf) {
    struct mete__elf_sections at = {.elf = elf};
    struct mete__unit_header header = {0};

    while (header.offset_size == 0 && mete__elf_sections_next(&at)) {
        if (strcmp(at.name, mete__dwarf_package_names[METE__DWARF_INDEX_INFO]) != 0) continue;
        struct mete__dwarf_package_part part = mete__dwarf_package_part_of(at.section, &at.header);
        const struct mete__unit_section units = {.data = part.data,
                                                 .size = part.size,
                                                 .abbreviations_size = SIZE_MAX,
                                                 .is_big_endian = join->is_big_endian};
        (void)mete__unit_header_read(&units, 0, &header);
    }
    return header.offset_size == 8 ? 8 : 4;
}

/* The offsets of strings, behind the header that DWARF 5 has, become those of the joint strings. */
static void move_strings(const struct join *join, const struct piece *piece, uint8_t *table,
                         size_t size) {
    size_t at = 0, bytes = offset_size_of(join, piece->elf);

    if (size >= 16 && number(join, table, 4) == 0xffffffff &&
        number(join, table + 4, 8) == size - 12 && number(join, table + 12, 2) == 5) {
        at = 16;
        bytes = 8;
    } else if (size >= 8 && number(join, table, 4) == size - 4 && number(join, table + 4, 2) == 5) {
        at = 8;
        bytes = 4;
    }
    for (; at + bytes <= size; at += bytes)
        put(join, table + at, number(join, table + at, bytes) + piece->string, bytes);
}

/* The number of a name among the sections that a package has; -1: it is another. */
static int section_of(const char *name) {
    for (int i = 0; i < METE__DWARF_PACKAGE_OWN; i++)
        if (strcmp(name, mete__dwarf_package_names[i]) == 0) return i;
    return -1;
}

static bool has_units(int section) {
    return section == METE__DWARF_INDEX_INFO || section == METE__DWARF_INDEX_TYPES;
}

/* What is not of one unit alone. */
static int join_common(struct join *join, struct piece *piece, int section,
                       const struct mete__dwarf_package_part *part) {
    uint32_t offset;
    int status = append(join, (size_t)section, part->data, part->size, &offset);

    if (status != 0 || section == METE__DWARF_PACKAGE_STR) return status;
    piece->row.offsets[section] = offset;
    piece->row.sizes[section] = (uint32_t)part->size;
    if (section == METE__DWARF_INDEX_STR_OFFSETS)
        move_strings(join, piece, (uint8_t *)join->package->made[section] + offset, part->size);
    return 0;
}

/* Of a unit: its kind, and its signature or id. false: it is none that a .dwo file has. */
static bool identify(const struct piece *piece, const struct mete__unit_header *header, int *kind,
                     uint64_t *signature) {
    bool is_type = header->type == DW_UT_type || header->type == DW_UT_split_type;

    *kind = is_type ? METE__DWARF_PACKAGE_TYPE : METE__DWARF_PACKAGE_UNIT;
    *signature = is_type || header->version == 5 ? header->id : piece->id;
    return header->version < 5 || is_type || header->type == DW_UT_split_compile;
}

static int join_unit(struct join *join, const struct piece *piece, int section, const uint8_t *unit,
                     const struct mete__unit_header *header) {
    struct row row = piece->row;
    int kind;

    if (!identify(piece, header, &kind, &row.signature)) {
        join->package->lost_count++;
        return 0;
    }
    struct rows *rows = &join->rows[kind];
    if (rows->count * 2 >= rows->slot_count && grow(rows) != 0) return -ENOMEM;
    if (rows->slots[slot_of(rows, row.signature)] != 0) return 0; /* another file has it, too */
    int status = append(join, (size_t)section, unit, header->size, &row.offsets[section]);
    row.sizes[section] = (uint32_t)header->size;
    return status == 0 ? add_row(rows, &row) : status;
}

/* All units of a section. */
static int join_units(struct join *join, const struct piece *piece, int section,
                      const struct mete__dwarf_package_part *part) {
    const struct mete__unit_section units = {
        .data = part->data,
        .size = part->size,
        .abbreviations_size = piece->row.sizes[METE__DWARF_INDEX_ABBREV],
        .is_big_endian = join->is_big_endian,
        .has_types = section == METE__DWARF_INDEX_TYPES,
    };
    struct mete__unit_header header;
    int status = 0;

    for (size_t at = 0; status == 0 && at < units.size; at += header.size) {
        int found = mete__unit_header_read(&units, at, &header);
        if (found == 0)
            status = join_unit(join, piece, section, units.data + at, &header);
        else
            join->package->lost_count++;
        if (header.size == 0) break; /* nobody knows where the next one is */
    }
    return status;
}

/* Joins the sections that have units, or the others, which must have come before. */
static int join_sections(struct join *join, struct piece *piece, bool with_units) {
    struct mete__elf_sections at = {.elf = piece->elf};
    int status = 0;

    while (status == 0 && mete__elf_sections_next(&at)) {
        int number = section_of(at.name);
        if (number < 0 || has_units(number) != with_units) continue;
        struct mete__dwarf_package_part part = mete__dwarf_package_part_of(at.section, &at.header);
        if (part.size == 0) continue;
        status = with_units ? join_units(join, piece, number, &part)
                            : join_common(join, piece, number, &part);
    }
    return status;
}

/* --- Files --- */

/* Of the first file, whose byte order the others must have. */
static bool begin_image(struct join *join, Elf *elf) {
    GElf_Ehdr header;

    if (gelf_getehdr(elf, &header) == NULL) return false;
    bool is_big_endian = header.e_ident[EI_DATA] == ELFDATA2MSB;
    if (!join->has_image) {
        mete__dwarf_package_make_image(&join->package->image, &header);
        join->is_big_endian = is_big_endian;
        join->has_image = true;
    }
    return is_big_endian == join->is_big_endian;
}

static int join_file(struct join *join, Elf *elf, uint64_t id) {
    struct piece piece = {
        .elf = elf,
        .id = id,
        .string = (uint32_t)join->package->sections[METE__DWARF_PACKAGE_STR].size,
    };

    if (!begin_image(join, elf)) return 0;
    int status = join_sections(join, &piece, false);
    return status != 0 ? status : join_sections(join, &piece, true);
}

static int join_files(struct join *join, Dwarf *dwarf, const char *directory) {
    struct mete__dwo_file file;
    Dwarf_CU *unit = NULL;
    Dwarf_Die root;
    uint64_t id;
    uint8_t type;
    int status = 0;

    while (status == 0 && dwarf_get_units(dwarf, unit, &unit, NULL, &type, &root, NULL) == 0) {
        if (type != DW_UT_skeleton || root.addr == NULL || dwarf_tag(&root) == DW_TAG_invalid ||
            dwarf_cu_info(unit, NULL, NULL, NULL, NULL, &id, NULL, NULL) != 0)
            continue;
        if (mete__dwo_file_open(&root, directory, &file) == METE__DWO_FILE_SCATTERED)
            status = join_file(join, file.elf, id);
        mete__dwo_file_close(&file);
    }
    return status;
}

int mete__dwarf_join(Dwarf *dwarf, const char *directory, struct mete__dwarf_package **out) {
    struct join join = {.package = calloc(1, sizeof *join.package)};

    if (join.package == NULL) return -ENOMEM;
    join.package->fd = -1;
    int status = join_files(&join, dwarf, directory);
    if (status == 0 && join.rows[0].count + join.rows[1].count == 0) status = -ENOENT;
    for (int kind = 0; kind < 2 && status == 0; kind++) status = write_index(&join, kind);
    for (int kind = 0; kind < 2; kind++) {
        free(join.rows[kind].items);
        free(join.rows[kind].slots);
    }
    if (status == 0)
        *out = join.package;
    else
        mete__dwarf_package_close(join.package);
    return status;
}
