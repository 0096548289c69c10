/* heap/checked.h */
#include "heap/checked.h"

#include "heap/watch.h"
#include "os/meta.h"

mete_heap *mete__checked;

void mete__checked_start(void) {
    if (!mete__checkers_listen) return;
    mete_heap *heap = mete__meta_alloc(sizeof *heap);
    if (heap == NULL) return;
    mete__private_begin(heap, SIZE_MAX);
    mete__checked = heap;
    mete__watch_set(METE__WATCH_NONE, 0, NULL); /* so that every cache looks again */
}
