#!/usr/bin/env bats
# `mete layout` of programs compiled with -gsplit-dwarf, whose types are in a .dwp package.

load layout_helpers

write_program() {
    cat >one.c <<'C'
#include <stddef.h>
struct inner { int first; char second; };
typedef struct { char tag; long value; } boxed;
struct shared { char kind; struct shared *next; struct inner inside; boxed box; };
struct shared *first;
int other(int);
int main(int count, char **words) {
    struct local { char c; int i; } here = {0};
    for (int i = 0; i < count; i++) here.i += other(words[i][0]);
    return here.i;
}
C
    cat >two.c <<'C'
struct inner { int first; char second; };
typedef struct { char tag; long value; } boxed;
struct shared { char kind; struct shared *next; struct inner inside; boxed box; };
struct second { unsigned state : 3, mode : 7; struct inner many[3]; struct shared *shared; };
union choice { char small; struct inner large; } choice;
struct second second;
int other(int letter) {
    int sum = letter;
    for (int i = 0; i < letter; i++) sum += second.mode * i;
    return sum;
}
C
}

# All types of a file, but for where they are declared: units of types do not know the directory.
types() { mete layout "$1" '*' | sed 's, */\* [^*]*[.]c:[0-9]* \*/ *,,; s/ *$//'; }

# package TOOL COMPILER FLAG…: leaves program with program.dwp and no .dwo, and plain, as expected.
package() {
    local tool=$1
    shift
    write_program
    "$@" -c one.c two.c
    "$@" one.o two.o -o plain
    "$@" -gsplit-dwarf -c one.c two.c
    "$@" one.o two.o -o program
    timeout 20 "$tool" -e program -o program.dwp
    rm one.dwo two.dwo
    types plain >expected
    grep -q second expected
}

need() {
    command -v "$1" >/dev/null || skip "no $1 here"
}

@test "a_package_beside_the_program_has_its_types" {
    need dwp
    need llvm-dwp
    while read -r line; do
        echo "$line"
        # shellcheck disable=SC2086
        package $line
        for file in program program.dwp; do
            types "$file" >out
            diff expected out
        done
    done <<'LINES'
dwp gcc -gdwarf-4
dwp gcc -gdwarf-4 -fdebug-types-section
dwp clang -gdwarf-4
llvm-dwp clang -gdwarf-5 -fdebug-types-section
llvm-dwp clang -gdwarf-5
LINES
}

# gcc's .dwo files then have a section for each type.
@test "types_in_sections_of_their_own_are_read_from_dwo_files" {
    write_program
    for version in 4 5; do
        for compressed in "" -gz -gdwarf64; do
            gcc -g -gdwarf-$version one.c two.c -o plain
            # shellcheck disable=SC2086
            gcc -g -gdwarf-$version $compressed -gsplit-dwarf -fdebug-types-section -c one.c two.c
            gcc one.o two.o -o program
            types plain >expected
            types program >out 2>err
            [ ! -s err ]
            diff expected out
        done
    done
}

@test "a_dwo_file_with_types_in_sections_of_their_own_is_read_itself" {
    write_program
    for version in 4 5; do
        for compressed in -gz=none -gz -gdwarf64; do
            gcc -g -gdwarf-$version -gsplit-dwarf -c one.c
            types one.dwo >expected
            gcc -g -gdwarf-$version $compressed -gsplit-dwarf -fdebug-types-section -c one.c
            types one.dwo >out 2>err
            [ ! -s err ]
            diff expected out
        done
    done
}

@test "dwo_files_with_types_of_their_own_are_found_beside_a_program_that_was_moved" {
    write_program
    mkdir built
    for version in 4 5; do
        (cd built && gcc -g -gdwarf-$version -gsplit-dwarf -fdebug-types-section ../one.c ../two.c -o program)
        types built/program >expected
        grep -q second expected
        rm -rf moved
        cp -r built moved
        rm built/*
        types moved/program >out 2>err
        [ ! -s err ]
        diff expected out
    done
}

@test "types_in_sections_of_their_own_are_read_from_object_files" {
    write_program
    cat >types.cc <<'C'
#include <vector>
struct first { char a; long b; };
namespace ns { class second { int x; first one; struct inner { char c; double d; } in; }; enum e { E }; }
typedef struct { short s; ns::e e; long l; } boxed;
boxed box;
ns::second second;
std::vector<first> many;
C
    for compiler in g++ clang++; do
        for flags in -gdwarf-4 -gdwarf-5 "-gdwarf-5 -gz"; do
            # shellcheck disable=SC2086
            $compiler $flags -fPIC -fdebug-types-section -c types.cc -o types.o
            $compiler -shared types.o -o linked.so
            mete layout linked.so '*' >expected
            grep -q '^struct ns::second::inner' expected
            rm -f types.a
            ar rc types.a types.o
            for file in types.o types.a; do
                mete layout "$file" '*' >out 2>err
                [ ! -s err ]
                diff expected out
            done
        done
    done
    # Relocations of other machines, of 32 bits and of the other byte order.
    for target in i386 powerpc64 s390x arm; do
        clang --target=$target-linux-gnu -g -c two.c -o plain.o
        clang --target=$target-linux-gnu -g -fdebug-types-section -c two.c -o types.o
        types plain.o >expected
        grep -q second expected
        types types.o >out
        diff expected out
    done
}

# The types in it are of another program: none of them may be shown as this one's.
@test "such_dwo_files_of_another_build_are_left_out" {
    mkdir other
    printf 'struct first { char a; long b; } first;\nint main(void) { return 0; }\n' >one.c
    printf 'struct second { char a; long b; } second; struct third { int c; } third;\n' >two.c
    sed 's/char a;/char a; long new;/' two.c >other/two.c
    for version in 4 5; do
        flags="-g -gdwarf-$version -gsplit-dwarf -fdebug-types-section"
        # shellcheck disable=SC2086
        gcc $flags -c one.c two.c
        gcc one.o two.o -o program
        # shellcheck disable=SC2086
        (cd other && gcc $flags -c two.c)
        mv other/two.dwo two.dwo
        types program >out 2>err
        grep first out
        run ! grep -E 'second|third' out
        [ "$(cat err)" = "mete: layout: $PWD/two.dwo is of another build, or damaged: left out (compile the program anew)" ]
    done
}

@test "blocks_have_their_types_from_such_dwo_files" {
    cat >list.h <<'C'
struct item { const char *name; struct item *next; };
struct list { struct item *first, *many[4]; long count; };
struct list *list_new(void);
C
    cat >list.c <<'C'
#include <stdlib.h>
#include "list.h"
struct list *list_new(void) {
    struct list *list = calloc(1, sizeof *list);
    list->first = malloc(sizeof *list->first);
    list->many[2] = malloc(5 * sizeof *list->many[2]);
    return list;
}
C
    printf '#include "list.h"\nint main(void) { return list_new() == 0; }\n' >main.c
    for version in 4 5; do
        gcc -g -O1 -gdwarf-$version -gsplit-dwarf -fdebug-types-section main.c list.c -o listed
        mete run --quiet -o listed.mete ./listed
        mete report listed.mete --json report.json
        [ "$(jq -c '[.sites[] | select(.stack[0].function == "list_new") | .type] | sort' report.json)" = \
            '["struct item","struct item","struct list"]' ]
    done
}

@test "units_that_such_dwo_files_have_lost_are_counted" {
    write_program
    gcc -g -gdwarf-4 -gsplit-dwarf -fdebug-types-section -c one.c two.c
    gcc one.o two.o -o program
    # The length of the unit in the first section of types becomes too large.
    offset=$(readelf -SW two.dwo | sed -n 's/.* [.]debug_types[.]dwo *PROGBITS *[0-9a-f]* *\([0-9a-f]*\) .*/\1/p' | head -1)
    printf '\377\377' | dd of=two.dwo bs=1 seek=$((16#$offset)) conv=notrunc status=none
    mete layout program >out 2>err
    grep -qxF 'mete: layout: 1 unit of .dwo files or their package cannot be read: left out' err
}

@test "damaged_dwo_files_do_no_harm" {
    write_program
    for version in 4 5; do
        gcc -g -gdwarf-$version -gsplit-dwarf -fdebug-types-section -c one.c two.c
        gcc one.o two.o -o program
        cp two.dwo whole
        size=$(stat -c %s whole)
        RANDOM=$version
        for i in {1..60}; do
            cp whole two.dwo
            # 16 bytes somewhere become others, the same in each run.
            for _ in {1..16}; do printf '%b' "\\0$(printf %o $((RANDOM % 256)))"; done |
                dd of=two.dwo bs=1 seek=$((RANDOM * 7 % (size - 16))) conv=notrunc status=none
            code=0
            mete layout program '*' >out 2>err || code=$?
            [ "$code" -lt 126 ] || { echo "version $version, number $i"; false; }
        done
    done
}

@test "a_package_is_found_through_links_and_in_the_debug_directory" {
    need dwp
    package dwp gcc -gdwarf-4
    mkdir links debug
    ln -s ../program links/name
    mete layout links/name shared >/dev/null
    mv program.dwp debug
    mete layout --debug-dir=debug program shared >/dev/null
    run -125 mete layout program shared
    [[ $output == *".dwo and 1 more .dwo file are not there: left out ("* ]]
}

@test "a_damaged_package_is_named" {
    need dwp
    package dwp gcc -gdwarf-4
    section=$(readelf -SW program.dwp |
        sed -n 's/.* \.debug_cu_index *PROGBITS *[0-9a-f]* \([0-9a-f]*\) .*/\1/p')
    cp program.dwp good
    # A version that is not known; more units than there is room for.
    for damage in '0 \11' '8 \377\377\377\377' '12 \3'; do
        cp good program.dwp
        # shellcheck disable=SC2059
        printf "${damage#* }" |
            dd of=program.dwp bs=1 seek=$((0x$section + ${damage% *})) conv=notrunc status=none
        run -125 mete layout program
        [[ $output == *"the index of program.dwp is damaged, or of a kind that is not known"* ]]
    done
}

@test "types_are_the_same_after_dwz" {
    need dwz
    write_program
    # What dwz shares must be worth it: many units that have the same.
    cat >shared.h <<'C'
#include <pthread.h>
#include <stdio.h>
#include <sys/stat.h>
typedef union { long whole; struct { int low, high; } halves; } both;
struct holder { char kind; both first, second; pthread_cond_t wake; struct stat stat; FILE *file; };
C
    for i in 1 2 3 4; do
        printf '#include "shared.h"\nstruct holder holder_%d; both both_%d;\n' $i $i >unit_$i.c
    done
    gcc -g one.c two.c unit_?.c -o plain
    types plain >expected
    grep -q 'struct holder' expected
    cp plain single
    dwz single
    types single >out
    diff expected out
    cp plain first
    cp plain second
    dwz -m common first second
    readelf -SW first | grep -q gnu_debugaltlink
    types first >out
    diff expected out
    mv common ours
    : >empty
    head -c 500 ours >cut
    for other in none empty cut; do
        [ $other = none ] || cp $other common
        run -0 --separate-stderr mete layout first
        # shellcheck disable=SC2154 # set by run
        [ "$stderr" = "mete: layout: common is not here or damaged, in which dwz has put types: they are left out" ] ||
            { echo "$other: $stderr"; false; }
        run -125 mete layout first --max-padding=1000
    done
    rm common
    gcc -g -O2 one.c two.c unit_?.c -o third
    cp third fourth
    dwz -m common third fourth
    run -125 mete layout first
    [ "$output" = "mete: layout: first: the file in which dwz has put types of it is another build's" ]
}

# serve PROGRAM: leaves the program stripped, and a server of what it had at $port.
serve() {
    mkdir served
    cp "$1" served/program
    strip -g "$1"
    port=$((20000 + BASHPID % 20000))
    HOME=$PWD debuginfod -d :memory: -p $port -F served >server.log 2>&1 &
    server=$!
    id=$(readelf -n "$1" | sed -n 's/.*Build ID: //p')
    for _ in {1..200}; do
        curl -sf "http://127.0.0.1:$port/buildid/$id/debuginfo" -o /dev/null && break
        sleep 0.1
    done
}

@test "debuginfod_has_what_was_stripped" {
    need debuginfod
    need curl
    write_program
    gcc -g one.c two.c -o plain
    types plain >expected
    serve plain
    DEBUGINFOD_URLS=http://127.0.0.1:$port DEBUGINFOD_CACHE_PATH=$PWD/cache types plain >out
    kill $server
    wait $server || true
    diff expected out
    # What was fetched once is there without the server; without DEBUGINFOD_URLS nobody is asked.
    DEBUGINFOD_URLS=http://127.0.0.1:$port DEBUGINFOD_CACHE_PATH=$PWD/cache types plain >out
    diff expected out
    run -125 mete layout plain
    [[ $output == *"set DEBUGINFOD_URLS"* ]]
}

@test "a_report_has_lines_and_types_from_debuginfod" {
    need debuginfod
    need curl
    cat >kept.c <<'C'
#include <stdlib.h>
struct kept { long a, b; } *kept;
int main(void) {
    kept = malloc(sizeof *kept);
    return kept == NULL;
}
C
    gcc -g kept.c -o keeps
    serve keeps
    mete run --quiet -o keeps.mete ./keeps
    DEBUGINFOD_URLS=http://127.0.0.1:$port DEBUGINFOD_CACHE_PATH=$PWD/cache \
        mete report keeps.mete --json report.json
    kill $server
    wait $server || true
    [ "$(jq -c '.sites[0] | [.type, .stack[0].line]' report.json)" = '["struct kept",4]' ]
    mete report keeps.mete --json report.json # nobody is asked, not even the cache
    [ "$(jq -c '.sites[0].type' report.json)" = null ]
}
