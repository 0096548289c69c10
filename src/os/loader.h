/*
 * os/loader.h - which object of the process an address belongs to, as the dynamic loader knows it.
 *
 * Lock-free and async-signal-safe, and so safe inside malloc, where dl_iterate_phdr would wait for
 * a thread that allocates in the middle of dlopen. What is returned holds for as long as the object
 * stays loaded; an address of a live frame keeps it so.
 */
#ifndef METE_OS_LOADER_H
#define METE_OS_LOADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"

struct mete__loaded {
    uintptr_t start;   /* first mapped address */
    uintptr_t end;     /* one past the last */
    uintptr_t bias;    /* address = bias + the ELF file's virtual address */
    uintptr_t table;   /* its .eh_frame_hdr; 0: none */
    uintptr_t dynamic; /* its dynamic section; 0: none */
    const char *name;  /* the loader's name for it; "" for the main program; not NULL */
};

/* What only the object's own headers tell. */
struct mete__loaded_headers {
    uintptr_t table_low;  /* the readable segment that `table` is in; */
    uintptr_t table_high; /* equal bounds where there is none */
    uintptr_t entry; /* where the program, or the loader itself, is entered; 0: other objects */
    const uint8_t *build_id;
    uint32_t build_id_bytes; /* 0: none */
};

/* The object that holds `address`; false where none does, as for code made at run time, and
 * everywhere with a C library that cannot tell without a lock. */
METE_HIDDEN bool mete__loader_find(uintptr_t address, struct mete__loaded *out);

/* Where the first page of the object's file is, its ELF header included, if it is loaded at all. */
METE_HIDDEN uintptr_t mete__loader_head(const struct mete__loaded *object);

/* Reads the object's program headers, with every bound checked. */
METE_HIDDEN void mete__loader_headers(const struct mete__loaded *object,
                                      struct mete__loaded_headers *out);

/* Writes the absolute path of the object's file, or the name of one that has no file, and returns
 * its length; 0 where it is unknown or does not fit. */
METE_HIDDEN size_t mete__loader_path(const struct mete__loaded *object, char *out, size_t size);

#endif
