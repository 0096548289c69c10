#include "report/web_sites.h"

#include <errno.h>
#include <stdlib.h>

static const enum mete__report_sort measures[] = {
    METE__REPORT_SORT_PEAK,  METE__REPORT_SORT_LIVE,      METE__REPORT_SORT_ALLOCATED,
    METE__REPORT_SORT_COUNT, METE__REPORT_SORT_TEMPORARY,
};

/* A site and its largest share of anything. */
struct candidate {
    const struct mete__summary_site *site;
    double share;
};

/* The sites that are not kept, on their way into sums. */
struct merger {
    const struct mete__profile *profile;
    struct mete__web_sites *sites;
    size_t kept;
    bool *on_a_way;   /* per node: a kept site's stack goes through it */
    uint32_t *sum_of; /* per node: its item, or 0 */
};

static int by_share(const void *left, const void *right) {
    const struct candidate *a = left, *b = right;

    if (a->share != b->share) return a->share > b->share ? -1 : 1;
    return a->site->stack < b->site->stack ? -1 : a->site->stack > b->site->stack;
}

/* All sites, the heaviest first; from malloc, or NULL. */
static struct candidate *candidates_of(const struct mete__summary *summary) {
    struct candidate *candidates = calloc(summary->site_count + 1, sizeof *candidates);
    double all[METE_COUNT_OF(measures)] = {0};

    if (candidates == NULL) return NULL;
    for (size_t i = 0; i < summary->site_count; i++)
        for (size_t m = 0; m < METE_COUNT_OF(measures); m++)
            all[m] += (double)mete__report_weight(&summary->sites[i], measures[m]);
    for (size_t i = 0; i < summary->site_count; i++) {
        candidates[i].site = &summary->sites[i];
        for (size_t m = 0; m < METE_COUNT_OF(measures); m++) {
            double weight = (double)mete__report_weight(&summary->sites[i], measures[m]);
            double share = weight == 0.0 ? 0.0 : weight / all[m];
            if (share > candidates[i].share) candidates[i].share = share;
        }
    }
    qsort(candidates, summary->site_count, sizeof *candidates, by_share);
    return candidates;
}

static uint32_t parent_of(const struct mete__profile *profile, uint32_t node) {
    return ((const struct mete_profile_node *)mete__profile_record(profile, METE_SECTION_NODES,
                                                                   node))
        ->parent;
}

/* Once there are as many sums as sites, what has no sum yet goes to the root's. */
static void merge(struct merger *merger, const struct mete__summary_site *site, uint64_t nodes) {
    struct mete__web_sites *sites = merger->sites;
    uint32_t node = site->stack;

    while (node != 0 && node < nodes && !merger->on_a_way[node])
        node = parent_of(merger->profile, node);
    if (node >= nodes) node = 0;
    if (merger->sum_of[node] == 0 && sites->count >= 2 * merger->kept + 1) node = 0;
    if (merger->sum_of[node] == 0) {
        merger->sum_of[node] = (uint32_t)sites->count;
        sites->items[sites->count] = (struct mete__summary_site){.stack = node};
        sites->count++;
    }
    mete__summary_add(&sites->items[merger->sum_of[node]], site);
    sites->merged[merger->sum_of[node]]++;
}

static int merge_all(const struct mete__report *report, const struct candidate *rest, size_t count,
                     struct mete__web_sites *sites) {
    uint64_t nodes = mete__profile_count(report->profile, METE_SECTION_NODES);
    struct merger merger = {
        .profile = report->profile,
        .sites = sites,
        .kept = sites->count,
        .on_a_way = calloc(nodes + 1, sizeof(bool)),
        .sum_of = calloc(nodes + 1, sizeof(uint32_t)),
    };
    int status = -ENOMEM;

    if (merger.on_a_way == NULL || merger.sum_of == NULL) goto out;
    for (size_t i = 0; i < merger.kept; i++)
        for (uint32_t node = sites->items[i].stack;
             node != 0 && node < nodes && !merger.on_a_way[node];
             node = parent_of(report->profile, node))
            merger.on_a_way[node] = true;
    /* The heaviest of them first: they get sums of their own. */
    for (size_t i = 0; i < count; i++) merge(&merger, rest[i].site, nodes);
    status = 0;
out:
    free(merger.on_a_way);
    free(merger.sum_of);
    return status;
}

int mete__web_sites_choose(const struct mete__report *report, size_t limit,
                           struct mete__web_sites *sites) {
    const struct mete__summary *summary = report->summary;
    size_t kept = summary->site_count < limit ? summary->site_count : limit;
    size_t room = 2 * kept + 2;
    struct candidate *candidates = candidates_of(summary);
    int status = -ENOMEM;

    *sites = (struct mete__web_sites){
        .items = calloc(room, sizeof *sites->items),
        .pointers = calloc(room, sizeof(const struct mete__summary_site *)),
        .merged = calloc(room, sizeof *sites->merged),
    };
    if (candidates == NULL || sites->items == NULL || sites->pointers == NULL ||
        sites->merged == NULL)
        goto out;
    for (; sites->count < kept; sites->count++)
        sites->items[sites->count] = *candidates[sites->count].site;
    status = kept == summary->site_count
                 ? 0
                 : merge_all(report, candidates + kept, summary->site_count - kept, sites);
    for (size_t i = 0; i < sites->count; i++) sites->pointers[i] = &sites->items[i];
out:
    free(candidates);
    if (status != 0) mete__web_sites_free(sites);
    return status;
}

void mete__web_sites_free(struct mete__web_sites *sites) {
    free(sites->items);
    free(sites->pointers);
    free(sites->merged);
    *sites = (struct mete__web_sites){0};
}
