/* guard/finding.h */
#include "guard/finding.h"

#include "base/text.h"
#include "heap/misuse.h"
#include "os/process.h"

static void add_place(struct mete__text *line, const char *address,
                      const struct mete__cushion *cushion) {
    ptrdiff_t offset = address - cushion->block;
    size_t distance = offset < 0 ? (size_t)-offset : (size_t)offset;
    const char *where = offset < 0 ? "before" : "into";

    if (offset >= 0 && distance >= cushion->size) {
        distance -= cushion->size;
        where = "past the end of";
    }
    mete__text_add(line, " at %p, %zu byte%s %s a %sblock of %zu byte%s\n", (const void *)address,
                   distance, distance == 1 ? "" : "s", where, cushion->record->live ? "" : "freed ",
                   cushion->size, cushion->size == 1 ? "" : "s");
}

static void write_line(enum mete__misuse kind, const char *address,
                       const struct mete__cushion *cushion) {
    char buffer[256];
    struct mete__text line = mete__text_in(buffer, sizeof buffer);

    mete__text_add(&line, "mete: %s", mete__misuse_name(kind));
    add_place(&line, address, cushion);
    mete__process_complain(line.start, line.length);
}

void mete__finding_tell(enum mete__misuse kind, const void *address,
                        const struct mete__cushion *cushion, const struct mete__caller *caller) {
    if (mete__watch_hooks()->misused(kind, address, cushion->block, cushion->size, cushion->record,
                                     caller))
        write_line(kind, address, cushion);
}

void mete__finding_trapped(enum mete__misuse kind, const void *address,
                           const struct mete__cushion *cushion, const void *context) {
    if (mete__watch_hooks()->trapped(kind, address, cushion->block, cushion->size, cushion->record,
                                     context))
        write_line(kind, address, cushion);
}
