/*
 * examples/private_heap.c - a document of many parts, closed at once.
 *
 *     cc private_heap.c $(pkg-config --cflags --libs mete) -o private_heap && ./private_heap
 *
 * Every document has a heap of its own. Its parts are of all sizes and come and go singly, as in
 * any program; closing the document is one call, whatever is still there. The heap has a limit, so
 * that no document takes the memory of the others, and a part that is given to the wrong document
 * does not go unnoticed.
 */
#include <mete/heap.h>
#include <mete/track.h>

#include <stdio.h>
#include <string.h>

struct line {
    struct line *next;
    char text[];
};

struct document {
    mete_heap *heap;
    struct line *last; /* the newest first */
};

static int add_line(struct document *document, const char *text) {
    size_t length = strlen(text) + 1;
    struct line *line = mete_heap_alloc(document->heap, sizeof *line + length);

    if (line == NULL) return -1;
    line->next = document->last;
    memcpy(line->text, text, length);
    document->last = line;
    return 0;
}

static void undo_line(struct document *document) {
    struct line *line = document->last;

    document->last = line->next;
    mete_heap_free(document->heap, line);
}

static void show(const struct document *document, const char *when) {
    mete_heap_stats stats;
    if (mete_heap_stats_read(document->heap, &stats) != 0) return;
    printf("%s: %ju lines, %ju added, %ju undone\n", when, (uintmax_t)stats.live_blocks,
           (uintmax_t)stats.allocations, (uintmax_t)stats.frees);
}

static void say_where(const void *address) {
    char text[200];
    mete_where_info info;
    if (mete_where(address, &info) != 0) return;
    mete_where_describe(&info, text, sizeof text);
    puts(text);
}

int main(void) {
    mete_heap_options options = {.name = "letter", .max_bytes = 1 << 20};
    struct document letter = {.heap = mete_heap_create(&options)};

    if (letter.heap == NULL) {
        perror("private_heap");
        return 1;
    }
    for (int i = 0; i < 1000; i++)
        if (add_line(&letter, "Dear reader,") != 0) return 1;
    for (int i = 0; i < 300; i++) undo_line(&letter);
    show(&letter, "a letter");
    say_where(letter.last->text);

    char *picture = mete_heap_alloc(letter.heap, 2 << 20);
    printf("a picture of 2 MiB: %s\n", picture != NULL ? "there" : strerror(errno));

    mete_heap_destroy(letter.heap); /* 700 lines, none of them freed singly */
    return 0;
}
