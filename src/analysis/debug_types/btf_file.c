#include "analysis/debug_types/btf_file.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <linux/magic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "analysis/debug_types/btf.h"
#include "analysis/elf_sections.h"
#include "analysis/unpacked_file.h"

#define SIZE_MOST ((size_t)1 << 28) /* bytes; a kernel has 6 MB */

#if defined __x86_64__
#define OWN_MACHINE EM_X86_64
#elif defined __i386__
#define OWN_MACHINE EM_386
#else
#define OWN_MACHINE EM_NONE /* of the usual alignments */
#endif

static int keep(const void *data, size_t size, struct mete__btf_file *file) {
    if (size > SIZE_MOST || !mete__btf_is(data, size)) return -ENODATA;
    file->data = malloc(size);
    if (file->data == NULL) return -ENOMEM;
    memcpy(file->data, data, size);
    (void)mete__btf_swap(file->data, size);
    file->size = size;
    return 0;
}

static int read_section(int fd, struct mete__btf_file *file) {
    int status = -ENODATA;
    GElf_Ehdr header;

    elf_version(EV_CURRENT);
    Elf *elf = elf_begin(fd, ELF_C_READ, NULL);
    if (elf == NULL) return -ENODATA;
    struct mete__elf_sections at = {.elf = elf};
    if (gelf_getehdr(elf, &header) == NULL) goto end;
    file->machine = header.e_machine;
    file->address_size = header.e_ident[EI_CLASS] == ELFCLASS32 ? 4 : 8;
    while (status == -ENODATA && mete__elf_sections_next(&at)) {
        if (strcmp(at.name, ".BTF") != 0) continue;
        Elf_Data *data = elf_rawdata(at.section, NULL);
        if (data != NULL && data->d_buf != NULL) status = keep(data->d_buf, data->d_size, file);
    }
end:
    elf_end(elf);
    return status;
}

/* The running kernel's own data, which it shares from Linux 6.16 on. They cannot be cut short, as
 * any other file might be while somebody looks at them. */
static int map_whole(int fd, size_t size, struct mete__btf_file *file) {
    struct statfs system;

    if (fstatfs(fd, &system) != 0 || system.f_type != SYSFS_MAGIC) return -ENOTSUP;
    void *data = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (data == MAP_FAILED) return -errno;
    file->data = data;
    file->size = size;
    file->is_mapped = true;
    return 0;
}

/* Its size, as older kernels say it, may be a page too much. */
static int read_whole(int fd, size_t size, struct mete__btf_file *file) {
    size_t used = 0;
    char *data = malloc(size);

    if (data == NULL) return -ENOMEM;
    while (used < size) {
        ssize_t bytes = read(fd, data + used, size - used);
        if (bytes < 0 && errno == EINTR) continue;
        if (bytes <= 0) break;
        used += (size_t)bytes;
    }
    if (mete__btf_swap(data, used)) file->machine = EM_NONE;
    file->data = data;
    file->size = used;
    return 0;
}

/* A file that is all BTF. */
static int take_whole(int fd, size_t size, struct mete__btf_file *file) {
    file->machine = OWN_MACHINE;
    file->address_size = sizeof(void *);
    return map_whole(fd, size, file) == 0 ? 0 : read_whole(fd, size, file);
}

static bool begins_as_btf(int fd) {
    uint64_t start[4] = {0}; /* as much as a header has */

    return pread(fd, start, sizeof start, 0) == (ssize_t)sizeof start &&
           mete__btf_is(start, sizeof start);
}

bool mete__btf_file_is(const char *path) {
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

    if (fd < 0) return false;
    bool is_btf = begins_as_btf(fd);
    close(fd);
    return is_btf;
}

int mete__btf_file_read(const char *path, struct mete__btf_file *file) {
    struct stat status;
    int fd = mete__unpacked_file_open(path);

    if (fd < 0) return fd;
    int result = -ENODATA;
    if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_size > 0) {
        bool is_whole = begins_as_btf(fd);
        if (!is_whole)
            result = read_section(fd, file);
        else if ((uint64_t)status.st_size <= SIZE_MOST)
            result = take_whole(fd, (size_t)status.st_size, file);
    }
    close(fd);
    return result;
}

void mete__btf_file_free(struct mete__btf_file *file) {
    if (file->is_mapped)
        munmap(file->data, file->size);
    else
        free(file->data);
    *file = (struct mete__btf_file){0};
}
