/* heap/misuse.h */
#include "heap/misuse.h"

#include <stdlib.h>

#include "base/text.h"
#include "heap/cache.h"
#include "os/process.h"

static const char *const names[] = {
    [METE__DOUBLE_FREE] = "double-free",
    [METE__INVALID_FREE] = "invalid-free",
    [METE__INTERIOR_FREE] = "interior-free",
    [METE__MISMATCHED_FREE] = "mismatched-free",
};

static void describe(struct mete__text *line, size_t offset, size_t bytes,
                     const struct mete__record *record, const void *block) {
    if (offset != 0) mete__text_add(line, ", %zu bytes into the block at %p", offset, block);
    if (record != NULL && record->live)
        mete__text_add(line, ", a block of %zu bytes", (size_t)record->size);
    else
        mete__text_add(line, ", a block of up to %zu bytes", bytes);
    if (record != NULL && !record->live && record->freed_by != 0)
        mete__text_add(line, ", freed before by the call that returns to 0x%lx",
                       (unsigned long)record->freed_by);
}

void mete__misuse(enum mete__misuse kind, const void *address, const struct mete__span *span,
                  const char *memory, const struct mete__caller *caller) {
    char buffer[256];
    struct mete__text line = mete__text_in(buffer, sizeof buffer);
    const struct mete__watch_hooks *hooks = mete__watch_hooks();

    mete__text_add(&line, "mete: %s of %p", names[kind], address);
    if (span == NULL) {
        if (hooks != NULL) hooks->misused(kind, address, NULL, 0, NULL, caller);
        mete__text_add(&line, ", which is no block of this heap");
    } else {
        size_t bytes = span->block_bytes;
        size_t offset = (size_t)((const char *)address - memory);
        size_t index = offset / bytes;
        const struct mete__record *record = NULL;
        if ((mete__span_owner(span) & METE__OWNER_WATCHED) != 0 &&
            (span->kind == METE__SPAN_LARGE || index < span->carved))
            record = &span->records[index];
        const char *block = memory + index * bytes;
        if (hooks != NULL) hooks->misused(kind, address, block, bytes, record, caller);
        describe(&line, offset % bytes, bytes, record, block);
    }
    mete__text_add(&line, "\n");
    mete__process_complain(line.start, line.length);
    abort();
}
