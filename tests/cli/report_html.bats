#!/usr/bin/env bats
# `mete report --html`: one page that needs nothing else, whatever the profile's names are.

bats_require_minimum_version 1.5.0

setup() {
    cd "$BATS_TEST_TMPDIR" || return
    PATH=$METE_STAGE/bin:$PATH
    unset LD_PRELOAD DEBUGINFOD_URLS METE_DEBUG_DIR
}

# page PROFILE [OPTION…]: page.html of it, held against its JSON.
page() {
    mete report "$@" --html page.html --json report.json
    python3 "$METE_SOURCE/tests/web/check_page.py" page.html report.json
}

# use KIND: page.html in a browser, where there is one.
use() {
    local browser
    browser=$(command -v chromium || command -v chromium-browser) ||
        skip "no chromium here to look at the page with"
    python3 -B "$METE_SOURCE/tests/web/use_page.py" "$browser" page.html "$1"
}

# 15 connections of 32 bytes with names of 62 that are lost, and 1000 short-lived blocks.
measure_leaks() {
    cat >leaky.c <<'END'
#include <stdlib.h>
struct conn {
    char *name;
    struct conn *next;
    long numbers[2];
};
static void *volatile sink;
__attribute__((noinline)) static char *name_of(void) {
    return malloc(62);
}
__attribute__((noinline)) static void conn_open(void) {
    struct conn *conn = calloc(1, sizeof *conn);
    conn->name = name_of();
    sink = conn;
    sink = NULL;
}
int main(void) {
    for (int i = 0; i < 15; i++) conn_open();
    for (int i = 0; i < 1000; i++) {
        sink = malloc(100);
        free(sink);
    }
    sink = NULL;
    return 0;
}
END
    ${compiler-cc} -g -O1 leaky.c -o leaky
    mete run --quiet -o leaky.mete ./leaky
}

@test "the_page_is_whole_and_says_what_JSON_says" {
    measure_leaks
    page leaky.mete
    # What a browser without scripts shows.
    sed -n '/<noscript>/,/<\/noscript>/p' page.html >text
    grep -q "definitely lost *480 B in 15 blocks" text
    grep -q "conn_open" text
}

@test "the_page_answers_to_keys_and_clicks" {
    measure_leaks
    page leaky.mete
    use leaks
}

@test "the_page_draws_the_types_of_blocks" {
    cat >types.c <<'END'
#include <stdlib.h>
struct packet {
    char kind;
    struct packet *next;
    unsigned state : 3, mode : 7;
    struct { int x; char y; };
    union { int number; void *pointer; };
    char name[50];
};
union word { long number; double real; };
static void *volatile kept[200];
__attribute__((noinline)) static struct packet *packet_new(void) {
    struct packet *packet = calloc(1, sizeof *packet);
    packet->kind = 1;
    return packet;
}
__attribute__((noinline)) static union word *word_new(void) {
    union word *word = malloc(sizeof *word);
    word->number = 1;
    return word;
}
int main(void) {
    for (int i = 0; i < 200; i += 2) {
        kept[i] = packet_new();
        kept[i + 1] = word_new();
    }
    return 0;
}
END
    gcc -g -O1 types.c -o types
    mete run --quiet -o types.mete ./types
    page types.mete
    grep -q '{"name": "struct packet", "kind": "struct"' page.html
    cp page.html whole.html
    # What was built anew since may be another layout by the same name.
    echo 'struct packet { char pad[96]; } packet; int main(void) { return 0; }' >anew.c
    gcc -g anew.c -o types
    page types.mete
    grep -qF '"layouts": [],' page.html
    mv whole.html page.html
    use types
}

@test "the_page_lists_pools_arenas_and_maps" {
    cat >holders.c <<'END'
#include <mete/arena.h>
#include <mete/pool.h>
#include <stdio.h>
static void *blocks[3];
__attribute__((noinline)) static mete_pool *forgetful(void) {
    return mete_pool_create(&(mete_pool_options){.block_size = 48, .name = "nodes"});
}
__attribute__((noinline)) static void many_pools(void) {
    for (int i = 0; i < 40; i++) {
        mete_pool *pool =
            mete_pool_create(&(mete_pool_options){.block_size = 16, .name = "</td><b>twin"});
        if (i > 1) mete_pool_destroy(pool);
    }
}
int main(void) {
    mete_pool *pool = forgetful();
    for (int i = 0; i < 3; i++) blocks[i] = mete_pool_alloc(pool);
    many_pools();
    mete_arena *arena = mete_arena_create(&(mete_arena_options){.name = "request"});
    if (mete_arena_alloc(arena, 2000, 1) == NULL) return 1;
    mete_arena_destroy(arena);
    for (int i = 0; i < 30; i++) {
        char name[16];
        snprintf(name, sizeof name, "number %d", i);
        mete_pool_destroy(
            mete_pool_create(&(mete_pool_options){.block_size = 16, .name = name}));
    }
    return 0;
}
END
    ${compiler-cc} -g -O1 holders.c -I"$METE_STAGE/include" -L"$METE_STAGE/lib" -lmete \
        -Wl,-rpath,"$METE_STAGE/lib" -o holders
    mete run --quiet -o holders.mete ./holders
    page holders.mete
    use holders
    mete run --quiet --mode=stats -o stats.mete ./holders
    page stats.mete
}

@test "a_program_without_findings_or_allocations_has_a_page_too" {
    mete run --quiet -o true.mete true
    page true.mete
    mete run --quiet --mode=stats -o stats.mete sh -c 'x=$(echo 1)'
    page stats.mete
    mete run --quiet --mode=sampled -o sampled.mete sh -c 'x=$(seq 10000)'
    page sampled.mete
    mete run --quiet --no-leaks -o unchecked.mete sh -c 'x=$(seq 10)'
    page unchecked.mete
}

@test "names_cannot_break_out_of_the_page" {
    cat >hostile.c <<'END'
#include <stdlib.h>
static void *volatile sink;
__attribute__((noinline)) void first(void) {
    sink = malloc(11);
    sink = NULL;
}
__attribute__((noinline)) void second(void) {
    first();
    sink = NULL;
}
#line 7 "<!--<script>&amp;'\".c"
int main(void) {
    second();
    sink = NULL;
    return 0;
}
END
    ${compiler-cc} -g0 -O1 -fno-optimize-sibling-calls -c hostile.c
    objcopy --redefine-sym "first=</script><img src=x>" \
        --redefine-sym "second=<!--<script>$(printf '\342\200\250')]]>&lt;\\u003c\"" hostile.o
    ${compiler-cc} -g hostile.o -o hostile
    cp hostile '<b>bold'
    mete run --quiet -o hostile.mete './<b>bold' '--></noscript><script>hacked = 1</script>'
    page hostile.mete
    run -1 grep "<img" page.html
    use hostile
}

# 32,768 stacks: every way through 15 calls of one of two functions.
@test "of_tens_of_thousands_of_sites_the_page_adds_the_small_ones_up" {
    cat >many.c <<'END'
#include <stdlib.h>
static void *volatile sink;
__attribute__((noinline)) static void go(unsigned way, int depth);
__attribute__((noinline)) static void left(unsigned way, int depth) {
    go(way, depth);
    sink = NULL;
}
__attribute__((noinline)) static void right(unsigned way, int depth) {
    go(way, depth);
    sink = NULL;
}
static void go(unsigned way, int depth) {
    if (depth == 0)
        free(sink = malloc(way % 1000 + 1));
    else if (way >> (depth - 1) & 1)
        right(way, depth - 1);
    else
        left(way, depth - 1);
}
int main(void) {
    for (unsigned way = 0; way < 1u << 15; way++) go(way, 15);
    return 0;
}
END
    ${compiler-cc} -g -O1 many.c -o many
    mete run --quiet -o many.mete ./many
    page many.mete
    [ "$(stat -c %s page.html)" -lt 10000000 ]
    use large
}

@test "the_page_goes_to_standard_output_or_says_why_not" {
    mete run --quiet -o a.mete true
    mete report a.mete --html - >page.html
    [ "$(head -1 page.html)" = "<!doctype html>" ]
    [ "$(tail -1 page.html)" = "</html>" ]
    run -125 --separate-stderr mete report a.mete --html /nowhere/page.html
    [ "${#stderr_lines[@]}" = 1 ]
    [[ "$stderr" == *"cannot write /nowhere/page.html: No such file or directory" ]]
    run -125 --separate-stderr mete report a.mete --html /dev/full
    [ "${#stderr_lines[@]}" = 1 ]
    [[ "$stderr" == *"cannot write /dev/full: No space left on device" ]]
}
