#include "analysis/dwarf/dwarf_file.h"

#include <elfutils/libdwfl.h>
#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "analysis/dwarf/debug_search.h"
#include "analysis/dwarf/dwarf_gather.h"
#include "analysis/dwarf/dwarf_mend.h"
#include "analysis/dwarf/dwarf_split.h"
#include "analysis/dwarf/unit_language.h"
#include "analysis/unpacked_file.h"

struct part {
    Dwarf *dwarf;
    struct mete__dwarf_gather *gather; /* NULL: there was nothing to gather */
    struct mete__dwarf_mend *mend;     /* NULL: nothing is damaged */
    struct mete__unit_languages *languages;
    struct mete__dwarf_split *split; /* NULL: it has no package */
};

struct mete__dwarf_file {
    struct mete__debug_search search;
    Elf *core;           /* a core dump, which libdwfl refers to; else NULL */
    int core_descriptor; /* its file's */
    Dwfl_Module *first;
    const char *missing; /* libdwfl's: the first file a core dump names and is not there */
    struct part *parts;
    size_t part_count;
    const char *debug_directory; /* while it is opened */
    int machine;
    bool failed; /* memory ran out while parts were collected */
};

/* Adds a part. NULL: there is no memory. */
static struct part *add_part(struct mete__dwarf_file *file, Dwarf *dwarf) {
    struct part *parts = reallocarray(file->parts, file->part_count + 1, sizeof *parts);

    if (parts == NULL) return NULL;
    file->parts = parts;
    parts[file->part_count] = (struct part){.dwarf = dwarf};
    return &parts[file->part_count++];
}

static void note_machine(struct mete__dwarf_file *file, Elf *elf) {
    GElf_Ehdr header;

    if (elf != NULL && file->machine == EM_NONE && gelf_getehdr(elf, &header) != NULL)
        file->machine = header.e_machine;
}

/* Makes the part's Dwarf one that has all units, where libdwfl's has not. */
static int gather(struct part *part) {
    int status = mete__dwarf_gather_open(part->dwarf, &part->gather);

    if (part->gather != NULL) part->dwarf = mete__dwarf_gather_dwarf(part->gather);
    return status;
}

static int collect(Dwfl_Module *module, void **user_data, const char *name, Dwarf_Addr base,
                   void *context) {
    struct mete__dwarf_file *file = context;
    Dwarf_Addr bias;
    GElf_Addr elf_bias;

    (void)user_data, (void)base;
    if (file->first == NULL) file->first = module;
    Elf *elf = dwfl_module_getelf(module, &elf_bias);
    /* What a core dump has of a file's beginning may do for its ELF, but holds no debug data. */
    const char *read_from = NULL;
    dwfl_module_info(module, NULL, NULL, NULL, NULL, NULL, &read_from, NULL);
    if (file->core != NULL && read_from == NULL && file->missing == NULL && name[0] == '/')
        file->missing = name;
    note_machine(file, elf);
    Dwarf *dwarf = dwfl_module_getdwarf(module, &bias);
    if (dwarf == NULL) return DWARF_CB_OK;
    struct part *part = add_part(file, dwarf);
    if (part != NULL && gather(part) == 0 && mete__dwarf_mend_open(part->dwarf, &part->mend) == 0 &&
        mete__unit_language_open(part->dwarf, &part->languages) == 0 &&
        mete__dwarf_split_open_module(module, part->dwarf, file->debug_directory, &part->split) ==
            0)
        return DWARF_CB_OK;
    file->failed = true;
    return DWARF_CB_ABORT;
}

/* A .dwp package, in which libdwfl sees nothing. */
static int add_package(struct mete__dwarf_file *file, const char *path) {
    struct mete__dwarf_split *split;
    Dwarf *dwarf;

    int status = mete__dwarf_split_open_whole(path, &split, &dwarf);
    if (status != 0) return status == -ENOENT ? 0 : status;
    note_machine(file, dwarf_getelf(dwarf));
    struct part *part = add_part(file, dwarf);
    if (part == NULL) {
        mete__dwarf_split_close(split);
        return -ENOMEM;
    }
    part->split = split;
    return 0;
}

/* The descriptor of a regular file: a pipe or a device has no debug information, and might wait. */
static int open_regular(const char *path, char *why, size_t why_size) {
    int fd = mete__unpacked_file_open(path);

    if (fd == -EISDIR || fd == -EINVAL)
        snprintf(why, why_size, "%s is no regular file", path);
    else if (fd < 0)
        snprintf(why, why_size, "cannot open %s: %s", path, strerror(-fd));
    return fd;
}

/* The core dump in a file, or NULL where it is something else. */
static Elf *core_in(int fd) {
    GElf_Ehdr header;
    Elf *elf = elf_begin(fd, ELF_C_READ_MMAP, NULL);

    if (elf != NULL && gelf_getehdr(elf, &header) != NULL && header.e_type == ET_CORE) return elf;
    elf_end(elf);
    return NULL;
}

/* A core dump has no types: they are in the program and the libraries that it names. */
static int report_core(struct mete__dwarf_file *file) {
    dwfl_report_begin(file->search.dwfl);
    int modules = dwfl_core_file_report(file->search.dwfl, file->core, NULL);
    dwfl_report_end(file->search.dwfl, NULL, NULL);
    return modules < 0 ? -ENOEXEC : 0;
}

static int report(struct mete__dwarf_file *file, const char *path, int fd) {
    file->core = core_in(fd);
    if (file->core != NULL) {
        file->core_descriptor = fd;
        return report_core(file);
    }
    dwfl_report_begin(file->search.dwfl);
    Dwfl_Module *module = dwfl_report_offline(file->search.dwfl, path, path, fd);
    if (module == NULL) close(fd); /* else it is libdwfl's */
    dwfl_report_end(file->search.dwfl, NULL, NULL);
    return module == NULL ? -ENOEXEC : 0;
}

/* Whether the name is one of an object file or an archive, which only a compiler makes. */
static bool is_object(const char *path) {
    size_t length = strlen(path);

    return length > 2 && path[length - 2] == '.' &&
           (path[length - 1] == 'o' || path[length - 1] == 'a');
}

static void say_no_data(const struct mete__dwarf_file *file, const char *path, char *why,
                        size_t why_size) {
    const char *servers =
        file->first == NULL ? NULL : mete__debug_servers_why(file->search.dwfl, file->first);
    const char *urls = getenv("DEBUGINFOD_URLS");
    bool has_urls = urls != NULL && urls[0] != '\0';

    if (file->core != NULL)
        snprintf(why, why_size,
                 "%s is a core dump, and none of the files it names is here as it was and has "
                 "debug information: give the program it is of, compiled with -g",
                 path);
    else if (is_object(path))
        snprintf(why, why_size, "%s has no debug information: compile it with -g", path);
    else
        snprintf(why, why_size,
                 "%s has no debug information: compile it with -g, or install its package's "
                 "-dbgsym%s%s%s",
                 path, has_urls ? "" : ", or set DEBUGINFOD_URLS",
                 servers == NULL ? "" : "; the servers in DEBUGINFOD_URLS ",
                 servers == NULL ? "" : servers);
}

/* Bytes that an ELF file must have for what its headers say to be in it; 0 where it is none. */
static uint64_t bytes_said(int fd) {
    Elf *elf = elf_begin(fd, ELF_C_READ, NULL);
    GElf_Ehdr header;
    uint64_t end = 0;

    if (elf != NULL && gelf_getehdr(elf, &header) != NULL) {
        uint64_t sections = header.e_shoff + (uint64_t)header.e_shnum * header.e_shentsize;
        uint64_t segments = header.e_phoff + (uint64_t)header.e_phnum * header.e_phentsize;
        end = sections >= header.e_shoff && sections > segments ? sections : segments;
        for (Elf_Scn *at = NULL; (at = elf_nextscn(elf, at)) != NULL;) {
            GElf_Shdr section;
            if (gelf_getshdr(at, &section) != NULL && section.sh_type != SHT_NOBITS &&
                section.sh_size <= UINT64_MAX - section.sh_offset &&
                section.sh_offset + section.sh_size > end)
                end = section.sh_offset + section.sh_size;
        }
    }
    elf_end(elf);
    return end;
}

/* Says so where the file ends too early. */
static bool say_cut(const char *path, char *why, size_t why_size) {
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat status;
    uint64_t said = 0;

    if (fd < 0) return false;
    if (fstat(fd, &status) == 0) said = bytes_said(fd);
    close(fd);
    if (said <= (uint64_t)status.st_size) return false;
    snprintf(why, why_size, "%s is cut short: it has %lld bytes, and by its headers at least %llu",
             path, (long long)status.st_size, (unsigned long long)said);
    return true;
}

/* `start` is how the file begins. */
static void say_no_elf(const char *path, const char start[8], char *why, size_t why_size) {
    if (say_cut(path, why, why_size)) return;
    if (memcmp(start, "!<thin>\n", 8) == 0)
        snprintf(why, why_size, "%s is a thin archive: its objects are files of their own", path);
    else if (memcmp(start, "\x28\xb5\x2f\xfd", 4) == 0)
        snprintf(why, why_size,
                 "%s is compressed with zstd, and damaged, or libzstd.so.1 is not installed", path);
    else if (memcmp(start, "BC\xc0\xde", 4) == 0 || memcmp(start, "\xde\xc0\x17\x0b", 4) == 0)
        snprintf(why, why_size,
                 "%s is bitcode of LLVM: link it, or compile without -flto for objects", path);
    else
        snprintf(why, why_size, "%s is no ELF file, or a damaged one", path);
}

int mete__dwarf_file_open(const char *path, const char *debug_directory,
                          const struct mete__debug_watch *watch, struct mete__dwarf_file **out,
                          char *why, size_t why_size) {
    int fd = open_regular(path, why, why_size);
    if (fd < 0) return fd;

    int status = -ENOMEM;
    char start[8] = {0};
    if (pread(fd, start, sizeof start, 0) < 0) memset(start, 0, sizeof start);
    snprintf(why, why_size, "out of memory");
    struct mete__dwarf_file *file = calloc(1, sizeof *file);
    if (file != NULL) file->debug_directory = debug_directory;
    if (file == NULL || mete__debug_search_open(&file->search, debug_directory, watch) != 0) {
        close(fd);
        goto fail_file;
    }
    status = report(file, path, fd);
    if (status != 0) {
        say_no_elf(path, start, why, why_size);
        goto fail_file;
    }
    dwfl_getmodules(file->search.dwfl, collect, file, 0);
    status = -ENOMEM;
    if (file->failed || (file->part_count == 0 && add_package(file, path) != 0)) goto fail_file;
    if (file->part_count == 0) {
        status = -ENODATA;
        if (!say_cut(path, why, why_size)) say_no_data(file, path, why, why_size);
        goto fail_file;
    }
    file->debug_directory = NULL;
    *out = file;
    return 0;

fail_file:
    mete__dwarf_file_close(file);
    return status;
}

void mete__dwarf_file_close(struct mete__dwarf_file *file) {
    if (file == NULL) return;
    for (size_t i = 0; i < file->part_count; i++) {
        mete__dwarf_split_close(file->parts[i].split);
        mete__unit_language_close(file->parts[i].languages);
        mete__dwarf_gather_close(file->parts[i].gather);
    }
    mete__debug_search_close(&file->search);
    for (size_t i = 0; i < file->part_count; i++) {
        mete__dwarf_mend_close(file->parts[i].mend);
    }
    if (file->core != NULL) {
        elf_end(file->core);
        close(file->core_descriptor);
    }
    free(file->parts);
    free(file);
}

size_t mete__dwarf_file_parts(const struct mete__dwarf_file *file) {
    return file->part_count;
}

Dwarf *mete__dwarf_file_part(const struct mete__dwarf_file *file, size_t number) {
    return file->parts[number].dwarf;
}

int mete__dwarf_file_machine(const struct mete__dwarf_file *file) {
    return file->machine;
}

const char *mete__dwarf_file_missing(const struct mete__dwarf_file *file) {
    return file->missing;
}
