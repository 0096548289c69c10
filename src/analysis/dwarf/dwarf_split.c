#include "analysis/dwarf/dwarf_split.h"

#include <dwarf.h>
#include <errno.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/dwarf/dwarf_join.h"
#include "analysis/elf_sections.h"

#define KINDS      2
#define UNITS_MOST 1024 /* kept open by mete__dwarf_split_trim; each costs about 10 KB */

struct unit {
    struct mete__dwarf_package_unit unit; /* its Dwarf is the key */
    struct mete__dwarf_split *split;
    enum mete__dwarf_package_kind kind;
    Dwarf_Die skeleton; /* addr NULL: none */
    Dwarf_Addr base;    /* of its ranges */
};

struct mete__dwarf_split {
    struct mete__dwarf_split *next;
    Dwarf *dwarf;    /* of the program */
    Elf *elf;        /* the same's */
    char *directory; /* where libdw looks for .dwo files first: the file's; NULL: nowhere */
    bool is_whole;
    char *damaged;
    struct mete__dwarf_package *package;    /* NULL: damaged, or there is none */
    struct mete__dwarf_package_unit anchor; /* of a package without program: its Dwarf is `dwarf` */
    struct unit **units[KINDS];             /* by row; NULL: not opened yet */
    uint32_t counts[KINDS];
    size_t open_count;
    struct mete__dwarf_package_rest rest; /* the program's sections, whole */
};

static struct mete__dwarf_split *splits; /* all that are open */
static void *units;                      /* tsearch tree of their struct unit */

static int by_dwarf(const void *left, const void *right) {
    const struct unit *a = left, *b = right;
    uintptr_t one = (uintptr_t)a->unit.dwarf, other = (uintptr_t)b->unit.dwarf;

    return one < other ? -1 : one > other;
}

/* The unit of a package that the DIE is in; NULL: it is in none. */
static struct unit *unit_of(Dwarf_CU *cu) {
    if (units == NULL) return NULL;
    struct unit key = {.unit.dwarf = dwarf_cu_getdwarf(cu)};
    struct unit **found = tfind(&key, &units, by_dwarf);
    return found == NULL ? NULL : *found;
}

/* --- Opening --- */

/* Makes `*path` the path of the package; -ENOENT: it is no package. */
static int try_path(struct mete__dwarf_split *split, const char *path) {
    int status = mete__dwarf_package_open(path, &split->package);

    if (status != -EBADMSG) return status;
    split->damaged = strdup(path);
    return split->damaged == NULL ? -ENOMEM : 0;
}

/* DIRECTORY/FILE.dwp; a directory of NULL or "" stands for the file's own. */
static int try_beside(struct mete__dwarf_split *split, const char *directory, const char *file) {
    const char *slash = strrchr(file, '/');
    char *path;

    if (directory != NULL && directory[0] != '\0') {
        if (asprintf(&path, "%s/%s.dwp", directory, slash == NULL ? file : slash + 1) < 0)
            return -ENOMEM;
    } else if (asprintf(&path, "%s.dwp", file) < 0) {
        return -ENOMEM;
    }
    int status = try_path(split, path);
    free(path);
    return status;
}

static int find_package(struct mete__dwarf_split *split, const char *program, const char *debug,
                        const char *debug_directory) {
    char *real = realpath(program, NULL);
    int status = try_beside(split, NULL, program);
    if (status == -ENOENT && real != NULL) status = try_beside(split, NULL, real);
    if (status == -ENOENT && debug != NULL) status = try_beside(split, NULL, debug);
    if (status == -ENOENT && debug_directory != NULL)
        status = try_beside(split, debug_directory, program);
    free(real);
    return status;
}

static void find_rest(struct mete__dwarf_split *split) {
    const struct {
        const char *name;
        struct mete__dwarf_package_part *part;
    } wanted[] = {{".debug_addr", &split->rest.addr}, {".debug_ranges", &split->rest.ranges}};
    struct mete__elf_sections at = {.elf = split->elf};

    while (mete__elf_sections_next(&at)) {
        for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
            if (strcmp(at.name, wanted[i].name) != 0) continue;
            Elf_Data *data = at.header.sh_type == SHT_NOBITS ? NULL : elf_getdata(at.section, NULL);
            if (data != NULL && data->d_buf != NULL)
                *wanted[i].part = (struct mete__dwarf_package_part){data->d_buf, data->d_size};
        }
    }
}

static int make_room(struct mete__dwarf_split *split) {
    for (int kind = 0; kind < KINDS && split->package != NULL; kind++) {
        split->counts[kind] =
            mete__dwarf_package_index(split->package, (enum mete__dwarf_package_kind)kind)
                ->row_count;
        split->units[kind] = calloc((size_t)split->counts[kind] + 1, sizeof(struct unit *));
        if (split->units[kind] == NULL) return -ENOMEM;
    }
    return 0;
}

static struct mete__dwarf_split *enter(struct mete__dwarf_split *split) {
    split->next = splits;
    splits = split;
    return split;
}

/* The directory of a file, without links, or NULL. */
static char *directory_of(const char *path) {
    char *real = realpath(path, NULL);
    char *slash = real == NULL ? NULL : strrchr(real, '/');

    if (slash != NULL) slash[1] = '\0';
    return real;
}

int mete__dwarf_split_open(Dwarf *dwarf, const char *program, const char *debug,
                           const char *debug_directory, struct mete__dwarf_split **out) {
    struct mete__dwarf_split *split = calloc(1, sizeof *split);

    *out = NULL;
    if (split == NULL) return -ENOMEM;
    split->dwarf = dwarf;
    split->elf = dwarf_getelf(dwarf);
    split->directory = directory_of(debug == NULL ? program : debug);
    int status = find_package(split, program, debug, debug_directory);
    if (status == -ENOENT) status = mete__dwarf_join(dwarf, split->directory, &split->package);
    if (status == 0) {
        find_rest(split);
        status = make_room(split);
    }
    if (status == 0 || status == -ENOENT) {
        *out = enter(split);
        return 0;
    }
    mete__dwarf_split_close(split);
    return status;
}

static int find_anchor(struct mete__dwarf_split *split) {
    const struct mete__dwarf_package_rest nothing = {0};

    for (int kind = 0; kind < KINDS && split->package != NULL; kind++)
        for (uint32_t i = 0; i < split->counts[kind]; i++)
            if (mete__dwarf_package_read(split->package, (enum mete__dwarf_package_kind)kind, i,
                                         &nothing, &split->anchor) == 0)
                return 0;
    return -ENOENT;
}

int mete__dwarf_split_open_whole(const char *path, struct mete__dwarf_split **out, Dwarf **dwarf) {
    struct mete__dwarf_split *split = calloc(1, sizeof *split);

    if (split == NULL) return -ENOMEM;
    int status = try_path(split, path);
    if (status == 0) status = make_room(split);
    if (status == 0) status = find_anchor(split);
    if (status != 0) {
        mete__dwarf_split_close(split);
        return status;
    }
    split->is_whole = true;
    split->dwarf = split->anchor.dwarf;
    split->elf = split->anchor.elf;
    *out = enter(split);
    *dwarf = split->dwarf;
    return 0;
}

int mete__dwarf_split_open_module(Dwfl_Module *module, Dwarf *dwarf, const char *debug_directory,
                                  struct mete__dwarf_split **out) {
    const char *program = NULL, *debug = NULL;
    const char *name = dwfl_module_info(module, NULL, NULL, NULL, NULL, NULL, &program, &debug);

    *out = NULL;
    if (program == NULL) program = name;
    if (dwarf == NULL || program == NULL) return 0;
    return mete__dwarf_split_open(dwarf, program, debug, debug_directory, out);
}

static void close_units(struct mete__dwarf_split *split) {
    for (int kind = 0; kind < KINDS; kind++) {
        for (uint32_t i = 0; split->units[kind] != NULL && i < split->counts[kind]; i++) {
            struct unit *unit = split->units[kind][i];
            if (unit == NULL) continue;
            tdelete(unit, &units, by_dwarf);
            mete__dwarf_package_free(&unit->unit);
            free(unit);
            split->units[kind][i] = NULL;
        }
    }
    split->open_count = 0;
}

void mete__dwarf_split_close(struct mete__dwarf_split *split) {
    if (split == NULL) return;
    for (struct mete__dwarf_split **link = &splits; *link != NULL; link = &(*link)->next) {
        if (*link != split) continue;
        *link = split->next;
        break;
    }
    close_units(split);
    for (int kind = 0; kind < KINDS; kind++) free(split->units[kind]);
    mete__dwarf_package_free(&split->anchor);
    mete__dwarf_package_close(split->package);
    free(split->damaged);
    free(split->directory);
    free(split);
}

static struct mete__dwarf_split *split_of(Dwarf *dwarf) {
    struct mete__dwarf_split *split = splits;

    while (split != NULL && split->dwarf != dwarf) split = split->next;
    return split;
}

struct mete__dwarf_split *mete__dwarf_split_of(Dwarf *dwarf) {
    struct mete__dwarf_split *split = split_of(dwarf);

    return split == NULL || (split->package == NULL && split->damaged == NULL) ? NULL : split;
}

const char *mete__dwarf_split_damaged(const struct mete__dwarf_split *split) {
    return split->damaged;
}

size_t mete__dwarf_split_lost(const struct mete__dwarf_split *split) {
    return split->package == NULL ? 0 : mete__dwarf_package_lost(split->package);
}

bool mete__dwarf_split_is_whole(const struct mete__dwarf_split *split) {
    return split->is_whole;
}

uint32_t mete__dwarf_split_count(const struct mete__dwarf_split *split,
                                 enum mete__dwarf_package_kind kind) {
    return split->counts[kind];
}

/* --- Units --- */

/* What lies from the offset that the skeleton has as an attribute; nothing where it has none. */
static struct mete__dwarf_package_part part_from(Dwarf_Die *skeleton, unsigned int name,
                                                 unsigned int old_name,
                                                 const struct mete__dwarf_package_part *whole) {
    Dwarf_Attribute attribute;
    Dwarf_Word offset;

    if ((dwarf_attr(skeleton, name, &attribute) == NULL &&
         dwarf_attr(skeleton, old_name, &attribute) == NULL) ||
        dwarf_formudata(&attribute, &offset) != 0 || offset >= whole->size)
        return (struct mete__dwarf_package_part){0};
    return (struct mete__dwarf_package_part){(const char *)whole->data + offset,
                                             whole->size - (size_t)offset};
}

/* The unit of a row, opened where it was not yet; NULL: it cannot be read. */
static struct unit *open_unit(struct mete__dwarf_split *split, enum mete__dwarf_package_kind kind,
                              uint32_t row, Dwarf_Die *skeleton) {
    struct mete__dwarf_package_rest rest = {0};
    struct unit **slot = &split->units[kind][row];

    if (*slot != NULL) return *slot;
    struct unit *unit = calloc(1, sizeof *unit);
    if (unit == NULL) return NULL;
    unit->split = split;
    unit->kind = kind;
    if (skeleton != NULL) {
        unit->skeleton = *skeleton;
        if (dwarf_lowpc(skeleton, &unit->base) != 0) unit->base = 0;
        rest.addr = part_from(skeleton, DW_AT_addr_base, DW_AT_GNU_addr_base, &split->rest.addr);
        rest.ranges =
            part_from(skeleton, DW_AT_GNU_ranges_base, DW_AT_GNU_ranges_base, &split->rest.ranges);
    }
    if (mete__dwarf_package_read(split->package, kind, row, &rest, &unit->unit) != 0)
        goto fail_unit;
    if (tsearch(unit, &units, by_dwarf) == NULL) goto fail_read;
    split->open_count++;
    return *slot = unit;

fail_read:
    mete__dwarf_package_free(&unit->unit);
fail_unit:
    free(unit);
    return NULL;
}

bool mete__dwarf_split_at(struct mete__dwarf_split *split, enum mete__dwarf_package_kind kind,
                          uint32_t number, Dwarf_Die *root) {
    struct unit *unit = open_unit(split, kind, number, NULL);

    if (unit == NULL) return false;
    *root = unit->unit.root;
    return true;
}

bool mete__dwarf_split_trim(struct mete__dwarf_split *split) {
    if (split->open_count <= UNITS_MOST) return false;
    close_units(split);
    return true;
}

static struct unit *find_unit(struct mete__dwarf_split *split, enum mete__dwarf_package_kind kind,
                              uint64_t signature, Dwarf_Die *skeleton) {
    uint32_t row;

    if (split->package == NULL ||
        !mete__dwarf_index_find(mete__dwarf_package_index(split->package, kind), signature, &row))
        return NULL;
    return open_unit(split, kind, row, skeleton);
}

/* Whether the unit has the id, if it says one, as before DWARF 5. */
static bool is_of(Dwarf_Die *root, uint64_t id) {
    Dwarf_Attribute attribute;
    Dwarf_Word said;

    return dwarf_attr(root, DW_AT_GNU_dwo_id, &attribute) == NULL ||
           dwarf_formudata(&attribute, &said) != 0 || said == id;
}

bool mete__dwarf_split_unit(Dwarf_Die *skeleton, Dwarf_Die *unit) {
    Dwarf_Die root = *skeleton;
    uint8_t type = 0;
    uint64_t id;

    *unit = *skeleton;
    if (dwarf_cu_info(skeleton->cu, NULL, &type, NULL, NULL, &id, NULL, NULL) != 0 ||
        type != DW_UT_skeleton)
        return true;
    struct mete__dwarf_split *split = split_of(dwarf_cu_getdwarf(skeleton->cu));
    struct unit *found =
        split == NULL ? NULL : find_unit(split, METE__DWARF_PACKAGE_UNIT, id, &root);
    if (found != NULL && is_of(&found->unit.root, id)) {
        *unit = found->unit.root;
        return true;
    }
    return dwarf_cu_info(skeleton->cu, NULL, NULL, NULL, unit, NULL, NULL, NULL) == 0 &&
           unit->addr != NULL;
}

enum mete__dwo_file_state mete__dwarf_split_file(Dwarf_Die *skeleton, char *path,
                                                 size_t path_size) {
    struct mete__dwarf_split *split = split_of(dwarf_cu_getdwarf(skeleton->cu));
    struct mete__dwo_file file;

    enum mete__dwo_file_state state =
        mete__dwo_file_open(skeleton, split == NULL ? NULL : split->directory, &file);
    snprintf(path, path_size, "%s", file.path);
    mete__dwo_file_close(&file);
    return state;
}

Dwarf_Die mete__dwarf_split_skeleton(const Dwarf_Die *unit) {
    struct unit *found = unit_of(unit->cu);

    return found == NULL || found->skeleton.addr == NULL ? *unit : found->skeleton;
}

/* --- Questions --- */

Dwarf_Die mete__dwarf_split_files(const Dwarf_Die *unit, bool *is_packaged) {
    struct unit *found = unit_of(unit->cu);
    bool is_skeletons = found != NULL && !found->unit.has_files && found->skeleton.addr != NULL;

    if (is_packaged != NULL) *is_packaged = found != NULL && !is_skeletons;
    return is_skeletons ? found->skeleton : *unit;
}

/* The bytes left from an address in a part; 0: it lies outside. */
static size_t left_at(const struct mete__dwarf_package_part *part, const void *address) {
    uintptr_t offset = (uintptr_t)address - (uintptr_t)part->data;

    return offset < part->size ? part->size - offset : 0;
}

static uint64_t number_at(const struct unit *unit, const uint8_t *at, size_t bytes) {
    const struct mete__dwarf_index *index =
        mete__dwarf_package_index(unit->split->package, unit->kind);

    return mete__dwarf_index_number(index, at, bytes);
}

/* Where in .debug_rnglists the list is that a DIE has by number (DWARF 5); 0: it has none. */
static uint64_t list_of(const struct unit *unit, Dwarf_Die *die) {
    const uint8_t *section = unit->unit.rnglists.data;
    uint64_t size = unit->unit.rnglists.size, number = 0;
    Dwarf_Attribute attribute;

    if (dwarf_attr(die, DW_AT_ranges, &attribute) == NULL ||
        dwarf_whatform(&attribute) != DW_FORM_rnglistx || size < 4)
        return 0;
    size_t left = left_at(&unit->unit.info, attribute.valp);
    for (size_t i = 0; i < left && i < 5; i++) {
        number |= (uint64_t)(attribute.valp[i] & 0x7f) << (7 * i);
        if ((attribute.valp[i] & 0x80) == 0) break;
    }
    bool is_wide = number_at(unit, section, 4) == 0xffffffff;
    uint64_t table = is_wide ? 20 : 12, bytes = is_wide ? 8 : 4; /* the header's and an offset's */
    if (table + (number + 1) * bytes > size) return 0;
    uint64_t offset = number_at(unit, section + table + number * bytes, (size_t)bytes);
    return offset < size - table ? table + offset : 0;
}

ptrdiff_t mete__dwarf_split_ranges(Dwarf_Die *die, ptrdiff_t next, Dwarf_Addr *base,
                                   Dwarf_Addr *low, Dwarf_Addr *high) {
    struct unit *unit = next == 0 ? unit_of(die->cu) : NULL;
    Dwarf_Half version = 0;
    ptrdiff_t after = dwarf_ranges(die, next, base, low, high);

    /* A list is relative to a base, which is the skeleton's: libdw has taken it to be 0. The only
     * range of a DIE (after 1 nothing comes) is no list. */
    if (unit == NULL || after <= 1 || *base != 0 || unit->base == 0 ||
        dwarf_cu_info(die->cu, &version, NULL, NULL, NULL, NULL, NULL, NULL) != 0)
        return after;
    if (version >= 5) {
        uint64_t list = list_of(unit, die);
        *base = unit->base;
        return list == 0 ? after : dwarf_ranges(die, (ptrdiff_t)list, base, low, high);
    }
    *base = unit->base;
    *low += unit->base;
    *high += unit->base;
    return after;
}

bool mete__dwarf_split_follow(Dwarf_Attribute *attribute, Dwarf_Die *to) {
    if (dwarf_formref_die(attribute, to) != NULL) return true;
    struct unit *unit =
        dwarf_whatform(attribute) == DW_FORM_ref_sig8 ? unit_of(attribute->cu) : NULL;
    if (unit == NULL) return false;

    if (left_at(&unit->unit.info, attribute->valp) < 8) return false;
    struct unit *type =
        find_unit(unit->split, METE__DWARF_PACKAGE_TYPE, number_at(unit, attribute->valp, 8), NULL);
    return type != NULL &&
           dwarf_cu_info(type->unit.root.cu, NULL, NULL, NULL, to, NULL, NULL, NULL) == 0 &&
           to->addr != NULL;
}
