# What the tests of `mete layout` share; loaded by each.

bats_require_minimum_version 1.5.0

setup() {
    cd "$BATS_TEST_TMPDIR" || return
    PATH=$METE_STAGE/bin:$PATH
    unset LD_PRELOAD DEBUGINFOD_URLS METE_DEBUG_DIR NO_COLOR
}

# holds JQ: what jq makes of the types in layout.json is true. (jq -e is content with an empty file.)
holds() { [ "$(jq "$@" layout.json)" = true ] || { jq . layout.json; false; }; }

# json FILE [ARG…]: leaves layout.json, which keeps the contract.
json() {
    mete layout "$@" --json layout.json
    [ "$(jq -f "$METE_SOURCE/tests/cli/layout_schema.jq" layout.json)" = true ]
}
