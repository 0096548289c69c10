/* map/map_options.h */
#include "map/map_options.h"

#include <errno.h>
#include <stdbool.h>

#include "base/bits.h"
#include "os/memory.h"

/* What goes with any map. */
#define COMMON \
    (METE_MAP_POPULATE | METE_MAP_LOCK | METE_MAP_HUGE | METE_MAP_NO_RESERVE | METE_MAP_STAY)
#define ALL_FLAGS                                                                 \
    (COMMON | METE_MAP_STACK | METE_MAP_SPARSE | METE_MAP_SHARED | METE_MAP_NEW | \
     METE_MAP_NO_FOLLOW)
#define ALL_ACCESS (METE_MAP_READ | METE_MAP_WRITE | METE_MAP_COPY | METE_MAP_EXEC)

_Static_assert((ALL_FLAGS & ALL_ACCESS) == 0, "one taken for the other is found out");

/* What each opener can make something of. A memory file takes no disk space, and a replacement
 * follows no link, in any case. */
static const struct ability {
    unsigned flags;
    unsigned access; /* given where none is asked for */
    bool has_place;  /* offset, length */
    bool has_size;   /* create_size */
    bool creates;    /* create_mode */
} abilities[] = {
    [METE__MAP_OPEN] = {COMMON | METE_MAP_SPARSE | METE_MAP_NEW | METE_MAP_NO_FOLLOW, METE_MAP_READ,
                        .has_place = true, .has_size = true, .creates = true},
    [METE__MAP_OPEN_FILE] = {COMMON | METE_MAP_SPARSE, METE_MAP_READ, .has_place = true,
                             .has_size = true},
    [METE__MAP_MEMORY] = {COMMON | METE_MAP_SPARSE, METE_MAP_READ | METE_MAP_WRITE,
                          .has_place = false},
    [METE__MAP_ANONYMOUS] = {COMMON | METE_MAP_STACK | METE_MAP_SHARED,
                             METE_MAP_READ | METE_MAP_WRITE, .has_place = false},
    [METE__MAP_REPLACE] = {COMMON | METE_MAP_SPARSE | METE_MAP_NO_FOLLOW,
                           METE_MAP_READ | METE_MAP_WRITE, .has_size = true, .creates = true},
};

const mete_map_options *mete__map_options_or_default(const mete_map_options *given) {
    static const mete_map_options none;
    return given != NULL ? given : &none;
}

int mete__map_options_access(unsigned given, unsigned by_default, unsigned *access) {
    if ((given & ~ALL_ACCESS) != 0) return -EINVAL;
    unsigned all = given != 0 ? given | METE_MAP_READ : by_default;
    if ((all & METE_MAP_COPY) != 0) all &= ~METE_MAP_WRITE;
    *access = all;
    return 0;
}

static bool makes_sense(const mete_map_options *options, const struct ability *ability) {
    size_t page = options->page_size;

    if ((options->flags & ~ability->flags) != 0 || (options->create_mode & ~07777u) != 0)
        return false;
    if (!ability->has_place && (options->offset != 0 || options->length != 0)) return false;
    if (!ability->has_size && options->create_size != 0) return false;
    if (!ability->creates && options->create_mode != 0) return false;
    return page == 0 || (mete__is_power_of_two(page) && page > mete__memory_page_size() &&
                         (options->flags & METE_MAP_HUGE) != 0);
}

int mete__map_options_check(const mete_map_options *options, enum mete__map_opener opener,
                            unsigned *access) {
    const struct ability *ability = &abilities[opener];

    if (!makes_sense(options, ability)) return -EINVAL;
    if (opener == METE__MAP_OPEN && options->create_size == 0 &&
        (options->create_mode != 0 || (options->flags & METE_MAP_NEW) != 0))
        return -EINVAL;
    if (options->reserve > PTRDIFF_MAX) return -EOVERFLOW;
    return mete__map_options_access(options->access, ability->access, access);
}

int mete__map_options_range(const mete_map_options *options, uint64_t file_size, size_t *size) {
    if (options->length > PTRDIFF_MAX) return -EOVERFLOW;
    if (options->offset > file_size) return -ENXIO;
    uint64_t rest = file_size - options->offset;
    if (options->length > rest) return -ENXIO;
    if (options->length == 0 && rest > PTRDIFF_MAX) return -EOVERFLOW;
    *size = options->length != 0 ? options->length : (size_t)rest;
    return 0;
}
