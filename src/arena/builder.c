/* Objects that grow at the end of an arena. */
#include <stdio.h>
#include <string.h>

#include "arena/arena_state.h"
#include "base/bits.h"

enum { FIRST_BYTES = 64 };

/* Makes room for `more` bytes and the terminator. */
static bool make_room(mete_builder *builder, size_t more) {
    size_t needed;

    if (builder->error != 0) return false;
    if (more < builder->capacity - builder->size) return true;
    if (mete__add_overflows(builder->size, more, &needed) || needed >= METE_SIZE_MAX / 2) {
        builder->error = ENOMEM;
        return false;
    }
    size_t capacity = mete__power_of_two_ceil(needed + 1 > FIRST_BYTES ? needed + 1 : FIRST_BYTES);
    void *data = mete_arena_realloc(builder->arena, builder->data, builder->capacity, capacity, 1);
    if (data == NULL) {
        builder->error = errno;
        return false;
    }
    builder->data = data;
    builder->capacity = capacity;
    return true;
}

void mete_builder_append(mete_builder *builder, const void *bytes, size_t size) {
    if (size == 0 || !make_room(builder, size)) return;
    memcpy(builder->data + builder->size, bytes, size);
    builder->size += size;
}

void mete_builder_text(mete_builder *builder, const char *text) {
    mete_builder_append(builder, text, strlen(text));
}

void mete_builder_printf(mete_builder *builder, const char *format, ...) {
    va_list arguments, again;

    va_start(arguments, format);
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    if (length < 0 && builder->error == 0) builder->error = errno;
    if (length > 0 && make_room(builder, (size_t)length)) {
        (void)vsnprintf(builder->data + builder->size, (size_t)length + 1, format, again);
        builder->size += (size_t)length;
    }
    va_end(again);
    va_end(arguments);
}

char *mete_builder_finish(mete_builder *builder, size_t *size) {
    if (!make_room(builder, 0)) {
        errno = builder->error;
        return NULL;
    }
    char *data = builder->data;
    data[builder->size] = '\0';
    if (size != NULL) *size = builder->size;
    (void)!mete_arena_extend(builder->arena, data, builder->capacity, builder->size + 1);
    *builder = (mete_builder){.arena = builder->arena};
    return data;
}
