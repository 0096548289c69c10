/* One thread: realloc, calloc, memalign, large blocks, and strings as programs build them. */
#include "patterns.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A hundred arrays that grow by half, an element at a time, side by side. */
void pattern_realloc_growth(unsigned work) {
    enum { ARRAYS = 100 };
    struct array {
        uint64_t *items;
        size_t count, capacity;
    } arrays[ARRAYS] = {{NULL, 0, 0}};
    uint64_t random = 1;

    for (size_t i = 0; i < 80000 * (size_t)work; i++) {
        struct array *array = &arrays[random_below(&random, ARRAYS)];
        if (array->count == array->capacity) {
            array->capacity = array->capacity < 4 ? 4 : array->capacity + array->capacity / 2;
            array->items = realloc(array->items, array->capacity * sizeof *array->items);
            if (array->items == NULL) abort();
        }
        array->items[array->count++] = i;
        if (array->count < 200 + random_below(&random, 200000)) continue;
        free(array->items);
        *array = (struct array){NULL, 0, 0};
    }
    for (size_t i = 0; i < ARRAYS; i++) free(arrays[i].items);
}

void pattern_calloc(unsigned work) {
    enum { LIVE = 4000 };
    static void *blocks[LIVE];
    uint64_t random = 2;

    for (size_t i = 0; i < 25000 * (size_t)work; i++) {
        void **chosen = &blocks[random_below(&random, LIVE)];
        free(*chosen);
        size_t size = random_size(&random);
        *chosen = calloc(1, i % 1000 == 0 ? size * 100 : size);
        if (*chosen == NULL) abort();
        *(char *)*chosen = 1;
    }
    for (size_t i = 0; i < LIVE; i++) free(blocks[i]);
}

void pattern_memalign(unsigned work) {
    enum { LIVE = 4000 };
    static void *blocks[LIVE];
    uint64_t random = 3;

    for (size_t i = 0; i < 25000 * (size_t)work; i++) {
        void **chosen = &blocks[random_below(&random, LIVE)];
        size_t align = (size_t)32 << random_below(&random, i % 16 == 0 ? 8 : 3);
        free(*chosen);
        *chosen = memalign(align, random_size(&random));
        if (*chosen == NULL) abort();
        *(char *)*chosen = 1;
    }
    for (size_t i = 0; i < LIVE; i++) free(blocks[i]);
}

/* Buffers of 64 KiB to 4 MiB, each written whole. */
void pattern_large(unsigned work) {
    enum { LIVE = 12 };
    static void *blocks[LIVE];
    uint64_t random = 4;

    for (size_t i = 0; i < 16 * (size_t)work; i++) {
        void **chosen = &blocks[random_below(&random, LIVE)];
        size_t size = (size_t)65536 << random_below(&random, 6);
        size += random_below(&random, size);
        free(*chosen);
        *chosen = obtain(size);
        memset(*chosen, (int)i, size);
    }
    for (size_t i = 0; i < LIVE; i++) free(blocks[i]);
}

/* A dictionary: keys and values are copied in, replaced, joined and thrown away. */
void pattern_strings(unsigned work) {
    enum { BUCKETS = 16384 };
    struct entry {
        struct entry *next;
        char *key, *value;
    };
    static struct entry *buckets[BUCKETS];
    uint64_t random = 5;

    for (size_t i = 0; i < 6000 * (size_t)work; i++) {
        char text[64];
        size_t key = random_below(&random, 30000);
        struct entry **link = &buckets[key % BUCKETS];
        snprintf(text, sizeof text, "key-%zu", key);
        while (*link != NULL && strcmp((*link)->key, text) != 0) link = &(*link)->next;
        if (*link == NULL) {
            *link = calloc(1, sizeof **link);
            (*link)->key = strdup(text);
            (*link)->value = strdup("");
        } else if (random_below(&random, 8) == 0) {
            struct entry *gone = *link;
            *link = gone->next;
            free(gone->key);
            free(gone->value);
            free(gone);
            continue;
        }
        size_t length = strlen((*link)->value), more = random_below(&random, 40);
        char *joined = realloc((*link)->value, length + more + 1);
        memset(joined + length, 'v', more);
        joined[length + more] = '\0';
        (*link)->value = joined;
    }
    for (size_t i = 0; i < BUCKETS; i++) {
        for (struct entry *entry = buckets[i], *next; entry != NULL; entry = next) {
            next = entry->next;
            free(entry->key);
            free(entry->value);
            free(entry);
        }
    }
}
