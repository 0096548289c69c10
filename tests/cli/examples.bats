#!/usr/bin/env bats
# Every program in examples/ does what it says, built in the way it says.

bats_require_minimum_version 1.5.0

setup() {
    cd "$BATS_TEST_TMPDIR"
    export PKG_CONFIG_PATH=$METE_STAGE/lib/pkgconfig LD_LIBRARY_PATH=$METE_STAGE/lib
}

# build NAME [LIBRARY]: compiles examples/NAME.c as a user would, with warnings as errors.
build() {
    # shellcheck disable=SC2086,SC2046 # lists of flags
    cc -g -O1 -Wall -Wextra -Werror ${CFLAGS:-} "$METE_SOURCE/examples/$1.c" \
        ${2:+$(pkg-config --cflags --libs "$2")} -o "$1"
}

@test "every_example_is_tested_here" {
    for example in "$METE_SOURCE"/examples/*.c; do
        grep -q "build $(basename "$example" .c)\b" "$METE_SOURCE/tests/cli/examples.bats"
    done
}

@test "stack_and_heap" {
    build stack_and_heap mete
    run -0 ./stack_and_heap
    [ "$output" = "the stack
  call 1: its local variable is below its caller's
  call 2: its local variable is below its caller's
  call 3: its local variable is below its caller's
  7 squared, computed on the stack: 49
the heap
  999 squared, still there after the call: 998001
  4000 bytes were asked for, at least that may be used
  the pointer is on the stack, and takes 8 bytes there
where they are
  local: a thread's stack
  squares[10]: a block of the heap
  starts: static data" ]
}

@test "heap" {
    build heap mete
    run -0 ./heap
    [[ "$output" == '9592 primes below 100000, the last is 99991; the buffer grew '*' times' ]]
}

@test "layout" {
    build layout mete
    run -0 ./layout
    [ "${lines[0]}" = 'struct conn: size 40, align 8, padding 20' ]
    [ "${lines[2]}" = '       0       1       1  state' ]
    [ "${lines[3]}" = '       1       7          (padding)' ]
    [ "${lines[10]}" = 'struct compact_conn: size 24, align 8, padding 4' ]
    [ "${lines[18]}" = 'a million of them: 16000000 bytes less' ]
    [ "${lines[19]}" = '3 rows: 40 bytes, values at 24, marks at 36' ]
    [ "${lines[20]}" = 'far too many rows: Value too large for defined data type' ]
}

@test "leak" {
    build leak
    run -0 ./leak <<<'The cat and the dog and a bird'
    [ "$output" = '2 words were met more than once, 4 times in all' ]
    "$METE_STAGE/bin/mete" run ./leak <<<'The cat and the dog and a bird' >out 2>report
    planted=$(grep -n 'planted:' "$METE_SOURCE/examples/leak.c" | cut -d: -f1)
    grep -q 'definitely lost .* in 4 blocks' report
    grep -q "count_word .*leak.c:$planted" report
}

@test "owned_value" {
    build owned_value mete
    run -0 ./owned_value
    [ "$output" = 'two pages
  the cache does not have it
  the cache has it
2 owners of one picture
out of the scope
  page 1 ends
page 2 is still shown
  page 2 ends
  picture logo ends
a new page
  the cache does not have it
  page 3 ends
  picture logo ends' ]
}

@test "raii" {
    build raii mete
    run -0 ./raii
    [ "$output" = 'dropped raii.out.new
no such file: No such file or directory
kept raii.out
three lines: Success
three
two
one' ]
    [ -z "$(find . -name 'raii.*')" ]
    clang -g -O1 -Wall -Wextra -Werror "$METE_SOURCE/examples/raii.c" \
        $(pkg-config --cflags --libs mete) -o raii
    run -0 ./raii
    [ "${lines[4]}" = three ]
}

@test "raw_pointers" {
    build raw_pointers mete
    run -0 ./raw_pointers
    [ "$output" = 'kind 1: hello
kind 2: world
kind 1: hello
at byte 11: Numerical result out of range
5 elements on is 5
replaced 5 by 50
swapped, the first is 50
copying over itself: Invalid argument
an int at an odd address: Invalid argument
beyond all memory: Value too large for defined data type' ]
}

@test "stats" {
    build stats mete_malloc
    run -0 ./stats
    [ "${lines[1]}" = 'building: 1000 allocations, 0 frees, 1000 blocks more' ]
    [ "${lines[2]}" = 'destroying: 0 allocations, 1000 frees, -1000 blocks more' ]
    [[ "${lines[3]}" =~ ^'heap: '[0-9]+' allocations, '[0-9]+' frees, '[0-9]+' bytes live in '[0-9]+' blocks' ]]
    [[ "${lines[4]}" =~ ^'pool nodes: 24 bytes live in 1 blocks, peak 24, reserved '[0-9]+$ ]]
    [ "${lines[5]}" = 'more than 1000000 bytes are live' ]
}

@test "raw_map" {
    build raw_map
    printf 'one\ntwo\nthree' >file
    run -0 ./raw_map file
    [ "$output" = '2 lines in 13 bytes' ]
    : >file
    run -0 ./raw_map file
    [ "$output" = '0 lines in 0 bytes' ]
}

@test "safe_map" {
    build safe_map mete
    run -0 ./safe_map log
    [[ "${lines[0]}" =~ ^[0-9]+' lines seen, then: No such device or address'$ ]]
    [ "${lines[1]}" = 'log is new' ]
    [ "$(cat log)" = 'a new beginning' ]
}

@test "object_pool" {
    build object_pool mete
    run -0 ./object_pool
    [ "$output" = 'rocket 1: Success
rocket 2: Success
rocket 3: Success
rocket 4: No buffer space available
lit: 900 sparks, room for 100
a step later: 600 sparks, room for 400
the spark is there
the spark is gone
the pool "sparks" noticed: double-free
dark: 0 sparks, room for 1000' ]
}

@test "private_heap" {
    build private_heap mete
    run -0 ./private_heap
    [ "$output" = "a letter: 700 lines, 1000 added, 300 undone
8 bytes into a live block of 32 bytes of the heap 'letter'
a picture of 2 MiB: No buffer space available" ]
}

@test "request_arena" {
    build request_arena mete
    run -0 ./request_arena
    [ "${lines[0]}" = 'name=mete&kind=library: kind is library; name is mete; ' ]
    [ "${lines[1]}" = 'colour=red: colour is red; ' ]
    [ "${lines[2]}" = 'nonsense: Invalid argument' ]
    [[ "${lines[3]}" =~ ^'after three requests: empty, '[0-9]+' bytes at most'$ ]]
    [ "${lines[4]}" = 'too much: No buffer space available' ]
    [ "${lines[5]}" = 'an old mark: Invalid argument' ]
}

@test "own_allocator" {
    build own_allocator mete
    run -0 ./own_allocator
    [ "${lines[0]}" = 'eight numbers: Success' ]
    [ "${lines[1]}" = 'nine numbers: No buffer space available' ]
    [ "${lines[2]}" = '16 allocations, 16 frees, 1 failed, 128 bytes at most' ]
    [ "${lines[3]}" = 'out of memory at each of 5 requests: Success' ]
    [ "${lines[4]}" = '2 blocks left over:' ]
    line=$(grep -n 'METE_ALLOC(allocator' "$METE_SOURCE/examples/own_allocator.c" | cut -d: -f1)
    [[ "${lines[5]}" == '2 blocks, 32 bytes (struct list) asked for at '*"own_allocator.c:$line" ]]
}

@test "under_valgrind" {
    command -v valgrind >/dev/null || skip 'valgrind is not installed'
    CFLAGS=-O0 build under_valgrind mete # else the line is that of a neighbour
    run -0 valgrind -q --error-exitcode=9 ./under_valgrind
    [ "$output" = 'job 2 waits for job 1' ]
    line=$(grep -n 'waits_for->number' "$METE_SOURCE/examples/under_valgrind.c" | cut -d: -f1)
    run -9 valgrind -q --error-exitcode=9 ./under_valgrind stale
    [[ "$output" == *'Invalid read of size 4'*"main (under_valgrind.c:$line)"* ]]
    [[ "$output" == *"free'd"*'mete_pool_free'*"Block was alloc'd"*'mete_pool_alloc'* ]]
}

@test "under_asan" {
    CFLAGS=-fsanitize=address build under_asan mete
    run -0 ./under_asan
    [ "$output" = 'good morning, gue' ]
    line=$(grep -n 'good morning' "$METE_SOURCE/examples/under_asan.c" | cut -d: -f1)
    run -1 ./under_asan stale
    [[ "$output" == *'use-after-poison'*"under_asan.c:$line"* ]]
}

@test "visits" {
    PATH=$METE_STAGE/bin:$PATH
    build visits
    run -0 ./visits
    [ "$output" = "10000 visits of 40 bytes each; the slowest took 249 ms, of /" ]
    run -0 mete layout visits visit
    sed -n '/^   offset /,/^    0  a\.* b/p' "$METE_SOURCE/docs/guide.md" >told
    diff told <(tail -n +2 <<<"$output")
    mete run --quiet --output visits.mete ./visits
    run -0 mete layout visits --heap visits.mete
    [[ $output == *"; 156 KiB can be won by reordering"* ]]
    # The guide has the line as it is, but for the directory of the source.
    grep -qF "$(grep 'struct visit  ' <<<"$output" | sed 's|  [^ ]*/visits.c:|  visits.c:|')" \
        "$METE_SOURCE/docs/guide.md"
    grep -qxF "          40 → 24 bytes: move status behind milliseconds, is_first behind status" <<<"$output"
    run -0 mete layout visits visit --reorder
    [[ $output == *"24 bytes instead of 40: 40 % saved; "* ]]
}
