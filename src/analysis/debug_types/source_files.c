#include "analysis/debug_types/source_files.h"

#include <dwarf.h>
#include <errno.h>
#include <gelf.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/array.h"
#include "analysis/dwarf/dwarf_die.h"
#include "analysis/dwarf/dwarf_split.h"
#include "analysis/elf_sections.h"

#define FORMATS_MAX 16   /* columns of a table of DWARF 5; there are 5 kinds */
#define PATH_SIZE   8192 /* bytes; a longer path is cut */

struct bytes {
    const unsigned char *start;
    size_t size;
};

/* Reads on; what lies behind the end is 0. */
struct cursor {
    struct bytes data;
    size_t at;
    bool is_swapped; /* the file's byte order is not this machine's */
    bool is_bad;     /* something lay behind the end, or is of no known form */
};

struct source_file {
    const char *name; /* in the file */
    uint64_t directory;
    const char *path; /* kept; NULL: not asked for yet */
};

/* A column of a table: what it is of, and how it is written. */
struct format {
    uint64_t content, form;
};

struct mete__source_files {
    struct mete__names *names;
    Dwarf *dwarf;                       /* whose sections these are */
    struct bytes line, line_text, text; /* start NULL: there is no such section */
    bool is_swapped;
    const void *unit; /* whose table this is */
    bool is_known;    /* false: libdw is to be asked */
    uint64_t first;   /* the number of files[0] */
    const char **directories;
    size_t directory_count, directory_capacity;
    struct source_file *files;
    size_t count, capacity;
};

struct mete__source_files *mete__source_files_open(struct mete__names *names) {
    struct mete__source_files *files = calloc(1, sizeof *files);

    if (files != NULL) files->names = names;
    return files;
}

void mete__source_files_close(struct mete__source_files *files) {
    if (files == NULL) return;
    free(files->directories);
    free(files->files);
    free(files);
}

/* --- Sections --- */

static struct bytes bytes_of(Elf_Scn *section) {
    Elf_Data *data = elf_getdata(section, NULL);

    if (data == NULL || data->d_buf == NULL) return (struct bytes){0};
    return (struct bytes){data->d_buf, data->d_size};
}

/* libdw has relocated and decompressed what is here. */
static void find_sections(struct mete__source_files *files, Dwarf *dwarf) {
    Elf *elf = dwarf_getelf(dwarf);
    struct mete__elf_sections at = {.elf = elf};
    GElf_Ehdr elf_header;

    files->dwarf = dwarf;
    files->line = files->line_text = files->text = (struct bytes){0};
    if (gelf_getehdr(elf, &elf_header) == NULL) return;
    files->is_swapped =
        (elf_header.e_ident[EI_DATA] == ELFDATA2MSB) != (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__);
    while (mete__elf_sections_next(&at)) {
        if (at.header.sh_type == SHT_NOBITS || (at.header.sh_flags & SHF_COMPRESSED) != 0) continue;
        if (strcmp(at.name, ".debug_line") == 0)
            files->line = bytes_of(at.section);
        else if (strcmp(at.name, ".debug_line_str") == 0)
            files->line_text = bytes_of(at.section);
        else if (strcmp(at.name, ".debug_str") == 0)
            files->text = bytes_of(at.section);
    }
}

/* --- Reading --- */

static uint64_t read_number(struct cursor *cursor, size_t bytes) {
    uint64_t number = 0;

    if (cursor->is_bad || bytes > cursor->data.size - cursor->at) {
        cursor->is_bad = true;
        return 0;
    }
    for (size_t i = 0; i < bytes; i++) {
        bool is_big = cursor->is_swapped != (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__);
        size_t place = is_big ? bytes - 1 - i : i;
        number |= (uint64_t)cursor->data.start[cursor->at + i] << (8 * place);
    }
    cursor->at += bytes;
    return number;
}

/* LEB128, without a sign. */
static uint64_t read_uleb(struct cursor *cursor) {
    uint64_t number = 0, byte;

    for (unsigned shift = 0; shift < 64; shift += 7) {
        byte = read_number(cursor, 1);
        number |= (byte & 0x7f) << shift;
        if ((byte & 0x80) == 0) return number;
    }
    cursor->is_bad = true;
    return 0;
}

static void skip(struct cursor *cursor, uint64_t bytes) {
    if (bytes > cursor->data.size - cursor->at)
        cursor->is_bad = true;
    else
        cursor->at += (size_t)bytes;
}

/* A text that ends in the section, "" where it does not. */
static const char *text_at(struct cursor *cursor, struct bytes section, uint64_t offset) {
    if (section.start == NULL || offset >= section.size ||
        memchr(section.start + offset, '\0', section.size - (size_t)offset) == NULL) {
        cursor->is_bad = true;
        return "";
    }
    return (const char *)section.start + offset;
}

static const char *read_text(struct cursor *cursor) {
    if (cursor->is_bad) return ""; /* which ends a table: what does not move on would have no end */
    const char *text = text_at(cursor, cursor->data, cursor->at);
    if (!cursor->is_bad) cursor->at += strlen(text) + 1;
    return text;
}

static const char *read_text_form(const struct mete__source_files *files, struct cursor *cursor,
                                  uint64_t form, size_t offset_size) {
    switch (form) {
    case DW_FORM_string: return read_text(cursor);
    case DW_FORM_line_strp:
        return text_at(cursor, files->line_text, read_number(cursor, offset_size));
    case DW_FORM_strp: return text_at(cursor, files->text, read_number(cursor, offset_size));
    default: cursor->is_bad = true; return "";
    }
}

static uint64_t read_number_form(struct cursor *cursor, uint64_t form) {
    switch (form) {
    case DW_FORM_data1: return read_number(cursor, 1);
    case DW_FORM_data2: return read_number(cursor, 2);
    case DW_FORM_data4: return read_number(cursor, 4);
    case DW_FORM_data8: return read_number(cursor, 8);
    case DW_FORM_udata: return read_uleb(cursor);
    case DW_FORM_data16: skip(cursor, 16); return 0;
    case DW_FORM_block: skip(cursor, read_uleb(cursor)); return 0;
    default: cursor->is_bad = true; return 0;
    }
}

/* --- Tables --- */

static int add_directory(struct mete__source_files *files, const char *name) {
    const char **directories = mete__array_room(files->directories, files->directory_count,
                                                &files->directory_capacity, sizeof(const char *));

    if (directories == NULL) return -ENOMEM;
    files->directories = directories;
    files->directories[files->directory_count++] = name;
    return 0;
}

static int add_file(struct mete__source_files *files, const char *name, uint64_t directory) {
    struct source_file *grown =
        mete__array_room(files->files, files->count, &files->capacity, sizeof *grown);

    if (grown == NULL) return -ENOMEM;
    files->files = grown;
    files->files[files->count++] = (struct source_file){.name = name, .directory = directory};
    return 0;
}

/* DWARF 2 to 4: both tables end with an empty name. Directory 0 is the unit's. */
static int read_old_tables(struct mete__source_files *files, struct cursor *cursor,
                           const char *unit_directory) {
    const char *name;
    int status = add_directory(files, unit_directory == NULL ? "" : unit_directory);

    files->first = 1;
    while (status == 0 && (name = read_text(cursor))[0] != '\0')
        status = add_directory(files, name);
    while (status == 0 && (name = read_text(cursor))[0] != '\0') {
        uint64_t directory = read_uleb(cursor);
        (void)read_uleb(cursor); /* when it was changed */
        (void)read_uleb(cursor); /* its size */
        status = add_file(files, name, directory);
    }
    return status;
}

/* DWARF 5: a table says first which columns it has. */
static int read_new_table(struct mete__source_files *files, struct cursor *cursor,
                          size_t offset_size, bool is_of_files) {
    struct format formats[FORMATS_MAX];
    size_t format_count = (size_t)read_number(cursor, 1);
    int status = 0;

    if (format_count > FORMATS_MAX) return -EBADMSG;
    for (size_t i = 0; i < format_count; i++) {
        formats[i].content = read_uleb(cursor);
        formats[i].form = read_uleb(cursor);
    }
    uint64_t count = read_uleb(cursor);
    if (format_count == 0 && count != 0) return -EBADMSG;
    for (uint64_t i = 0; i < count && status == 0 && !cursor->is_bad; i++) {
        const char *name = "";
        uint64_t directory = 0;
        for (size_t k = 0; k < format_count; k++) {
            uint64_t form = formats[k].form;
            if (formats[k].content == DW_LNCT_path)
                name = read_text_form(files, cursor, form, offset_size);
            else if (formats[k].content == DW_LNCT_directory_index)
                directory = read_number_form(cursor, form);
            else if (form == DW_FORM_string || form == DW_FORM_line_strp || form == DW_FORM_strp)
                (void)read_text_form(files, cursor, form, offset_size);
            else
                (void)read_number_form(cursor, form);
        }
        status = is_of_files ? add_file(files, name, directory) : add_directory(files, name);
    }
    return status;
}

/* Both tables of the header that the cursor is at. */
static int read_tables(struct mete__source_files *files, struct cursor *cursor,
                       const char *unit_directory) {
    size_t offset_size = 4;
    uint64_t length = read_number(cursor, 4);

    if (length == UINT32_MAX) {
        offset_size = 8;
        length = read_number(cursor, 8);
    }
    if (length > cursor->data.size - cursor->at) return -EBADMSG;
    cursor->data.size = cursor->at + (size_t)length;
    uint64_t version = read_number(cursor, 2);
    if (version < 2 || version > 5) return -EBADMSG;
    if (version == 5) skip(cursor, 2); /* sizes of addresses and of segments */
    skip(cursor, offset_size);         /* the header's length */
    skip(cursor, version >= 4 ? 5 : 4);
    uint64_t opcodes = read_number(cursor, 1);
    skip(cursor, opcodes == 0 ? 0 : opcodes - 1);
    if (version < 5) return read_old_tables(files, cursor, unit_directory);
    files->first = 0;
    int status = read_new_table(files, cursor, offset_size, false);
    return status == 0 ? read_new_table(files, cursor, offset_size, true) : status;
}

static const char *directory_of(Dwarf_Die *unit) {
    Dwarf_Attribute attribute;

    return dwarf_formstring(dwarf_attr(unit, DW_AT_comp_dir, &attribute));
}

static void read_unit(struct mete__source_files *files, Dwarf_Die *unit) {
    uint64_t offset;
    Dwarf *dwarf = dwarf_cu_getdwarf(unit->cu);

    files->unit = unit->addr;
    files->is_known = false;
    files->directory_count = files->count = 0;
    if (dwarf != files->dwarf) find_sections(files, dwarf);
    /* Units of .dwo files have their tables elsewhere. */
    if (!mete__dwarf_die_number(unit, DW_AT_stmt_list, &offset) || files->line.start == NULL ||
        offset >= files->line.size)
        return;
    struct cursor cursor = {
        .data = files->line, .at = (size_t)offset, .is_swapped = files->is_swapped};
    files->is_known = read_tables(files, &cursor, directory_of(unit)) == 0 && !cursor.is_bad;
}

/* --- Paths --- */

static const char *keep_path(struct mete__source_files *files, const struct source_file *file) {
    char path[PATH_SIZE];

    if (file->name[0] == '/') return mete__names_keep(files->names, file->name);
    if (file->directory >= files->directory_count) return NULL;
    const char *directory = files->directories[file->directory];
    snprintf(path, sizeof path, "%s%s%s", directory, directory[0] == '\0' ? "" : "/", file->name);
    return mete__names_keep(files->names, path);
}

/* dwarf_decl_file() would end the process where a unit's files cannot be read. */
static const char *ask_libdw(struct mete__source_files *files, Dwarf_Die *unit, uint64_t number) {
    Dwarf_Files *list;
    size_t count;

    if (dwarf_getsrcfiles(unit, &list, &count) != 0 || number >= count) return NULL;
    const char *path = dwarf_filesrc(list, (size_t)number, NULL, NULL);
    return path == NULL ? NULL : mete__names_keep(files->names, path);
}

const char *mete__source_files_path(struct mete__source_files *files, Dwarf_Die *unit,
                                    uint64_t number) {
    bool is_packaged;
    Dwarf_Die named = mete__dwarf_split_files(unit, &is_packaged);

    /* The Dwarf of a package's unit may be gone, and another one be in its place. */
    if (is_packaged) return ask_libdw(files, &named, number);
    if (named.addr != files->unit) read_unit(files, &named);
    if (!files->is_known) return ask_libdw(files, &named, number);
    if (number < files->first || number - files->first >= files->count) return NULL;
    struct source_file *file = &files->files[number - files->first];
    if (file->path == NULL) file->path = keep_path(files, file);
    return file->path;
}
