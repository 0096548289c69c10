#!/usr/bin/env bats
# ./dev demo shows a real program's report, and finds the leak that was planted.

bats_require_minimum_version 1.5.0

@test "the_demo_reports_sqlite3_and_names_the_planted_line" {
    command -v sqlite3 >/dev/null || skip "sqlite3 is not installed"
    folder=$BATS_TEST_TMPDIR/demo
    run -0 "$METE_SOURCE/tools/demo" "$folder"
    planted=$(grep -n 'planted:' "$METE_SOURCE/examples/leak.c" | cut -d: -f1)

    [ "$(tail -n 1 "$folder/sqlite3.txt" | cut -d '|' -f 1)" = 20000 ]
    [[ "$output" == *'sqlite3 :memory:'*'examples/leak.c'*"leak.c:$planted"* ]]
    # The innermost frame is in the C library: strdup.
    jq -e --argjson line "$planted" '.leaks.records | length == 1 and (.[0] | .kind == "definite" and
        ([.stack[] | select((.file // "") | endswith("leak.c"))][0].line == $line))' "$folder/leak.json"
}
