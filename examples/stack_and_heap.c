/*
 * examples/stack_and_heap.c - where values live, and for how long.
 *
 *     cc stack_and_heap.c $(pkg-config --cflags --libs mete) -o stack_and_heap && ./stack_and_heap
 *
 * Addresses differ from run to run, so what is printed is how they lie to each other: every call
 * has a frame of its own on the stack, and gives it back when it returns; a block of the heap stays
 * until somebody frees it, whoever that is.
 */
#include <mete/malloc.h>
#include <mete/track.h>

#include <stdint.h>
#include <stdio.h>

enum { DEPTH = 3 };

static int starts = 1; /* static data: there once, as long as the program runs */

/* Each call has its own `local`: the deeper the call, the lower its address on this machine. */
__attribute__((noinline)) static void descend(int depth, uintptr_t above) {
    volatile int local = depth;
    uintptr_t here = (uintptr_t)&local;

    printf("  call %d: its local variable is %s its caller's\n", depth,
           here < above ? "below" : "above");
    if (depth < DEPTH) descend(depth + 1, here);
    local = 0; /* still needed after the call: so the frame is, too */
}

/* The array ends with the call; what is returned is a copy of one element, which is fine. To return
 * `squares` itself would hand out memory that is not there any more: compilers warn of that. */
static int on_the_stack(int wanted) {
    int squares[10];
    for (int i = 0; i < 10; i++) squares[i] = i * i;
    return squares[wanted];
}

/* The block outlives the call. It is the caller's from here on, and so is the duty to free it. */
static int *on_the_heap(int count) {
    int *squares = mete_malloc((size_t)count * sizeof *squares);
    if (squares == NULL) return NULL;
    for (int i = 0; i < count; i++) squares[i] = i * i;
    return squares;
}

/* What an address is in, asked of mete: any address will do. */
static const char *where(const void *address) {
    mete_where_info info;

    if (mete_where(address, &info) != 0) return "unknown";
    switch (info.kind) {
    case METE_WHERE_STACK: return "a thread's stack";
    case METE_WHERE_BLOCK: return "a block of the heap";
    case METE_WHERE_STATIC: return "static data";
    default: return "something else";
    }
}

int main(void) {
    int local = 0;

    printf("the stack\n");
    descend(1, (uintptr_t)&local);
    printf("  7 squared, computed on the stack: %d\n", on_the_stack(7));

    printf("the heap\n");
    int *squares = on_the_heap(1000);
    if (squares == NULL) {
        perror("stack_and_heap");
        return 1;
    }
    printf("  999 squared, still there after the call: %d\n", squares[999]);
    printf("  %zu bytes were asked for, %s that may be used\n", 1000 * sizeof *squares,
           mete_usable_size(squares) >= 1000 * sizeof *squares ? "at least" : "fewer than");
    printf("  the pointer is on the stack, and takes %zu bytes there\n", sizeof squares);
    printf("where they are\n");
    printf("  local: %s\n  squares[10]: %s\n  starts: %s\n", where(&local), where(&squares[10]),
           where(&starts));
    mete_free(squares); /* the pointer still holds the address; the memory is not ours any more */
    return 0;
}
