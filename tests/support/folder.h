/*
 * tests/support/folder.h - files for facts about files, on more than one file system.
 *
 * FACT_ON_FILES runs a fact twice: with a fresh folder on disk (under $TMPDIR, else /var/tmp), and
 * with one in memory (/dev/shm). The folder goes with all that is in it when the fact has ended,
 * well or not.
 */
#ifndef METE_TESTS_FOLDER_H
#define METE_TESTS_FOLDER_H

#include <stddef.h>

#include "support/apart.h"

int folder_on_disk(void **fact);
int folder_in_memory(void **fact);
int folder_remove(void **fact);

#define FACT_ON_FILES(function)                                                                  \
    {#function "_on_disk", apart_holds, folder_on_disk, folder_remove, (void *)(function)}, {    \
#function "_in_memory", apart_holds, folder_in_memory, folder_remove, (void *)(function) \
    }

/* In the fact: the path of `name` in its folder; valid until the eighth call after this one. */
const char *folder_path(const char *name);
/* The path of a file of `size` bytes, byte i of which is folder_byte(i). */
const char *folder_file(const char *name, size_t size);
char folder_byte(size_t i);
/* Bytes in the file of that name; -1 where there is none. */
long folder_size(const char *name);
/* The byte at that place of the file; -1 where there is none. */
int folder_read(const char *name, long offset);
/* How many entries the folder has, those that begin with a dot included. */
size_t folder_entries(void);
/* Mounts a file system of so many bytes, in memory, over the folder, for this fact alone. Skips the
 * fact where that is not allowed. */
void folder_make_small(size_t bytes);
/* Mounts an ext4 file system on a loop device, over the folder's `disk`. The device claims to have
 * `claimed` bytes and has `real`: what the kernel writes beyond those fails. Skips the fact where
 * that is not possible. */
void folder_make_disk(size_t claimed, size_t real);

#endif
