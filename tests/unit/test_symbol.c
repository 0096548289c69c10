/* track/symbol.h: files and objects whose symbol tables are sound, cut, damaged or hostile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "track/symbol.h"

/* A file with nothing but a symbol table. */
static struct image {
    ElfW(Ehdr) header;
    ElfW(Shdr) sections[3]; /* none, symbols, names */
    ElfW(Sym) symbols[8];
    char names[64];
} image;

static void set_symbol(unsigned i, unsigned name, unsigned info, uintptr_t value, size_t size) {
    image.symbols[i] = (ElfW(Sym)){.st_name = name,
                                   .st_info = (unsigned char)info,
                                   .st_shndx = 1,
                                   .st_value = value,
                                   .st_size = size};
}

static int make_image(void **state) {
    static const unsigned char kind[] = {ELFMAG0,
                                         ELFMAG1,
                                         ELFMAG2,
                                         ELFMAG3,
                                         sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32,
                                         __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? ELFDATA2LSB
                                                                                   : ELFDATA2MSB,
                                         EV_CURRENT};
    static const char names[] = "\0outer\0inner\0weak\0strong\0local\0mark\0stdout@LIB_1\0@";
    (void)state;
    image = (struct image){
        .header = {.e_shoff = offsetof(struct image, sections),
                   .e_shentsize = sizeof(ElfW(Shdr)),
                   .e_shnum = 3},
        .sections = {{0},
                     {.sh_type = SHT_SYMTAB,
                      .sh_link = 2,
                      .sh_offset = offsetof(struct image, symbols),
                      .sh_size = sizeof image.symbols,
                      .sh_entsize = sizeof(ElfW(Sym))},
                     {.sh_type = SHT_STRTAB,
                      .sh_offset = offsetof(struct image, names),
                      .sh_size = sizeof image.names}},
    };
    memcpy(image.header.e_ident, kind, sizeof kind);
    memcpy(image.names, names, sizeof names);
    set_symbol(1, 1, ELF64_ST_INFO(STB_GLOBAL, STT_OBJECT), 0x1000, 0x100);
    set_symbol(2, 7, ELF64_ST_INFO(STB_LOCAL, STT_OBJECT), 0x1010, 0x10);
    set_symbol(3, 25, ELF64_ST_INFO(STB_LOCAL, STT_FUNC), 0x2000, 8);
    set_symbol(4, 18, ELF64_ST_INFO(STB_GLOBAL, STT_FUNC), 0x2000, 8);
    set_symbol(5, 13, ELF64_ST_INFO(STB_WEAK, STT_FUNC), 0x2000, 8);
    set_symbol(6, 31, ELF64_ST_INFO(STB_GLOBAL, STT_NOTYPE), 0x1000, 0);
    set_symbol(7, 36, ELF64_ST_INFO(STB_GLOBAL, STT_OBJECT), 0x3000, 8);
    return 0;
}

/* The name at an address of what is in memory, as a file cut to `size`; "" for none. */
static const char *name_at(const void *contents, size_t size, uintptr_t address) {
    static struct mete__symbol symbol;
    int file = memfd_create("image", MFD_CLOEXEC);
    assert_true(file >= 0);
    assert_int_equal(write(file, contents, size), size);
    bool is_found = mete__symbol_find_in_file(file, address, &symbol);
    close(file);
    if (!is_found) return "";
    assert_non_null(memchr(symbol.name, '\0', sizeof symbol.name));
    assert_true(symbol.name[0] != '\0' && address - symbol.start < symbol.size);
    return symbol.name;
}

static const char *image_at(uintptr_t address) {
    return name_at(&image, sizeof image, address);
}

static void innermost_symbol_that_holds_the_address_is_named(void **state) {
    (void)state;
    assert_string_equal(image_at(0x1000), "outer");
    assert_string_equal(image_at(0x10ff), "outer");
    assert_string_equal(image_at(0x1010), "inner");
    assert_string_equal(image_at(0x1020), "outer");
    assert_string_equal(image_at(0x0fff), "");
    assert_string_equal(image_at(0x1100), "");
}

static void weak_name_is_preferred_and_local_one_is_not(void **state) {
    (void)state;
    assert_string_equal(image_at(0x2004), "weak");
    image.symbols[5] = image.symbols[0];
    assert_string_equal(image_at(0x2004), "strong");
    image.symbols[4] = image.symbols[0];
    assert_string_equal(image_at(0x2004), "local");
}

static void version_is_no_part_of_the_name(void **state) {
    (void)state;
    assert_string_equal(image_at(0x3000), "stdout");
    image.symbols[7].st_name = 49; /* nothing but a version */
    assert_string_equal(image_at(0x3000), "");
}

static void what_is_not_of_this_file_is_not_named(void **state) {
    (void)state;
    image.symbols[7].st_shndx = SHN_UNDEF;
    assert_string_equal(image_at(0x3000), "");
    image.symbols[7].st_shndx = SHN_ABS;
    assert_string_equal(image_at(0x3000), "");
    image.symbols[7].st_shndx = 1;
    image.symbols[7].st_info = ELF64_ST_INFO(STB_GLOBAL, STT_TLS);
    assert_string_equal(image_at(0x3000), "");
}

static void long_name_is_cut(void **state) {
    static struct {
        struct image image;
        char name[1000];
    } file;
    (void)state;
    image.sections[2].sh_size = sizeof image.names + sizeof file.name;
    image.symbols[7].st_name = sizeof image.names;
    file.image = image;
    memset(file.name, 'x', sizeof file.name);
    assert_int_equal(strlen(name_at(&file, sizeof file, 0x3000)), 255);
    /* Without an end of its own it ends with its table. */
    image.sections[2].sh_size = sizeof image.names + 10;
    file.image = image;
    assert_int_equal(strlen(name_at(&file, sizeof file, 0x3000)), 9);
}

static void file_that_is_cut_anywhere_has_names_or_none(void **state) {
    (void)state;
    for (size_t size = 0; size < sizeof image; size++)
        for (uintptr_t address = 0x1000; address <= 0x3000; address += 0x1000)
            (void)name_at(&image, size, address);
    assert_string_equal(name_at(&image, offsetof(struct image, symbols), 0x1000), "");
}

static void damage_to_any_byte_is_survived(void **state) {
    static const unsigned char values[] = {0x00, 0x01, 0x7f, 0x80, 0xff};
    struct image damaged;
    (void)state;
    for (size_t i = 0; i < sizeof image; i++)
        for (size_t j = 0; j < sizeof values; j++) {
            damaged = image;
            ((unsigned char *)&damaged)[i] = values[j];
            (void)name_at(&damaged, sizeof damaged, 0x1010);
        }
    for (size_t i = 0; i + 8 <= sizeof image; i += 4) { /* whole words: sums that overflow */
        damaged = image;
        memset((unsigned char *)&damaged + i, 0xff, 8);
        (void)name_at(&damaged, sizeof damaged, 0x1010);
    }
}

static void other_kinds_of_files_have_no_names(void **state) {
    (void)state;
    image.header.e_ident[EI_CLASS] ^= 3;
    assert_string_equal(image_at(0x1000), "");
    make_image(NULL);
    image.header.e_ident[EI_DATA] ^= 3;
    assert_string_equal(image_at(0x1000), "");
    assert_string_equal(name_at("#!/bin/sh\n", 10, 0x1000), "");
    struct mete__symbol symbol = {.size = 7};
    assert_false(mete__symbol_find_in_file(-1, 0x1000, &symbol));
    assert_int_equal(symbol.size, 7);
}

/* ---- of this process ---- */

static int own_static[5];

static const char *own_name(uintptr_t address, ptrdiff_t offset) {
    static struct mete__symbol symbol;
    struct mete__loaded object;
    assert_true(mete__loader_find(address, &object));
    if (!mete__symbol_find(&object, address, &symbol)) return "";
    assert_int_equal(address - symbol.start, offset);
    return symbol.name;
}

static void own_names_are_known(void **state) {
    (void)state;
    assert_string_equal(own_name((uintptr_t)&own_static[2], 8), "own_static");
    assert_string_equal(own_name((uintptr_t)own_name + 3, 3), "own_name");
    void *function = dlsym(RTLD_DEFAULT, "gnu_get_libc_version");
    assert_string_equal(own_name((uintptr_t)function + 1, 1), "gnu_get_libc_version");
}

/* It has no file, and its dynamic section is as it was linked. */
static void object_of_the_kernel_has_names_too(void **state) {
    struct mete__loaded object;
    (void)state;
    void *vdso = dlopen("linux-vdso.so.1", RTLD_NOW | RTLD_NOLOAD);
    void *function = vdso == NULL ? NULL : dlsym(vdso, "__vdso_clock_gettime");
    if (vdso != NULL && function == NULL) function = dlsym(vdso, "__kernel_clock_gettime");
    if (function == NULL || !mete__loader_find((uintptr_t)function, &object)) {
        skip();
        return;
    }
    assert_non_null(strstr(own_name((uintptr_t)function, 0), "clock_gettime"));
    dlclose(vdso);
}

/* A dynamic section that is somebody else's work. */
static void damaged_dynamic_section_is_survived(void **state) {
    static struct {
        ElfW(Dyn) entries[8];
        uint32_t hash[64];
        ElfW(Sym) symbols[2];
        char names[16];
    } own;
    struct mete__loaded object = {.start = (uintptr_t)&own,
                                  .end = (uintptr_t)(&own + 1),
                                  .dynamic = (uintptr_t)own.entries,
                                  .name = "/nowhere"};
    struct mete__symbol symbol;
    uintptr_t address = (uintptr_t)own.names;
    (void)state;
    memcpy(own.names, "\0known", 7);
    own.symbols[1] = (ElfW(Sym)){.st_name = 1,
                                 .st_info = ELF64_ST_INFO(STB_GLOBAL, STT_OBJECT),
                                 .st_shndx = 1,
                                 .st_value = address,
                                 .st_size = 16};
    own.entries[0] = (ElfW(Dyn)){.d_tag = DT_SYMTAB, .d_un.d_ptr = (uintptr_t)own.symbols};
    own.entries[1] = (ElfW(Dyn)){.d_tag = DT_STRTAB, .d_un.d_ptr = (uintptr_t)own.names};
    own.entries[2] = (ElfW(Dyn)){.d_tag = DT_STRSZ, .d_un.d_val = sizeof own.names};
    own.entries[3] = (ElfW(Dyn)){.d_tag = DT_HASH, .d_un.d_ptr = (uintptr_t)own.hash};
    own.hash[1] = 2;
    assert_true(mete__symbol_find(&object, address, &symbol));
    assert_string_equal(symbol.name, "known");
    own.hash[1] = UINT32_MAX;
    (void)mete__symbol_find(&object, address, &symbol);
    own.entries[3].d_tag = DT_GNU_HASH;
    for (size_t i = 0; i < 64; i++)
        for (uint32_t value = 0; value < 3; value++) {
            own.hash[i] = value - 1; /* all ones, 0, 1 */
            (void)mete__symbol_find(&object, address, &symbol);
        }
    memset(own.hash, 0, sizeof own.hash); /* a chain without an end */
    own.hash[0] = 1;
    own.hash[4] = 1;
    assert_false(mete__symbol_find(&object, address, &symbol));
    for (size_t i = 0; i < 3; i++) {
        ElfW(Dyn) before = own.entries[i];
        own.entries[i].d_un.d_val = UINTPTR_MAX - 3;
        (void)mete__symbol_find(&object, address, &symbol);
        own.entries[i] = before;
    }
    object.dynamic = 8; /* nothing there */
    assert_false(mete__symbol_find(&object, address, &symbol));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(innermost_symbol_that_holds_the_address_is_named, make_image),
        cmocka_unit_test_setup(weak_name_is_preferred_and_local_one_is_not, make_image),
        cmocka_unit_test_setup(version_is_no_part_of_the_name, make_image),
        cmocka_unit_test_setup(what_is_not_of_this_file_is_not_named, make_image),
        cmocka_unit_test_setup(long_name_is_cut, make_image),
        cmocka_unit_test_setup(file_that_is_cut_anywhere_has_names_or_none, make_image),
        cmocka_unit_test_setup(damage_to_any_byte_is_survived, make_image),
        cmocka_unit_test_setup(other_kinds_of_files_have_no_names, make_image),
        cmocka_unit_test(own_names_are_known),
        cmocka_unit_test(object_of_the_kernel_has_names_too),
        cmocka_unit_test(damaged_dynamic_section_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
