/*
 * examples/under_asan.c - a name that outlives its arena's mark, for AddressSanitizer to find.
 *
 *     cc -g -fsanitize=address under_asan.c $(pkg-config --cflags --libs mete) -o under_asan
 *     ./under_asan          # silent: nothing is wrong
 *     ./under_asan stale    # ERROR: AddressSanitizer: use-after-poison, and where
 *
 * mete notices AddressSanitizer when the program starts, and has it watch what is rewound in an
 * arena, or freed in a pool. The library is the same one: only the program is built anew.
 */
#include <mete/arena.h>

#include <stdio.h>

int main(int argc, char **argv) {
    mete_arena *arena = mete_arena_create(NULL);
    if (arena == NULL) return 1;

    (void)argv;
    mete_arena_mark before = mete_arena_save(arena);
    const char *name = mete_arena_printf(arena, "guest %d", 7);
    if (name == NULL) return 1;
    if (argc > 1) mete_arena_rewind(arena, before); /* the name ends here, and is used below */
    printf("good morning, %c%c%c\n", name[0], name[1], name[2]);
    mete_arena_destroy(arena);
    return 0;
}
