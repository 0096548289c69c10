#include "analysis/symbols/image.h"

#include <elfutils/libdwelf.h>
#include <elfutils/libdwfl.h>
#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "analysis/dwarf/debug_search.h"
#include "analysis/dwarf/dwarf_mend.h"
#include "analysis/dwarf/dwarf_split.h"
#include "analysis/dwarf/unit_language.h"
#include "analysis/symbols/inlines.h"
#include "analysis/symbols/symbol_table.h"
#include "profile/format.h"

struct mete__image {
    struct mete__names *names;
    struct mete__debug_search search;        /* closed: no usable file */
    Dwfl_Module *module;                     /* NULL: no usable file */
    struct mete__dwarf_mend *mend;           /* NULL: nothing is damaged */
    struct mete__unit_languages *languages;  /* NULL: no DWARF */
    struct mete__dwarf_split *split;         /* NULL: no package */
    struct mete__inlines *inlines;           /* NULL: no DWARF */
    struct mete__symbol_table *symbol_table; /* NULL: no symbols */
    const char *note;
};

/* --- Finding the right file --- */

/* Whether the file open at `fd` is the one that ran. `*note` says why not. */
static bool is_the_one(int fd, const struct mete__image_source *source, const char **note) {
    struct stat status;
    const void *build_id = NULL;

    /* The path is the profile's word only: it may name a device or a pipe by now. */
    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
        *note = "is no regular file: no names from it";
        return false;
    }
    Elf *elf = elf_begin(fd, ELF_C_READ_MMAP, NULL);
    ssize_t bytes =
        elf == NULL || elf_kind(elf) != ELF_K_ELF ? -1 : dwelf_elf_gnu_build_id(elf, &build_id);
    bool same;
    if (bytes < 0 && (elf == NULL || elf_kind(elf) != ELF_K_ELF)) {
        *note = "is no ELF file any more: no names from it";
        same = false;
    } else if (source->build_id_bytes != 0) {
        same = build_id != NULL && bytes == (ssize_t)source->build_id_bytes &&
               memcmp(build_id, source->build_id, source->build_id_bytes) == 0;
        if (!same) *note = "is another build than the one that ran: no names from it";
    } else {
        uint64_t changed = (uint64_t)status.st_ctim.tv_sec * UINT64_C(1000000000) +
                           (uint64_t)status.st_ctim.tv_nsec;
        same = changed <= source->run_nanoseconds;
        if (!same) *note = "has no build-id and was changed since the run: no names from it";
    }
    elf_end(elf);
    return same;
}

/* The file at `path` if it is the one that ran, else -1. */
static int open_verified(const char *path, const struct mete__image_source *source,
                         const char **note) {
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

    if (fd < 0) {
        *note = errno == ENOENT ? "is not there any more: no names from it"
                                : "cannot be read: no names from it";
        return -1;
    }
    if (is_the_one(fd, source, note)) return fd;
    close(fd);
    return -1;
}

/* A detached debug file has the addresses, symbols and DWARF of its program, so it can stand in for
 * it. */
static int open_debug_file(const struct mete__image_source *source) {
    const char *directories[] = {source->debug_directory, "/usr/lib/debug"};
    const char *ignored;
    char hex[2 * METE_BUILD_ID_MAX + 1];
    int fd = -1;

    if (source->build_id_bytes < 2 || source->build_id_bytes > METE_BUILD_ID_MAX) return -1;
    for (size_t i = 0; i < source->build_id_bytes; i++)
        snprintf(hex + 2 * i, 3, "%02x", source->build_id[i]);
    for (size_t i = 0; i < sizeof directories / sizeof directories[0] && fd < 0; i++) {
        char *path;
        if (directories[i] == NULL || directories[i][0] == '\0') continue;
        if (asprintf(&path, "%s/.build-id/%.2s/%s.debug", directories[i], hex, hex + 2) < 0)
            return -1;
        fd = open_verified(path, source, &ignored);
        free(path);
    }
    return fd;
}

/* The program itself by its build-id, from a build-id directory or a debuginfod server. */
static Dwfl_Module *report_by_build_id(struct mete__image *image,
                                       const struct mete__image_source *source) {
    GElf_Addr bias;

    if (source->build_id_bytes == 0) return NULL;
    dwfl_report_begin(image->search.dwfl);
    Dwfl_Module *module =
        dwfl_report_module(image->search.dwfl, source->path, source->start, source->end);
    if (module != NULL)
        dwfl_module_report_build_id(module, source->build_id, source->build_id_bytes, 0);
    dwfl_report_end(image->search.dwfl, NULL, NULL);
    return module != NULL && dwfl_module_getelf(module, &bias) != NULL ? module : NULL;
}

static Dwfl_Module *report_file(struct mete__image *image, const char *name, int fd) {
    dwfl_report_begin(image->search.dwfl);
    /* At bias 0: addresses are then the file's own. The descriptor becomes libdwfl's. */
    Dwfl_Module *module = dwfl_report_elf(image->search.dwfl, name, name, fd, 0, true);
    dwfl_report_end(image->search.dwfl, NULL, NULL);
    if (module == NULL) close(fd);
    return module;
}

static Dwfl_Module *find_module(struct mete__image *image,
                                const struct mete__image_source *source) {
    int fd = open_verified(source->path, source, &image->note);

    if (fd >= 0) {
        Dwfl_Module *module = report_file(image, source->path, fd);
        if (module == NULL) image->note = "cannot be understood: no names from it";
        return module;
    }
    fd = open_debug_file(source);
    Dwfl_Module *module =
        fd >= 0 ? report_file(image, source->path, fd) : report_by_build_id(image, source);
    if (module != NULL) image->note = NULL;
    return module;
}

/* --- The image --- */

int mete__image_open(const struct mete__image_source *source, struct mete__names *names,
                     struct mete__image **out) {
    int status = -ENOMEM;
    struct mete__image *image = calloc(1, sizeof *image);

    if (image == NULL) return -ENOMEM;
    image->names = names;
    /* "[vdso]", "linux-vdso.so.1" and "" are no files. A relative path (of dlopen) may be one. */
    if (strchr(source->path, '/') == NULL) {
        *out = image;
        return 0;
    }
    if (mete__debug_search_open(&image->search, source->debug_directory, &source->watch) != 0)
        goto fail_image;

    Dwfl_Module *module = find_module(image, source);
    image->module = module;
    if (module != NULL) {
        GElf_Addr bias;
        Dwarf *dwarf = dwfl_module_getdwarf(module, &bias);
        if (dwarf != NULL && (mete__dwarf_mend_open(dwarf, &image->mend) != 0 ||
                              mete__unit_language_open(dwarf, &image->languages) != 0))
            goto fail_image;
        status =
            mete__dwarf_split_open_module(module, dwarf, source->debug_directory, &image->split);
        if (status == -ENOMEM) goto fail_image;
        status = mete__inlines_open(module, names, &image->inlines);
        if (status == -ENOMEM) goto fail_image;
        status = mete__symbol_table_open(module, &image->symbol_table);
        if (status == -ENOMEM) goto fail_image;
    }
    *out = image;
    return 0;

fail_image:
    mete__image_close(image);
    return -ENOMEM;
}

void mete__image_close(struct mete__image *image) {
    if (image == NULL) return;
    mete__symbol_table_close(image->symbol_table);
    mete__inlines_close(image->inlines);
    mete__dwarf_split_close(image->split);
    mete__unit_language_close(image->languages);
    mete__debug_search_close(&image->search);
    mete__dwarf_mend_close(image->mend);
    free(image);
}

const char *mete__image_note(const struct mete__image *image) {
    return image->note;
}

/* The function's name without what compilers append to parts and copies of it: "f.constprop.0". */
static const char *keep_symbol(struct mete__image *image, const char *symbol) {
    char name[1024];
    size_t length = strcspn(symbol + 1, ".") + 1; /* a name may begin with a dot */

    if (length >= sizeof name) return mete__names_keep(image->names, symbol);
    memcpy(name, symbol, length);
    name[length] = '\0';
    return mete__names_keep(image->names, name);
}

static bool is_mangled(const char *symbol) {
    return strncmp(symbol, "_Z", 2) == 0;
}

/* The linker's name for the frame's function, and the readable one where the DWARF has none. */
static void add_symbol(struct mete__image *image, uint64_t address, struct mete__frame *frame) {
    const char *found =
        image->symbol_table == NULL ? NULL : mete__symbol_table_find(image->symbol_table, address);
    const char *symbol = found == NULL ? NULL : keep_symbol(image, found);

    if (symbol == NULL) return;
    /* Compilers leave linkage names of local C++ functions out of the DWARF, and with them the
     * parameters. The C library calls strdup __strdup to itself: its callers do not. */
    bool lacks_linkage =
        is_mangled(symbol) && (frame->symbol == NULL || !is_mangled(frame->symbol));
    bool has_public_name = frame->function != NULL && frame->function[0] == '_' && symbol[0] != '_';
    if (frame->function == NULL || lacks_linkage || has_public_name)
        frame->function = mete__names_readable(image->names, symbol);
    frame->symbol = symbol;
}

size_t mete__image_frames(struct mete__image *image, uint64_t address,
                          struct mete__frame frames[METE__IMAGE_FRAMES_MAX]) {
    size_t count = 0;

    if (image->inlines != NULL)
        count = mete__inlines_frames(image->inlines, address, frames, METE__IMAGE_FRAMES_MAX);
    if (count == 0) {
        count = 1;
        frames[0].function = frames[0].symbol = frames[0].file = NULL;
        frames[0].line = 0;
        frames[0].inlined = false;
    }
    /* Only the outermost frame is what the linker sees. */
    add_symbol(image, address, &frames[count - 1]);
    return count;
}

Dwfl_Module *mete__image_module(const struct mete__image *image) {
    return image->module;
}

struct mete__inlines *mete__image_inlines(const struct mete__image *image) {
    return image->inlines;
}
