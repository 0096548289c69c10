/*
 * os/loader.h for Linux with glibc 2.35 or later, whose _dl_find_object asks the loader without a
 * lock. It is a weak symbol here: elsewhere no object is ever found.
 */
#include "os/loader.h"

#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <link.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "base/bits.h"
#include "os/memory.h"
#include "os/probe.h"

#ifdef DLFO_STRUCT_HAS_EH_DBASE
#pragma weak _dl_find_object
#endif

bool mete__loader_find(uintptr_t address, struct mete__loaded *out) {
#ifdef DLFO_STRUCT_HAS_EH_DBASE
    struct dl_find_object found;
    if (_dl_find_object == NULL || _dl_find_object((void *)address, &found) != 0) return false;
    *out = (struct mete__loaded){
        .start = (uintptr_t)found.dlfo_map_start,
        .end = (uintptr_t)found.dlfo_map_end,
        .bias = found.dlfo_link_map != NULL ? found.dlfo_link_map->l_addr : 0,
        .table = (uintptr_t)found.dlfo_eh_frame,
        .dynamic = found.dlfo_link_map != NULL ? (uintptr_t)found.dlfo_link_map->l_ld : 0,
        .name = found.dlfo_link_map != NULL && found.dlfo_link_map->l_name != NULL
                    ? found.dlfo_link_map->l_name
                    : "",
    };
    return true;
#else
    (void)address, (void)out;
    return false;
#endif
}

/* The program headers of an object and how many they are; NULL where they cannot be trusted. */
static const ElfW(Phdr) * program_headers(const struct mete__loaded *object, size_t *count) {
    if (object->name[0] == '\0') {
        *count = getauxval(AT_PHNUM);
        return (const ElfW(Phdr) *)getauxval(AT_PHDR);
    }
    const ElfW(Ehdr) *header = (const ElfW(Ehdr) *)object->start;
    if (object->end - object->start < METE__PROBE_STEP || !mete__probe_readable(object->start))
        return NULL;
    if (memcmp(header->e_ident, ELFMAG, SELFMAG) != 0) return NULL;
    if (header->e_phentsize != sizeof(ElfW(Phdr))) return NULL;
    /* Only the first page is known to be readable, and linkers put them there. */
    size_t bytes = header->e_phnum * sizeof(ElfW(Phdr));
    if (header->e_phoff > METE__PROBE_STEP || bytes > METE__PROBE_STEP - header->e_phoff)
        return NULL;
    *count = header->e_phnum;
    return (const ElfW(Phdr) *)(object->start + header->e_phoff);
}

uintptr_t mete__loader_head(const struct mete__loaded *object) {
    /* Of a static program the C library knows only the segments that are written to. */
    if (object->name[0] == '\0')
        return mete__round_down(getauxval(AT_PHDR), mete__memory_page_size());
    return object->start;
}

/* Looks through one PT_NOTE segment for the build-id. */
static void find_build_id(uintptr_t at, size_t left, struct mete__loaded_headers *out) {
    while (left >= sizeof(ElfW(Nhdr))) {
        const ElfW(Nhdr) *note = (const ElfW(Nhdr) *)at;
        size_t name_bytes = ((size_t)note->n_namesz + 3) & ~(size_t)3;
        size_t text_bytes = ((size_t)note->n_descsz + 3) & ~(size_t)3;
        left -= sizeof *note;
        if (name_bytes > left || text_bytes > left - name_bytes) return;
        const char *name = (const char *)(note + 1);
        if (note->n_type == NT_GNU_BUILD_ID && note->n_namesz == 4 && memcmp(name, "GNU", 4) == 0) {
            out->build_id = (const uint8_t *)name + name_bytes;
            out->build_id_bytes = note->n_descsz;
            return;
        }
        at += sizeof *note + name_bytes + text_bytes;
        left -= name_bytes + text_bytes;
    }
}

void mete__loader_headers(const struct mete__loaded *object, struct mete__loaded_headers *out) {
    size_t count = 0;
    const ElfW(Phdr) *headers = program_headers(object, &count);

    *out = (struct mete__loaded_headers){0};
    if (object->name[0] == '\0')
        out->entry = getauxval(AT_ENTRY);
    else if (headers != NULL && object->start == getauxval(AT_BASE))
        out->entry = object->start + ((const ElfW(Ehdr) *)object->start)->e_entry;
    for (size_t i = 0; headers != NULL && i < count; i++) {
        uintptr_t low = object->bias + headers[i].p_vaddr;
        size_t size = headers[i].p_memsz;
        bool inside = low >= object->start && low < object->end && size <= object->end - low;
        if (!inside || (headers[i].p_flags & PF_R) == 0) continue;
        if (headers[i].p_type == PT_LOAD && object->table >= low && object->table - low < size) {
            out->table_low = low;
            out->table_high = low + size;
        }
        if (headers[i].p_type == PT_NOTE && out->build_id_bytes == 0) find_build_id(low, size, out);
    }
}

size_t mete__loader_path(const struct mete__loaded *object, char *out, size_t size) {
    int saved = errno;
    size_t length = 0;
    size_t name_length = strlen(object->name);

    if (name_length == 0) {
        ssize_t got = readlink("/proc/self/exe", out, size);
        length = got > 0 && (size_t)got < size ? (size_t)got : 0;
    } else if (object->name[0] != '/' && strchr(object->name, '/') != NULL) {
        /* Relative to where the program was when it was loaded, which is hopefully still here. */
        if (getcwd(out, size) != NULL) length = strlen(out);
        if (length > 1 && length + 1 < size) out[length++] = '/';
    }
    if (name_length > 0) {
        if (name_length >= size - length) return 0;
        memcpy(out + length, object->name, name_length);
        length += name_length;
    }
    errno = saved;
    return length;
}
