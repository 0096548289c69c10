#!/usr/bin/env bats
# `mete layout`: names on the command line that mean nothing are said, and never an empty report.

load layout_helpers

write_program() {
    cat >names.c <<'C'
struct inner { int a; char b; };
struct conn { char k; struct inner in; struct other *o; struct conn *next; };
struct conn conn;
int main(void) { return 0; }
C
    gcc -g names.c -o program
}

# refuses TEXT ARG…: the options are refused with this line alone.
refuses() {
    run -125 mete layout program "${@:2}"
    [ "$output" = "mete: layout: $1" ] || { echo "$output"; false; }
}

@test "types_that_are_not_there_are_said_with_the_nearest" {
    write_program
    refuses "program has no type 'con': did you mean 'conn'?" con
    refuses "program has no type 'struct conns': did you mean 'conn'?" 'struct conns'
    refuses "program has no type 'innner': did you mean 'inner'?" --contains=innner
    refuses "program has no type 'innner': did you mean 'inner'?" --points-to=innner
    refuses "program has no type 'struct wholly_different'" 'struct wholly_different'
}

@test "names_of_cxx_are_found_without_their_scopes" {
    cat >scoped.cc <<'C'
namespace app { template<class T> struct list { T *first; }; struct conn { char c; long l; }; }
namespace { struct hidden { int a; }; }
app::list<app::conn> list;
app::conn conn;
hidden hid;
int main() { return hid.a; }
C
    g++ -g scoped.cc -o program
    refuses "program has no type 'conn': did you mean 'app::conn'?" conn
    refuses "program has no type 'class con': did you mean 'app::conn'?" 'class con'
    refuses "program has no type 'hidden': did you mean '(anonymous namespace)::hidden'?" hidden
    refuses "program has no type 'list<app::conn>': did you mean 'app::list<app::conn>'?" 'list<app::conn>'
}

@test "a_type_that_is_only_pointed_to_can_be_asked_for" {
    write_program
    json program --points-to=other
    [ "$(jq -c '[.types[].name]' layout.json)" = '["struct conn"]' ]
}

@test "files_that_declare_nothing_are_said_with_the_nearest" {
    write_program
    refuses "program has no type that is declared in 'name.c': did you mean 'names.c'?" --file=name.c
    refuses "program has no type that is declared in 'net/wire.h'" --file=net/wire.h
    mete layout program --file="${PWD##*/}/names.c" | grep -q 'struct conn'
    refuses "program has no type that is declared in '${PWD##*/}/nams.c': did you mean '${PWD##*/}/names.c'?" \
        --file="${PWD##*/}/nams.c"
}

@test "a_filter_that_nothing_passes_says_so_and_is_no_error" {
    write_program
    run -0 --separate-stderr mete layout program --contains=conn
    [ "$output" = "program: no types in 1 unit" ]
    run -0 mete layout program conn --min-size=1000
    [ "$output" = "mete: layout: what was named in program is left out by the other options" ]
}

@test "where_only_lines_are_described_it_is_said_what_has_types" {
    for compiler in gcc clang; do
        echo 'struct lost { int a; } lost; int main(void) { return lost.a; }' | "$compiler" -g1 -x c - -o lines
        run -0 mete layout lines
        [ "$output" = "lines: no types in 1 unit; with -g compilers describe all that are used, with -g1 none" ]
    done
}

@test "a_second_file_is_not_taken_for_a_type_in_silence" {
    write_program
    cp program other
    run -125 mete layout program other
    [ "$output" = "mete: layout: one file is taken at a time: 'other' is looked for as a type of program" ]
}

@test "a_profile_of_another_program_is_doubted" {
    write_program
    printf '#include <stdlib.h>\nint main(void) { return malloc(9) == NULL; }\n' >other.c
    gcc -g other.c -o other
    mete run --quiet -o other.mete ./other
    run -0 --separate-stderr mete layout program --heap other.mete
    [ "$stderr" = "mete: layout: no block in other.mete is known to be of a type of program: is it another program's?" ]
}

@test "a_directory_for_debug_files_that_is_none_is_said" {
    write_program
    run -125 mete layout program --debug-dir=nosuch
    [ "$output" = "mete: --debug-dir: cannot look for debug files in 'nosuch': No such file or directory" ]
    run -125 mete report missing.mete --debug-dir=names.c
    [ "$output" = "mete: --debug-dir: cannot look for debug files in 'names.c': Not a directory" ]
    # That of the environment may be meant for another program.
    METE_DEBUG_DIR=nosuch run -0 --separate-stderr mete layout program
    [ "$stderr" = "mete: METE_DEBUG_DIR: cannot look for debug files in 'nosuch': No such file or directory" ]
    METE_DEBUG_DIR=nosuch run -0 mete run --quiet -o profile.mete ./program
    [ "$output" = "" ]
}

@test "servers_that_cannot_be_asked_are_said" {
    write_program
    strip -g program
    export DEBUGINFOD_CACHE_PATH=$PWD/cache
    DEBUGINFOD_URLS=http://127.0.0.1:1 refuses "program has no debug information: compile it with -g, or install its package's -dbgsym; the servers in DEBUGINFOD_URLS cannot be asked: Connection refused"
    objcopy --remove-section .note.gnu.build-id program nameless
    DEBUGINFOD_URLS=http://127.0.0.1:1 run -125 mete layout nameless
    [[ $output == *"; the servers in DEBUGINFOD_URLS have files by build-id, and it has none" ]]
}

# Serves anything, a little of it every tenth of a second.
write_server() {
    cat >server.py <<'PY'
import http.server, sys, time
class Slow(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        data = open("whole", "rb").read()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        for i in range(30):
            self.wfile.write(data[len(data) * i // 30 : len(data) * (i + 1) // 30])
            self.wfile.flush()
            time.sleep(0.1)
server = http.server.HTTPServer(("127.0.0.1", 0), Slow)
print(server.server_port, file=open("port.new", "w"))
import os
os.rename("port.new", "port")
server.serve_forever()
PY
    rm -rf port cache
    python3 server.py 2>server.log &
    server=$!
    for _ in {1..100}; do [ -e port ] && break; sleep 0.1; done
    DEBUGINFOD_URLS=http://127.0.0.1:$(cat port) DEBUGINFOD_CACHE_PATH=$PWD/cache
    export DEBUGINFOD_URLS DEBUGINFOD_CACHE_PATH
}

@test "a_server_that_never_answers_is_waited_for_once" {
    # libdwfl asks it for one file after the other, and each time debuginfod is patient.
    cat >silent.py <<'PY'
import socket
server = socket.socket()
server.bind(("127.0.0.1", 0))
server.listen(50)
print(server.getsockname()[1], flush=True)
kept = []
while True:
    kept.append(server.accept())
PY
    python3 silent.py >port 3>&- &
    server=$!
    until [ -s port ]; do sleep 0.1; done
    write_program
    strip -g program
    export DEBUGINFOD_URLS=http://127.0.0.1:$(cat port) DEBUGINFOD_CACHE_PATH=$PWD/cache
    start=$EPOCHREALTIME
    DEBUGINFOD_TIMEOUT=2 run -125 mete layout program
    took=$((${EPOCHREALTIME/./} - ${start/./}))
    kill $server
    [[ $output == *"; the servers in DEBUGINFOD_URLS have not answered in 2 s" ]]
    [ $took -lt 4000000 ]
}

@test "a_download_shows_how_far_it_is" {
    write_program
    cp program whole
    strip -g program
    write_server
    script -qec "mete layout program" /dev/null </dev/null >out
    kill $server
    wait $server || true
    grep -qE 'reading types: [0-9]+ % \(downloading debug data\)' out
    grep -q 'struct conn' out
    # Where nobody looks, nothing is written.
    write_server
    run -0 --separate-stderr mete layout program
    [ "$stderr" = "" ]
    kill $server
    wait $server || true
}

@test "types_of_c_plus_plus_are_found_with_a_keyword_too" {
    echo 'struct plain { int a; } p; class hidden { int b; } h; int main() {}' | g++ -g -x c++ - -o keyed
    for name in plain 'struct plain' 'class plain' hidden 'class hidden' 'struct hid*'; do
        run -0 mete layout keyed "$name"
        [[ $output == *plain\ {* || $output == *hidden\ {* ]] || { echo "$name: $output"; false; }
    done
    run -125 mete layout keyed 'struct plane'
}
