/*
 * profile/reader.c - copies a profile and checks every record of it.
 *
 * A profile may be live while it is read. The order makes up for that: records that refer to others
 * (sites, errors, leaks) are copied first, by a first look at the header, what they refer to after
 * a second look; so nothing refers to what came too late.
 *
 * A profile may be hostile. No number of it is used before it is compared with the file's real
 * size; what is copied in all is never larger than the file.
 */
#include "profile/reader.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bits.h"

/* Where the bytes come from: a file, or memory where file is -1. */
struct source {
    const char *name; /* for `why` */
    int file;
    const unsigned char *data;
    uint64_t size;
    char *why;
    size_t why_size;
};

struct mete__profile {
    struct mete_profile_header header; /* the second look; counts are those of the copies */
    unsigned char *records[METE_SECTION_COUNT];
    uint64_t count[METE_SECTION_COUNT];
    const char **arguments; /* header.argc of them */
    uint32_t *modules;      /* indices of modules in order of start */
    uint64_t *module_reach; /* the highest end among the modules up to here in that order */
};

static const uint32_t record_bytes[METE_SECTION_COUNT] = {
    [METE_SECTION_STRINGS] = 1,
    [METE_SECTION_MODULES] = sizeof(struct mete_profile_module),
    [METE_SECTION_NODES] = sizeof(struct mete_profile_node),
    [METE_SECTION_SITES] = sizeof(struct mete_profile_site),
    [METE_SECTION_SHARDS] = sizeof(struct mete_profile_shard),
    [METE_SECTION_TIMELINE] = sizeof(struct mete_profile_moment),
    [METE_SECTION_ERRORS] = sizeof(struct mete_profile_error),
    [METE_SECTION_LEAKS] = sizeof(struct mete_profile_leak),
    [METE_SECTION_HOLDERS] = sizeof(struct mete_profile_holder),
    [METE_SECTION_TYPES] = sizeof(struct mete_profile_type),
    [METE_SECTION_SIZES] = sizeof(struct mete_profile_sizes),
};

static const char *const section_names[METE_SECTION_COUNT] = {
    [METE_SECTION_STRINGS] = "strings",
    [METE_SECTION_MODULES] = "modules",
    [METE_SECTION_NODES] = "stack tree",
    [METE_SECTION_SITES] = "sites",
    [METE_SECTION_SHARDS] = "shards",
    [METE_SECTION_TIMELINE] = "timeline",
    [METE_SECTION_ERRORS] = "errors",
    [METE_SECTION_LEAKS] = "leaks",
    [METE_SECTION_HOLDERS] = "pools, arenas and maps",
    [METE_SECTION_TYPES] = "types",
    [METE_SECTION_SIZES] = "sizes",
};

/* ---- bytes ---- */

METE_PRINTF(2, 3) static int refuse(const struct source *source, const char *format, ...) {
    va_list arguments;
    char reason[160];

    va_start(arguments, format);
    vsnprintf(reason, sizeof reason, format, arguments);
    va_end(arguments);
    snprintf(source->why, source->why_size, "%s %s", source->name, reason);
    return -EINVAL;
}

static int refuse_short(const struct source *source, uint64_t needed) {
    return refuse(source, "is truncated: it has %llu bytes and needs %llu",
                  (unsigned long long)source->size, (unsigned long long)needed);
}

/* Copies [offset, offset + size), which the caller knows to be inside. */
static int copy_bytes(const struct source *source, void *to, uint64_t offset, size_t size) {
    unsigned char *next = to;

    if (source->file < 0) {
        memcpy(to, source->data + offset, size);
        return 0;
    }
    while (size > 0) {
        ssize_t got = pread(source->file, next, size, (off_t)offset);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) {
            int status = -errno;
            refuse(source, "cannot be read: %s", strerror(-status));
            return status;
        }
        if (got == 0) return refuse(source, "was cut short while it was read");
        next += got;
        size -= (size_t)got;
        offset += (uint64_t)got;
    }
    return 0;
}

/* ---- the header ---- */

/* Profiles of older writers end before the last sections; zeros are there instead. */
static bool is_absent(const struct mete_profile_directory *directory, int section) {
    return section >= METE_SECTION_HOLDERS && directory->record_bytes == 0 &&
           directory->first_records == 0 && directory->count == 0;
}

static int check_directory(const struct source *source, const struct mete_profile_header *header,
                           int section, uint64_t *budget) {
    const struct mete_profile_directory *directory = &header->sections[section];
    uint64_t left = directory->count;
    uint64_t records = directory->first_records;

    if (is_absent(directory, section)) return 0;
    if (directory->record_bytes != record_bytes[section] || records == 0 || records > 1u << 24 ||
        !mete__is_power_of_two(records))
        return refuse(source, "is damaged: its table of %s is of no known shape",
                      section_names[section]);
    for (int chunk = 0; left > 0; chunk++, records *= 2) {
        if (chunk == METE_PROFILE_CHUNKS || directory->chunk[chunk] < METE_PROFILE_HEADER_SIZE)
            return refuse(source, "is damaged: its table of %s has a hole", section_names[section]);
        uint64_t part = left < records ? left : records;
        uint64_t bytes = part * record_bytes[section];
        uint64_t start = directory->chunk[chunk];
        if (start > source->size || bytes > source->size - start)
            return refuse_short(source, start <= INT64_MAX ? start + bytes : start);
        if (bytes > *budget) return refuse(source, "is damaged: its tables overlap");
        *budget -= bytes;
        left -= part;
    }
    return 0;
}

static int read_header(const struct source *source, struct mete_profile_header *header) {
    size_t magic_bytes = sizeof header->magic;
    uint64_t budget = source->size;

    if (source->size < magic_bytes) return refuse(source, "is not a mete profile");
    memset(header, 0, sizeof *header);
    size_t available = source->size < sizeof *header ? (size_t)source->size : sizeof *header;
    int status = copy_bytes(source, header, 0, available);
    if (status != 0) return status;
    if (memcmp(header->magic, METE_PROFILE_MAGIC, magic_bytes) != 0)
        return refuse(source, "is not a mete profile");
    if (source->size < METE_PROFILE_HEADER_SIZE)
        return refuse_short(source, METE_PROFILE_HEADER_SIZE);
    if (header->version != METE_PROFILE_VERSION)
        return refuse(source,
                      "is a profile of format version %u, written by another version of mete; "
                      "this one reads version %u",
                      header->version, METE_PROFILE_VERSION);
    if (header->header_size != METE_PROFILE_HEADER_SIZE)
        return refuse(source, "is damaged: its header is of no known size");
    for (int section = 0; section < METE_SECTION_COUNT; section++) {
        status = check_directory(source, header, section, &budget);
        if (status != 0) return status;
    }
    return 0;
}

/* ---- sections ---- */

static int copy_section(const struct source *source, const struct mete_profile_header *header,
                        enum mete_profile_section section, struct mete__profile *profile) {
    const struct mete_profile_directory *directory = &header->sections[section];
    size_t size = (size_t)directory->count * record_bytes[section];
    /* One byte more: strings end with a NUL whatever the file says. */
    unsigned char *records = malloc(size + 1);
    uint64_t left = directory->count;
    uint64_t in_chunk = directory->first_records;

    if (records == NULL) return -ENOMEM;
    records[size] = 0;
    profile->records[section] = records;
    profile->count[section] = directory->count;
    for (int chunk = 0; left > 0; chunk++, in_chunk *= 2) {
        uint64_t part = left < in_chunk ? left : in_chunk;
        size_t bytes = (size_t)part * record_bytes[section];
        int status = copy_bytes(source, records, directory->chunk[chunk], bytes);
        if (status != 0) return status;
        records += bytes;
        left -= part;
    }
    return 0;
}

static int copy_sections(const struct source *source, struct mete__profile *profile) {
    static const enum mete_profile_section referring[] = {
        METE_SECTION_SITES, METE_SECTION_SHARDS,  METE_SECTION_TIMELINE, METE_SECTION_ERRORS,
        METE_SECTION_LEAKS, METE_SECTION_HOLDERS, METE_SECTION_TYPES};
    static const enum mete_profile_section referred_to[] = {
        METE_SECTION_NODES, METE_SECTION_MODULES, METE_SECTION_SIZES, METE_SECTION_STRINGS};
    int status = read_header(source, &profile->header);

    for (size_t i = 0; status == 0 && i < METE_COUNT_OF(referring); i++)
        status = copy_section(source, &profile->header, referring[i], profile);
    if (status == 0) status = read_header(source, &profile->header);
    for (size_t i = 0; status == 0 && i < METE_COUNT_OF(referred_to); i++)
        status = copy_section(source, &profile->header, referred_to[i], profile);
    return status;
}

/* ---- checks ---- */

static int refuse_record(const struct source *source, enum mete_profile_section section,
                         uint64_t index) {
    return refuse(source, "is damaged: record %llu of its %s makes no sense",
                  (unsigned long long)index, section_names[section]);
}

/* A reference is 0 or the place of a text, plus 1. */
static bool is_string(const struct mete__profile *profile, uint64_t reference) {
    return reference <= profile->count[METE_SECTION_STRINGS];
}

static int check_nodes(const struct source *source, const struct mete__profile *profile) {
    const struct mete_profile_node *nodes = (const void *)profile->records[METE_SECTION_NODES];
    uint64_t count = profile->count[METE_SECTION_NODES];
    uint16_t *depth = calloc(count + 1, sizeof *depth);
    int status = 0;

    if (depth == NULL) return -ENOMEM;
    for (uint64_t i = 0; i < count && status == 0; i++) {
        bool in_order = i == 0 ? nodes[0].parent == 0 : nodes[i].parent < i;
        if (in_order && i > 0) depth[i] = (uint16_t)(depth[nodes[i].parent] + 1);
        if (!in_order || depth[i] > METE_STACK_FRAMES_MAX)
            status = refuse_record(source, METE_SECTION_NODES, i);
    }
    free(depth);
    return status;
}

static int check_modules(const struct source *source, const struct mete__profile *profile) {
    const struct mete_profile_module *modules =
        (const void *)profile->records[METE_SECTION_MODULES];

    for (uint64_t i = 0; i < profile->count[METE_SECTION_MODULES]; i++) {
        const struct mete_profile_module *module = &modules[i];
        if (module->start > module->end || module->generation > METE_GENERATION_MAX ||
            module->build_id_bytes > METE_BUILD_ID_MAX || !is_string(profile, module->path))
            return refuse_record(source, METE_SECTION_MODULES, i);
    }
    return 0;
}

/* Sites, errors and leaks: their stacks and kinds. Stack 0 is always there, even in an empty tree.
 */
static int check_stacks(const struct source *source, const struct mete__profile *profile) {
    const struct mete_profile_site *sites = (const void *)profile->records[METE_SECTION_SITES];
    const struct mete_profile_error *errors = (const void *)profile->records[METE_SECTION_ERRORS];
    const struct mete_profile_leak *leaks = (const void *)profile->records[METE_SECTION_LEAKS];
    uint64_t nodes = profile->count[METE_SECTION_NODES];

    if (nodes == 0) nodes = 1;
    for (uint64_t i = 0; i < profile->count[METE_SECTION_SITES]; i++)
        if (sites[i].stack >= nodes) return refuse_record(source, METE_SECTION_SITES, i);
    for (uint64_t i = 0; i < profile->count[METE_SECTION_ERRORS]; i++)
        if (errors[i].stack >= nodes || errors[i].allocated_at >= nodes ||
            errors[i].freed_at >= nodes || errors[i].kind > METE_ERROR_WRITE_AFTER_FREE)
            return refuse_record(source, METE_SECTION_ERRORS, i);
    for (uint64_t i = 0; i < profile->count[METE_SECTION_LEAKS]; i++)
        if (leaks[i].stack >= nodes || leaks[i].kind > METE_LEAK_REACHABLE)
            return refuse_record(source, METE_SECTION_LEAKS, i);
    return 0;
}

static int check_holders(const struct source *source, const struct mete__profile *profile) {
    const struct mete_profile_holder *holders =
        (const void *)profile->records[METE_SECTION_HOLDERS];
    uint64_t nodes = profile->count[METE_SECTION_NODES];

    for (uint64_t i = 0; i < profile->count[METE_SECTION_HOLDERS]; i++)
        if ((holders[i].stack != 0 && holders[i].stack >= nodes) ||
            holders[i].kind > METE_HOLDER_ALLOCATOR || !is_string(profile, holders[i].name))
            return refuse_record(source, METE_SECTION_HOLDERS, i);
    return 0;
}

static int check_types(const struct source *source, const struct mete__profile *profile) {
    const struct mete_profile_type *types = (const void *)profile->records[METE_SECTION_TYPES];
    uint64_t nodes = profile->count[METE_SECTION_NODES];

    for (uint64_t i = 0; i < profile->count[METE_SECTION_TYPES]; i++)
        if ((types[i].stack != 0 && types[i].stack >= nodes) ||
            !is_string(profile, types[i].name) || !is_string(profile, types[i].file))
            return refuse_record(source, METE_SECTION_TYPES, i);
    return 0;
}

/* Their sites may be newer than those that were copied. */
static int check_sizes(const struct source *source, const struct mete__profile *profile) {
    const struct mete_profile_sizes *sizes = (const void *)profile->records[METE_SECTION_SIZES];

    for (uint64_t i = 0; i < profile->count[METE_SECTION_SIZES]; i++)
        if (sizes[i].min > sizes[i].max) return refuse_record(source, METE_SECTION_SIZES, i);
    return 0;
}

/* The program's arguments as pointers into the strings. */
static int list_arguments(const struct source *source, struct mete__profile *profile) {
    const char *strings = (const char *)profile->records[METE_SECTION_STRINGS];
    uint64_t end = profile->count[METE_SECTION_STRINGS];
    uint64_t next = profile->header.argv;
    uint32_t argc = next == 0 ? 0 : profile->header.argc;

    profile->header.argc = argc;
    if (!is_string(profile, profile->header.executable) ||
        !is_string(profile, profile->header.program) || next > end || argc > end)
        return refuse(source, "is damaged: its header refers to texts that are not there");
    profile->arguments = calloc((size_t)argc + 1, sizeof *profile->arguments);
    if (profile->arguments == NULL) return -ENOMEM;
    for (uint32_t i = 0; i < argc; i++) {
        if (next > end) return refuse(source, "is damaged: it has fewer arguments than it says");
        profile->arguments[i] = strings + next - 1;
        next += strlen(profile->arguments[i]) + 1;
    }
    return 0;
}

/* ---- modules by address ---- */

static int compare_starts(const void *left, const void *right, void *context) {
    const struct mete_profile_module *modules = context;
    uint64_t a = modules[*(const uint32_t *)left].start;
    uint64_t b = modules[*(const uint32_t *)right].start;
    return a < b ? -1 : a > b;
}

static int sort_modules(struct mete__profile *profile) {
    struct mete_profile_module *modules = (void *)profile->records[METE_SECTION_MODULES];
    size_t count = (size_t)profile->count[METE_SECTION_MODULES];
    uint64_t reach = 0;

    profile->modules = calloc(count + 1, sizeof *profile->modules);
    profile->module_reach = calloc(count + 1, sizeof *profile->module_reach);
    if (profile->modules == NULL || profile->module_reach == NULL) return -ENOMEM;
    for (size_t i = 0; i < count; i++) profile->modules[i] = (uint32_t)i;
    qsort_r(profile->modules, count, sizeof *profile->modules, compare_starts, modules);
    for (size_t i = 0; i < count; i++) {
        uint64_t end = modules[profile->modules[i]].end;
        if (end > reach) reach = end;
        profile->module_reach[i] = reach;
    }
    return 0;
}

int64_t mete__profile_module_of(const struct mete__profile *profile, uint32_t node) {
    const struct mete_profile_module *modules =
        (const void *)profile->records[METE_SECTION_MODULES];
    if (node == 0 || node >= profile->count[METE_SECTION_NODES]) return -1;
    const struct mete_profile_node *frame = mete__profile_record(profile, METE_SECTION_NODES, node);
    /* A return address may be one past the end of a function that does not return. */
    uint64_t pc = frame->flags & METE_NODE_EXACT_PC || frame->pc == 0 ? frame->pc : frame->pc - 1;
    size_t low = 0;
    size_t high = (size_t)profile->count[METE_SECTION_MODULES];

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (modules[profile->modules[middle]].start <= pc)
            low = middle + 1;
        else
            high = middle;
    }
    while (low > 0 && profile->module_reach[low - 1] > pc) {
        const struct mete_profile_module *module = &modules[profile->modules[--low]];
        if (pc < module->end && module->generation == METE_NODE_GENERATION(frame->flags))
            return (int64_t)profile->modules[low];
    }
    return -1;
}

/* ---- opening ---- */

static int open_source(const struct source *source, struct mete__profile **out) {
    struct mete__profile *profile = calloc(1, sizeof *profile);
    int status = -ENOMEM;

    if (profile == NULL) goto fail;
    status = copy_sections(source, profile);
    if (status == 0) status = check_nodes(source, profile);
    if (status == 0) status = check_modules(source, profile);
    if (status == 0) status = check_stacks(source, profile);
    if (status == 0) status = check_holders(source, profile);
    if (status == 0) status = check_types(source, profile);
    if (status == 0) status = check_sizes(source, profile);
    if (status == 0) status = list_arguments(source, profile);
    if (status == 0) status = sort_modules(profile);
    if (status != 0) goto fail;
    *out = profile;
    return 0;

fail:
    if (status == -ENOMEM) refuse(source, "does not fit into memory");
    mete__profile_close(profile);
    return status;
}

int mete__profile_open_memory(const void *data, size_t size, const char *name,
                              struct mete__profile **out, char *why, size_t why_size) {
    struct source source = {name, -1, data, size, why, why_size};
    return open_source(&source, out);
}

int mete__profile_open(const char *path, struct mete__profile **out, char *why, size_t why_size) {
    struct source source = {path, -1, NULL, 0, why, why_size};
    struct stat about;
    int status;

    /* Not blocking: opening a FIFO would wait for a writer. */
    source.file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (source.file < 0 || fstat(source.file, &about) != 0) {
        status = -errno;
        refuse(&source, "cannot be opened: %s", strerror(-status));
        goto done;
    }
    if (!S_ISREG(about.st_mode)) {
        status = refuse(&source, "is %s, not a mete profile",
                        S_ISDIR(about.st_mode) ? "a directory" : "no regular file");
        goto done;
    }
    source.size = (uint64_t)about.st_size;
    status = open_source(&source, out);
done:
    if (source.file >= 0) close(source.file);
    return status;
}

void mete__profile_close(struct mete__profile *profile) {
    if (profile == NULL) return;
    for (int i = 0; i < METE_SECTION_COUNT; i++) free(profile->records[i]);
    free(profile->arguments);
    free(profile->modules);
    free(profile->module_reach);
    free(profile);
}

/* ---- what is in it ---- */

const struct mete_profile_header *mete__profile_header(const struct mete__profile *profile) {
    return &profile->header;
}

uint64_t mete__profile_count(const struct mete__profile *profile,
                             enum mete_profile_section section) {
    return profile->count[section];
}

const void *mete__profile_record(const struct mete__profile *profile,
                                 enum mete_profile_section section, uint64_t index) {
    return profile->records[section] + index * record_bytes[section];
}

const char *mete__profile_string(const struct mete__profile *profile, uint64_t reference) {
    if (reference == 0 || !is_string(profile, reference)) return "";
    return (const char *)profile->records[METE_SECTION_STRINGS] + reference - 1;
}

const char *mete__profile_argument(const struct mete__profile *profile, uint32_t index) {
    return index < profile->header.argc ? profile->arguments[index] : "";
}

size_t mete__profile_stack(const struct mete__profile *profile, uint32_t stack,
                           struct mete__profile_frame *frames, size_t capacity) {
    const struct mete_profile_node *nodes = (const void *)profile->records[METE_SECTION_NODES];
    size_t count = 0;

    if (stack >= profile->count[METE_SECTION_NODES]) return 0;
    for (uint32_t node = stack; node != 0; node = nodes[node].parent, count++) {
        if (count >= capacity) continue;
        frames[count] = (struct mete__profile_frame){
            .pc = nodes[node].pc,
            .node = node,
            .flags = nodes[node].flags,
            .module = mete__profile_module_of(profile, node),
        };
    }
    return count;
}
