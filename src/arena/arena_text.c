/* Copies and formatted text in an arena. */
#include <stdio.h>
#include <string.h>

#include "arena/arena_state.h"

void *mete_arena_copy(mete_arena *arena, const void *bytes, size_t size, size_t align) {
    void *copy = mete_arena_alloc(arena, size, align);
    if (copy != NULL && size > 0) memcpy(copy, bytes, size);
    return copy;
}

char *mete_arena_strndup(mete_arena *arena, const char *text, size_t size) {
    size_t length = strnlen(text, size);
    char *copy = mete_arena_alloc(arena, length + 1, 1);

    if (copy == NULL) return NULL;
    memcpy(copy, text, length);
    copy[length] = '\0';
    return copy;
}

char *mete_arena_strdup(mete_arena *arena, const char *text) {
    return mete_arena_copy(arena, text, strlen(text) + 1, 1);
}

char *mete_arena_vprintf(mete_arena *arena, const char *format, va_list arguments) {
    va_list again;

    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    char *text = length >= 0 ? mete_arena_alloc(arena, (size_t)length + 1, 1) : NULL;
    if (text != NULL) (void)vsnprintf(text, (size_t)length + 1, format, again);
    va_end(again);
    return text;
}

char *mete_arena_printf(mete_arena *arena, const char *format, ...) {
    va_list arguments;

    va_start(arguments, format);
    char *text = mete_arena_vprintf(arena, format, arguments);
    va_end(arguments);
    return text;
}
