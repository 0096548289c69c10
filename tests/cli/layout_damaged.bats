#!/usr/bin/env bats
# `mete layout` on units that are damaged: they are left out and named, and nothing else is lost.

load layout_helpers

# write_program VERSION: four units, each with a struct of its own.
write_program() {
    for i in 1 2 3 4; do
        echo "struct s$i { char a; long b[$i]; } v$i;" >unit$i.c
    done
    echo 'int main(void) { return 0; }' >>unit4.c
    gcc "-gdwarf-$1" "${@:2}" unit1.c unit2.c unit3.c unit4.c -o program
}

# damage UNIT FIELD VALUE: leaves `damaged`, in which a field of that unit's header is another.
damage() {
    python3 - "$@" <<'PY'
import re, struct, subprocess, sys
number, field, value = int(sys.argv[1]), sys.argv[2], int(sys.argv[3], 0)
lines = subprocess.run(["readelf", "-SW", "program"], capture_output=True, text=True).stdout
found = re.search(r" \.debug_info +PROGBITS +\S+ (\S+) (\S+)", lines)
start = int(found[1], 16)
data = bytearray(open("program", "rb").read())
at = start
for _ in range(number - 1):
    at += 4 + struct.unpack_from("<I", data, at)[0]
new = data[at + 4] == 5
place, size = {"length": (0, 4), "version": (4, 2), "type": (6, 1), "address": (7 if new else 10, 1),
               "abbreviations": (8 if new else 6, 4)}[field]
data[at + place : at + place + size] = value.to_bytes(size, "little")
open("damaged", "wb").write(data)
PY
}

# finds STRUCTS: those are read of `damaged`, and the messages are left in `err`.
finds() {
    mete layout damaged --json - 2>err | jq -r '[.types[].name[7:]] | join(" ")' >out
    [ "$(cat out)" = "$1" ] || { cat out err; false; }
}

@test "a_damaged_header_costs_its_unit_and_no_other" {
    for dwarf in 2 4 5; do
        write_program $dwarf
        for change in 'version 99' 'version 0' 'address 77' 'length 0' 'length 0x7fffffff' \
            'length 0xfffffff5' 'abbreviations 0x7fffffff'; do
            # shellcheck disable=SC2086
            damage 1 $change && finds 's2 s3 s4'
            # shellcheck disable=SC2086
            damage 2 $change && finds 's1 s3 s4'
            # shellcheck disable=SC2086
            damage 4 $change && finds 's1 s2 s3'
            [ "$(grep -c 'is damaged: left out$' err)" = 1 ]
        done
    done
}

@test "a_unit_with_a_damaged_header_is_named" {
    for dwarf in 4 5; do
        write_program $dwarf
        damage 2 version 99 && finds 's1 s3 s4'
        grep -qE '^mete: layout: unit unit2.c at 0x[0-9a-f]+ is damaged: left out$' err
        damage 3 length 0x7fffffff && finds 's1 s2 s4'
        grep -qE '^mete: layout: unit unit3.c at 0x[0-9a-f]+ is damaged: left out$' err
        damage 1 abbreviations 0x7fffffff && finds 's2 s3 s4'
        grep -qxF 'mete: layout: unit without a name at 0x0 is damaged: left out' err
    done
}

# Three units that number their abbreviations differently: of the tables at 0, 32 and 64 the second
# has struct and unit the other way round, and the third sizes of one byte instead of two.
write_tables() {
    cat >tables.s <<'S'
    .macro table unit, structure, size
1:  .uleb128 \unit, 0x11
    .byte 1
    .uleb128 0x03, 0x08, 0, 0
    .uleb128 \structure, 0x13
    .byte 0
    .uleb128 0x03, 0x08, 0x0b, \size, 0, 0
    .byte 0
    .org 1b + 32
    .endm
    .macro unit name, table, unit, structure, size
    .long 2f - 1f
1:  .short 4
    .long \table
    .byte 8
    .uleb128 \unit
    .asciz "\name\().c"
    .irpc part, ab
    .uleb128 \structure
    .asciz "\name\part"
    \size 8
    .endr
    .byte 0
2:
    .endm
    .section .debug_abbrev
    table 1, 2, 0x05
    table 2, 1, 0x05
    table 1, 2, 0x0b
    .section .debug_info
    unit p, 0, 1, 2, .short
    unit q, 32, 2, 1, .short
    unit r, 64, 1, 2, .byte
    .section .note.GNU-stack
S
    echo 'int main(void) { return 0; }' >main.c
    gcc main.c tables.s -o program
}

@test "a_unit_with_another_units_abbreviations_is_damaged" {
    write_tables
    cp program damaged && finds 'pa pb qa qb ra rb'
    [ ! -s err ]
    while IFS=: read -r unit table name left; do
        damage "$unit" abbreviations "$table" && finds "$left"
        grep -qE "^mete: layout: unit $name at 0x[0-9a-f]+ is damaged: left out$" err
        [ "$(wc -l <err)" = 1 ]
        run mete layout damaged --max-padding=100
        [ "$status" = 125 ]
    done <<'LINES'
1:32:without a name:qa qb ra rb
1:64:p.c:qa qb ra rb
2:0:without a name:pa pb ra rb
2:64:without a name:pa pb ra rb
3:32:without a name:pa pb qa qb
LINES
}

@test "several_damaged_units_are_told_apart" {
    write_program 5
    damage 1 version 99
    mv damaged program
    damage 2 version 77
    mv damaged program
    damage 4 type 0x77
    finds s3
    [ "$(grep -o 'unit unit[0-9].c' err | tr '\n' ' ')" = 'unit unit1.c unit unit2.c unit unit4.c ' ]
}

@test "padding_behind_the_last_unit_is_no_damage" {
    write_program 5
    objcopy --dump-section .debug_info=info program
    head -c 32 /dev/zero >>info
    objcopy --update-section .debug_info=info program damaged
    finds 's1 s2 s3 s4'
    [ ! -s err ]
}

@test "units_in_compressed_sections_are_mended_too" {
    write_program 5
    damage 2 version 99
    mv damaged plain
    for form in zlib zlib-gnu; do
        objcopy --compress-debug-sections=$form plain damaged
        finds 's1 s3 s4'
        grep -q 'unit unit2.c at ' err
    done
}

@test "limits_do_not_hold_for_what_was_left_out" {
    write_program 5
    mete layout program --max-padding=7
    damage 2 version 99
    run -125 mete layout damaged --max-padding=7
    [[ $output == *"mete: layout: whether the limits hold is not known, since types were left out" ]]
    run -1 mete layout damaged --max-padding=6 # what is known to exceed does
    run -0 mete layout --diff program program --max-growth=0
    run -125 mete layout --diff damaged program --max-growth=0
    [[ $output == *"mete: layout: damaged: unit unit2.c at "* ]]
    run -125 mete layout --diff program damaged --max-growth=0
    run -0 mete layout --diff program damaged
}

@test "a_report_has_the_lines_of_the_units_behind_a_damaged_one" {
    echo 'int unused;' >first.c
    cat >leaks.c <<'C'
#include <stdlib.h>
struct lost { long a, b; } *volatile lost;
int main(void) {
    lost = malloc(sizeof *lost);
    lost = NULL;
    return 0;
}
C
    gcc -g first.c leaks.c -o program
    damage 1 version 99
    chmod +x damaged
    mete run --quiet -o damaged.mete ./damaged
    mete report damaged.mete --json report.json
    [ "$(jq -c '.sites[0] | [.type, .stack[0].line]' report.json)" = '["struct lost",4]' ]
}

@test "entries_that_seem_to_have_children_do_not_hold_it_up" {
    # What follows a parameter then seems to be in it, as well as where an earlier entry says.
    {
        echo 'namespace all {'
        for i in $(seq 60); do
            echo "struct s$i { char a; long b; int get(int x, int y) { return x + y; } };"
            echo "int f$i(s$i *of, int x) { return of->get(x, $i); }"
        done
        echo '}'
    } >many.cc
    g++ -g -c many.cc -o many.o
    ld -r many.o -o program
    mete layout program --json - | jq -e '.types | length == 60' >/dev/null
    python3 - <<'PY'
import re, subprocess
data = open("program", "rb").read()
lines = subprocess.run(["readelf", "-SW", "program"], capture_output=True, text=True).stdout
found = re.search(r" \.debug_abbrev +PROGBITS +\S+ (\S+) (\S+)", lines)
at, end = int(found[1], 16), int(found[1], 16) + int(found[2], 16)
def number():
    global at
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value
damaged = 0
while at < end and number() != 0:
    tag = number()
    if tag == 0x05 and data[at] == 0:
        with open(f"damaged{damaged}", "wb") as file:
            file.write(data[:at] + b"\1" + data[at + 1 :])
        damaged += 1
    at += 1
    while True:
        attribute, form = number(), number()
        if form == 0x21:
            number()
        if attribute == form == 0:
            break
assert damaged > 0
PY
    for file in damaged*; do
        timeout 20 mete layout "$file" 2>>err >out
    done
    grep -q 'many.cc at 0x[0-9a-f]* is damaged: left out$' err
}

@test "a_file_without_the_names_of_its_units_is_not_one_without_types" {
    echo 'struct named_at_some_length { char a; long b; } named_at_some_length; int main(void) { return 0; }' |
        gcc -g -x c - -o nameless
    objcopy --remove-section=.debug_str --remove-section=.debug_line_str nameless
    run -125 --separate-stderr mete layout nameless --max-padding=100
    # shellcheck disable=SC2154 # set by run
    [[ $stderr == *'is damaged: left out'* ]] || { echo "$stderr"; false; }
}
