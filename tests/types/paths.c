/* Allocations that code reaches on several ways: past returns and loops, behind which only branches
 * tell what registers hold; and objects whose memory is used for other things before. */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define APART __attribute__((noinline))

struct item {
    int tag;
    struct element *element;
    char *name;
    void *attributes;
};

struct element {
    struct element *next;
    char *name;
    const struct tag {
        int id;
        unsigned model;
    } * tag;
    int kind;
};

struct lexer {
    long lines, columns;
    struct item *stack;
    unsigned length, size;
    char *text;
};

struct allocator {
    void *(*grow)(struct allocator *allocator, void *block, size_t bytes);
    long calls;
};

struct document {
    long state;
    struct element *root;
    struct lexer *lexer;
    struct allocator *allocator;
};

struct spare {
    struct spare *next;
    long rest[5];
};

struct text {
    long references;
    char *bytes;
    size_t length;
    long flags, kind, hash;
};

static struct spare *spares;

APART static void *grow(struct allocator *allocator, void *block, size_t bytes) {
    void *grown = realloc(block, bytes);
    allocator->calls++;
    if (grown == NULL) abort();
    return grown;
}

APART char *copy_of(const char *text) {
    size_t length = strlen(text) + 1;
    char *copy = malloc(length); //= char
    if (copy == NULL) abort();
    memcpy(copy, text, length);
    return copy;
}

static bool is_pushed(struct document *document, struct element *element) {
    struct lexer *lexer = document->lexer;
    for (int i = (int)lexer->length - 1; i >= 0; i--)
        if (lexer->stack[i].element == element) return true;
    return false;
}

APART void push(struct document *document, struct element *element) {
    struct lexer *lexer = document->lexer;
    struct item *item;

    if (element->kind != 0 || element->tag == NULL) return;
    if ((element->tag->model & 1) == 0 || (element->tag->model & 2) != 0) return;
    if (element->tag->id != 7 && is_pushed(document, element)) return;
    if (lexer->length + 1 > lexer->size) {
        if (lexer->size == 0) lexer->size = 6;
        lexer->size *= 2;
        lexer->stack = (struct item *)document->allocator->grow(
            document->allocator, lexer->stack, sizeof *item * lexer->size); //= struct item
    }
    item = &lexer->stack[lexer->length];
    item->tag = element->kind;
    item->element = element;
    item->name = copy_of(element->name);
    item->attributes = NULL;
    lexer->length++;
}

APART void *more_spares(void) {
    for (int i = 0; i < 4; i++) {
        struct spare *spare = malloc(sizeof *spare); //= struct spare
        if (spare == NULL) abort();
        spare->next = spares;
        spares = spare;
    }
    struct spare *first = spares;
    spares = first->next;
    return first;
}

APART struct text *text_new(const char *from, size_t length) {
    struct text *text;
    if ((text = (struct text *)spares) != NULL)
        spares = ((struct spare *)text)->next;
    else
        text = more_spares();
    text->bytes = malloc(length + 2); //= char
    if (text->bytes == NULL) abort();
    memcpy(text->bytes, from, length);
    text->bytes[length] = '\0';
    text->length = length;
    return text;
}

/* Its ends are its two objects. */
struct machine {
    struct element *start, *stop;
};

APART struct machine machine_new(const char *name) {
    struct machine machine;
    machine.start = malloc(2 * sizeof *machine.start); //= struct element
    if (machine.start == NULL) abort();
    machine.stop = machine.start + 1;
    machine.start->next = machine.stop;
    machine.stop->name = machine.start->name = (char *)(uintptr_t)name;
    return machine;
}

int main(void) {
    static const struct tag tag = {7, 1}, other = {8, 1};
    struct allocator allocator = {.grow = grow};
    struct lexer lexer = {0};
    struct document document = {.lexer = &lexer, .allocator = &allocator};
    struct element elements[20] = {{.name = NULL}};
    size_t length = 0;

    for (int i = 0; i < 20; i++) {
        elements[i].name = "element";
        elements[i].tag = i % 2 == 0 ? &tag : &other;
        push(&document, &elements[i]);
        length += text_new("some text", (size_t)i % 9)->length;
    }
    struct machine machine = machine_new("machine");
    printf("%u %zu %d\n", lexer.length, length, machine.start != machine.stop);
    return 0;
}
