#!/usr/bin/env bats
# Valgrind and AddressSanitizer find what is wrong with blocks of the heap, of pools and private heaps
# and memory of arenas in programs built without any flag for mete, and nothing in correct ones.

load run_helpers

# checked [FLAG…]: a program that is correct, or does what its argument names.
checked() {
    compile checked -O0 "$@" -I"$METE_STAGE/include" -L"$METE_STAGE/lib" -lmete \
        -Wl,-rpath,"$METE_STAGE/lib" <<'END'
#include <mete/arena.h>
#include <mete/heap.h>
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
static char *ended(mete_heap *heap, size_t size) {
    char *block = mete_heap_alloc(heap, size);
    block[size - 1] = 'x';
    block = mete_heap_realloc(heap, block, size + 5);
    mete_heap_free(heap, block);
    return block;
}
int main(int argc, char **argv) {
    mete_heap *heap = mete_heap_create(NULL);
    char *own = mete_heap_calloc(heap, 1, 41);
    own[40] = own[39];
    char *small = ended(heap, 50), *large = ended(heap, 200000);
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
    if (strcmp(wrong, "small") == 0) return small[0] == 'x';
    if (strcmp(wrong, "large") == 0) return large[0] == 'x';
    if (strcmp(wrong, "slack") == 0) return own[41] == 'x';
    puts(word);
    mete_heap_destroy(heap);
    mete_pool_free(pool, kept);
    mete_arena_destroy(arena);
    mete_pool_destroy(pool);
    return 0;
}
END
}

# shellcheck disable=SC2120 # `finds` gives it one
# memcheck [ARGUMENT]: the program under it; status 9 where it finds anything.
memcheck() {
    command -v valgrind >/dev/null || skip 'valgrind is not installed'
    run valgrind -q --leak-check=full --error-exitcode=9 ./checked "$@"
}

# finds COMMAND ARGUMENT PATTERN…: it ends with status 9, and each pattern is in what it said.
finds() {
    "$1" "$2"
    [ "$status" = 9 ] || return
    shift 2
    # shellcheck disable=SC2053 # patterns
    for pattern; do [[ "$output" == *$pattern* ]] || return; done
}

@test "correct_program_is_clean_under_memcheck" {
    checked
    memcheck
    [ "$status" = 0 ]
    [ "$output" = correct ]
}

@test "memcheck_finds_a_read_of_a_freed_pool_block" {
    checked
    finds memcheck pool "Invalid read of size 1*0 bytes inside a block of size 48 free'd" \
        "free'd*mete_pool_free*: freed (*Block was alloc'd at" \
        "Block was alloc'd at*mete_pool_alloc*: freed ("
}

@test "memcheck_finds_a_read_past_the_end_of_a_pool_block" {
    checked
    finds memcheck beyond 'Invalid read of size 1*: main ('
}

@test "memcheck_finds_a_read_of_rewound_arena_memory" {
    checked
    finds memcheck arena 'Invalid read of size 1*: main ('
}

@test "memcheck_finds_what_is_wrong_with_blocks_of_a_private_heap" {
    checked
    finds memcheck small "Invalid read of size 1*free'd*: ended ("
    finds memcheck slack 'Invalid read of size 1*: main ('
    finds memcheck large 'Invalid read of size 1*: main ('
}

@test "correct_program_is_clean_under_address_sanitizer" {
    checked -fsanitize=address
    run -0 ./checked
    [ "$output" = correct ]
}

@test "address_sanitizer_finds_each_of_them" {
    checked -fsanitize=address
    for wrong in pool beyond arena small large slack; do
        run -1 ./checked "$wrong"
        [[ "$output" == *'AddressSanitizer: use-after-poison'*' in main '* ]]
    done
}

# objects [FLAG…]: a program that reads the byte behind an object of an arena, each its arguments
# name, or is correct.
objects() {
    compile objects -O2 "$@" -I"$METE_STAGE/include" -L"$METE_STAGE/lib" -lmete \
        -Wl,-rpath,"$METE_STAGE/lib" <<'END'
#include <mete/arena.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
static _Alignas(16) char buffer[1000];
static mete_arena *arena, *child, *other;
static char *held;
static char *object(const char *wrong, int *size) {
    *size = 24;
    if (strcmp(wrong, "printf") == 0) return *size = 4, mete_arena_printf(arena, "%d", 123);
    if (strcmp(wrong, "child") == 0) return mete_arena_alloc(child, 24, 8);
    if (strcmp(wrong, "scratch") == 0)
        return mete_arena_alloc(mete_scratch_begin(NULL, 0).arena, 24, 8);
    char *text = mete_arena_alloc(strcmp(wrong, "adopted") == 0 ? other : arena, 24, 8);
    if (strcmp(wrong, "adopted") == 0) return mete_arena_adopt(arena, other) == 0 ? text : NULL;
    if (strcmp(wrong, "extended") == 0)
        return *size = 40, mete_arena_extend(arena, text, 24, 40) == 0 ? text : NULL;
    if (strcmp(wrong, "shrunk") == 0)
        return *size = 10, mete_arena_extend(arena, text, 24, 10) == 0 ? text : NULL;
    if (strcmp(wrong, "moved") == 0) {
        char *last = mete_arena_alloc(arena, 1, 1);
        *size = 0;
        return last != NULL && mete_arena_realloc(arena, text, 24, 48, 8) != text ? text : NULL;
    }
    if (strcmp(wrong, "built") == 0) {
        mete_builder builder = METE_BUILDER(arena);
        mete_builder_text(&builder, "built");
        return *size = 6, mete_builder_finish(&builder, NULL);
    }
    return text;
}
int main(int argc, char **argv) {
    const char *source = argc > 1 ? argv[1] : "chained", *wrong = argc > 2 ? argv[2] : "";
    mete_arena_options options = {0};
    if (strcmp(source, "reserve") == 0) options.reserve = 1 << 20;
    if (strcmp(source, "buffer") == 0) options.buffer = buffer, options.buffer_size = sizeof buffer;
    if (strcmp(source, "borrowed") == 0) options.allocator = mete_allocator_system();
    if (strcmp(source, "zeroed") == 0) options.zero = true;
    arena = mete_arena_create(&options);
    other = mete_arena_create(&options);
    child = mete_arena_create(&(mete_arena_options){.parent = arena});
    char *first = mete_arena_alloc(arena, 16, 8);
    memset(first, 1, 16);
    int size;
    char *text = object(wrong, &size);
    if (text == NULL) return 3;
    memset(text, 1, (size_t)size);
    if (strcmp(source, "buffer") != 0) {
        char **next = mete_arena_alloc(arena, sizeof *next, 8);
        *next = held = malloc(10);
        held = NULL;
    }
    if (*wrong != '\0' && text[size] == 'g') puts("found");
    puts("correct");
    return 0;
}
END
}

WRONG=(object printf child scratch adopted extended shrunk moved built)

@test "memcheck_finds_the_byte_behind_each_object_of_an_arena" {
    objects
    command -v valgrind >/dev/null || skip 'valgrind is not installed'
    for source in chained reserve borrowed zeroed; do
        for wrong in "${WRONG[@]}"; do
            [ "$source $wrong" != 'reserve adopted' ] || continue
            run -9 valgrind -q --error-exitcode=9 ./objects "$source" "$wrong"
            [[ "$output" == *'Invalid read of size 1'*' a block of size '*' client-defined'*'main ('* ]]
        done
    done
    run -9 valgrind -q --error-exitcode=9 ./objects buffer object
}

@test "memcheck_is_silent_about_arenas_that_live_to_the_end" {
    objects
    command -v valgrind >/dev/null || skip 'valgrind is not installed'
    for source in chained reserve buffer borrowed zeroed; do
        run -0 valgrind -q --leak-check=full --error-exitcode=9 ./objects "$source"
        [ "$output" = correct ]
    done
}

@test "address_sanitizer_finds_the_byte_behind_each_object_of_an_arena" {
    objects -fsanitize=address
    for source in chained reserve borrowed zeroed; do
        for wrong in "${WRONG[@]}"; do
            [ "$source $wrong" != 'reserve adopted' ] || continue
            run -1 ./objects "$source" "$wrong"
            [[ "$output" == *'AddressSanitizer: use-after-poison'*' in main '* ]]
        done
    done
    run -1 ./objects buffer object
}

@test "leak_sanitizer_looks_into_arenas" {
    for flag in address leak; do
        objects -fsanitize=$flag
        for source in chained reserve buffer borrowed zeroed; do
            run -0 ./objects "$source"
            [ "$output" = correct ]
        done
    done
}

@test "program_goes_on_after_a_cut_file_under_memcheck" {
    command -v valgrind >/dev/null || skip 'valgrind is not installed'
    compile reader -O1 -I"$METE_STAGE/include" -L"$METE_STAGE/lib" -lmete \
        -Wl,-rpath,"$METE_STAGE/lib" <<'END'
#include <errno.h>
#include <mete/map.h>
#include <string.h>
#include <unistd.h>
int main(int argc, char **argv) {
    static char copy[20000];
    mete_map *map;
    if (argc < 2) return 1;
    mete_map_options options = {.access = METE_MAP_WRITE, .create_size = sizeof copy};
    if (mete_map_open(&map, argv[1], &options) != 0 || truncate(argv[1], 0) != 0) return 2;
    memset(copy, 'x', sizeof copy);
    if (mete_map_read(map, 0, copy, sizeof copy) != -ENXIO) return 3;
    for (size_t i = 0; i < sizeof copy; i++)
        if (copy[i] != 0) return 4;
    return mete_map_close(map);
}
END
    run valgrind -q --error-exitcode=9 --vex-iropt-register-updates=allregs-at-mem-access \
        ./reader "$BATS_TEST_TMPDIR/cut-file"
    [ "$status" = 0 ]
    [ -z "$output" ]
}

# general [FLAG…]: mete_malloc and its kin used rightly, by threads and a child, then as told.
general() {
    compile general -O0 -w "$@" -I"$METE_STAGE/include" -L"$METE_STAGE/lib" -lmete -pthread \
        -Wl,-rpath,"$METE_STAGE/lib" <<'END'
#include <mete/malloc.h>
#include <mete/stats.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
static void *use(void *unused) {
    for (size_t size = 0; size < 300000; size += size / 3 + 1) {
        char *block = mete_malloc(size), *grown = mete_realloc(block, size + 100);
        memset(grown, 'x', size + 100);
        if (mete_usable_size(grown) != size + 100) abort();
        mete_free(grown);
    }
    return unused;
}
static char *freed(size_t size) {
    char *block = mete_malloc(size);
    memset(block, 'x', size);
    mete_free(block);
    return block;
}
static void lose(void) { memset(mete_malloc(3333), 0, 3333); }
static void wipe(void) { memset(__builtin_alloca(20000), 0, 20000); }
int main(int argc, char **argv) {
    const char *wrong = argc > 1 ? argv[1] : "";
    pthread_t threads[3];
    if (strcmp(wrong, "freed") == 0) return freed(50)[0] == 'x';
    if (strcmp(wrong, "large") == 0) return freed(500000)[7] == 'x';
    char *block = mete_calloc(41, 1), *aligned = mete_aligned_alloc(256, 300);
    int status, *zeros = mete_calloc(1000000, sizeof *zeros);
    for (int i = 0; i < 1000000; i += 1000) if (zeros[i] != 0) abort();
    if ((size_t)aligned % 256 != 0) abort();
    for (int i = 0; i < 3; i++) pthread_create(&threads[i], NULL, use, NULL);
    for (int i = 0; i < 3; i++) pthread_join(threads[i], NULL);
    if (fork() == 0) {
        use(NULL);
        mete_free(block), mete_free(aligned), mete_free(zeros);
        _exit(0);
    }
    if (wait(&status) < 0 || status != 0) abort();
    char *stale = mete_malloc(10), *moved = mete_realloc(stale, 12);
    if (strcmp(wrong, "behind") == 0) return block[41] == 'x';
    if (strcmp(wrong, "moved") == 0) return stale[0] == 'x';
    if (strcmp(wrong, "undefined") == 0) return moved[3] == 'x' ? 2 : 3;
    if (strcmp(wrong, "lost") == 0) lose(), wipe();
    mete_stats stats;
    mete_stats_read(&stats);
    printf("%ju blocks\n", (uintmax_t)stats.live_blocks);
    mete_free(moved), mete_free(block), mete_free(aligned), mete_free(zeros);
    return 0;
}
END
}

# shellcheck disable=SC2120 # as above
# general_memcheck [ARGUMENT]
general_memcheck() {
    command -v valgrind >/dev/null || skip 'valgrind is not installed'
    run valgrind -q --leak-check=full --errors-for-leak-kinds=definite --error-exitcode=9 \
        --show-leak-kinds=definite ./general "$@"
}

@test "mete_malloc_used_rightly_is_clean_under_memcheck" {
    general
    general_memcheck
    [ "$status" = 0 ]
    [ "$output" = '4 blocks' ]
}

@test "memcheck_finds_what_is_wrong_with_blocks_of_mete_malloc" {
    general
    finds general_memcheck freed "0 bytes inside a block of size 50 free'd*: freed ("
    finds general_memcheck large "7 bytes inside a block of size 500,000 free'd*: freed ("
    finds general_memcheck behind 'Invalid read of size 1*: main ('
    finds general_memcheck moved 'Invalid read*: main ('
    finds general_memcheck undefined 'depends on uninitialised value*: main ('
}

@test "memcheck_finds_a_lost_block_of_mete_malloc" {
    general
    finds general_memcheck lost '3,333 bytes in 1 blocks are definitely lost*: lose ('
}

@test "address_sanitizer_finds_what_is_wrong_with_blocks_of_mete_malloc" {
    general -fsanitize=address
    run -0 ./general
    [ "$output" = '4 blocks' ]
    for wrong in freed large behind moved; do
        run -1 ./general "$wrong"
        [[ "$output" == *'AddressSanitizer: use-after-poison'*' in main '* ]]
    done
}

@test "double_free_of_mete_malloc_is_named_under_memcheck_too" {
    command -v valgrind >/dev/null || skip 'valgrind is not installed'
    compile twice -O0 -w -I"$METE_STAGE/include" -L"$METE_STAGE/lib" -lmete \
        -Wl,-rpath,"$METE_STAGE/lib" <<'END'
#include <mete/malloc.h>
int main(void) {
    void *block = mete_malloc(20);
    mete_free(block);
    mete_free(block);
}
END
    run valgrind -q ./twice
    [[ "$output" == *'mete: double-free of 0x'*', a block of up to 32 bytes'* ]]
}
