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

static void describe(struct mete__text *line, const void *address,
                     const struct mete__found *found) {
    size_t offset = (size_t)((const char *)address - (const char *)found->block);
    const struct mete__record *record = found->record;

    if (offset != 0) mete__text_add(line, ", %zu bytes into the block at %p", offset, found->block);
    if (record != NULL && record->live)
        mete__text_add(line, ", a block of %zu bytes", (size_t)record->size);
    else
        mete__text_add(line, ", a block of up to %zu bytes", found->block_bytes);
    if (record != NULL && !record->live && record->freed_by != 0)
        mete__text_add(line, ", freed before by the call that returns to 0x%lx",
                       (unsigned long)record->freed_by);
}

void mete__misuse(enum mete__misuse kind, const void *address, const struct mete__found *found,
                  const struct mete__caller *caller) {
    static const struct mete__found none;
    char buffer[256];
    struct mete__text line = mete__text_in(buffer, sizeof buffer);
    const struct mete__watch_hooks *hooks = mete__watch_hooks();
    const struct mete__found *told = found != NULL ? found : &none;

    if (hooks != NULL)
        hooks->misused(kind, address, told->block, told->block_bytes, told->record, caller);
    mete__text_add(&line, "mete: %s of %p", names[kind], address);
    if (found != NULL)
        describe(&line, address, found);
    else if (kind != METE__DOUBLE_FREE) /* then it was one */
        mete__text_add(&line, ", which is no block of this heap");
    mete__text_add(&line, "\n");
    mete__process_complain(line.start, line.length);
    abort();
}
