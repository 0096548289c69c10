/*
 * profile/writer.c - sections and their records in the profile's space.
 *
 * A section takes chunks of doubling size from the space; within a chunk pages are populated step
 * by step, ahead of the records. Both steps can be repeated without harm and are published by
 * compare-and-swap, so a thread that stops half-way stops nobody else; two threads that take the
 * same chunk at once waste one range of the file, which stays a hole.
 *
 * The tables here (reserved, populated, chunks) are the truth. The header's directory repeats them
 * for readers and is never read back: others can write to the file, and in a forked child it is
 * still the parent's.
 */
#include "profile/writer.h"

#include <errno.h>
#include <string.h>

#include "base/bits.h"
#include "os/file.h"
#include "os/memory.h"
#include "os/meta.h"
#include "os/process.h"
#include "profile/space.h"

enum {
    SMALLEST_STEP = 64 * 1024,  /* bytes populated at once, at least */
    LARGEST_STEP = 1024 * 1024, /* and at most */
};

/* What one record takes, log2 of how many are in the first chunk, and how many eighths of the file
 * have to be taken before the section may not grow any more: what a report cannot do without
 * outlasts the rest. */
static const struct {
    uint32_t record_bytes;
    uint32_t first_shift;
    unsigned share;
} geometry[METE_SECTION_COUNT] = {
    [METE_SECTION_STRINGS] = {1, 12, 7},
    [METE_SECTION_MODULES] = {sizeof(struct mete_profile_module), 6, 8},
    [METE_SECTION_NODES] = {sizeof(struct mete_profile_node), 10, 6},
    [METE_SECTION_SITES] = {sizeof(struct mete_profile_site), 7, 7},
    [METE_SECTION_SHARDS] = {sizeof(struct mete_profile_shard), 3, 8},
    [METE_SECTION_TIMELINE] = {sizeof(struct mete_profile_moment), 10, 8},
    [METE_SECTION_ERRORS] = {sizeof(struct mete_profile_error), 6, 8},
    [METE_SECTION_LEAKS] = {sizeof(struct mete_profile_leak), 8, 8},
    [METE_SECTION_HOLDERS] = {sizeof(struct mete_profile_holder), 5, 8},
    [METE_SECTION_TYPES] = {sizeof(struct mete_profile_type), 7, 7},
    [METE_SECTION_SIZES] = {sizeof(struct mete_profile_sizes), 8, 7},
};
static_assert(METE_MOMENTS_MAX <= 1 << 10, "the timeline stays in its first chunk");

static struct mete__space space;
static struct section {
    uint64_t reserved;                   /* atomic: records handed out */
    uint64_t populated;                  /* atomic: records whose pages are present; >= reserved */
    uint64_t chunk[METE_PROFILE_CHUNKS]; /* atomic: offsets in the space; 0: not there yet */
} sections[METE_SECTION_COUNT];

/* ---- where records are ---- */

static unsigned chunk_of(enum mete_profile_section section, uint64_t index) {
    return mete__log2_floor((index >> geometry[section].first_shift) + 1);
}

static uint64_t chunk_records(enum mete_profile_section section, unsigned chunk) {
    return (uint64_t)1 << (geometry[section].first_shift + chunk);
}

static uint64_t chunk_first(enum mete_profile_section section, unsigned chunk) {
    return (((uint64_t)1 << chunk) - 1) << geometry[section].first_shift;
}

void *mete__writer_record(enum mete_profile_section section, uint64_t index) {
    unsigned chunk = chunk_of(section, index);
    uint64_t offset = __atomic_load_n(&sections[section].chunk[chunk], __ATOMIC_ACQUIRE);
    return space.base + offset +
           (index - chunk_first(section, chunk)) * geometry[section].record_bytes;
}

uint64_t mete__writer_index(enum mete_profile_section section, const void *record) {
    uint64_t offset = (uint64_t)((const unsigned char *)record - space.base);
    uint32_t bytes = geometry[section].record_bytes;

    for (unsigned chunk = 0; chunk < METE_PROFILE_CHUNKS; chunk++) {
        uint64_t start = __atomic_load_n(&sections[section].chunk[chunk], __ATOMIC_ACQUIRE);
        if (start == 0) break;
        if (offset >= start && (offset - start) / bytes < chunk_records(section, chunk))
            return chunk_first(section, chunk) + (offset - start) / bytes;
    }
    return UINT64_MAX;
}

struct mete_profile_header *mete__writer_header(void) {
    return (struct mete_profile_header *)(void *)space.base;
}

bool mete__writer_is_open(void) {
    return space.base != NULL;
}

bool mete__writer_has_file(void) {
    return space.has_file;
}

bool mete__writer_is_unsaved(void) {
    return space.unsaved;
}

size_t mete__writer_size(void) {
    return space.mapped;
}

uint64_t mete__writer_count(enum mete_profile_section section) {
    return __atomic_load_n(&sections[section].reserved, __ATOMIC_ACQUIRE);
}

/* ---- growth ---- */

static void raise_to(uint64_t *value, uint64_t least) {
    uint64_t old = __atomic_load_n(value, __ATOMIC_RELAXED);
    while (old < least && !__atomic_compare_exchange_n(value, &old, least, false, __ATOMIC_RELEASE,
                                                       __ATOMIC_RELAXED)) {
    }
}

static int add_chunk(enum mete_profile_section section, unsigned chunk) {
    if (chunk >= METE_PROFILE_CHUNKS) return -ENOSPC;
    size_t bytes = (size_t)chunk_records(section, chunk) * geometry[section].record_bytes;
    size_t size = mete__round_up(bytes, mete__memory_page_size());
    int64_t offset = mete__space_take(&space, size, geometry[section].share);
    if (offset < 0) return (int)offset;

    uint64_t *place = &sections[section].chunk[chunk];
    uint64_t expected = 0;
    if (__atomic_compare_exchange_n(place, &expected, (uint64_t)offset, false, __ATOMIC_RELEASE,
                                    __ATOMIC_ACQUIRE))
        expected = (uint64_t)offset;
    struct mete_profile_header *header = mete__writer_header();
    __atomic_store_n(&header->sections[section].chunk[chunk], expected, __ATOMIC_RELEASE);
    raise_to(&header->used_bytes, (uint64_t)offset + size);
    return 0;
}

/* Makes the pages of some more records present, in a new chunk if need be. */
static int extend(enum mete_profile_section section, uint64_t populated) {
    struct section *state = &sections[section];
    unsigned chunk = chunk_of(section, populated);
    uint64_t first = chunk_first(section, chunk);
    size_t record = geometry[section].record_bytes;
    size_t bytes = (size_t)chunk_records(section, chunk) * record;
    size_t start = (size_t)(populated - first) * record;
    size_t step = bytes / 4;

    if (chunk >= METE_PROFILE_CHUNKS ||
        __atomic_load_n(&state->chunk[chunk], __ATOMIC_ACQUIRE) == 0) {
        int status = add_chunk(section, chunk);
        if (status != 0) return status;
    }
    if (step < SMALLEST_STEP) step = SMALLEST_STEP;
    if (step > LARGEST_STEP) step = LARGEST_STEP;
    size_t end = bytes - start <= step ? bytes : start + step;
    uint64_t offset = __atomic_load_n(&state->chunk[chunk], __ATOMIC_ACQUIRE);
    int status = mete__space_populate(&space, offset + start, end - start);
    if (status != 0) return status;
    raise_to(&state->populated, first + end / record);
    return 0;
}

int64_t mete__writer_reserve(enum mete_profile_section section, uint64_t count) {
    if (space.base == NULL) return -EBADF;
    struct section *state = &sections[section];
    uint64_t index = __atomic_load_n(&state->reserved, __ATOMIC_RELAXED);

    if (count > space.size) return -ENOSPC;
    do {
        uint64_t populated;
        while ((populated = __atomic_load_n(&state->populated, __ATOMIC_ACQUIRE)) < index + count) {
            int status = extend(section, populated);
            if (status != 0) return status;
        }
    } while (!__atomic_compare_exchange_n(&state->reserved, &index, index + count, false,
                                          __ATOMIC_ACQ_REL, __ATOMIC_RELAXED));
    return (int64_t)index;
}

void mete__writer_publish(enum mete_profile_section section, uint64_t index) {
    raise_to(&mete__writer_header()->sections[section].count, index + 1);
}

int64_t mete__writer_append(enum mete_profile_section section, const void *record) {
    int64_t index = mete__writer_reserve(section, 1);
    if (index < 0) return index;
    memcpy(mete__writer_record(section, (uint64_t)index), record, geometry[section].record_bytes);
    mete__writer_publish(section, (uint64_t)index);
    return index;
}

uint64_t mete__writer_string(const char *text, size_t length) {
    int64_t index = length < SIZE_MAX ? mete__writer_reserve(METE_SECTION_STRINGS, length + 1) : -1;
    if (index < 0) return 0;
    uint64_t next = (uint64_t)index;

    while (length > 0) {
        unsigned chunk = chunk_of(METE_SECTION_STRINGS, next);
        uint64_t left = chunk_first(METE_SECTION_STRINGS, chunk + 1) - next;
        size_t part = length < left ? length : (size_t)left;
        memcpy(mete__writer_record(METE_SECTION_STRINGS, next), text, part);
        text += part;
        next += part;
        length -= part;
    }
    mete__writer_publish(METE_SECTION_STRINGS, next); /* the NUL is there: space comes zeroed */
    return (uint64_t)index + 1;
}

/* ---- opening ---- */

/* The header's fixed part but its magic, and the directory after the tables here. */
static void fill_header(struct mete_profile_header *header) {
    header->version = METE_PROFILE_VERSION;
    header->header_size = METE_PROFILE_HEADER_SIZE;
    header->machine = mete__process_machine();
    header->page_size = (uint32_t)mete__memory_page_size();
    header->pid = mete__process_id();
    header->parent_pid = mete__process_parent_id();
    header->state = METE_PROFILE_RUNNING;
    header->start_realtime = mete__process_clock_realtime();
    header->start_clock = mete__process_clock();
    header->end_clock = 0;
    header->leak_check = METE_LEAK_CHECK_NONE;
    header->leak_check_errno = 0;
    header->request = 0;
    header->end = METE_PROFILE_END_UNKNOWN;
    header->end_code = 0;
    header->used_bytes = space.used;
    for (int i = 0; i < METE_SECTION_COUNT; i++) {
        struct mete_profile_directory *directory = &header->sections[i];
        directory->record_bytes = geometry[i].record_bytes;
        directory->first_records = (uint32_t)1 << geometry[i].first_shift;
        directory->count = sections[i].reserved;
        memcpy(directory->chunk, sections[i].chunk, sizeof directory->chunk);
    }
}

int mete__writer_open(const struct mete__writer_options *options) {
    size_t front = mete__round_up(METE_PROFILE_HEADER_SIZE, mete__memory_page_size());
    uint64_t limit = options->limit_bytes != 0 ? options->limit_bytes : METE__WRITER_LIMIT_DEFAULT;

    if (space.base != NULL) return -EBUSY;
    if (limit > METE__WRITER_LIMIT_MAX) limit = METE__WRITER_LIMIT_MAX;
    memset(sections, 0, sizeof sections);
    int status = mete__space_open(&space, options->path, limit, front);
    if (status != 0) return status;
    struct mete_profile_header *header = mete__writer_header();
    fill_header(header);
    /* Last, so that a reader finds a whole header or none. */
    __atomic_thread_fence(__ATOMIC_RELEASE);
    memcpy(header->magic, METE_PROFILE_MAGIC, sizeof header->magic);
    mete__meta_register(space.base, space.mapped);
    return 0;
}

void mete__writer_close(void) {
    if (space.base == NULL) return;
    mete__meta_forget(space.base, space.mapped);
    mete__space_close(&space);
}

/* ---- copies ---- */

/* Calls put for every piece of the space that holds records. */
static int each_piece(int (*put)(void *context, uint64_t offset, size_t size), void *context) {
    for (int i = 0; i < METE_SECTION_COUNT; i++) {
        uint64_t left = mete__writer_count((enum mete_profile_section)i);
        for (unsigned chunk = 0; left > 0; chunk++) {
            uint64_t records = chunk_records((enum mete_profile_section)i, chunk);
            uint64_t part = left < records ? left : records;
            int status =
                put(context, sections[i].chunk[chunk], (size_t)part * geometry[i].record_bytes);
            if (status != 0) return status;
            left -= part;
        }
    }
    return 0;
}

static int put_in_file(void *context, uint64_t offset, size_t size) {
    return mete__file_write(*(int *)context, space.base + offset, size, offset);
}

static int put_in_memory(void *context, uint64_t offset, size_t size) {
    memcpy((unsigned char *)context + offset, space.base + offset, size);
    return 0;
}

int mete__writer_save(const char *path) {
    if (space.base == NULL) return -EBADF;
    int file = mete__file_create(path);
    if (file < 0) return file;
    struct mete_profile_header header = *mete__writer_header();
    uint64_t used = __atomic_load_n(&space.used, __ATOMIC_RELAXED);

    memset(header.magic, 0, sizeof header.magic); /* until everything else is there */
    int status = mete__file_set_size(file, used);
    if (status == 0) status = mete__file_write(file, &header, sizeof header, 0);
    if (status == 0) status = each_piece(put_in_file, &file);
    if (status == 0) status = mete__file_write(file, METE_PROFILE_MAGIC, sizeof header.magic, 0);
    mete__file_close(file);
    if (status != 0) mete__file_remove(path);
    return status;
}

int mete__writer_seal(const char *path) {
    return space.base != NULL && space.has_file ? mete__space_seal(&space, path) : -EBADF;
}

int mete__writer_fork(const char *path) {
    static const enum mete_profile_section emptied[] = {METE_SECTION_TIMELINE, METE_SECTION_ERRORS,
                                                        METE_SECTION_LEAKS};
    if (space.base == NULL) return -EBADF;
    unsigned char *image = mete__memory_map(space.used);
    if (image == NULL) {
        mete__writer_close();
        return -ENOMEM;
    }
    for (size_t i = 0; i < METE_COUNT_OF(emptied); i++) sections[emptied[i]].reserved = 0;
    memcpy(image, space.base, sizeof(struct mete_profile_header));
    each_piece(put_in_memory, image);
    fill_header((struct mete_profile_header *)(void *)image);
    memcpy(image, METE_PROFILE_MAGIC, sizeof METE_PROFILE_MAGIC - 1);
    return mete__space_replace(&space, path, image);
}
