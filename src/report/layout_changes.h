/*
 * report/layout_changes.h - what changed between two builds, as text and as JSON.
 */
#ifndef METE_REPORT_LAYOUT_CHANGES_H
#define METE_REPORT_LAYOUT_CHANGES_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "analysis/layout/layout_diff.h"

struct mete__layout_changes {
    const char *old_path, *new_path;
    const struct mete__layout_change *changes;
    size_t count;
    uint64_t line; /* bytes of a cache line */
};

/* 0 or a negative errno. */
int mete__layout_changes_text(const struct mete__layout_changes *changes, FILE *out);
int mete__layout_changes_json(const struct mete__layout_changes *changes, FILE *out);

#endif
