#!/usr/bin/env bats
# tools/summary counts every case once, and nothing that failed gets lost.

bats_require_minimum_version 1.5.0

setup() {
    tools=$METE_SOURCE/tools
    cd "$BATS_TEST_TMPDIR"
}

# A line of meson's testlog.json: name, result, standard output, standard error.
logged() {
    jq -cn --arg name "mete:unit / $1" --arg result "$2" --arg stdout "$3" --arg stderr "${4:-}" '$ARGS.named'
}

@test "every_line_of_tap_counts" {
    logged bits OK $'1..2\nok 1 - a\nok 2 - b' >main.json
    printf 'ok 1 - c\nok 2 - d\n1..2\n' >check.tap
    run -0 "$tools/summary" main.json check.tap
    [ "${lines[-1]}" = '4 passed, 0 failed' ]
}

@test "a_program_without_tap_counts_as_one" {
    logged one OK 'all is well' >main.json
    logged two FAIL 'it broke' 'badly' >>main.json
    run -1 "$tools/summary" main.json
    [ "${lines[-1]}" = '1 passed, 1 failed' ]
    [[ "$output" == *'FAILED main: unit / two: FAIL'*'it broke'*badly* ]]
}

@test "a_failed_line_is_shown_with_what_follows_it" {
    logged bits FAIL $'1..3\nok 1 - a\nnot ok 2 - b\n# 3 != 4\nok 3 - c' 'said on stderr' >main.json
    run -1 "$tools/summary" main.json
    [ "${lines[-1]}" = '2 passed, 1 failed' ]
    [[ "$output" == *'FAILED main: unit / bits: b'*'# 3 != 4'*'said on stderr'* ]]
}

@test "a_program_that_stops_before_its_plan_failed" {
    logged bits ERROR $'1..3\nok 1 - a' 'Segmentation fault' >main.json
    run -1 "$tools/summary" main.json
    [ "${lines[-1]}" = '1 passed, 1 failed' ]
    [[ "$output" == *'ran 1 of 3 tests'*'Segmentation fault'* ]]
}

@test "a_program_that_dies_after_its_last_test_failed" {
    logged bits ERROR $'1..1\nok 1 - a' 'heap-use-after-free' >main.json
    run -1 "$tools/summary" main.json
    [ "${lines[-1]}" = '1 passed, 1 failed' ]
}

@test "a_timeout_failed" {
    logged slow TIMEOUT '' >main.json
    run -1 "$tools/summary" main.json
    [ "${lines[-1]}" = '0 passed, 1 failed' ]
}

@test "what_was_skipped_is_named_and_not_counted" {
    logged bits OK $'1..3\nok 1 a # skip not root\nok 2 b\nnot ok 3 # SKIP cmocka' >main.json
    logged other SKIP '' >>main.json
    run -0 "$tools/summary" main.json
    [ "${lines[-1]}" = '1 passed, 0 failed' ]
    [[ "$output" == *'bits: a # skip not root'*'unit / other'* ]]
}

@test "no_test_at_all_is_a_failure" {
    : >main.json
    run -1 "$tools/summary" main.json
    [ "${lines[-1]}" = '0 passed, 0 failed' ]
}

@test "a_result_file_that_is_missing_is_a_failure" {
    run -1 "$tools/summary" gone.json
    [[ "${lines[-1]}" == '0 passed, 1 failed' ]]
}

@test "a_test_that_cmocka_skips_is_no_failure" {
    printf '#!/bin/sh\necho "1..2"\necho "not ok 1 # SKIP a"\necho "$1 2 - b"\nexit $2\n' >program
    chmod +x program
    run -0 "$METE_SOURCE/tests/unit/tap" ./program ok 0
    [ "$output" = $'1..2\nok 1 # SKIP a\nok 2 - b' ]
    run -3 "$METE_SOURCE/tests/unit/tap" ./program 'not ok' 3
    [ "${lines[2]}" = 'not ok 2 - b' ]
}
