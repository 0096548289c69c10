/* Every call, told after it was done. */
#include <mete/adapters.h>

#include "allocator/wrapper.h"
#include "base/text.h"
#include "os/process.h"

struct logging {
    struct mete__wrapper wrapper;
    void (*write)(void *context, const mete_log_entry *entry);
    void *context;
};

static void add_place(struct mete__text *line, const mete_site *site) {
    if (site == NULL) return;
    if (site->type != NULL) mete__text_add(line, " for %s", site->type);
    mete__text_add(line, " at %s:%u", site->file, site->line);
}

/* The line for standard error. */
static void write_line(void *context, const mete_log_entry *entry) {
    char buffer[512];
    struct mete__text line = mete__text_in(buffer, sizeof buffer);

    (void)context;
    mete__text_add(&line, "mete: %s: ", entry->allocator);
    switch (entry->event) {
    case METE_LOG_ALLOC:
        mete__text_add(&line, "alloc of %zu bytes, align %zu", entry->layout.size,
                       entry->layout.align);
        add_place(&line, entry->site);
        break;
    case METE_LOG_FREE:
        mete__text_add(&line, "free of %p, %zu bytes", entry->block, entry->layout.size);
        break;
    case METE_LOG_RESIZE:
        mete__text_add(&line, "resize of %p, %zu bytes", entry->block, entry->layout.size);
        if (entry->new_size != 0) mete__text_add(&line, ", to %zu", entry->new_size);
        break;
    case METE_LOG_REMAP:
        mete__text_add(&line, "remap of %p, %zu bytes, to %zu", entry->old_block,
                       entry->layout.size, entry->new_size);
        break;
    }
    bool failed = entry->event == METE_LOG_RESIZE ? entry->new_size == 0 : entry->block == NULL;
    if (failed)
        mete__text_add(&line, ": failed");
    else if (entry->event == METE_LOG_ALLOC || entry->event == METE_LOG_REMAP)
        mete__text_add(&line, ": %p", entry->block);
    mete__text_add(&line, "\n");
    mete__process_complain(line.start, line.length);
}

static void tell(struct logging *logging, mete_log_entry *entry) {
    int saved = errno;
    entry->allocator = mete_allocator_name(logging->wrapper.under);
    logging->write(logging->context, entry);
    errno = saved;
}

static void *take(void *state, mete_layout layout, const mete_site *site) {
    void *block = mete__wrapper_alloc(state, layout, site);
    mete_log_entry entry = {
        .event = METE_LOG_ALLOC, .block = block, .layout = layout, .site = site};
    tell(state, &entry);
    return block;
}

static void give(void *state, void *block, mete_layout layout) {
    mete_log_entry entry = {.event = METE_LOG_FREE, .block = block, .layout = layout};
    mete__wrapper_free(state, block, layout);
    tell(state, &entry);
}

static int resize(void *state, void *block, mete_layout layout, size_t new_size) {
    int status = mete__wrapper_resize(state, block, layout, new_size);
    mete_log_entry entry = {.event = METE_LOG_RESIZE,
                            .block = block,
                            .layout = layout,
                            .new_size = status == 0 ? new_size : 0};
    tell(state, &entry);
    return status;
}

static void *remap(void *state, void *block, mete_layout layout, size_t new_size) {
    void *moved = mete__wrapper_remap(state, block, layout, new_size);
    mete_log_entry entry = {.event = METE_LOG_REMAP,
                            .block = moved,
                            .old_block = block,
                            .layout = layout,
                            .new_size = new_size};
    tell(state, &entry);
    return moved;
}

static const mete_allocator_methods methods = {
    .name = "logging",
    .alloc = take,
    .free = give,
    .resize = resize,
    .remap = remap,
    .usable = mete__wrapper_usable,
};

mete_allocator *mete_allocator_logging(const mete_allocator *under,
                                       void (*write)(void *context, const mete_log_entry *entry),
                                       void *context) {
    struct logging *logging = mete__wrapper_make(sizeof *logging, under, &methods, 0);

    if (logging == NULL) return NULL;
    logging->write = write != NULL ? write : write_line;
    logging->context = context;
    return &logging->wrapper.self;
}
