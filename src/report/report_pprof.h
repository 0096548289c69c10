/*
 * report/report_pprof.h - the sites as a profile for pprof, Speedscope, Grafana and others.
 */
#ifndef METE_REPORT_REPORT_PPROF_H
#define METE_REPORT_REPORT_PPROF_H

#include <stdio.h>

#include "base/compiler.h"
#include "report/report.h"

/* A gzipped profile.proto (https://github.com/google/pprof/tree/main/proto) with names, lines and
 * inlined calls. Its values: peak_space (the default view), alloc_objects, alloc_space,
 * inuse_objects, inuse_space. 0, -ENOMEM, or the negative errno of the write that failed. */
METE_MUST_USE int mete__report_pprof(struct mete__report *report, FILE *out);

#endif
