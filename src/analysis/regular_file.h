/*
 * analysis/regular_file.h - files that are files.
 *
 * A path that comes from debug information may lead to a pipe, which would make whoever opens it
 * wait for ever, or to a device.
 */
#ifndef METE_ANALYSIS_REGULAR_FILE_H
#define METE_ANALYSIS_REGULAR_FILE_H

/* A descriptor to read from, and never waits. Or -EISDIR; -EINVAL: it is something else than a
 * file; or why it cannot be opened, as another negative errno. */
int mete__regular_file_open(const char *path);

#endif
