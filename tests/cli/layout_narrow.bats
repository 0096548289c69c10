#!/usr/bin/env bats
# `mete layout` on terminals: no line is longer than they are wide, and nothing is left out.

load layout_helpers

write_program() {
    cat >wide.cc <<'CC'
#include <map>
#include <string>
#include <vector>
namespace registry_of_everything {
struct entry_with_a_long_name { char kind; void *where; char state; };
struct holder {
    char first;
    std::map<std::string, std::vector<std::pair<std::string, entry_with_a_long_name *>>> by_name;
    int (*call_me_when_everything_is_done)(struct holder *, const char *, unsigned long long, void **);
    struct { char tag; union { long number; std::string *text; } what; } inside;
    char last;
};
} // namespace registry_of_everything
registry_of_everything::holder holder;
registry_of_everything::entry_with_a_long_name entry;
int main() { return 0; }
CC
    g++ -g wide.cc -o program
}

# on COLUMNS COMMAND: what the command prints on a terminal so wide, without colour.
on() {
    TERM=xterm script -qec "stty cols $1; $2" /dev/null </dev/null | tr -d '\r' |
        sed 's/\x1b\[[0-9;]*m//g'
}

@test "lines_keep_to_the_width_of_the_terminal" {
    write_program
    for columns in 60 80 100; do
        for what in "'*holder' --expand" "'*'" "" "--reorder '*entry*'" "'*' --cache-line=32"; do
            on $columns "mete layout program $what" >out
            [ -s out ]
            awk -v most=$columns 'length($0) > most { print; bad = 1 } END { exit bad }' out
        done
        # The map of a cache line is a picture: it has its row to itself where there is room.
        [ $columns -lt 80 ] || on $columns "mete layout program '*holder'" | grep -qE '^    0  [a-zA-Z. +]{71}$'
    done
}

@test "a_row_of_the_map_that_is_folded_keeps_its_column" {
    write_program
    on 60 "mete layout program '*holder'" | sed -n '/^    0  [a-z]/,$p' >out
    grep -qE '^   64  ' out
    grep -qE '^ {7}[a-zA-Z.]{8} [a-zA-Z.]{8}$' out || { cat out; false; }
}

@test "what_is_folded_is_all_there" {
    write_program
    squeeze() { tr -d ' \n'; }
    on 60 "mete layout program '*holder' --expand" | squeeze >narrow
    mete layout program '*holder' --expand | squeeze >wide
    cmp narrow wide
}

@test "tables_cut_names_and_files_to_what_fits" {
    write_program
    LC_ALL=C.UTF-8 on 80 "mete layout program" >out
    grep -qF 'hing::entry_with_a_long_name' out
    run -1 grep -qF 'registry_of_everything::entry' out
    LC_ALL=C.UTF-8 on 115 "mete layout program" >out
    grep -qF "  registry_of_everything::entry_with_a_long_name  …" out
    grep -qF 'wide.cc:5' out
    mete layout program >out # nothing is cut where nobody looks
    grep -qF "  registry_of_everything::entry_with_a_long_name  $PWD/wide.cc:5" out
}

@test "a_name_has_a_line_of_its_own_where_a_table_leaves_no_room" {
    cat >heap.c <<'C'
#include <stdlib.h>
struct conn { char kind; long bytes; char state; } *conns[100];
struct connection_of_the_registry { char kind; long bytes; char state; } *others[100];
int main(void) {
    for (int i = 0; i < 100; i++) {
        conns[i] = malloc(sizeof *conns[i]);
        others[i] = malloc(sizeof *others[i]);
    }
    return others[3] == NULL;
}
C
    gcc -g heap.c -o heap
    mete run --quiet -o heap.mete ./heap
    for columns in 60 80; do
        LC_ALL=C.UTF-8 on $columns "mete layout heap --heap heap.mete" >out
        awk -v most=$columns 'length($0) > most { print; bad = 1 } END { exit bad }' out
        grep -qE '^ {10}struct connection_of_the_registry( |$)' out
        run -1 grep -qE '^ *type' out
    done
    grep -qE ' struct conn( |$)' out
    LC_ALL=C.UTF-8 on 64 "mete layout heap" >out
    grep -qE '^ {10}struct connection_of_the_registry( |$)' out
    grep -qE '[0-9]  struct conn( |$)' out
    LC_ALL=C.UTF-8 on 100 "mete layout heap --heap heap.mete" >out
    grep -qE '[0-9]  struct connection_of_the_registry' out
}

@test "declarations_go_on_in_their_column" {
    write_program
    on 60 "mete layout program '*holder'" >out
    grep -A1 'by_name\|std::map' out
    grep -qE '^ {22}[^ ]' out
}

@test "a_diff_keeps_to_the_width_too" {
    write_program
    cp program before
    sed -i 's/char last;/char last[3];/' wide.cc
    g++ -g wide.cc -o program
    on 60 "mete layout --diff before program" >out
    grep -q 'holder' out
    awk 'length($0) > 60 { print; bad = 1 } END { exit bad }' out
}
