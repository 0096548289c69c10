/* A pool that cuts small objects from chunks and asks for large ones as they are, for callers that
 * keep what they get in what has no type, or hand a member of it on. */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define APART __attribute__((noinline))

enum { GRAIN = 16, CHUNK = 128, GRAINS_MAX = 16 };

union grain {
    union grain *next;
    char bytes[GRAIN];
};

struct cell {
    long kind;
    double value;
};

struct entry {
    struct entry *next, *other;
    char *key;
    long hash;
    struct cell cell;
};

struct link {
    struct entry *one, *other;
};

struct table {
    void *all; /* of links, or of cells */
    size_t mask, count;
    char *name;
};

static union grain *free_grains[GRAINS_MAX + 1], *left;
static unsigned left_count;
static struct table *first;

APART static void *pool_get(size_t size) {
    size_t grains = (size + GRAIN - 1) / GRAIN;
    union grain *p;

    if (grains > GRAINS_MAX) {
        p = malloc(grains * GRAIN);
        if (p == NULL) abort();
        return p;
    }
    p = free_grains[grains];
    if (p != NULL) {
        free_grains[grains] = p->next;
        return p;
    }
    if (left_count < grains) {
        left = malloc(CHUNK * GRAIN); //= union grain
        if (left == NULL) abort();
        left_count = CHUNK;
    }
    left_count -= (unsigned)grains;
    p = left;
    left += grains;
    return p;
}

/* As good as a new pool. */
APART static void forget(void) {
    left_count = 0;
    memset(free_grains, 0, sizeof free_grains);
}

APART static struct entry *entry_new(struct entry *next) {
    struct entry *entry = pool_get(sizeof *entry); //= struct entry
    entry->next = next;
    entry->hash = 1;
    entry->cell.kind = 0;
    return entry;
}

APART struct cell *cell_of(struct entry *next) {
    struct entry *entry = entry_new(next);
    return &entry->cell;
}

APART struct table *table_new(void) {
    struct table *table = pool_get(sizeof *table); //= struct table
    table->mask = 63;
    table->count = 0;
    table->name = NULL;
    first = table;
    return table;
}

APART void table_double(struct table *table) {
    struct link *links;
    size_t old = table->mask + 1;

    table->all = realloc(table->all, 2 * old * sizeof *links); //= struct link
    if (table->all == NULL) abort();
    links = (struct link *)table->all;
    memset(links + old, 0, old * sizeof *links);
    table->mask = 2 * old - 1;
}

APART struct link *links_new(size_t count) {
    struct link *links = pool_get(count * sizeof *links); //= struct link
    for (size_t i = 0; i < count; i++) links[i].one = NULL;
    return links;
}

int main(void) {
    struct cell *cell = cell_of(NULL);
    forget();
    struct table *table = table_new();
    table->all = NULL;
    for (int i = 0; i < 3; i++) table_double(table);
    struct link *links = links_new(300);
    printf("%d %d\n", cell->kind == 0, links[0].one == NULL);
    free(table->all);
    return 0;
}
