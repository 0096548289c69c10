/*
 * shim/mete_stats_print.c - mete/stats.h: each holder's figures, and all figures as text.
 *
 * They are written to memory first, and from there to a descriptor: a reader who is slow must not
 * hold up those who create and destroy holders.
 */
#include <errno.h>
#include <mete/stats.h>

#include "base/text.h"
#include "os/file.h"
#include "os/meta.h"
#include "registry/registry.h"

struct walk {
    bool (*visit)(void *context, const mete_holder_stats *stats);
    void *context;
};

static bool visit_holder(void *context, struct mete__holder *holder) {
    const struct walk *walk = context;
    struct mete__holder_stats stats = {0};

    holder->methods->read(holder, &stats);
    return walk->visit(walk->context, &(mete_holder_stats){
                                          .kind = mete__registry_kind_name(holder->methods->kind),
                                          .name = holder->name,
                                          .reserved_bytes = stats.reserved_bytes,
                                          .live_bytes = stats.live_bytes,
                                          .peak_bytes = stats.peak_bytes,
                                          .live_blocks = stats.live_blocks,
                                          .allocations = stats.allocations,
                                          .frees = stats.frees,
                                      });
}

int mete_stats_each(bool (*visit)(void *context, const mete_holder_stats *stats), void *context) {
    struct walk walk = {.visit = visit, .context = context};

    if (visit == NULL) return -EINVAL;
    if (!mete__registry_hold()) return -EDEADLK;
    mete__registry_visit(visit_holder, &walk);
    mete__registry_release();
    return 0;
}

/* ---- as text ---- */

struct print {
    struct mete__text text;
    const char *separator; /* before the next holder in JSON */
};

static void add_name(struct mete__text *text, const char *name, bool is_json) {
    for (; *name != '\0'; name++) {
        bool is_quoted = is_json && (*name == '"' || *name == '\\');
        if (is_quoted) mete__text_add(text, "\\");
        mete__text_add(text, "%c", *name >= ' ' && *name <= '~' ? *name : '?');
    }
}

static void add_heap_lines(struct mete__text *text, const mete_stats *stats) {
    mete__text_add(text, "heap: %llu allocations, %llu frees, ",
                   (unsigned long long)stats->allocations, (unsigned long long)stats->frees);
    mete__text_add(text, "%llu bytes live in %llu blocks, peak %llu, held %llu\n",
                   (unsigned long long)stats->live_bytes, (unsigned long long)stats->live_blocks,
                   (unsigned long long)stats->peak_live_bytes,
                   (unsigned long long)stats->held_bytes);
}

static bool add_holder_line(void *context, const mete_holder_stats *stats) {
    struct mete__text *text = &((struct print *)context)->text;

    mete__text_add(text, "%s ", stats->kind);
    add_name(text, stats->name, false);
    mete__text_add(text, ": %llu bytes live in %llu blocks, peak %llu, reserved %llu\n",
                   (unsigned long long)stats->live_bytes, (unsigned long long)stats->live_blocks,
                   (unsigned long long)stats->peak_bytes,
                   (unsigned long long)stats->reserved_bytes);
    return true;
}

static void add_member(struct mete__text *text, const char *key, uint64_t value) {
    mete__text_add(text, "\"%s\": %llu, ", key, (unsigned long long)value);
}

static void add_heap_members(struct mete__text *text, const mete_stats *stats) {
    add_member(text, "allocations", stats->allocations);
    add_member(text, "frees", stats->frees);
    add_member(text, "allocated_bytes", stats->allocated_bytes);
    add_member(text, "freed_bytes", stats->freed_bytes);
    add_member(text, "live_blocks", stats->live_blocks);
    add_member(text, "live_bytes", stats->live_bytes);
    add_member(text, "peak_live_bytes", stats->peak_live_bytes);
    add_member(text, "held_bytes", stats->held_bytes);
    add_member(text, "exact", stats->exact);
}

static bool add_holder_object(void *context, const mete_holder_stats *stats) {
    struct print *print = context;
    struct mete__text *text = &print->text;

    mete__text_add(text, "%s{\"kind\": \"%s\", \"name\": \"", print->separator, stats->kind);
    add_name(text, stats->name, true);
    mete__text_add(text, "\", ");
    add_member(text, "reserved_bytes", stats->reserved_bytes);
    add_member(text, "live_bytes", stats->live_bytes);
    add_member(text, "peak_bytes", stats->peak_bytes);
    add_member(text, "live_blocks", stats->live_blocks);
    add_member(text, "allocations", stats->allocations);
    mete__text_add(text, "\"frees\": %llu}", (unsigned long long)stats->frees);
    print->separator = ", ";
    return true;
}

int mete_stats_print(mete_stats_form form, char *buffer, size_t size) {
    if (form != METE_STATS_TEXT && form != METE_STATS_JSON) return -EINVAL;
    if (buffer == NULL || size == 0) return -EINVAL;
    struct print print = {.text = mete__text_in(buffer, size), .separator = ""};
    mete_stats stats;

    (void)mete_stats_read(&stats);
    if (form == METE_STATS_TEXT) {
        add_heap_lines(&print.text, &stats);
        (void)mete_stats_each(add_holder_line, &print);
    } else {
        mete__text_add(&print.text, "{");
        add_heap_members(&print.text, &stats);
        mete__text_add(&print.text, "\"holders\": [");
        (void)mete_stats_each(add_holder_object, &print);
        mete__text_add(&print.text, "]}\n");
    }
    return (int)print.text.wanted;
}

int mete_stats_print_fd(mete_stats_form form, int file) {
    size_t size = 8192;

    for (;;) {
        char *text = mete__meta_map(size);
        if (text == NULL) return -ENOMEM;
        int length = mete_stats_print(form, text, size);
        bool fits = length < 0 || (size_t)length < size;
        int status = length < 0 ? length : 0;
        if (fits && length > 0) status = mete__file_append(file, text, (size_t)length);
        mete__meta_unmap(text, size);
        if (fits) return status;
        size *= 2; /* and once more where further holders come meanwhile */
    }
}
