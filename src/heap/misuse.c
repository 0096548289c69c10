/* heap/misuse.h */
#include "heap/misuse.h"

#include <stdlib.h>

#include "base/text.h"
#include "heap/cache.h"
#include "os/process.h"

static const char *const names[] = {
    [METE__DOUBLE_FREE] = "double-free",       [METE__INVALID_FREE] = "invalid-free",
    [METE__INTERIOR_FREE] = "interior-free",   [METE__MISMATCHED_FREE] = "mismatched-free",
    [METE__HEAP_OVERFLOW] = "heap-overflow",   [METE__HEAP_UNDERFLOW] = "heap-underflow",
    [METE__USE_AFTER_FREE] = "use-after-free", [METE__WRITE_AFTER_FREE] = "write-after-free",
};

const char *mete__misuse_name(enum mete__misuse kind) {
    return names[kind];
}

static void describe(struct mete__text *line, const void *address,
                     const struct mete__found *found) {
    ptrdiff_t offset = (const char *)address - (const char *)found->block;
    const struct mete__record *record = found->record;

    if (offset > 0)
        mete__text_add(line, ", %zu bytes into the block at %p", (size_t)offset, found->block);
    if (offset < 0)
        mete__text_add(line, ", %zu bytes before the block at %p", (size_t)-offset, found->block);
    size_t size = record == NULL ? SIZE_MAX : mete__record_size(record, SIZE_MAX);
    if (size != SIZE_MAX)
        mete__text_add(line, ", a block of %zu bytes", size);
    else
        mete__text_add(line, ", a block of up to %zu bytes", found->block_bytes);
    if (found->heap != NULL) mete__text_add(line, " of the heap '%s'", found->heap);
    if (record != NULL && !record->live && !record->held && record->freed_by != 0)
        mete__text_add(line, ", freed before by the call that returns to 0x%lx",
                       (unsigned long)record->freed_by);
}

/* How a live block was not meant to be freed. */
static void describe_mismatch(struct mete__text *line, const struct mete__record *record,
                              const struct mete__caller *caller) {
    static const char *const allocated[] = {
        [METE__FAMILY_ANY] = "another function",
        [METE__FAMILY_MALLOC] = "malloc",
        [METE__FAMILY_NEW] = "operator new",
        [METE__FAMILY_NEW_ARRAY] = "operator new[]",
    };
    static const char *const freed[] = {
        [METE__FAMILY_ANY] = "another function",
        [METE__FAMILY_MALLOC] = "free or realloc",
        [METE__FAMILY_NEW] = "operator delete",
        [METE__FAMILY_NEW_ARRAY] = "operator delete[]",
    };

    if (record->family != caller->family)
        mete__text_add(line, ", allocated by %s, freed by %s", allocated[record->family],
                       freed[caller->family]);
    else
        mete__text_add(line, ", freed as one of %zu", caller->said_size);
}

/* Whether the watcher has news of it. */
static bool note(enum mete__misuse kind, const void *address, const struct mete__found *found,
                 const struct mete__caller *caller) {
    static const struct mete__found none;
    const struct mete__watch_hooks *hooks = mete__watch_hooks();
    const struct mete__found *told = found != NULL ? found : &none;

    return hooks == NULL ||
           hooks->misused(kind, address, told->block, told->block_bytes, told->record, caller);
}

/* `heap` is the private heap that it was given to and does not belong to, or NULL. */
static void complain(enum mete__misuse kind, const void *address, const struct mete__found *found,
                     const struct mete__caller *caller, const char *heap) {
    char buffer[256];
    struct mete__text line = mete__text_in(buffer, sizeof buffer);

    mete__text_add(&line, "mete: %s of %p", names[kind], address);
    if (found != NULL)
        describe(&line, address, found);
    else if (kind != METE__DOUBLE_FREE) /* then it was one */
        mete__text_add(&line, ", which is no block of this heap");
    if (kind == METE__MISMATCHED_FREE && found->live)
        describe_mismatch(&line, found->record, caller);
    if (heap != NULL) mete__text_add(&line, ", given to the heap '%s'", heap);
    mete__text_add(&line, "\n");
    mete__process_complain(line.start, line.length);
}

void mete__misuse_tell(enum mete__misuse kind, const void *address, const struct mete__found *found,
                       const struct mete__caller *caller) {
    if (note(kind, address, found, caller)) complain(kind, address, found, caller, NULL);
}

void mete__misuse(enum mete__misuse kind, const void *address, const struct mete__found *found,
                  const struct mete__caller *caller) {
    (void)note(kind, address, found, caller);
    complain(kind, address, found, caller, NULL);
    abort();
}

void mete__misuse_stray(const char *heap, const void *address, const struct mete__found *found,
                        const struct mete__caller *caller) {
    (void)note(METE__INVALID_FREE, address, found, caller);
    complain(METE__INVALID_FREE, address, found, caller, heap);
    abort();
}
