#!/usr/bin/env bats
# `mete report`: real programs, built in every way that matters to whoever looks for their names.

bats_require_minimum_version 1.5.0

setup() {
    cd "$BATS_TEST_TMPDIR" || return
    PATH=$METE_STAGE/bin:$PATH
    unset LD_PRELOAD DEBUGINFOD_URLS METE_DEBUG_DIR
}

# A program that loses 40 bytes at the line that says LOST.
write_leak() {
    cat >leak.c <<'END'
#include <stdlib.h>
static void *volatile kept;
#ifdef INLINE
static inline __attribute__((always_inline)) void lose(void) {
#else
__attribute__((noinline)) void lose(void) {
#endif
    kept = malloc(40); /* LOST */
    kept = NULL;
}
int main(void) {
    lose();
    return 0;
}
END
    line=$(grep -n LOST leak.c | cut -d: -f1)
}

# build [FLAG…]: leak.c with these flags, as ./leak.
build() { ${compiler-cc} "$@" leak.c -o leak; }

# Runs ./leak (or the command given) and leaves its JSON in report.json, which keeps the contract.
measure() {
    [ $# -gt 0 ] || set -- ./leak
    mete run --quiet -o leak.mete "$@"
    report
}

# report [OPTION…]
report() {
    mete report leak.mete "$@" --json report.json
    [ "$(jq -f "$METE_SOURCE/tests/cli/report_schema.jq" report.json)" = true ]
}

# The site of 40 bytes: its frame INDEX.
site() { jq -c '.sites[] | select(.allocated_bytes == 40) | .stack['"${1:-0}"']' report.json; }

names_the_line() {
    site | jq -e --argjson line "$line" \
        '.function == "lose" and .line == $line and (.file | endswith("/leak.c"))' ||
        { site; false; }
}

@test "a_line_is_named_whatever_the_debug_format" {
    write_leak
    for flags in "-g -O0" "-g -O2" "-g -O2 -flto" "-gdwarf-4" "-gdwarf-3" "-g -gz" \
        "-g -no-pie -fno-pie" "-g -O2 -fomit-frame-pointer" "-g1" \
        "-g -ffunction-sections -Wl,--gc-sections" "-g -gsplit-dwarf" "-g -Wl,--build-id=none"; do
        echo "$flags"
        # shellcheck disable=SC2086 # several flags
        build $flags
        measure
        names_the_line
        [ "$(site 1 | jq -r .function)" = main ]
    done
}

@test "a_line_is_named_in_what_clang_built" {
    command -v clang >/dev/null || skip "no clang"
    write_leak
    for flags in "-g -O0" "-g -O2" "-gdwarf-4 -O1"; do
        # shellcheck disable=SC2086 # several flags
        compiler=clang build $flags
        measure
        names_the_line
    done
}

@test "an_inlined_function_is_a_frame_of_its_own" {
    write_leak
    build -g -O2 -DINLINE
    measure
    names_the_line
    site | jq -e .inlined
    site 1 | jq -e '.function == "main" and (.inlined | not) and (.file | endswith("/leak.c"))'
}

@test "without_debug_information_the_symbol_table_gives_names" {
    write_leak
    build
    measure
    site | jq -e '.function == "lose" and .file == null and .line == null'
}

@test "without_any_symbols_frames_are_module_and_offset" {
    write_leak
    build -O0
    strip leak
    measure
    site | jq -e '.function == null and (.module | endswith("/leak"))'
    mete report leak.mete | grep -q 'leak+0x[0-9a-f]'
}

@test "exported_functions_of_a_stripped_library_keep_their_names" {
    write_leak
    build -shared -fPIC -Dmain=entry
    mv leak libleak.so
    strip libleak.so
    echo 'int entry(void); int main(void) { return entry(); }' >main.c
    cc main.c -o leak ./libleak.so -Wl,-rpath,"$PWD"
    measure
    site | jq -e '.function == "lose" and (.module | endswith("/libleak.so"))'
}

@test "a_debug_file_beside_the_program_is_found_by_its_link" {
    write_leak
    build -g
    objcopy --only-keep-debug leak leak.debug
    strip leak
    objcopy --add-gnu-debuglink=leak.debug leak
    measure
    names_the_line
    mkdir .debug
    mv leak.debug .debug/
    report
    names_the_line
}

@test "a_debug_file_is_found_by_build_id" {
    write_leak
    build -g
    id=$(readelf -n leak | sed -n 's/.*Build ID: //p')
    mkdir -p "debug dir/.build-id/${id:0:2}"
    objcopy --only-keep-debug leak "debug dir/.build-id/${id:0:2}/${id:2}.debug"
    strip leak
    measure
    site | jq -e '.line == null'
    report --debug-dir "debug dir"
    names_the_line
    METE_DEBUG_DIR="debug dir" report
    names_the_line
    # It will do without the program, too.
    rm leak
    report --debug-dir "debug dir"
    names_the_line
}

@test "a_debug_file_of_another_build_is_not_believed" {
    write_leak
    build -g
    objcopy --only-keep-debug leak leak.debug
    echo 'int more(void) { return 1; }' | cat - leak.c >other.c
    mv other.c leak.c
    build -g
    strip leak
    objcopy --add-gnu-debuglink=leak.debug leak
    measure
    site | jq -e '.line == null'
}

@test "compressed_symbols_in_the_program_give_names" {
    command -v xz >/dev/null || skip "no xz"
    write_leak
    build
    nm -D leak --format=posix --defined-only | awk '{ print $1 }' | sort >dynamic
    nm leak --format=posix --defined-only | awk '$2 ~ /[Tt]/ { print $1 }' | sort >functions
    comm -13 dynamic functions >keep
    objcopy --only-keep-debug leak debug
    objcopy -S --remove-section .gdb_index --remove-section .comment --keep-symbols=keep debug mini
    strip leak
    xz mini
    objcopy --add-section .gnu_debugdata=mini.xz leak
    measure
    site | jq -e '.function == "lose"'
}

@test "a_program_that_was_rebuilt_since_gives_no_wrong_lines" {
    write_leak
    build -g
    measure
    names_the_line
    printf '\n\n\n\n' | cat - leak.c >other.c
    mv other.c leak.c
    build -g
    report
    site | jq -e '.function == null and .file == null'
    jq -e '.modules_without_names[0].why | test("another build")' report.json
    mete report leak.mete | grep -q '/leak is another build than the one that ran'
}

@test "a_program_without_a_build_id_must_be_older_than_its_run" {
    write_leak
    build -g -Wl,--build-id=none
    measure
    names_the_line
    cp leak copy
    mv copy leak
    report
    site | jq -e '.function == null'
    mete report leak.mete | grep -q '/leak has no build-id and was changed since the run'
}

@test "a_program_that_is_gone_is_said_to_be" {
    write_leak
    build -g
    measure
    rm leak
    report
    site | jq -e '.function == null and (.module | endswith("/leak"))'
    mete report leak.mete | grep -q '/leak is not there any more'
}

@test "cxx_names_are_qualified_and_short_in_text" {
    cat >app.cpp <<'END'
#include <vector>
namespace app {
namespace {
struct Conn {
    template <typename T> void open(T count) { slots.resize(count); } /* RESIZE */
    std::vector<long> slots;
};
}
__attribute__((noinline)) void run(Conn *conn) {
    conn->open(100u);
    __asm__ volatile("" ::: "memory"); /* no tail call */
}
}
int main() {
    static app::Conn conn;
    app::run(&conn);
}
END
    line=$(grep -n RESIZE app.cpp | cut -d: -f1)
    for level in 0 2; do
        c++ -g -O$level app.cpp -o app
        measure ./app
        jq -e --argjson line "$line" '[.sites[] | select(.allocated_bytes == 800).stack[]
            | select(.line == $line)][0].function
            | contains("app::(anonymous namespace)::Conn::open<unsigned int>")' report.json
        jq -e '[.sites[] | select(.allocated_bytes == 800).stack[].function]
            | index("app::run(app::(anonymous namespace)::Conn*)") != null' report.json
        mete report leak.mete >text
        grep -q "800 B .* app::(anonymous namespace)::Conn::open<unsigned int>  app.cpp:$line" text
        grep -q 'app::run .* main' text
    done
}

@test "operator_new_belongs_to_the_allocator" {
    printf 'int *volatile p;\nint main() {\n    p = new int[10];\n    return 0;\n}\n' >app.cpp
    c++ -g app.cpp -o app
    measure ./app
    site | jq -e '.function == "main" and .line == 3'
}

@test "a_library_keeps_its_names_after_dlclose" {
    write_leak
    build -g -shared -fPIC -Dmain=entry
    mv leak libleak.so
    cat >main.c <<'END'
#include <dlfcn.h>
int main(void) {
    for (int i = 0; i < 2; i++) {
        void *library = dlopen("./libleak.so", RTLD_NOW);
        int (*entry)(void) = (int (*)(void))dlsym(library, "entry");
        entry();
        dlclose(library);
    }
}
END
    cc main.c -o leak -ldl
    mete run --quiet -o leak.mete ./leak
    report
    jq -e --argjson line "$line" '[.sites[] | select(.stack[0].function == "lose" and
        .stack[0].line == $line) | .allocated_bytes] | add == 80' report.json
}

@test "stacks_of_threads_begin_at_their_function" {
    cat >leak.c <<'END'
#include <pthread.h>
#include <stdlib.h>
static void *work(void *arg) { return malloc(40); }
int main(void) {
    pthread_t thread;
    void *block;
    pthread_create(&thread, NULL, work, NULL);
    pthread_join(thread, &block);
    free(block);
}
END
    build -g -pthread
    measure
    site | jq -e '.function == "work" and .line == 3'
    mete report leak.mete | grep -A1 ' work  leak.c:3$' | grep -qv start_thread
}

@test "recursion_is_one_line_of_the_text_and_whole_in_JSON" {
    cat >leak.c <<'END'
#include <stdlib.h>
static void *volatile kept;
static int dive(int depth) {
    if (depth == 0) kept = malloc(40);
    return depth == 0 ? 0 : dive(depth - 1) + 1;
}
int main(void) { int depth = dive(50); kept = NULL; return depth != 50; }
END
    build -g -O0
    measure
    [ "$(jq '[.sites[] | select(.allocated_bytes == 40).stack[] | select(.function == "dive")]
        | length' report.json)" = 51 ]
    mete report leak.mete >text
    grep -q 'called by itself 50 times' text
    [ "$(grep -c '^      dive ' text)" = 1 ]
}

# --- Forms ---

@test "forms_go_to_files_or_to_standard_output_several_at_once" {
    write_leak
    build -g
    measure
    mete report leak.mete --folded - >folded
    grep -q 'main;lose 40$' folded
    mete report leak.mete --folded=f --speedscope=s --pprof p
    cmp f folded
    jq -e '.profiles | length == 5' s
    gzip -t p
    mete report leak.mete --json - | jq -e .totals
    [ "$(find . -name '?.*' | wc -l)" = 0 ] # no temporary file is left
}

@test "sort_and_top_choose_sites" {
    write_leak
    build -g
    measure
    report --sort=count --top 1
    [ "$(jq '.sites | length' report.json)" = 1 ] || jq -e '.sites | length < 2' report.json
    mete report leak.mete --sort=count | grep -q '^Most allocations'
    run ! grep -q 'At the peak' <(mete report leak.mete --sort=count)
}

# --- Suppressions ---

@test "suppressions_are_applied_and_unused_ones_are_mentioned" {
    write_leak
    build -g
    measure
    jq -e '.leaks.definite.blocks == 1' report.json || skip "until there is a leak check"
    printf '{\n  known\n  Memcheck:Leak\n  fun:malloc\n  fun:lose\n}\nleak:not_there\n' >supp
    report --suppressions supp
    jq -e '.leaks.definite.blocks == 0 and .leaks.suppressed.bytes == 40' report.json
    jq -e '[.leaks.records[] | select(.suppressed)] | length == 1' report.json
    jq -e '.suppressions | map(.matches) == [1, 0]' report.json
    mete report leak.mete --suppressions supp >text
    grep -q 'unused suppression: not_there (supp:7)' text
    run ! grep -q 'definitely' text
}

@test "generated_suppressions_are_read_by_mete_and_by_Valgrind" {
    write_leak
    build -g
    measure
    jq -e '.leaks.definite.blocks == 1' report.json || skip "until there is a leak check"
    mete report leak.mete --gen-suppressions >supp
    mete report leak.mete --suppressions supp | grep -q '^No leaks, no errors but the suppressed'
    command -v valgrind >/dev/null || skip "no valgrind"
    valgrind --leak-check=full --suppressions=supp ./leak 2>&1 | grep -q 'suppressed: 40 bytes in 1'
}

@test "a_bad_file_of_suppressions_is_named_with_its_line" {
    write_leak
    build -g
    measure
    echo nonsense >supp
    run -125 --separate-stderr mete report leak.mete --suppressions supp
    [ "$stderr" = "mete: supp:1: expected { or leak:PATTERN, not 'nonsense'" ]
    run -125 --separate-stderr mete report leak.mete --suppressions none
    [ "$stderr" = "mete: cannot read the suppressions in none: No such file or directory" ]
}

# --- The terminal ---

# on_terminal COLUMNS COMMAND: what it writes to a terminal of that width.
on_terminal() { script -qec "stty cols $1; $2" /dev/null </dev/null | tr -d '\r'; }

@test "a_terminal_has_colour_unless_NO_COLOR_is_set_a_pipe_never" {
    write_leak
    build -g
    measure
    escape=$(printf '\033')
    TERM=xterm on_terminal 80 "mete report leak.mete" | grep -q "$escape"
    NO_COLOR=1 TERM=xterm on_terminal 80 "mete report leak.mete" >text
    run ! grep -q "$escape" text
    mete report leak.mete >text
    run ! grep -q "$escape" text
}

@test "lines_fit_the_terminal" {
    mkdir -p a_rather_long_directory_name/and_another_one/so_that_paths_are_long
    cd a_rather_long_directory_name/and_another_one/so_that_paths_are_long
    write_leak
    build -g
    measure
    cd /
    for columns in 70 80 120; do
        TERM=dumb on_terminal $columns "mete report $OLDPWD/leak.mete" >"$BATS_TEST_TMPDIR/text"
        widest=$(grep -v '^The profile is' "$BATS_TEST_TMPDIR/text" | LC_ALL=C.UTF-8 wc -L)
        [ "$widest" -le $columns ] || { cat "$BATS_TEST_TMPDIR/text"; false; }
    done
}

# --- What can be wrong ---

@test "a_running_program_can_be_reported_on" {
    cat >live.c <<'END'
#include <stdlib.h>
#include <unistd.h>
static void *volatile kept;
int main(void) {
    char c;
    kept = malloc(40);
    write(1, "x", 1);
    return read(0, &c, 1) != 1;
}
END
    cc -g live.c -o live
    mkfifo in out
    mete run --quiet -o leak.mete ./live <in >out &
    exec 5>in 6<out
    head -c 1 <&6 >/dev/null
    report
    site | jq -e '.function == "main" and .line == 6'
    jq -e '.program.exit_status == null and .leaks == null' report.json
    mete report leak.mete >text
    grep -q '^still running after' text
    grep -q '^Live ' text
    echo >&5
    wait $!
}

@test "what_is_no_profile_is_one_line_and_125" {
    write_leak
    build -g
    measure
    size=$(stat -c %s leak.mete)
    head -c $((size / 2)) leak.mete >truncated
    head -c 100 leak.mete >short
    : >empty
    head -c 8192 /dev/urandom >garbage
    cp leak.mete version
    printf '\377' | dd of=version bs=1 seek=8 conv=notrunc status=none
    mkdir directory
    for file in truncated short empty garbage version directory missing; do
        run -125 --separate-stderr mete report $file
        [ -z "$output" ]
        # shellcheck disable=SC2154 # set by run
        [ "${#stderr_lines[@]}" = 1 ]
        case $stderr in "mete: $file"*) ;; *) echo "$stderr"; false ;; esac
    done
}

@test "damaged_profiles_never_crash_the_reader_or_the_report" {
    write_leak
    build -g
    measure
    size=$(stat -c %s leak.mete)
    RANDOM=1
    for _ in $(seq 1 40); do
        cp leak.mete damaged
        for place in $((RANDOM % 4096)) $(((RANDOM * 32768 + RANDOM) % size)); do
            printf '\377\1' | dd of=damaged bs=1 seek="$place" conv=notrunc status=none
        done
        code=0
        mete report damaged --json json >text 2>&1 || code=$?
        [ $code = 0 ] || [ $code = 125 ]
    done
}

@test "wrong_usage_is_2" {
    run -2 mete report
    run -2 mete report one two
    run -2 mete report --sort=size one
    run -2 mete report --top 0 one
    run -2 mete report --wrong one
}

@test "a_report_that_cannot_be_written_is_125_and_leaves_an_older_one" {
    write_leak
    build -g
    measure
    run -125 --separate-stderr mete report leak.mete --json /no/such/dir/file
    [ "$stderr" = "mete: report: cannot write /no/such/dir/file: No such file or directory" ]
    run -125 --separate-stderr mete report leak.mete --json /dev/full
    [ "$stderr" = "mete: report: cannot write /dev/full: No space left on device" ]
    run -125 bash -c 'mete report leak.mete >/dev/full'
    cp report.json before
    (ulimit -f 0; trap '' XFSZ; run -125 mete report leak.mete --json report.json)
    cmp report.json before
}
