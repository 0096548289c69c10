/*
 * report/report_json.h - the report for programs. docs/man/mete-report.1 lists its keys.
 *
 * Numbers are exact. Long lists are written one entry per line and never held in memory.
 */
#ifndef METE_REPORT_REPORT_JSON_H
#define METE_REPORT_REPORT_JSON_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/compiler.h"
#include "report/json.h"
#include "report/report.h"

/* 0, -ENOMEM, or the negative errno of the write that failed. */
METE_MUST_USE int mete__report_json(struct mete__report *report, FILE *out);

/* What may differ in a document of the same keys. */
struct mete__report_json_form {
    const struct mete__summary_site *const *sites;
    size_t site_count;
    size_t leak_count; /* records, the first of the findings */
    /* Writes a stack as one value. Its names are resolved. */
    void (*stack)(void *context, struct mete__json *json, uint32_t stack);
    /* Writes further members of the site with this index, each with a comma before it; or NULL. */
    void (*site)(void *context, struct mete__json *json, size_t index);
    /* Writes further members of the document; or NULL. */
    void (*finish)(void *context, struct mete__json *json);
    void *context;
};

/* Asks for the names of all stacks that the form shows, then writes the document. As above. */
METE_MUST_USE int mete__report_json_document(struct mete__report *report, struct mete__json *json,
                                             const struct mete__report_json_form *form);

#endif
