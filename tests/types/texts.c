/* Text and its headers: of a size that depends on the length, behind an object, grown and passed
 * through functions that only hand it on. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define APART __attribute__((noinline))

struct short_header {
    uint8_t length, room;
    char text[];
};

struct long_header {
    uint32_t length, room;
    char text[];
};

struct value {
    unsigned kind, references;
    void *at;
    long seen;
};

struct listed {
    struct value *values;
    char *name;
    int count;
};

static struct listed list;
static void *kept[64];
static int kept_count;

APART static void keep(void *block) {
    kept[kept_count++ % 64] = block;
}

/* Tells the compiler of a size: the block is handed on as it is. */
APART __attribute__((alloc_size(2))) static void *widened(void *block, size_t size) {
    (void)size;
    return block;
}

APART static size_t header_of(size_t length) {
    return length < 16    ? 1
           : length < 256 ? sizeof(struct short_header)
                          : sizeof(struct long_header);
}

APART static char *text_new(const char *from, size_t length) {
    size_t header = header_of(length);
    void *block = malloc(header + length + 1); //= char
    if (block == NULL) return NULL;
    char *text = (char *)block + header;
    memcpy(text, from, length);
    text[length] = '\0';
    if (header == sizeof(struct short_header)) ((struct short_header *)block)->room = 0;
    if (header == sizeof(struct long_header)) ((struct long_header *)block)->room = 0;
    return text;
}

APART static struct value *value_of(const char *from, size_t length) {
    struct value *value;
    value = malloc(sizeof *value + sizeof(struct short_header) + length + 1); //= struct value
    if (value == NULL) return NULL;
    struct short_header *header = (struct short_header *)(void *)(value + 1);
    value->kind = 1;
    value->at = header + 1;
    header->length = header->room = (uint8_t)length;
    memcpy(header->text, from, length + 1);
    return value;
}

APART static struct listed *listed_new(int count) {
    struct listed *one = widened(malloc(sizeof *one), sizeof *one); //= struct listed
    if (one == NULL) return NULL;
    one->count = count;
    one->values = NULL;
    return one;
}

APART static void grow(struct listed *all, int count) {
    void *grown = realloc(all->values, (size_t)count * sizeof(struct value)); //= struct value
    if (grown == NULL) return;
    all->values = grown;
    all->values[count - 1].kind = 7;
    all->count = count;
}

int main(void) {
    static char long_text[400];
    memset(long_text, 'x', sizeof long_text - 1);
    for (int i = 0; i < 20; i++) {
        keep(text_new(long_text, (size_t)i * 19));
        keep(value_of(long_text, (size_t)i));
    }
    keep(listed_new(3));
    for (volatile int i = 2; i < 9; i++) grow(&list, i);
    printf("%d\n", kept_count + list.count);
    return 0;
}
