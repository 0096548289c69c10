/* Allocations that say their type. With -DUNSAID they do not, and it has to be found out as ever:
 * both must come to what stands behind each line. */
#include <mete/adapters.h>
#include <mete/allocator.h>
#include <mete/box.h>
#include <stdio.h>
#include <string.h>

#ifdef UNSAID
#undef METE_SITE
#define METE_SITE(T) ((const mete_site *)NULL)
#endif

#define APART __attribute__((noinline))

struct conn {
    char state;
    void *peer;
    char flags;
    struct conn *next;
    long counts[3];
};

struct vertex {
    double x, y, z;
};

struct edge {
    struct vertex *from, *to;
    float weight;
};

struct page {
    _Alignas(64) char bytes[192];
};

METE_BOX_DECLARE(edge_box, struct edge, METE_NO_DESTRUCTOR);

static struct conn *conns;
static void *kept[100];
static int kept_count;

static void keep(void *block) {
    if (block == NULL) return;
    kept[kept_count++] = block;
}

/* At -O2 the allocator is jumped to, and this function in no stack. */
APART static struct conn *conn_new(const mete_allocator *heap) {
    return METE_ALLOC(heap, struct conn); //= struct conn
}

APART static struct conn *conn_push(const mete_allocator *heap) {
    struct conn *conn = METE_ALLOC_ZEROED(heap, struct conn); //= struct conn
    if (conn == NULL) return NULL;
    conn->next = conns;
    return conns = conn;
}

APART static struct vertex *vertices(const mete_allocator *heap, size_t count) {
    struct vertex *all = METE_ALLOC_ARRAY(heap, struct vertex, count); //= struct vertex
    for (size_t i = 0; all != NULL && i < count; i++) all[i].x = (double)i;
    return all;
}

APART static struct edge *edge_between(const mete_allocator *heap, struct vertex *from,
                                       struct vertex *to) {
    struct edge *edge = METE_ALLOC(heap, struct edge); //= struct edge
    if (edge != NULL) *edge = (struct edge){.from = from, .to = to};
    return edge;
}

APART static void box_up(const mete_allocator *heap) {
    struct edge_box box;
    if (edge_box_new(&box, heap, (struct edge){.weight = 1}) == 0) keep(edge_box_get(&box));
}

APART static void over_aligned(const mete_allocator *heap) {
    struct page *page = METE_ALLOC(heap, struct page); //= struct page
    if (page != NULL) memset(page->bytes, 1, sizeof page->bytes);
    keep(page);
}

APART static void many(const mete_allocator *heap) {
    for (int i = 0; i < 10; i++) {
        int *numbers = METE_ALLOC_ARRAY(heap, int, 20); //= int
        if (numbers != NULL) numbers[0] = i;
        keep(numbers);
    }
}

APART static void by_a_wrapper(void) {
    mete_allocator *counting = mete_allocator_counting(mete_allocator_heap(), NULL);
    struct vertex *vertex = METE_ALLOC(counting, struct vertex); //= struct vertex
    if (vertex != NULL) vertex->y = 1;
    keep(vertex);
}

int main(void) {
    const mete_allocator *heap = mete_allocator_heap();
    for (int i = 0; i < 5; i++) keep(conn_new(heap)); //= struct conn
    keep(conn_push(heap));
    struct vertex *some = vertices(heap, 7);
    keep(some);
    keep(edge_between(heap, some, some));
    box_up(heap);
    over_aligned(heap);
    many(heap);
    by_a_wrapper();
    printf("%d blocks\n", kept_count);
    return 0;
}
