/*
 * examples/request_arena.c - answers requests, each in memory that ends with it.
 *
 *     cc request_arena.c $(pkg-config --cflags --libs mete) -o request_arena && ./request_arena
 *
 * An answer is made of many small pieces that all end together. So they come from an arena: each
 * costs a few instructions, and none is freed. A request that fails is rewound to where it began,
 * whatever had been allocated by then.
 */
#include <mete/arena.h>

#include <stdio.h>
#include <string.h>

struct pair {
    struct pair *next;
    const char *key, *value;
};

/* "a=1&b=2" as a list, last first, all of it in the arena. NULL with errno. */
static struct pair *parse(mete_arena *arena, const char *text) {
    struct pair *list = NULL;

    while (*text != '\0') {
        size_t length = strcspn(text, "&"), key = strcspn(text, "=&");
        if (key == 0 || key == length) {
            errno = EINVAL;
            return NULL; /* what is allocated already, the caller rewinds */
        }
        struct pair *pair = METE_ARENA_NEW(arena, struct pair);
        if (pair == NULL) return NULL;
        pair->key = mete_arena_strndup(arena, text, key);
        pair->value = mete_arena_strndup(arena, text + key + 1, length - key - 1);
        if (pair->key == NULL || pair->value == NULL) return NULL;
        pair->next = list;
        list = pair;
        text += length + (text[length] == '&');
    }
    return list;
}

/* The answer to a request, in the arena; what it takes to make it, elsewhere. */
static const char *answer(mete_arena *arena, const char *request) {
    mete_scratch scratch = mete_scratch_begin(&arena, 1);
    mete_builder text = METE_BUILDER(arena);
    const char *made = NULL;

    if (scratch.arena == NULL) return NULL;
    struct pair *list = parse(scratch.arena, request);
    if (list != NULL) {
        for (; list != NULL; list = list->next)
            mete_builder_printf(&text, "%s is %s; ", list->key, list->value);
        made = mete_builder_finish(&text, NULL);
    }
    int error = errno; /* of what has failed, if something has */
    mete_scratch_end(scratch);
    errno = error;
    return made;
}

static void show(const mete_arena *arena, const char *when) {
    mete_arena_stats stats;
    if (mete_arena_stats_read(arena, &stats) == 0)
        printf("%s: %s, %ju bytes at most\n", when, stats.live_bytes == 0 ? "empty" : "in use",
               (uintmax_t)stats.peak_bytes);
}

int main(void) {
    static const char *const requests[] = {"name=mete&kind=library", "colour=red", "nonsense"};
    mete_arena *arena = mete_arena_create(
        &(mete_arena_options){.reserve = 1 << 20, .limit = 1 << 16, .name = "requests"});

    if (arena == NULL) {
        perror("request_arena");
        return 1;
    }
    mete_arena_mark start = mete_arena_save(arena);
    for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
        const char *text = answer(arena, requests[i]);
        printf("%s: %s\n", requests[i], text != NULL ? text : strerror(errno));
        mete_arena_rewind(arena, start); /* the whole answer, in one step */
    }
    show(arena, "after three requests");
    if (mete_arena_alloc(arena, 1 << 17, 16) == NULL) printf("too much: %s\n", strerror(errno));

    mete_arena_reset(arena);
    printf("an old mark: %s\n", strerror(-mete_arena_rewind(arena, start)));
    mete_arena_destroy(arena);
    return 0;
}
