/*
 * cli/document.h - a report to a file, whole or not at all.
 *
 * Forms that go to files are written beside their names and renamed when they are whole: nobody
 * finds half a report, and an older one survives a full disk.
 */
#ifndef METE_CLI_DOCUMENT_H
#define METE_CLI_DOCUMENT_H

#include <stdio.h>

/* Prints to `out`; 0 or a negative errno. */
typedef int mete__document_print(void *context, FILE *out);

/* Prints to the file `path`; "-": standard output. 0, or METE__EXIT_FAILED when the reason was
 * said, as from `command`. */
int mete__document_write(mete__document_print *print, void *context, const char *path,
                         const char *command);

#endif
