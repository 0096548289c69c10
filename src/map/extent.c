/* map/extent.h: making, sizing and ending of extents, and what the registry asks of them. */
#include "map/extent.h"

#include <errno.h>

#include "base/bits.h"
#include "os/mapping.h"
#include "os/memory.h"
#include "os/meta.h"
#include "os/process.h"

/* ---- for the registry ---- */

static const struct mete__extent *extent_of(const struct mete__holder *holder) {
    return (const struct mete__extent *)holder;
}
_Static_assert(offsetof(struct mete__extent, holder) == 0, "the one is the other");

static bool find(const struct mete__holder *holder, const void *address,
                 struct mete__holder_block *out) {
    const struct mete__extent *extent = extent_of(holder);
    size_t distance = (uintptr_t)address - (uintptr_t)extent->start;

    if (distance >= extent->room) return false;
    if (distance >= mete__extent_size(extent)) {
        *out = (struct mete__holder_block){.block = NULL};
        return true;
    }
    size_t from = __atomic_load_n(&extent->shown_from, __ATOMIC_RELAXED);
    size_t to = __atomic_load_n(&extent->shown_to, __ATOMIC_RELAXED);
    *out = (struct mete__holder_block){
        .block = extent->start + from,
        .size = to - from,
        .live = true,
        .file_offset = extent->file < 0 ? 0 : extent->offset + distance,
    };
    return true;
}

/* One block: the mapping; each window is an allocation. */
static void read_stats(const struct mete__holder *holder, struct mete__holder_stats *out) {
    const struct mete__extent *extent = extent_of(holder);
    uint64_t views = __atomic_load_n(&extent->views, __ATOMIC_RELAXED);
    uint64_t made = __atomic_load_n(&extent->views_made, __ATOMIC_RELAXED);

    *out = (struct mete__holder_stats){
        .reserved_bytes = extent->room,
        .live_bytes = mete__extent_size(extent),
        .peak_bytes = __atomic_load_n(&extent->peak_size, __ATOMIC_RELAXED),
        .live_blocks = views,
        .allocations = made,
        .frees = made - views,
    };
}

static void each_range(const struct mete__holder *holder,
                       void (*visit)(void *context, uintptr_t start, size_t size), void *context) {
    const struct mete__extent *extent = extent_of(holder);
    size_t size = mete__extent_size(extent);

    if (size != 0) visit(context, (uintptr_t)extent->start, size);
}

static const struct mete__holder_methods methods = {METE__HOLDER_MAP, find, read_stats, each_range};

/* ---- mappings ---- */

unsigned mete__extent_protection(unsigned access) {
    return ((access & METE_MAP_READ) != 0 ? METE__MAPPING_READ : 0) |
           ((access & (METE_MAP_WRITE | METE_MAP_COPY)) != 0 ? METE__MAPPING_WRITE : 0) |
           ((access & METE_MAP_EXEC) != 0 ? METE__MAPPING_EXEC : 0);
}

static unsigned mapping_flags(const struct mete__extent *extent) {
    unsigned flags = mete__extent_protection(extent->access);

    if (extent->is_shared) flags |= METE__MAPPING_SHARED;
    if ((extent->flags & METE_MAP_NO_RESERVE) != 0) flags |= METE__MAPPING_NO_RESERVE;
    if ((extent->flags & METE_MAP_STACK) != 0) flags |= METE__MAPPING_STACK;
    if (extent->file < 0 && extent->page != mete__memory_page_size()) flags |= METE__MAPPING_HUGE;
    return flags;
}

/* Maps [distance, distance + size) of the extent at `where`, or anywhere. */
static int map_part(const struct mete__extent *extent, void *where, size_t distance, size_t size,
                    void **out) {
    const struct mete__mapping_request request = {
        .where = where,
        .size = size,
        .flags = mapping_flags(extent),
        .file = extent->file,
        .offset = extent->file < 0 ? 0 : extent->offset + distance,
        .huge_page = extent->file < 0 ? extent->page : 0,
    };
    return mete__mapping_make(&request, out);
}

/* Reserves the extent's room, and maps its size into it. */
static int place_in_reservation(struct mete__extent *extent, size_t align) {
    void *start = mete__memory_reserve(extent->room, align);
    int status = 0;

    if (start == NULL) return -ENOMEM;
    if (extent->size != 0) status = map_part(extent, start, 0, extent->size, &start);
    if (status != 0) {
        mete__memory_release(start, extent->room);
        return status;
    }
    extent->start = start;
    return 0;
}

static int place(struct mete__extent *extent, size_t align) {
    void *start;

    if (extent->room > extent->size || align > extent->page)
        return place_in_reservation(extent, align);
    int status = map_part(extent, NULL, 0, extent->size, &start);
    if (status == 0) extent->start = start;
    return status;
}

/* Sizes in pages of `page` bytes. */
static int measure(struct mete__extent *extent, const struct mete__extent_plan *plan, size_t page) {
    size_t in_page = (size_t)(plan->offset % page), size, reserve;

    if (mete__add_overflows(in_page, plan->size, &size) || size > (size_t)PTRDIFF_MAX - page)
        return -EOVERFLOW;
    if (mete__add_overflows(in_page, plan->reserve, &reserve) ||
        reserve > (size_t)PTRDIFF_MAX - page)
        return -EOVERFLOW;
    extent->page = page;
    extent->offset = plan->offset - in_page;
    extent->size = plan->size == 0 ? 0 : mete__round_up(size, page);
    extent->is_reserved = plan->reserve != 0;
    extent->room = mete__round_up(reserve, page);
    if (!extent->is_reserved || extent->room < extent->size) extent->room = extent->size;
    if (extent->room == 0) extent->room = page;
    extent->peak_size = extent->size;
    return 0;
}

/* Transparent huge pages, for memory that would like them: its start is where they can begin. */
static int place_for_transparent(struct mete__extent *extent) {
    size_t huge = mete__mapping_huge_page();
    int status = place(extent, huge > extent->page && extent->size >= huge ? huge : extent->page);

    if (status == 0 && extent->size != 0 &&
        mete__mapping_advise(extent->start, extent->size, METE__MAPPING_WANTS_HUGE) == 0)
        extent->obtained |= METE_MAP_HUGE;
    return status;
}

static int place_as_wished(struct mete__extent *extent, const struct mete__extent_plan *plan) {
    size_t page = plan->page != 0 ? plan->page : mete__memory_page_size();
    size_t huge = plan->huge_page != 0 ? plan->huge_page : mete__mapping_huge_page();
    int status;

    if ((plan->flags & METE_MAP_HUGE) != 0 && plan->file < 0 && huge > page && plan->size != 0) {
        status = measure(extent, plan, huge);
        if (status == 0) status = place(extent, huge);
        if (status == 0) extent->obtained |= METE_MAP_HUGE;
        if (status == 0) return 0;
    }
    status = measure(extent, plan, page);
    if (status != 0) return status;
    if ((plan->flags & METE_MAP_HUGE) != 0 && page == mete__memory_page_size())
        return place_for_transparent(extent);
    if (page != mete__memory_page_size()) extent->obtained |= METE_MAP_HUGE;
    return place(extent, page);
}

/* What must not fail the making of it. */
static void grant_wishes(struct mete__extent *extent, bool is_named) {
    bool writable = (extent->access & (METE_MAP_WRITE | METE_MAP_COPY)) != 0;

    extent->obtained |= extent->flags & METE_MAP_NO_RESERVE;
    if (extent->file < 0 && is_named &&
        mete__mapping_name(extent->start, extent->size, extent->holder.name) == 0)
        extent->obtained |= METE_MAP_NAMED;
    if (extent->size == 0) return;
    if ((extent->flags & METE_MAP_POPULATE) != 0 &&
        mete__mapping_populate(extent->start, extent->size, writable) == 0)
        extent->obtained |= METE_MAP_POPULATE;
    if ((extent->flags & METE_MAP_LOCK) != 0 &&
        mete__mapping_lock(extent->start, extent->size) == 0)
        extent->obtained |= METE_MAP_LOCK;
}

/* The same of a part that was mapped anew: what has come true for the rest, or it is no more. */
static void renew_wishes(struct mete__extent *extent, char *start, size_t size) {
    bool is_transparent = extent->page == mete__memory_page_size();

    if ((extent->obtained & METE_MAP_NAMED) != 0)
        (void)mete__mapping_name(start, size, extent->holder.name);
    if (is_transparent && (extent->obtained & METE_MAP_HUGE) != 0 &&
        mete__mapping_advise(start, size, METE__MAPPING_WANTS_HUGE) != 0)
        extent->obtained &= ~METE_MAP_HUGE;
    if ((extent->obtained & METE_MAP_LOCK) != 0 && mete__mapping_lock(start, size) != 0)
        extent->obtained &= ~METE_MAP_LOCK;
}

/* Which file, and which directory: the numbers alone prove nothing later. */
static int identify(int file, struct mete__backing_identity *identity) {
    struct mete__backing_facts facts;

    if (file < 0) return 0;
    int status = mete__backing_look(file, &facts);
    if (status == 0) *identity = facts.identity;
    return status;
}

int mete__extent_make(const struct mete__extent_plan *plan, const struct mete__caller *caller,
                      mete_map **out) {
    struct mete__extent *extent = mete__meta_alloc(sizeof *extent);
    int status;

    if (extent == NULL) return -ENOMEM;
    extent->file = plan->file;
    extent->directory = plan->directory;
    extent->writes_file = extent->file >= 0 && mete__backing_is_writable(extent->file);
    extent->access = plan->access;
    extent->flags = plan->flags;
    extent->is_memory = plan->is_memory;
    extent->is_shared =
        plan->file < 0 ? (plan->flags & METE_MAP_SHARED) != 0 : (plan->access & METE_MAP_COPY) == 0;
    extent->was_writable = (plan->access & METE_MAP_WRITE) != 0;
    mete__loss_begin(&extent->loss);
    status = identify(extent->file, &extent->identity);
    if (status == 0) status = identify(extent->directory, &extent->directory_identity);
    if (status == 0) status = place_as_wished(extent, plan);
    if (status != 0) goto fail_place;
    if (extent->file >= 0) status = mete__loss_watch(extent);
    if (status != 0) goto fail_watch;
    mete_map *map = mete__extent_view(extent, (size_t)(plan->offset - extent->offset), plan->size);
    status = -ENOMEM;
    if (map == NULL) goto fail_view;
    mete__extent_show(map);
    mete__registry_claim(&extent->territory, &extent->holder, extent->start, extent->room);
    mete__registry_enter(&extent->holder, &methods, plan->name, caller);
    grant_wishes(extent, plan->name != NULL); /* as it was cut */
    *out = map;
    return 0;

fail_view:
    mete__loss_forget(extent);
fail_watch:
    mete__mapping_remove(extent->start, extent->room);
fail_place:
    mete__meta_free(extent, sizeof *extent);
    return status;
}

/* ---- windows ---- */

mete_map *mete__extent_view(struct mete__extent *extent, size_t offset, size_t size) {
    mete_map *map = mete__meta_alloc(sizeof *map);

    if (map == NULL) return NULL;
    *map = (mete_map){extent, offset, size};
    __atomic_fetch_add(&extent->views, 1, __ATOMIC_RELAXED);
    __atomic_fetch_add(&extent->views_made, 1, __ATOMIC_RELAXED);
    return map;
}

void mete__extent_show(const mete_map *map) {
    __atomic_store_n(&map->extent->shown_from, map->offset, __ATOMIC_RELAXED);
    __atomic_store_n(&map->extent->shown_to, map->offset + mete__extent_view_size(map),
                     __ATOMIC_RELAXED);
}

static void drop_replacement(struct mete__extent *extent) {
    struct mete__replacement *replacement = extent->replacement;

    if (replacement == NULL) return;
    if (replacement->name[0] != '\0' && replacement->process == mete__process_id())
        (void)mete__backing_remove(extent->directory, replacement->name);
    mete__meta_free(replacement, sizeof *replacement);
}

static void destroy(struct mete__extent *extent) {
    mete__registry_leave(&extent->holder);
    mete__registry_disclaim(&extent->territory);
    mete__loss_forget(extent);
    mete__mapping_remove(extent->start, extent->room);
    drop_replacement(extent);
    mete__backing_close_own(extent->directory, &extent->directory_identity);
    mete__backing_close_own(extent->file, &extent->identity);
    mete__meta_free(extent, sizeof *extent);
}

void mete__extent_leave(mete_map *map) {
    struct mete__extent *extent = map->extent;

    mete__meta_free(map, sizeof *map);
    if (__atomic_sub_fetch(&extent->views, 1, __ATOMIC_ACQ_REL) == 0) destroy(extent);
}

int mete__extent_file_size(const struct mete__extent *extent, uint64_t *size) {
    struct mete__backing_facts facts;

    if (extent->file < 0 || mete__backing_look(extent->file, &facts) != 0) return -EBADF;
    if (facts.identity.device != extent->identity.device ||
        facts.identity.inode != extent->identity.inode)
        return -EBADF;
    *size = facts.size;
    return 0;
}

int mete__extent_range(const mete_map *map, size_t offset, size_t length,
                       struct mete__extent_range *out) {
    size_t size = mete__extent_view_size(map);

    if (offset > size || length > size - offset) return -EINVAL;
    uintptr_t from = (uintptr_t)mete__extent_data(map) + offset;
    *out = (struct mete__extent_range){from, from + (length == 0 ? size - offset : length)};
    return 0;
}

struct mete__extent_range mete__extent_pages(const mete_map *map, struct mete__extent_range range) {
    size_t page = map->extent->page;

    if (range.from == range.to) return range;
    return (struct mete__extent_range){mete__round_down(range.from, page),
                                       mete__round_up(range.to, page)};
}

/* ---- sizing ---- */

/* Maps the file anew where zeros were put, up to what will be the extent's end. */
static int mend(struct mete__extent *extent, char *start, size_t size) {
    void *mapped;
    int status = map_part(extent, start, (size_t)(start - extent->start), size, &mapped);

    if (status == 0) renew_wishes(extent, start, size);
    return status;
}

int mete__extent_remap(struct mete__extent *extent) {
    void *mapped;

    if (extent->size == 0) return 0;
    int status = map_part(extent, extent->start, 0, extent->size, &mapped);
    if (status == 0) renew_wishes(extent, extent->start, extent->size);
    return status;
}

/* Grows or shrinks inside of the room. */
static int resize_in_room(struct mete__extent *extent, size_t size) {
    size_t old = extent->size;
    char *end = extent->start + old;
    void *mapped;

    if (size < old) return mete__mapping_reserve(extent->start + size, old - size, &mapped);
    int status = map_part(extent, end, old, size - old, &mapped);
    if (status != 0) return status;
    /* As the kernel says where it grows a locked mapping. */
    if ((extent->obtained & METE_MAP_LOCK) != 0 && mete__mapping_lock(end, size - old) != 0) {
        status = mete__mapping_reserve(end, size - old, &mapped);
        return status != 0 ? status : -EAGAIN;
    }
    renew_wishes(extent, end, size - old);
    return 0;
}

/* From nothing, or to nothing: there is one inaccessible page then. */
static int resize_from_nothing(struct mete__extent *extent, size_t size) {
    void *start;
    int status = map_part(extent, NULL, 0, size, &start);

    if (status != 0) return status;
    mete__mapping_remove(extent->start, extent->room);
    extent->start = start;
    extent->room = size;
    return 0;
}

static int resize_to_nothing(struct mete__extent *extent) {
    void *start;
    int status = mete__mapping_reserve(extent->start, extent->size, &start);

    if (status != 0) return status;
    if (extent->size > extent->page)
        mete__mapping_remove(extent->start + extent->page, extent->size - extent->page);
    extent->room = extent->page;
    return 0;
}

static int resize_mapping(struct mete__extent *extent, size_t size) {
    void *start = extent->start;
    int status;

    if (extent->is_reserved) return size > extent->room ? -ENOMEM : resize_in_room(extent, size);
    if (extent->size == 0) return resize_from_nothing(extent, size);
    if (size == 0) return resize_to_nothing(extent);
    /* mremap would add pages that nothing is behind. */
    if (extent->file < 0 && extent->is_shared && size > extent->size) return -EINVAL;
    status = mete__mapping_resize(&start, extent->size, size, (extent->flags & METE_MAP_STAY) == 0);
    if (status != 0) return status;
    extent->start = start;
    extent->room = size;
    return 0;
}

int mete__extent_resize(struct mete__extent *extent, size_t size) {
    int status = size == 0 ? 0 : mete__loss_each_cover(extent, mend);

    bool was_nothing = extent->size == 0;
    size = mete__round_up(size, extent->page);
    if (status == 0 && size != extent->size) status = resize_mapping(extent, size);
    if (status != 0) return status;
    __atomic_store_n(&extent->size, size, __ATOMIC_RELEASE);
    if (was_nothing) grant_wishes(extent, (extent->obtained & METE_MAP_NAMED) != 0);
    if (size > extent->peak_size) __atomic_store_n(&extent->peak_size, size, __ATOMIC_RELAXED);
    if (!mete__loss_is_none(&extent->loss)) mete__loss_begin(&extent->loss);
    if (!extent->is_reserved) {
        mete__loss_follow(extent);
        mete__registry_disclaim(&extent->territory);
        mete__registry_claim(&extent->territory, &extent->holder, extent->start, extent->room);
    }
    return 0;
}
