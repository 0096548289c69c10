#!/usr/bin/env bats
# Valgrind and AddressSanitizer find what is wrong with blocks of pools and memory of arenas in
# programs built without any flag for mete, and nothing in correct ones.

load run_helpers

# checked [FLAG…]: a program that is correct, or does what its argument names.
checked() {
    compile checked -O0 "$@" -I"$METE_STAGE/include" -L"$METE_STAGE/lib" -lmete \
        -Wl,-rpath,"$METE_STAGE/lib" <<'END'
#include <mete/arena.h>
#include <mete/pool.h>
#include <stdio.h>
#include <string.h>
static char *end_of_arena(mete_arena *arena) {
    mete_arena_mark mark = mete_arena_save(arena);
    char *text = mete_arena_alloc(arena, 100, 1);
    strcpy(text, "gone");
    mete_arena_rewind(arena, mark);
    return text;
}
static char *freed(mete_pool *pool) {
    char *block = mete_pool_alloc(pool);
    strcpy(block, "gone");
    mete_pool_free(pool, block);
    return block;
}
int main(int argc, char **argv) {
    mete_pool *pool = mete_pool_create(&(mete_pool_options){.block_size = 48});
    mete_arena *arena = mete_arena_create(NULL);
    char *kept = mete_pool_alloc(pool);
    memset(kept, 'x', 48);
    char *word = mete_arena_alloc(arena, 10, 1);
    strcpy(word, "correct");
    char *from_pool = freed(pool), *from_arena = end_of_arena(arena);
    const char *wrong = argc > 1 ? argv[1] : "";
    if (strcmp(wrong, "pool") == 0) return from_pool[0] == 'g';
    if (strcmp(wrong, "arena") == 0) return from_arena[0] == 'g';
    if (strcmp(wrong, "beyond") == 0) return kept[48] == 'g';
    puts(word);
    mete_pool_free(pool, kept);
    mete_arena_destroy(arena);
    mete_pool_destroy(pool);
    return 0;
}
END
}

# memcheck [ARGUMENT]: the program under it; status 9 where it finds anything.
memcheck() {
    command -v valgrind >/dev/null || skip 'valgrind is not installed'
    run valgrind -q --leak-check=full --error-exitcode=9 ./checked "$@"
}

@test "correct_program_is_clean_under_memcheck" {
    checked
    memcheck
    [ "$status" = 0 ]
    [ "$output" = correct ]
}

@test "memcheck_finds_a_read_of_a_freed_pool_block" {
    checked
    memcheck pool
    [ "$status" = 9 ]
    [[ "$output" == *'Invalid read of size 1'*'0 bytes inside a block of size 48 free'\''d'* ]]
    [[ "$output" == *"free'd"*'mete_pool_free'*': freed ('*"Block was alloc'd at"* ]]
    [[ "$output" == *"Block was alloc'd at"*'mete_pool_alloc'*': freed ('* ]]
}

@test "memcheck_finds_a_read_past_the_end_of_a_pool_block" {
    checked
    memcheck beyond
    [ "$status" = 9 ]
    [[ "$output" == *'Invalid read of size 1'*': main ('* ]]
}

@test "memcheck_finds_a_read_of_rewound_arena_memory" {
    checked
    memcheck arena
    [ "$status" = 9 ]
    [[ "$output" == *'Invalid read of size 1'*': main ('* ]]
}

@test "correct_program_is_clean_under_address_sanitizer" {
    checked -fsanitize=address
    run -0 ./checked
    [ "$output" = correct ]
}

@test "address_sanitizer_finds_each_of_them" {
    checked -fsanitize=address
    for wrong in pool beyond arena; do
        run -1 ./checked "$wrong"
        [[ "$output" == *'AddressSanitizer: use-after-poison'*' in main '* ]]
    done
}
