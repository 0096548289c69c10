/*
 * examples/layout.c - how types lie in memory, and what their padding costs.
 *
 *     cc layout.c $(pkg-config --cflags --libs mete) -o layout && ./layout
 *
 * Prints two structs with the same members, in the order they were thought of and by alignment, and
 * lays out three arrays of n elements in one allocation.
 */
#include <mete/layout.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct conn {
    char state;
    double since;
    short port;
    void *buffer;
    char is_open;
};

struct compact_conn {
    double since;
    void *buffer;
    short port;
    char state;
    char is_open;
};

/* The members, once, for both. */
#define CONN_MEMBERS state, since, port, buffer, is_open

METE_ASSERT_LAYOUT(struct conn, 40, 8, 20, CONN_MEMBERS);
METE_ASSERT_LAYOUT(struct compact_conn, 24, 8, 4, CONN_MEMBERS);

/* keys, values and marks of a table with room for `count`: one block, to be freed as a whole. */
static int allocate_columns(size_t count, void **block, size_t offsets[3]) {
    mete_layout columns[3], whole;
    int status;

    if ((status = mete_layout_array(METE_LAYOUT_OF(unsigned long), count, &columns[0])) != 0 ||
        (status = mete_layout_array(METE_LAYOUT_OF(float), count, &columns[1])) != 0 ||
        (status = mete_layout_array(METE_LAYOUT_OF(char), count, &columns[2])) != 0 ||
        (status = mete_layout_fields(columns, 3, &whole, offsets)) != 0)
        return status;
    *block = malloc(whole.size);
    if (*block == NULL) return -ENOMEM;
    printf("%zu rows: %zu bytes, values at %zu, marks at %zu\n", count, whole.size, offsets[1],
           offsets[2]);
    return 0;
}

int main(void) {
    size_t offsets[3];
    void *block;

    METE_LAYOUT_PRINT(stdout, struct conn, CONN_MEMBERS);
    printf("\n");
    METE_LAYOUT_PRINT(stdout, struct compact_conn, CONN_MEMBERS);
    printf("\na million of them: %zu bytes less\n\n",
           1000000 * (sizeof(struct conn) - sizeof(struct compact_conn)));

    if (allocate_columns(3, &block, offsets) != 0) return 1;
    free(block);
    int status = allocate_columns((size_t)-1 / 4, &block, offsets);
    printf("far too many rows: %s\n", strerror(-status));
    return 0;
}
