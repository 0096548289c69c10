/* A buffer of the caller's, handed out from the front: the smallest allocator there is. */
#include <mete/allocator.h>

#include "base/bits.h"

struct buffer {
    mete_allocator self;
    char *next; /* first byte not handed out */
    char *end;
};

static void *take(void *state, mete_layout layout, const mete_site *site) {
    struct buffer *buffer = state;
    uintptr_t at = (uintptr_t)buffer->next;

    (void)site;
    if (!mete_layout_is_valid(layout)) {
        errno = EINVAL;
        return NULL;
    }
    size_t padding = mete__round_up(at, layout.align) - at;
    size_t left = (size_t)(buffer->end - buffer->next);
    if (padding > left || layout.size > left - padding) {
        errno = ENOBUFS;
        return NULL;
    }
    void *block = buffer->next + padding;
    buffer->next += padding + layout.size;
    return block;
}

static bool is_last(const struct buffer *buffer, const void *block, size_t size) {
    return (const char *)block + size == buffer->next;
}

static void give(void *state, void *block, mete_layout layout) {
    struct buffer *buffer = state;
    if (is_last(buffer, block, layout.size)) buffer->next = block;
}

static int resize(void *state, void *block, mete_layout layout, size_t new_size) {
    struct buffer *buffer = state;

    if (!is_last(buffer, block, layout.size)) return new_size <= layout.size ? 0 : -ENOMEM;
    if (new_size > (size_t)(buffer->end - (char *)block)) return -ENOBUFS;
    buffer->next = (char *)block + new_size;
    return 0;
}

static const mete_allocator_methods methods = {
    .name = "buffer",
    .capabilities = METE_ALLOCATOR_FREES_ALL,
    .alloc = take,
    .free = give,
    .resize = resize,
};

mete_allocator *mete_allocator_buffer(void *memory, size_t size) {
    uintptr_t start = (uintptr_t)memory;
    size_t padding = (0 - start) % METE_ALIGN_OF(struct buffer);

    if (memory == NULL || size < padding || size - padding < sizeof(struct buffer)) {
        errno = EINVAL;
        return NULL;
    }
    struct buffer *buffer = (struct buffer *)((char *)memory + padding);
    *buffer = (struct buffer){.next = (char *)(buffer + 1), .end = (char *)memory + size};
    buffer->self = (mete_allocator){&methods, buffer};
    return &buffer->self;
}
