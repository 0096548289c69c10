#!/usr/bin/env bats
# `mete layout --diff`, the limits for continuous integration, and SARIF.

load layout_helpers

build_both() {
    cat >old.c <<'END'
struct conn { char kind; int fd; char name[4]; int gone; struct { int x; }; } conn;
struct removed { int a; } removed;
struct same { int a; } same;
END
    cat >new.c <<'END'
struct conn { char kind; long fd; char name[8]; struct { int y; int x; }; int flags : 3; } conn;
struct added { int a; } added;
struct same { int a; } same;
END
    gcc -g -c old.c
    gcc -g -c new.c
}

@test "changes_are_told_by_type_and_member" {
    build_both
    mete layout --diff old.o new.o >out
    diff - out <<'END'
struct added: added, 4 bytes
struct conn: 40 bytes, was 20 (+20); 14 wasted, was 3; align 8, was 4
  ~ long int fd  was int fd; offset 8, was 4; 8 bytes, was 4
  ~ char name[8]  was char name[4]; offset 16, was 8; 8 bytes, was 4
  ~ struct {...}  offset 24, was 16; 8 bytes, was 4
  + int flags:3  offset 32:0, 4 bytes
  - int gone  offset 12, 4 bytes
struct removed: removed, 4 bytes
1 type changed (+20 bytes in one of each), 1 added, 1 removed
END
    mete layout --diff old.o new.o same | grep -q '^0 types changed'
    mete layout --diff old.o new.o removed | grep -q '^struct removed: removed'
    mete layout --diff new.o new.o >out
    [ "$(cat out)" = "0 types changed (+0 bytes in one of each), 0 added, 0 removed" ]
}

@test "changes_are_told_as_json" {
    build_both
    mete layout --diff old.o new.o --json layout.json
    holds '.old == "old.o" and .new == "new.o" and
        ([.changes[] | [.name, .change]] == [["struct added", "added"], ["struct conn", "changed"],
            ["struct removed", "removed"]])'
    holds '.changes[1] | .old_size == 20 and .new_size == 40 and .old_wasted == 3 and
        ([.members[] | .change] == ["changed", "changed", "changed", "added", "removed"]) and
        (.members[0] | .old.type == "int" and .new.type == "long int")'
}

# build_files BUILD FILE MEMBERS …: leaves BUILD/all.o, of files that each have a struct s of their own.
build_files() {
    local build=$1
    shift
    rm -rf "$build"
    mkdir "$build"
    while [ $# -gt 0 ]; do
        echo "struct s { $2 } variable_$1;" >"$build/$1.c"
        (cd "$build" && gcc -g -c "$1.c")
        shift 2
    done
    ld -r "$build"/*.o -o "$build.all" && mv "$build.all" "$build/all.o"
}

@test "types_of_one_name_are_compared_file_by_file" {
    small='int a;' large='long p, q;'
    build_files old a "$small" b "$large"
    # One has become what the other is: in the new build there is one type.
    build_files new a "$large" b "$large"
    mete layout --diff old/all.o new/all.o >out
    grep -qx 'struct s: 16 bytes, was 4 (+12); align 8, was 4' out
    grep -q '^1 type changed .*, 0 added, 0 removed$' out
    run mete layout --diff old/all.o new/all.o --max-growth 8
    [ "$status" = 1 ]
    # They have changed places.
    build_files new a "$large" b "$small"
    run mete layout --diff old/all.o new/all.o --max-growth 8
    [ "$status" = 1 ]
    # What moves to another file has not changed.
    build_files new c "$small" b "$large"
    mete layout --diff old/all.o new/all.o | grep -q '^0 types changed .*, 0 added, 0 removed$'
    build_files new c "$small" d "$large"
    mete layout --diff old/all.o new/all.o | grep -q '^0 types changed .*, 0 added, 0 removed$'
}

@test "an_alignment_that_changes_is_told" {
    echo 'struct key { long k[2]; } key;' >key.c
    gcc -g -c key.c -o old.o
    sed 's/long/double/; s/k\[2\]/k[2] __attribute__((aligned(16)))/' key.c >new.c
    gcc -g -c new.c -o new.o
    mete layout --diff old.o new.o | grep -qx 'struct key: 16 bytes, was 16 (+0); align 16, was 8'
    mete layout --diff old.o new.o --json layout.json >/dev/null
    holds '.changes[0] | .old_align == 8 and .new_align == 16'
}

@test "limits_end_with_one" {
    build_both
    run -1 --separate-stderr mete layout --diff old.o new.o --max-growth=19
    # shellcheck disable=SC2154 # set by run
    [ "$stderr" = "mete: layout: struct conn grew by 20 bytes, more than 19" ]
    run -0 mete layout --diff old.o new.o --max-growth=20
    run -0 mete layout --diff new.o old.o --max-growth=0
    run -1 --separate-stderr mete layout new.o --max-padding=13
    [ "$stderr" = "mete: layout: struct conn wastes 14 bytes, more than 13" ]
    run -0 mete layout new.o --max-padding=14
    run -0 mete layout new.o same --max-padding=0
    echo 'struct odd { short a; char b; } odd;' | gcc -g -x c -c - -o odd.o
    run -1 --separate-stderr mete layout odd.o --max-padding=0
    [ "$stderr" = "mete: layout: struct odd wastes 1 byte, more than 0" ]
}

@test "a_full_disk_is_said_to_be_full" {
    build_both
    for to in --json --sarif; do
        run -125 --separate-stderr mete layout new.o "$to=/dev/full"
        [ "$stderr" = "mete: layout: cannot write /dev/full: No space left on device" ]
    done
}

@test "standard_output_that_cannot_be_written_is_an_error" {
    build_both
    for command in 'layout new.o' 'layout new.o --json -' 'layout --help' help version; do
        run -125 --separate-stderr bash -c "mete $command >&-"
        [[ $stderr == "mete: "*"cannot write"*"standard output: Bad file descriptor" ]]
        run -125 --separate-stderr bash -c "mete $command >/dev/full"
        [[ $stderr == "mete: "*"cannot write"*"standard output: No space left on device" ]]
    done
}

@test "names_out_of_files_do_not_steer_the_terminal" {
    echo 'struct named_so_that_it_is_found { char a; long b; } v;' >types.c
    gcc -g -c types.c
    sed -i 's/named_so_that_it/named_\x1b[2J\r\xc2\x9bxyz/' types.o
    run -1 --separate-stderr mete layout types.o --max-padding=1
    [[ $stderr == *'struct named_?[2J???xyz_is_found wastes'* ]]
}

@test "usage_that_makes_no_sense_is_refused" {
    build_both
    run -2 mete layout --diff old.o
    run -2 mete layout new.o --max-growth=1
    run -2 mete layout --diff old.o new.o --reorder
    run -2 mete layout new.o --json - --sarif -
    run -125 mete layout --diff old.o new.o none
    run -125 mete layout --diff missing.o new.o
}

@test "sarif_names_the_place_in_the_source" {
    build_both
    mkdir 'a b'
    cp new.c 'a b/ü.c'
    gcc -g -c 'a b/ü.c' -o odd.o
    mete layout odd.o --sarif layout.json
    holds '.version == "2.1.0" and (.runs[0].tool.driver | .name == "mete" and (.rules | length == 2))'
    holds '.runs[0].results | length == 1 and (.[0] | .ruleId == "reorder" and .level == "warning" and
        (.message.text | startswith("struct conn has 40 bytes, 14 of them are padding")) and
        (.locations[0].physicalLocation | .region.startLine == 1 and
            (.artifactLocation.uri | endswith("a%20b/%C3%BC.c"))))'
}

@test "sarif_says_what_relative_names_are_relative_to" {
    mkdir source build
    echo 'struct odd { char a; long b; char c; } odd; int main(void) { return 0; }' >source/odd.c
    for options in '' '-gsplit-dwarf -gdwarf-4'; do
        # shellcheck disable=SC2086
        (cd build && gcc -g $options ../source/odd.c -o odd)
        mete layout build/odd --sarif layout.json
        holds '.runs[0].results[0].locations[0].physicalLocation.artifactLocation |
            .uri == "../source/odd.c" and .uriBaseId == "BUILD1"'
        holds ".runs[0].originalUriBaseIds == {BUILD1: {uri: \"file://$PWD/build/\"}}"
    done
    gcc -g "$PWD/source/odd.c" -o odd
    mete layout odd --sarif layout.json
    holds ".runs[0].results[0].locations[0].physicalLocation.artifactLocation ==
        {uri: \"file://$PWD/source/odd.c\"}"
}

@test "options_that_would_change_nothing_are_refused_with_the_reason" {
    write_shapes_for_options
    while IFS='|' read -r options reason; do
        echo "$options"
        # shellcheck disable=SC2086
        run -2 mete layout $options
        [[ $output == "mete: layout: $reason"* ]]
    done <<'END'
one.o --json - --sarif -|either --json or --sarif
--diff one.o one.o --reorder|--diff has no --sarif and no --reorder
--diff one.o one.o --heap=one.o|--diff has no profile
--diff one.o one.o --alive=one.o|--diff has no profile
--diff one.o one.o --expand|--diff shows what changed inside
--diff one.o one.o --hot=a|--diff reorders nothing
--diff one.o one.o --top=3|--diff shows all that changed
one.o --heap=one.o --reorder|--heap says which members to move
one.o shape --json - --expand|documents have one form
one.o --expand|--expand of which type?
one.o --reorder|--reorder of which type?
one.o shape --hot=b|--hot says how members are to be ordered: add --reorder
one.o shape --expand --reorder|either --expand or --reorder
one.o shape --top=3|--top is for the summary
END
}

write_shapes_for_options() {
    echo 'struct shape { char a; int b; } shape; struct dense { int a; } dense;
        struct loose { char a; long b; char c; } loose;' >one.c
    gcc -g -c one.c -o one.o
}

@test "holes_may_have_no_number" {
    write_shapes_for_options
    names() { mete layout "$@" --json - | jq -r '[.types[].name] | sort | join(" ")'; }
    [ "$(names one.o --holes)" = "struct loose struct shape" ]
    [ "$(names --holes one.o)" = "struct loose struct shape" ]
    [ "$(names --holes 2 one.o)" = "struct loose" ]
    [ "$(names one.o --holes=2)" = "struct loose" ]
    [ "$(names one.o --holes shape)" = "struct shape" ]
    run -2 mete layout one.o --holes=no
}

@test "both_limits_of_a_comparison_are_looked_at" {
    write_shapes_for_options
    cp one.o old.o
    sed -i 's/char c; } loose/char c; long d; char e; } loose/' one.c
    gcc -g -c one.c -o one.o
    run -1 --separate-stderr mete layout --diff old.o one.o --max-growth=0 --max-padding=8 --json changes.json
    [[ $stderr == *"struct loose grew by 16 bytes, more than 0"*"struct loose wastes 21 bytes, more than 8"* ]]
    [ "$(jq -c '.changes[0] | [.name, .old_size, .new_size]' changes.json)" = '["struct loose",24,40]' ]
}
