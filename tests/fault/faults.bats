#!/usr/bin/env bats
# Misuse of the heap ends the program, with the kind of the misuse and the address on one line.

bats_require_minimum_version 1.5.0

setup() {
    cd "$BATS_TEST_TMPDIR"
}

# Tracked tests wait for a library that writes a profile.
needs_tracking() {
    METE_MODE=exact METE_OUTPUT="$BATS_TEST_TMPDIR/probe.mete" \
        LD_PRELOAD="$METE_STAGE/lib/libmete_malloc.so" true
    [ -s "$BATS_TEST_TMPDIR/probe.mete" ] || skip "libmete_malloc does not track yet"
}

# misuse MODE KIND PROGRAM [SIZE]: the program dies by SIGABRT and is told KIND (an extended regular
# expression) at the address that it had announced. MODE is what METE_MODE is set to.
misuse() {
    local address
    run --separate-stderr env METE_MODE="$1" METE_OUTPUT="$BATS_TEST_TMPDIR/profile.mete" \
        LD_PRELOAD="$METE_STAGE/lib/libmete_malloc.so" "$METE_PROGRAMS/$3" ${4:+"$4"}
    address=${lines[0]}
    echo "$3 $4: status $status, announced $address, said: $stderr"
    [ "$status" -eq 134 ]
    grep -E -- "$2" <<<"$stderr" | grep -q -- "$address"
}

# The sizes stand for a small block, a middle one, one of several pages, and a large one.
every_size() {
    local size
    for size in 24 100 1000 9000 70000 400000 5000000; do misuse "$@" "$size"; done
}

# ---- tracked, every block is watched: nothing may pass ----

@test "tracked_double_free_is_named" {
    needs_tracking
    every_size exact double-free double_free
}

@test "tracked_double_free_after_other_work_is_named" {
    needs_tracking
    every_size exact double-free double_free_later
}

@test "tracked_double_free_behind_another_block_is_named" {
    needs_tracking
    every_size exact double-free double_free_behind_another
}

@test "tracked_double_free_by_another_thread_is_named" {
    needs_tracking
    every_size exact double-free double_free_in_thread
}

@test "tracked_double_free_by_two_other_threads_is_named" {
    needs_tracking
    every_size exact double-free double_free_by_threads
}

@test "tracked_free_of_what_realloc_has_moved_is_named" {
    needs_tracking
    every_size exact double-free double_free_after_realloc
}

@test "tracked_realloc_of_a_freed_block_is_named" {
    needs_tracking
    every_size exact 'double-free|use-after-free' realloc_freed
}

@test "tracked_interior_free_is_named" {
    needs_tracking
    every_size exact interior-free interior_free
    misuse exact interior-free interior_free_page
    every_size exact interior-free interior_realloc
}

@test "tracked_misaligned_free_is_named" {
    needs_tracking
    every_size exact interior-free misaligned_free
}

@test "tracked_free_of_what_is_no_block_is_named" {
    needs_tracking
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
