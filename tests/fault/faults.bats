#!/usr/bin/env bats
# Misuse of the heap ends the program, with the kind of the misuse and the address on one line.

bats_require_minimum_version 1.5.0

setup() {
    cd "$BATS_TEST_TMPDIR"
}

# misuse MODE KIND PROGRAM [SIZE]: the program dies by SIGABRT and is told KIND (an extended regular
# expression) at the address that it had announced. MODE is what METE_MODE is set to; '' for untracked.
misuse() {
    local address setting=()
    [ -z "$1" ] || setting=(METE_MODE="$1" METE_OUTPUT="$BATS_TEST_TMPDIR/profile.mete")
    run --separate-stderr env "${setting[@]}" LD_PRELOAD="$METE_STAGE/lib/libmete_malloc.so" \
        "$METE_PROGRAMS/$3" ${4:+"$4"}
    address=${lines[0]}
    echo "$3 $4: status $status, announced $address, said: $stderr"
    [ "$status" -eq 134 ]
    grep -E -- "$2" <<<"$stderr" | grep -q -- "$address"
    [ -z "$1" ] || rm "$BATS_TEST_TMPDIR/profile.mete"
}

# The sizes stand for a small block, a middle one, one of several pages, and a large one.
every_size() {
    local size
    for size in 24 100 1000 9000 70000 400000 5000000; do misuse "$@" "$size"; done
}

# ---- tracked, every block is watched: nothing may pass ----

@test "tracked_double_free_is_named" {
    every_size exact double-free double_free
}

@test "tracked_double_free_after_other_work_is_named" {
    every_size exact double-free double_free_later
}

@test "tracked_double_free_behind_another_block_is_named" {
    every_size exact double-free double_free_behind_another
}

@test "tracked_double_free_by_another_thread_is_named" {
    every_size exact double-free double_free_in_thread
}

@test "tracked_double_free_by_two_other_threads_is_named" {
    local size
    for size in 24 100 1000 9000; do misuse exact double-free double_free_by_threads $size; done
}

@test "tracked_double_free_of_large_blocks_by_two_other_threads_is_named" {
    skip "the record of a large block ends with the thread that freed it: said to be invalid-free"
    misuse exact double-free double_free_by_threads 70000
    misuse exact double-free double_free_by_threads 5000000
}

@test "tracked_free_of_what_realloc_has_moved_is_named" {
    every_size exact double-free double_free_after_realloc
}

@test "tracked_realloc_of_a_freed_block_is_named" {
    every_size exact 'double-free|use-after-free' realloc_freed
}

@test "tracked_interior_free_is_named" {
    every_size exact interior-free interior_free
    misuse exact interior-free interior_free_page
    every_size exact interior-free interior_realloc
}

@test "tracked_misaligned_free_is_named" {
    every_size exact interior-free misaligned_free
}

@test "tracked_free_of_what_is_no_block_is_named" {
    local program
    for program in stack_free static_free unmapped_free noncanonical_free mapped_free \
        static_realloc; do
        misuse exact invalid-free $program
    done
    misuse exact 'invalid-free|interior-free' unborn_free
}

# ---- untracked: what the heap knows without being asked to watch ----

@test "free_of_what_is_no_block_is_named" {
    local program
    for program in stack_free static_free unmapped_free noncanonical_free mapped_free \
        static_realloc; do
        misuse '' invalid-free $program
    done
}

large_sizes() {
    local size
    for size in 70000 400000 5000000; do misuse "$@" "$size"; done
}

@test "double_free_of_a_large_block_is_named" {
    local program
    for program in double_free double_free_later double_free_behind_another double_free_after_realloc; do
        large_sizes '' double-free $program
    done
}

@test "interior_free_of_a_large_block_is_named" {
    large_sizes '' interior-free interior_free
    large_sizes '' interior-free misaligned_free
    misuse '' interior-free interior_free_page
}

# realloc looks every block up before it does anything.
@test "realloc_of_what_is_no_live_block_is_named" {
    every_size '' 'double-free|use-after-free' realloc_freed
    every_size '' interior-free interior_realloc
}
