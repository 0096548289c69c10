#!/usr/bin/env bats
# A block that is given back by the wrong function, or with a wrong size: told, and the program goes on.

load ../cli/run_helpers

sized='sized|base' # the faults that are only about sizes, of which memcheck 3.19 says nothing

names() { "$METE_PROGRAMS/mismatched_free" | grep -E -- "$@"; }

# mismatch NAME [TIMES]: runs it in exact mode to its end; the report is in report.json, standard error in
# said, and $address is what it announced last.
mismatch() {
    mete run -o p.mete --json report.json -- "$METE_PROGRAMS/mismatched_free" "$@" >out 2>said ||
        { echo "$1 ended with $?"; cat said; return 1; }
    address=$(tail -n 1 out)
}

# told NAME ALLOCATED_BY FREED_BY: one error, with both stacks, that says so.
told() {
    mismatch "$1"
    holds --arg address "$address" --arg name "$1" --arg allocated "$2" --arg freed "$3" '
        def within($stack): any($stack[].function // ""; contains($name));
        .errors | length == 1 and (.[0] |
            .kind == "mismatched-free" and .address == $address and .offset == 0 and .count == 1
            and .allocated_by == $allocated and .freed_by == $freed
            and within(.stack) and (.freed_at | length == 0)
            and (within(.allocated_at) or any(.allocated_at[].function // ""; contains("strdup"))))
        ' report.json || { jq .errors report.json; echo "$*"; return 1; }
    [ "$(grep -c "^mete: mismatched-free of $address" said)" = 1 ] || { cat said; return 1; }
}

@test "every_mismatch_of_families_is_told_with_both_stacks" {
    told malloc_delete malloc delete
    told malloc_delete_array malloc 'delete[]'
    told malloc_delete_large malloc delete
    told calloc_delete malloc delete
    told realloc_delete malloc delete
    told memalign_delete malloc delete
    told strdup_delete malloc delete
    told new_free new free
    told new_realloc new free
    told new_realloc_in_place new free
    told new_realloc_nothing new free
    told new_large_realloc new free
    told new_delete_array new 'delete[]'
    told array_new_free 'new[]' free
    told array_new_delete 'new[]' delete
    told nothrow_new_free new free
    told nothrow_array_new_delete 'new[]' delete
    told aligned_new_free new free
    told aligned_array_new_delete 'new[]' delete
    told aligned_nothrow_new_delete_array new 'delete[]'
}

@test "every_wrong_size_is_told" {
    local name
    for name in $(names "$sized"); do
        mismatch "$name"
        holds --arg address "$address" '.errors | length == 1 and (.[0] |
            .kind == "mismatched-free" and .address == $address and .block_bytes == 100
            and .said_bytes == (if $name == "delete_of_a_base" then 4 else 96 end))
            ' --arg name "$name" report.json || { jq .errors report.json; echo "$name"; return 1; }
        grep -E "^mete: mismatched-free of $address, a block of 100 bytes, freed as one of (96|4)$" said
    done
}

@test "the_report_says_by_which_function_each_went" {
    mismatch array_new_free
    grep -qF 'allocated by operator new[], freed by free' said
    mete report p.mete >report
    grep -A1 '^  mismatched-free of' report |
        grep -qF '    allocated by operator new[], freed by free or realloc'
    mismatch delete_of_a_base
    mete report p.mete | grep -qF '    freed as a block of 4 bytes'
}

@test "the_same_mismatch_again_is_counted_and_not_said_again" {
    mismatch new_free 1000
    [ "$(grep -c '^mete: mismatched-free' said)" = 1 ]
    holds '.errors | length == 1 and .[0].count == 1000' report.json
    mete report p.mete | grep -qF 'a block of 100 bytes, 1,000 times'
}

@test "quiet_leaves_it_to_the_report" {
    mete run --quiet -o p.mete --json report.json -- "$METE_PROGRAMS/mismatched_free" new_free >out 2>said
    [ ! -s said ]
    holds '.errors | length == 1' report.json
}

@test "error_exitcode_counts_it" {
    run -7 mete run --error-exitcode=7 -o p.mete -- "$METE_PROGRAMS/mismatched_free" new_free
    run -0 mete run --error-exitcode=7 --no-leaks -o p.mete -- "$METE_PROGRAMS/matched_free"
}

@test "memcheck_says_the_same_of_families" {
    local name
    for name in $(names . | grep -Ev "$sized"); do
        valgrind "$METE_PROGRAMS/mismatched_free" "$name" >out 2>said
        [ "$(grep -c 'Mismatched free' said)" = 1 ] || { cat said; return 1; }
    done
}

@test "what_is_right_is_left_alone" {
    local program
    for program in matched_free "$METE_PROGRAMS"/matched_replaced_*; do
        [ -f "$program" ] || program=$METE_PROGRAMS/$program
        [ -x "$program" ] && [ -f "$program" ] || continue
        mete run -o p.mete --json report.json -- "$program" 2>said
        holds '.errors == []' report.json || { jq -c '.errors[]' report.json; echo "$program"; return 1; }
    done
}

@test "check_and_guard_tell_it_too" {
    local mode
    for mode in check guard; do
        mete run --quiet --mode=$mode -o p.mete --json report.json -- "$METE_PROGRAMS/mismatched_free" new_large_realloc >out
        holds '.errors | length == 1 and .[0].kind == "mismatched-free"' report.json
        mete run --quiet --mode=$mode -o p.mete --json report.json -- "$METE_PROGRAMS/mismatched_free" sized_delete >out
        holds '.errors | length == 1 and .[0].said_bytes == 96' report.json
        mete run --quiet --mode=$mode -o p.mete --json report.json -- "$METE_PROGRAMS/matched_free"
        holds '.errors == []' report.json
    done
}

@test "without_tracking_it_is_not_noticed" {
    LD_PRELOAD=$METE_STAGE/lib/libmete_malloc.so "$METE_PROGRAMS/mismatched_free" new_free >out 2>said
    [ ! -s said ]
}
