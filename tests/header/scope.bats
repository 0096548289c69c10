#!/usr/bin/env bats
# mete/scope.h: every cell of its table, with every compiler; and what compilers make of it.

bats_require_minimum_version 1.5.0
load header_helpers

setup_file() {
    g++ -c "$METE_SOURCE/tests/header/scope_throw.cc" -o "$BATS_FILE_TMPDIR/throw.o"
}

setup() {
    cd "$BATS_TEST_TMPDIR"
    export LD_LIBRARY_PATH=$METE_STAGE/lib
}

# exits COMPILER OPTION…: builds ./exits that way.
exits() {
    compiles "$@" <"$METE_SOURCE/tests/header/scope_exits.c"
    g++ out.o "$BATS_FILE_TMPDIR/throw.o" -L"$METE_STAGE/lib" -lmete -pthread -o exits
}

# runs WAY…, runs_not WAY…: the cleanup, where the scope is left that way.
runs() {
    for way in "$@"; do
        run -0 ./exits "$way"
        [ "$output" = $'cleaned\nover' ] || { echo "$way: $output"; return 1; }
    done
}
runs_not() {
    for way in "$@"; do
        run ./exits "$way"
        [[ "$output" != *cleaned* ]] || { echo "$way: $output"; return 1; }
        case $way in
        exit | _exit | quick_exit) [ "$status" -eq 0 ] ;;
        abort) [ "$status" -eq 134 ] ;;
        *) [ "$status" -eq 0 ] && [ "$output" = over ] ;;
        esac
    done
}

@test "c_runs_cleanups_on_the_ways_of_c" {
    for compiler in $c_compilers 'gcc -DMETE_SCOPE_PORTABLE' 'gcc -DBY_DEFER'; do
        for level in -O0 -O2; do
            exits $compiler -std=gnu11 $level
            runs end return break continue goto
            runs_not exit _exit quick_exit abort longjmp pthread_exit pthread_cancel throw
        done
    done
}

@test "c_with_exceptions_runs_them_on_those_of_threads_and_cxx_too" {
    for compiler in $c_compilers 'gcc -DMETE_SCOPE_PORTABLE' 'gcc -DBY_DEFER'; do
        for level in -O0 -O2; do
            exits $compiler -std=gnu11 $level -fexceptions
            runs end return break continue goto pthread_exit pthread_cancel throw
            runs_not exit _exit quick_exit abort longjmp
        done
    done
}

@test "cxx_runs_them_on_all_but_the_end_of_the_process" {
    for compiler in $cxx_compilers 'g++ -DBY_DEFER' 'clang++ -DBY_DEFER'; do
        for level in -O0 -O2; do
            exits $compiler -std=c++17 $level
            runs end return break continue goto pthread_exit pthread_cancel throw
            runs_not exit _exit quick_exit abort
        done
    done
}

deferring='#include <mete/scope.h>
static char noted[8];
static void note(char c) { noted[strlen(noted)] = c; errno = EIO; }
static int f(int early) {
    char last = (char)(98 + early);
    METE_DEFER { note(last); };
    METE_DEFER { note(97); };
    if (early) return errno;
    last = 100;
    return errno;
}
int main(void) {
    errno = ENOENT;
    if (f(1) != ENOENT || f(0) != ENOENT || errno != ENOENT) return 1;
    return strcmp(noted, "acad");
}'

@test "defer_makes_no_stack_executable" {
    for level in '-O0' '-O1' '-O2' '-Os' '-O0 -fexceptions' '-O2 -fexceptions'; do
        compiles gcc -std=gnu11 -pedantic $level <<<"$deferring"
        gcc out.o -L"$METE_STAGE/lib" -lmete -o deferring
        ./deferring
        readelf -lW deferring | grep -q 'GNU_STACK.* RW  '
        readelf -SW out.o | grep -q '\.note\.GNU-stack'
        run ! grep -qi trampoline <(nm out.o)
    done
}

@test "defer_is_a_lambda_in_cxx" {
    for compiler in $cxx_compilers; do
        compiles "$compiler" -std=c++17 -pedantic -O2 <<<"$deferring"
        g++ out.o -L"$METE_STAGE/lib" -lmete -o deferring
        ./deferring
    done
}

@test "defer_says_where_it_is_not" {
    refuses 'this compiler has only METE_DEFER_CALL' clang -std=gnu11 <<<"$deferring"
}

@test "defer_is_the_compilers_own_where_it_has_one" {
    # No compiler here has it, so a look at what it would see must do.
    gcc -E -P -D__STDC_DEFER_TS25755__=1 -I"$METE_SOURCE/include" -xc - <<<"$deferring" >seen
    grep -q '_Defer for (int mete__error = (\*__errno_location ()), mete__once = 1; mete__once;' seen
    run ! grep -q 'mete__block_' seen
}

@test "what_is_stolen_must_be_used" {
    for compiler in gcc g++; do # clang does not look behind a cast
        refuses 'unused-result' "$compiler" <<'END'
#include <mete/scope.h>
void lose(char *text);
void lose(char *text) { METE_STEAL(text); }
END
    done
    for compiler in $c_compilers $cxx_compilers; do
        refuses 'unused-result' "$compiler" <<'END'
#include <mete/scope.h>
void lose(int file);
void lose(int file) { METE_STEAL_FD(file); }
END
    done
}

@test "an_undeclared_destructor_is_an_error_in_portable_code" {
    for compiler in clang 'gcc -DMETE_SCOPE_PORTABLE'; do
        refuses "mete__auto_end\|cleanup argument not a function" $compiler <<'END'
#include <mete/scope.h>
void end(char *text);
void use(char *text);
void use(char *text) { METE_AUTO(char *, end) copy = text; (void)copy; }
END
    done
}

# The key is dead when it is overwritten, so memset alone may go.
secret='#include <mete/scope.h>
void use(char *key);
void secret(void);
void secret(void) {
    char key[64];
    use(key);
    FORGET(key, sizeof key);
}'

@test "no_optimiser_removes_the_zeroing_of_secrets" {
    stores() { objdump -dr --no-show-raw-insn out.o | grep -cE 'memset|stos|%xmm0,.*\(' || true; }
    for compiler in $c_compilers; do
        for level in -O2 -O3 -Os; do
            compiles "$compiler" "$level" '-DFORGET(p,n)=memset(p,0,n)' <<<"$secret"
            [ "$(stores)" -eq 0 ] # it is dead indeed
            compiles "$compiler" "$level" '-DFORGET(p,n)=mete_secure_zero(p,n)' <<<"$secret"
            [ "$(stores)" -gt 0 ]
        done
    done
}

@test "names_of_the_program_are_not_taken_for_those_of_a_macro" {
    {
        echo '#include <mete/scope.h>'
        hostile_names | sed '/ error;/d; / value;/d; / slot;/d; / made;/d; / guard;/d; / taken;/d; / saved;/d'
        cat <<'END'
typedef struct slot { int count; } slot;
typedef slot made;
static int taken;
static void error(slot *it) { taken += it->count; }
static void value(int it) { taken += it; }
static int guard(made *it) { return it->count; }
static void saved(made *it) { taken += it->count + 1; }
METE_AUTO_DECLARE(slot *, error)
METE_AUTO_DECLARE(int, value)
METE_GUARD_DECLARE(locked, made, guard, saved)
static int use(void) {
    slot ten = {10}, none = {0};
    METE_AUTO(slot *, error) first = &ten;
    METE_AUTO(int, value) second = 100;
    METE_GUARD(locked, third, &none);
    slot *fourth = &ten, *fifth = &none, *sixth = NULL;
    sixth = METE_REPLACE(fourth, METE_REPLACE(fifth, sixth));
    METE_RESET(sixth, error, METE_STEAL(fourth));
    return third.status != 0 || fourth != NULL || fifth != NULL || sixth != &none ||
           first != &ten || second != 100;
}
int main(void) {
    return use() != 0 || taken != 10 + 10 + 100 + 1;
}
END
    } >source
    for compiler in $c_compilers $cxx_compilers; do
        compiles "$compiler" <source
        g++ out.o -L"$METE_STAGE/lib" -lmete -o use
        ./use
    done
}

@test "errno_is_not_kept_around_a_destructor_that_is_said_to_keep_it" {
    cat >source <<'END'
#include <mete/scope.h>
#define METE_KEEPS_ERRNO_careful METE_KEEPS_ERRNO
static void careful(int it) { errno = it; } /* it lies, to be seen */
static void careless(int it) { errno = it; }
METE_AUTO_DECLARE(int, careful)
METE_AUTO_DECLARE(int, careless)
static void leave_carefully(void) { METE_AUTO(int, careful) one = 1; }
static void leave_carelessly(void) { METE_AUTO(int, careless) two = 2; }
int main(void) {
    errno = 7;
    leave_carelessly();
    if (errno != 7) return 1;
    leave_carefully();
    if (errno != 1) return 2;
    int three = 3;
    METE_RESET(three, careless, 4);
    return errno != 1 || three != 4;
}
END
    for compiler in $c_compilers $cxx_compilers; do
        for level in -O0 -O2; do
            compiles "$compiler" "$level" <source
            g++ out.o -L"$METE_STAGE/lib" -lmete -o use
            ./use
        done
    done
}
