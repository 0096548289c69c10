#include "analysis/debug_types/btf_base.h"

#include <errno.h>
#include <gelf.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "analysis/debug_types/btf.h"
#include "analysis/elf_sections.h"
#include "analysis/unpacked_file.h"

#define RUNNING "/sys/kernel/btf/vmlinux"

/* Whether the texts of .modinfo, which end with zeros, say that the module is of that kernel. */
static bool says_release(const char *texts, size_t size, const char *release) {
    char wanted[sizeof((struct utsname *)NULL)->release + sizeof "vermagic= "];
    int length = snprintf(wanted, sizeof wanted, "vermagic=%s ", release);

    while (size > 0) {
        size_t text = strnlen(texts, size);
        if (text >= (size_t)length && memcmp(texts, wanted, (size_t)length) == 0) return true;
        text += text < size;
        texts += text;
        size -= text;
    }
    return false;
}

/* Whether a module file says that it is of the kernel that runs. */
static bool is_of_running(const char *path) {
    struct utsname running;
    int fd = mete__unpacked_file_open(path);
    bool is = false;

    if (fd < 0) return false;
    elf_version(EV_CURRENT);
    Elf *elf = elf_begin(fd, ELF_C_READ, NULL);
    struct mete__elf_sections at = {.elf = elf};
    while (!is && elf != NULL && uname(&running) == 0 && mete__elf_sections_next(&at)) {
        Elf_Data *data = strcmp(at.name, ".modinfo") == 0 ? elf_rawdata(at.section, NULL) : NULL;
        is = data != NULL && data->d_buf != NULL &&
             says_release(data->d_buf, data->d_size, running.release);
    }
    elf_end(elf);
    close(fd);
    return is;
}

static int read_base(const char *path, struct mete__btf_file *base) {
    const char *slash = strrchr(path, '/');
    char beside[PATH_MAX];
    int status = -ENOENT;

    int length = snprintf(beside, sizeof beside, "%.*svmlinux",
                          slash == NULL ? 0 : (int)(slash - path) + 1, path);
    if (length > 0 && (size_t)length < sizeof beside) status = mete__btf_file_read(beside, base);
    if (status != 0 && is_of_running(path)) status = mete__btf_file_read(RUNNING, base);
    return status == 0 || status == -ENOMEM ? status : -ENOENT;
}

int mete__btf_base_join(const char *path, struct mete__btf_file *file, uint32_t *first) {
    struct mete__btf_file base = {0}, whole = *file;

    *first = 1;
    if (!mete__btf_continues(file->data, file->size)) return 0;
    int status = read_base(path, &base);
    if (status == 0)
        status = mete__btf_join(base.data, base.size, file->data, file->size, &whole.data,
                                &whole.size, first);
    mete__btf_file_free(&base);
    if (status != 0) return status;
    mete__btf_file_free(file);
    whole.is_mapped = false;
    *file = whole;
    return 0;
}
