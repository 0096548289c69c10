/*
 * cli/debug_directory.h - where separate debug files are looked for first.
 */
#ifndef METE_CLI_DEBUG_DIRECTORY_H
#define METE_CLI_DEBUG_DIRECTORY_H

#include <stdbool.h>

/* `*directory` becomes what --debug-dir gave, else METE_DEBUG_DIR, else NULL. One that is no
 * directory is said, unless quietly; false where it was given, since it would be ignored else. */
bool mete__debug_directory_find(const char *given, bool quietly, const char **directory);

#endif
