#include "analysis/debug_types/dwarf_types.h"

#include <dwarf.h>
#include <elfutils/libdwelf.h>
#include <errno.h>
#include <gelf.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "analysis/debug_types/dwarf_aggregate.h"
#include "analysis/debug_types/dwarf_type.h"
#include "analysis/debug_types/dwarf_unit.h"
#include "analysis/dwarf/dwarf_die.h"
#include "analysis/dwarf/dwarf_gather.h"
#include "analysis/dwarf/dwarf_mend.h"
#include "analysis/dwarf/dwarf_split.h"
#include "analysis/dwarf/dwo_file.h"
#include "analysis/dwarf/unit_language.h"

#define NOTES_MAX 10 /* of damaged units, one by one */

struct reading {
    const struct mete__dwarf_types_options *options;
    struct mete__dwarf_aggregate_reader reader;
    const char *directory; /* of the unit that is read, where its skeleton says it; or NULL */
    size_t unit_count;
    size_t damaged_count;
    size_t unreadable_count; /* units of a package that say nothing, not even what they are */
    struct dwo_files {
        size_t count;
        char first[PATH_MAX];
    } dwo_files[METE__DWO_FILE_STATES]; /* of units that are not read, or whose types are not */
};

static void say(const struct reading *reading, const char *text) {
    if (reading->options->note != NULL)
        reading->options->note(reading->options->note_context, text);
}

static void say_damaged(struct reading *reading, const char *name, Dwarf_Off offset) {
    char text[512];

    if (reading->damaged_count++ >= NOTES_MAX) return;
    snprintf(text, sizeof text, "unit %.400s at 0x%llx is damaged: left out",
             name == NULL ? "without a name" : name, (unsigned long long)offset);
    say(reading, text);
}

static bool is_cxx(int language) {
    switch (language) {
    case DW_LANG_C_plus_plus:
    case DW_LANG_C_plus_plus_03:
    case DW_LANG_C_plus_plus_11:
    case DW_LANG_C_plus_plus_14:
    case DW_LANG_ObjC_plus_plus: return true;
    default: return false;
    }
}

static int read_found(struct reading *reading) {
    struct mete__dwarf_aggregate_reader *reader = &reading->reader;
    int status = 0;

    for (size_t i = 0; i < reader->unit.count && status == 0; i++)
        (void)mete__dwarf_aggregate_read(reader, &reader->unit.found[i], &status);
    return status;
}

static int read_unit(struct reading *reading, Dwarf_Die *root) {
    struct mete__dwarf_aggregate_reader *reader = &reading->reader;
    int language = mete__unit_language_of(root);
    Dwarf_Attribute attribute;
    bool has_scopes = !mete__dwarf_die_is_c(language);

    reader->type_flags = is_cxx(language) ? METE__TYPE_CXX : has_scopes ? METE__TYPE_FOREIGN : 0;
    reader->unit_number = (uint32_t)reading->unit_count++;
    struct mete__dwarf_types_unit unit = {
        .producer = dwarf_formstring(dwarf_attr(root, DW_AT_producer, &attribute)),
        .directory = dwarf_formstring(dwarf_attr(root, DW_AT_comp_dir, &attribute)),
    };
    if (unit.directory == NULL) unit.directory = reading->directory;
    if (reading->options->unit != NULL &&
        reading->options->unit(reading->options->unit_context, reader->unit_number, &unit) != 0)
        return -ENOMEM;
    int status = mete__dwarf_unit_read(&reader->unit, root, has_scopes, reader->names);
    if (status == -EBADMSG) {
        say_damaged(reading, dwarf_diename(root), dwarf_dieoffset(root));
        return 0;
    }
    if (status != 0) return status;
    mete__dwarf_type_forget(reader->cache, language, reading->options->machine,
                            has_scopes ? mete__dwarf_unit_scope : NULL, &reader->unit);
    return read_found(reading);
}

static void show_progress(const struct reading *reading, Dwarf *dwarf, Dwarf_Die *root) {
    size_t total = 0;
    GElf_Ehdr header;

    if (reading->options->progress == NULL) return;
    /* The end of the last unit is not known before; the file's size is near enough for a hint. */
    if (gelf_getehdr(dwarf_getelf(dwarf), &header) != NULL) total = (size_t)header.e_shoff;
    size_t done = (size_t)dwarf_dieoffset(root);
    const char *name = dwarf_diename(root);
    reading->options->progress(reading->options->progress_context, done,
                               total < done ? done : total, name == NULL ? "" : name);
}

static void trim(struct reading *reading, struct mete__dwarf_split *package) {
    if (mete__dwarf_split_trim(package)) mete__dwarf_unit_forget_others(&reading->reader.unit);
}

/* The types of a package that have units of their own, or all its units. */
static int read_package(struct reading *reading, struct mete__dwarf_split *package,
                        enum mete__dwarf_package_kind kind) {
    uint32_t count = mete__dwarf_split_count(package, kind);
    Dwarf_Die root;
    int status = 0;

    for (uint32_t i = 0; i < count && status == 0; i++) {
        trim(reading, package);
        if (mete__dwarf_split_at(package, kind, i, &root))
            status = read_unit(reading, &root);
        else
            reading->unreadable_count++;
    }
    return status;
}

/* Counts a .dwo file that is not read, or not whole, and keeps the first one's path. */
static void count_file(struct reading *reading, enum mete__dwo_file_state state, const char *path) {
    struct dwo_files *files = &reading->dwo_files[state];

    if (files->count++ == 0) snprintf(files->first, sizeof files->first, "%s", path);
}

/* A unit that a skeleton stands for; with it the units of types that its .dwo file has. */
static int read_split(struct reading *reading, Dwarf_Die *skeleton) {
    Dwarf *dwarf = dwarf_cu_getdwarf(skeleton->cu);
    struct mete__dwarf_split *package = mete__dwarf_split_of(dwarf);
    Dwarf_CU *unit = NULL;
    Dwarf_Die root;
    char path[PATH_MAX];
    uint8_t type;
    int status = 0;

    if (package != NULL) trim(reading, package);
    if (!mete__dwarf_split_unit(skeleton, &root)) {
        enum mete__dwo_file_state state = mete__dwarf_split_file(skeleton, path, sizeof path);
        count_file(reading, state, path);
        return 0;
    }
    Dwarf *rest = dwarf_cu_getdwarf(root.cu);
    if (package == NULL && mete__dwo_file_is_scattered(dwarf_getelf(rest))) {
        (void)mete__dwarf_split_file(skeleton, path, sizeof path);
        count_file(reading, METE__DWO_FILE_SCATTERED, path);
    }
    Dwarf_Attribute attribute;
    reading->directory = dwarf_formstring(dwarf_attr(skeleton, DW_AT_comp_dir, &attribute));
    status = read_unit(reading, &root);
    while (status == 0 && dwarf_get_units(rest, unit, &unit, NULL, &type, &root, NULL) == 0)
        if ((type == DW_UT_type || type == DW_UT_split_type) && root.addr != NULL &&
            dwarf_tag(&root) != DW_TAG_invalid)
            status = read_unit(reading, &root);
    reading->directory = NULL;
    return status;
}

static int share_types(struct reading *reading, Dwarf *dwarf) {
    Dwarf_CU *unit = NULL;
    Dwarf_Die root;
    int status = 0;

    while (status == 0 && dwarf_get_units(dwarf, unit, &unit, NULL, NULL, &root, NULL) == 0)
        if (root.addr != NULL && dwarf_tag(&root) != DW_TAG_invalid)
            status = mete__dwarf_unit_share(&reading->reader.unit, &root);
    return status;
}

/* What dwz has put into units of its own, which come first, or into a supplement, which may be
 * NULL. */
static int read_shared(struct reading *reading, Dwarf *supplement, Dwarf *dwarf) {
    Dwarf_CU *unit = NULL;
    Dwarf_Die root;
    int status = 0;

    bool is_shared = dwarf_get_units(dwarf, unit, &unit, NULL, NULL, &root, NULL) == 0 &&
                     root.addr != NULL && dwarf_tag(&root) == DW_TAG_partial_unit;
    if (!is_shared && supplement == NULL) return 0;
    if (supplement != NULL) status = share_types(reading, supplement);
    if (status == 0) status = share_types(reading, dwarf);
    return status != 0 ? status : mete__dwarf_unit_share(&reading->reader.unit, NULL);
}

/* Whether a unit can begin so; with another unit's abbreviations hardly one does. */
static bool is_root(Dwarf_Die *die) {
    switch (dwarf_tag(die)) {
    case DW_TAG_compile_unit:
    case DW_TAG_partial_unit:
    case DW_TAG_type_unit:
    case DW_TAG_skeleton_unit: return true;
    default: return false;
    }
}

/* Whether the section with its name is not there: then all other names are lost, too. What dwz has
 * put into another file is no damage. */
static bool is_nameless(Dwarf_Die *root) {
    Dwarf_Attribute name;

    if (dwarf_attr(root, DW_AT_name, &name) == NULL) return false;
    const char *text = dwarf_formstring(&name);
    return (text == NULL || *text == '\0') && dwarf_whatform(&name) != DW_FORM_GNU_strp_alt &&
           dwarf_whatform(&name) != DW_FORM_strp_sup;
}

static void say_mended(struct reading *reading, Dwarf *dwarf) {
    struct mete__dwarf_mend_unit unit;

    for (size_t i = 0; mete__dwarf_mend_at(dwarf, i, &unit); i++)
        say_damaged(reading, unit.name, unit.offset);
}

static int read_dwarf(struct reading *reading, Dwarf *dwarf) {
    struct mete__dwarf_split *package = mete__dwarf_split_of(dwarf);
    Dwarf_CU *unit = NULL;
    Dwarf_Die root;
    uint8_t type;
    int more = 1, status = 0;

    if (package != NULL) {
        reading->unreadable_count += mete__dwarf_split_lost(package);
        status = read_package(reading, package, METE__DWARF_PACKAGE_TYPE);
        if (mete__dwarf_split_is_whole(package))
            return status != 0 ? status : read_package(reading, package, METE__DWARF_PACKAGE_UNIT);
    }

    while (status == 0 &&
           (more = dwarf_get_units(dwarf, unit, &unit, NULL, &type, &root, NULL)) == 0) {
        if (root.addr == NULL || !is_root(&root) || is_nameless(&root)) {
            if (root.addr != NULL && !mete__dwarf_mend_is(&root))
                say_damaged(reading, NULL, dwarf_dieoffset(&root));
            continue;
        }
        show_progress(reading, dwarf, &root);
        status = type == DW_UT_skeleton ? read_split(reading, &root) : read_unit(reading, &root);
    }
    say_mended(reading, dwarf);
    if (status == 0 && more < 0)
        say(reading, "the units that follow a damaged one cannot be found: left out");
    return status;
}

static void say_files(const struct reading *reading, enum mete__dwo_file_state state) {
    static const char *const why[METE__DWO_FILE_STATES][2] = {
        [METE__DWO_FILE_MISSING] = {" is not there", " are not there"},
        [METE__DWO_FILE_NO_FILE] = {" is no regular file", " are no regular files"},
        [METE__DWO_FILE_SCATTERED] = {" has sections of types of its own that cannot be read",
                                      " have sections of types of their own that cannot be read"},
        [METE__DWO_FILE_FOREIGN] = {" is of another build, or damaged",
                                    " are of another build, or damaged"},
    };
    static const char *const remedy[METE__DWO_FILE_STATES] = {
        [METE__DWO_FILE_MISSING] =
            "they are where the program was compiled, or in a .dwp package to be put beside it",
        [METE__DWO_FILE_NO_FILE] = "compile the program anew",
        [METE__DWO_FILE_SCATTERED] = "compile without -fdebug-types-section",
        [METE__DWO_FILE_FOREIGN] = "compile the program anew",
    };
    const struct dwo_files *files = &reading->dwo_files[state];
    char text[PATH_MAX + 512], more[64] = "";

    if (files->count > 1)
        snprintf(more, sizeof more, " and %zu more .dwo file%s", files->count - 1,
                 files->count == 2 ? "" : "s");
    snprintf(text, sizeof text, "%s%s%s: left out (%s)",
             files->first[0] == '\0' ? "a .dwo file without a name" : files->first, more,
             why[state][files->count > 1], remedy[state]);
    say(reading, text);
}

/* What dwz found in several files it put into one more. */
static void say_supplement(struct reading *reading, Dwarf *dwarf) {
    const char *name;
    const void *build_id;
    char text[512];

    if (dwarf_getalt(dwarf) != NULL || dwelf_dwarf_gnu_debugaltlink(dwarf, &name, &build_id) <= 0)
        return;
    snprintf(text, sizeof text,
             "%.400s is not here or damaged, in which dwz has put types: they are left out", name);
    say(reading, text);
}

/* Whether it is the one that belongs to the file; libdw takes any of that name. */
static bool is_own_supplement(Dwarf *dwarf, Dwarf *supplement) {
    const char *name;
    const void *expected, *found;
    ssize_t size = dwelf_dwarf_gnu_debugaltlink(dwarf, &name, &expected);

    return size <= 0 || (dwelf_elf_gnu_build_id(dwarf_getelf(supplement), &found) == size &&
                         memcmp(expected, found, (size_t)size) == 0);
}

static void say_what_is_missing(struct reading *reading, Dwarf *dwarf) {
    struct mete__dwarf_split *package = mete__dwarf_split_of(dwarf);
    char text[512];

    if (package != NULL && mete__dwarf_split_damaged(package) != NULL) {
        snprintf(text, sizeof text,
                 "the index of %.400s is damaged, or of a kind that is not known",
                 mete__dwarf_split_damaged(package));
        say(reading, text);
    }
    if (reading->unreadable_count > 0) {
        snprintf(text, sizeof text,
                 "%zu unit%s of .dwo files or their package cannot be read: left out",
                 reading->unreadable_count, reading->unreadable_count == 1 ? "" : "s");
        say(reading, text);
    }

    say_supplement(reading, dwarf);
    if (reading->damaged_count > NOTES_MAX) {
        snprintf(text, sizeof text, "%zu more units are damaged: left out",
                 reading->damaged_count - NOTES_MAX);
        say(reading, text);
    }
    if (package == NULL && !mete__dwarf_gather_is(dwarf) &&
        mete__dwo_file_is_scattered(dwarf_getelf(dwarf)))
        say(reading, "types are in sections of their own, of more than a gigabyte: left out "
                     "(link it, or compile without -fdebug-types-section)");
    for (int state = 0; state < METE__DWO_FILE_STATES; state++)
        if (reading->dwo_files[state].count > 0)
            say_files(reading, (enum mete__dwo_file_state)state);
}

static bool is_big_endian(Dwarf *dwarf) {
    const char *ident = elf_getident(dwarf_getelf(dwarf), NULL);

    return ident != NULL && ident[EI_DATA] == ELFDATA2MSB;
}

int mete__dwarf_types_read(Dwarf *dwarf, const struct mete__dwarf_types_options *options,
                           struct mete__names *names, struct mete__type_table *table,
                           size_t *units) {
    struct reading reading = {
        .options = options,
        .unit_count = *units,
        .reader = {.names = names,
                   .table = table,
                   .cache = mete__dwarf_type_open(names),
                   .files = mete__source_files_open(names),
                   .is_big_endian = is_big_endian(dwarf)},
    };
    int status = -ENOMEM;

    reading.reader.unit.synonyms = mete__type_table_synonyms(table);
    if (reading.reader.cache == NULL || reading.reader.files == NULL) goto fail_reader;
    Dwarf *supplement = dwarf_getalt(dwarf);
    status = -ESTALE;
    if (supplement != NULL && !is_own_supplement(dwarf, supplement)) goto fail_reader;
    status = read_shared(&reading, supplement, dwarf);
    if (status == 0 && supplement != NULL) status = read_dwarf(&reading, supplement);
    if (status == 0) status = read_dwarf(&reading, dwarf);
    if (status == 0) {
        say_what_is_missing(&reading, dwarf);
        *units = reading.unit_count;
    }
    mete__dwarf_aggregate_free(&reading.reader);
    mete__dwarf_unit_free(&reading.reader.unit);
fail_reader:
    mete__source_files_close(reading.reader.files);
    mete__dwarf_type_close(reading.reader.cache);
    return status;
}
