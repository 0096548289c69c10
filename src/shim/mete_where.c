/*
 * shim/mete_where.c - mete/track.h: what an address is in.
 *
 * Who knows most is asked first: the registry, since a pool may have its memory from anywhere, then
 * the heap, then the kernel and the loader.
 */
#include <assert.h>
#include <errno.h>
#include <mete/track.h>
#include <stdbool.h>
#include <string.h>

#include "base/text.h"
#include "heap/heap.h"
#include "heap/private.h"
#include "heap/size_class.h"
#include "heap/slices.h"
#include "os/loader.h"
#include "os/maps.h"
#include "os/peek.h"
#include "os/process.h"
#include "os/stacks.h"
#include "profile/writer.h"
#include "registry/registry.h"
#include "track/symbol.h"

struct question {
    uintptr_t address;
    mete_where_info *info;
};

static void set_extent(const struct question *question, uintptr_t start, size_t size) {
    question->info->start = (const void *)start;
    question->info->size = size;
    question->info->offset = (ptrdiff_t)(question->address - start);
}

/* ---- pools, arenas, maps, private heaps ---- */

static bool ask_holder(void *context, struct mete__holder *holder) {
    static const mete_where_kind kinds[] = {
        [METE__HOLDER_POOL] = METE_WHERE_POOL, [METE__HOLDER_ARENA] = METE_WHERE_ARENA,
        [METE__HOLDER_MAP] = METE_WHERE_MAP,   [METE__HOLDER_HEAP] = METE_WHERE_PRIVATE,
        [METE__HOLDER_ALLOCATOR] = 0, /* has no memory */
    };
    const struct question *question = context;
    struct mete__holder_block block;

    if (!holder->methods->find(holder, (const void *)question->address, &block)) return true;
    question->info->kind = kinds[holder->methods->kind];
    memcpy(question->info->name, holder->name, sizeof holder->name);
    if (block.block != NULL) {
        set_extent(question, (uintptr_t)block.block, block.size);
        question->info->flags = block.live ? METE_WHERE_LIVE : METE_WHERE_FREE;
        question->info->file_offset = block.file_offset;
    }
    return false;
}

/* A span says which private heap it belongs to; the registry, whether that still is. */
static bool is_in_holder(struct question *question) {
    char *memory;

    if (!mete__registry_ask((const void *)question->address, ask_holder, question)) return true;
    const struct mete__span *span = mete__slices_find((const void *)question->address, &memory);
    const mete_heap *heap = span == NULL ? NULL : mete__span_private(mete__span_owner(span));
    return heap != NULL && !mete__registry_ask(heap, ask_holder, question);
}

/* ---- the heap ---- */

/* The frames of a stack that the tracker has seen. */
static uint32_t copy_stack(uint32_t node, uintptr_t *frames) {
    uint32_t count = 0;

    if (!mete__writer_is_open()) return 0;
    uint64_t nodes = mete__writer_count(METE_SECTION_NODES);
    while (node != 0 && node < nodes && count < METE_WHERE_FRAMES) {
        const struct mete_profile_node *frame = mete__writer_record(METE_SECTION_NODES, node);
        frames[count++] = (uintptr_t)frame->pc;
        node = frame->parent;
    }
    return count;
}

static void tell_history(mete_where_info *info, const struct mete__record *record, bool live) {
    info->flags |= METE_WHERE_TRACKED;
    info->allocated_frames = copy_stack(record->stack, info->allocated_at);
    if (live) return;
    if (record->held) {
        info->freed_frames = copy_stack(record->freed_at, info->freed_at);
    } else if (record->freed_by != 0) {
        info->freed_at[0] = (uintptr_t)record->freed_by;
        info->freed_frames = 1;
    }
}

static bool is_in_block(struct question *question) {
    mete_where_info *info = question->info;
    struct mete__found found;

    if (!mete__heap_find((const void *)question->address, &found)) return false;
    info->kind = METE_WHERE_BLOCK;
    set_extent(question, (uintptr_t)found.block, found.requested);
    if (found.record != NULL) {
        info->flags = found.live ? METE_WHERE_LIVE : METE_WHERE_FREE;
        tell_history(info, found.record, found.live);
    } else if (found.block_bytes > METE__MEDIUM_MAX) {
        info->flags = METE_WHERE_LIVE; /* a large block is there for as long as it lives */
    }
    return true;
}

static void ask_region(void *context, uintptr_t start, size_t size) {
    const struct question *question = context;

    if (question->address - start >= size) return;
    question->info->kind = METE_WHERE_HEAP;
    set_extent(question, start, size);
}

static bool is_in_heap(struct question *question) {
    if (is_in_block(question)) return true;
    mete__heap_each_region(ask_region, question);
    return question->info->kind != METE_WHERE_UNMAPPED;
}

/* ---- mappings ---- */

static void ask_stack(void *context, const struct mete__stack *stack) {
    const struct question *question = context;

    if (question->address < stack->low || question->address >= stack->high) return;
    question->info->kind = METE_WHERE_STACK;
    question->info->thread = stack->thread;
    set_extent(question, stack->low, stack->high - stack->low);
}

/* Of a thread that has ended, too: then its id is 0. The calling thread's is known even where it
 * has made its own. */
static bool is_in_stack(struct question *question, const struct mete__mapping *mapping) {
    const uint32_t wanted = METE__MAP_READ | METE__MAP_WRITE;
    const uint32_t others = METE__MAP_SHARED | METE__MAP_FILE | METE__MAP_STACK;
    uintptr_t own = (uintptr_t)__builtin_frame_address(0);
    mete_where_info *info = question->info;

    if ((mapping->flags & (wanted | others)) == wanted) {
        struct mete__peek *peek = mete__peek_open();
        if (peek != NULL) mete__stacks_find(mapping, peek, ask_stack, question);
        mete__peek_close(peek);
        if (info->kind == METE_WHERE_STACK) return true;
    }
    bool is_main = (mapping->flags & METE__MAP_STACK) != 0;
    if (!is_main && (own < mapping->start || own >= mapping->end)) return false;
    info->kind = METE_WHERE_STACK;
    info->thread = is_main ? mete__process_id() : mete__process_thread_id();
    set_extent(question, mapping->start, mapping->end - mapping->start);
    return true;
}

static void tell_symbol(struct question *question, const struct mete__loaded *module) {
    struct mete__symbol symbol;

    static_assert(sizeof symbol.name == METE_WHERE_NAME_BYTES, "names have the same room");
    if (!mete__symbol_find(module, question->address, &symbol)) return;
    set_extent(question, symbol.start, symbol.size);
    memcpy(question->info->symbol, symbol.name, sizeof symbol.name);
}

static bool is_in_module(struct question *question, const struct mete__mapping *mapping) {
    mete_where_info *info = question->info;
    struct mete__loaded module;

    if (!mete__loader_find(question->address, &module)) return false;
    info->kind = (mapping->flags & METE__MAP_EXEC) != 0 ? METE_WHERE_CODE : METE_WHERE_STATIC;
    info->file_offset = question->address - module.bias;
    /* Not the mapping's name: uninitialised data is in one without. */
    size_t length = mete__loader_path(&module, info->name, sizeof info->name - 1);
    if (length == 0) {
        length = strnlen(module.name, sizeof info->name - 1);
        memcpy(info->name, module.name, length);
    }
    info->name[length] = '\0';
    tell_symbol(question, &module);
    return true;
}

static uint32_t access_flags(const struct mete__mapping *mapping) {
    return ((mapping->flags & METE__MAP_READ) != 0 ? METE_WHERE_READ : 0) |
           ((mapping->flags & METE__MAP_WRITE) != 0 ? METE_WHERE_WRITE : 0) |
           ((mapping->flags & METE__MAP_EXEC) != 0 ? METE_WHERE_EXECUTE : 0);
}

static int ask_system(struct question *question) {
    mete_where_info *info = question->info;
    struct mete__mapping mapping;
    uint64_t before;
    int status =
        mete__maps_look(question->address, &mapping, &before, info->name, sizeof info->name);

    if (status != 0) return status == -EFAULT ? 0 : status;
    info->flags = access_flags(&mapping);
    set_extent(question, mapping.start, mapping.end - mapping.start);
    if (is_in_module(question, &mapping) || is_in_stack(question, &mapping)) return 0;
    info->kind = METE_WHERE_MAPPING;
    if ((mapping.flags & METE__MAP_FILE) != 0) {
        info->kind = METE_WHERE_FILE;
        info->file_offset = before + (question->address - mapping.start);
    }
    return 0;
}

int mete_where(const void *address, mete_where_info *out) {
    mete_where_info info = {.kind = METE_WHERE_UNMAPPED};
    struct question question = {(uintptr_t)address, &info};
    int status = 0;

    if (out == NULL) return -EINVAL;
    if (!is_in_holder(&question) && !is_in_heap(&question)) status = ask_system(&question);
    if (status == 0) *out = info;
    return status;
}

/* ---- as text ---- */

static void add_place(struct mete__text *text, const mete_where_info *info) {
    if (info->offset < 0)
        mete__text_add(text, "%zu bytes before ", (size_t)-info->offset);
    else if (info->offset == 0)
        mete__text_add(text, "at the start of ");
    else if ((size_t)info->offset < info->size)
        mete__text_add(text, "%zu bytes into ", (size_t)info->offset);
    else
        mete__text_add(text, "%zu bytes behind ", (size_t)info->offset - info->size);
}

static void add_block(struct mete__text *text, const mete_where_info *info) {
    const char *state = (info->flags & METE_WHERE_LIVE) != 0   ? "live "
                        : (info->flags & METE_WHERE_FREE) != 0 ? "free "
                                                               : "";
    add_place(text, info);
    mete__text_add(text, "a %sblock of %zu bytes", state, info->size);
    if (info->allocated_frames > 0)
        mete__text_add(text, ", allocated at 0x%lx", (unsigned long)info->allocated_at[0]);
    if (info->freed_frames > 0)
        mete__text_add(text, ", freed at 0x%lx", (unsigned long)info->freed_at[0]);
}

/* Of what hands out blocks. */
static void add_pool(struct mete__text *text, const mete_where_info *info, const char *kind) {
    if (info->start != NULL)
        add_block(text, info);
    else
        mete__text_add(text, "behind the last block");
    mete__text_add(text, " of the %s '%s'", kind, info->name);
}

static void add_chunk(struct mete__text *text, const mete_where_info *info, const char *kind) {
    if (info->start != NULL) {
        if ((info->flags & METE_WHERE_FREE) != 0) mete__text_add(text, "in unused memory, ");
        add_place(text, info);
    } else {
        mete__text_add(text, "in ");
    }
    mete__text_add(text, "the %s '%s'", kind, info->name);
}

/* Where the map begins later than its file, the place in the file is said, too. */
static void add_map(struct mete__text *text, const mete_where_info *info) {
    add_chunk(text, info, "file map");
    if (info->offset >= 0 && info->file_offset > (uint64_t)info->offset)
        mete__text_add(text, ", %lu bytes into its file", (unsigned long)info->file_offset);
}

static void add_stack(struct mete__text *text, const mete_where_info *info) {
    if (info->thread != 0)
        mete__text_add(text, "on the stack of thread %u", info->thread);
    else
        mete__text_add(text, "on the stack of a thread that has ended");
}

static void add_symbol(struct mete__text *text, const mete_where_info *info, const char *kind) {
    if (info->symbol[0] == '\0') return;
    add_place(text, info);
    mete__text_add(text, "the %s '%s' of %zu bytes, ", kind, info->symbol, info->size);
}

static void add_mapping(struct mete__text *text, const mete_where_info *info) {
    add_place(text, info);
    mete__text_add(text, "a mapping of %zu bytes", info->size);
    if (info->name[0] != '\0') mete__text_add(text, " (%s)", info->name);
}

static void add_info(struct mete__text *text, const mete_where_info *info) {
    unsigned long offset = (unsigned long)info->file_offset;

    switch (info->kind) {
    case METE_WHERE_BLOCK: add_block(text, info); break;
    case METE_WHERE_HEAP: mete__text_add(text, "in the heap's memory, in no block"); break;
    case METE_WHERE_POOL: add_pool(text, info, "pool"); break;
    case METE_WHERE_ARENA: add_chunk(text, info, "arena"); break;
    case METE_WHERE_MAP: add_map(text, info); break;
    case METE_WHERE_PRIVATE: add_pool(text, info, "heap"); break;
    case METE_WHERE_STACK: add_stack(text, info); break;
    case METE_WHERE_STATIC:
        add_symbol(text, info, "variable");
        mete__text_add(text, "in static data of %s, at 0x%lx", info->name, offset);
        break;
    case METE_WHERE_CODE:
        add_symbol(text, info, "function");
        mete__text_add(text, "in code of %s, at 0x%lx", info->name, offset);
        break;
    case METE_WHERE_FILE:
        mete__text_add(text, "in the file %s, %lu bytes from its start", info->name, offset);
        break;
    case METE_WHERE_MAPPING: add_mapping(text, info); break;
    case METE_WHERE_UNMAPPED:
    default: mete__text_add(text, "not mapped"); break;
    }
}

int mete_where_describe(const mete_where_info *info, char *buffer, size_t size) {
    if (info == NULL || buffer == NULL || size == 0) return -EINVAL;
    struct mete__text text = mete__text_in(buffer, size);
    add_info(&text, info);
    return (int)text.wanted;
}
