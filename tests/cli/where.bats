#!/usr/bin/env bats
# mete_where() names variables and functions, in programs and libraries, as far as they have names.

load run_helpers

# sources: here.c, which describes addresses of its own and of libthere.so.
sources() {
    cat >there.c <<'END'
int there_shared[100];
static int there_static[10] = {1};
static int there_hidden_function(void) { return there_static[0]; }
int there_function(void) { return there_shared[0]; }
const void *there_static_place(void) { return &there_static[2]; }
const void *there_hidden_place(void) { return (const void *)there_hidden_function; }
END
    cat >here.c <<'END'
#include <mete/track.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
extern int there_shared[];
int there_function(void);
const void *there_static_place(void);
const void *there_hidden_place(void);
int here_shared[100];
static int here_static = 1;
static const char here_constant[] = "constant";
static long here_zeros[50];
__attribute__((noinline)) static int here_function(void) { return here_static; }
static void say(const char *what, const void *address) {
    mete_where_info info;
    char line[700];
    if (mete_where(address, &info) != 0) abort();
    if (mete_where_describe(&info, line, sizeof line) < 0) abort();
    if ((info.symbol[0] != '\0') != (strstr(line, "the variable '") || strstr(line, "the function '")))
        abort();
    *strrchr(line, ',') = '\0';
    printf("%s: %s\n", what, line);
}
int main(int argc, char **argv) {
    if (argc > 1 && system(argv[1]) != 0) return 1;
    say("shared", &here_shared[3]);
    say("static", &here_static);
    say("constant", here_constant + 2);
    say("zeros", &here_zeros[49]);
    say("function", (const void *)here_function);
    say("main", (const char *)main + 1);
    say("there shared", &there_shared[1]);
    say("there static", there_static_place());
    say("there function", (const void *)there_function);
    say("there hidden", there_hidden_place());
    return 0;
}
END
}

# build [FLAG…]: both of them; what the program says is to be in here.
build() {
    cc -g -O1 -fPIC -shared there.c -o libthere.so "$@"
    cc -g -O1 here.c -I"$METE_STAGE/include" -L"$METE_STAGE/lib" -lmete -L. -lthere \
        -Wl,-rpath,"$METE_STAGE/lib:$PWD" -o here "$@"
}

line() { sed -n "s/^$1: //p" <<<"$output"; }

@test "static_and_shared_names_are_those_of_the_symbol_table" {
    sources
    build
    run -0 ./here
    [ "$(line shared)" = "12 bytes into the variable 'here_shared' of 400 bytes, in static data of $PWD/here" ]
    [ "$(line static)" = "at the start of the variable 'here_static' of 4 bytes, in static data of $PWD/here" ]
    [ "$(line constant)" = "2 bytes into the variable 'here_constant' of 9 bytes, in static data of $PWD/here" ]
    [ "$(line zeros)" = "392 bytes into the variable 'here_zeros' of 400 bytes, in static data of $PWD/here" ]
    [[ "$(line function)" == "at the start of the function 'here_function' of "*" bytes, in code of $PWD/here" ]]
    [[ "$(line main)" == "1 bytes into the function 'main' of "*" bytes, in code of $PWD/here" ]]
    [[ "$(line 'there shared')" == "4 bytes into the variable 'there_shared' of 400 bytes, in static data of "* ]]
    [ "$(line 'there static')" = "8 bytes into the variable 'there_static' of 40 bytes, in static data of $PWD/libthere.so" ]
    [[ "$(line 'there function')" == "at the start of the function 'there_function' of "*" bytes, in code of $PWD/libthere.so" ]]
    [[ "$(line 'there hidden')" == "at the start of the function 'there_hidden_function' of "*", in code of $PWD/libthere.so" ]]
}

@test "stripped_objects_have_the_names_that_they_export" {
    sources
    for style in gnu sysv; do
        build -s -Wl,--hash-style=$style
        run -0 ./here
        [ "$(line static)" = "in static data of $PWD/here" ]
        [ "$(line main)" = "in code of $PWD/here" ]
        [[ "$(line 'there shared')" == "4 bytes into the variable 'there_shared' of 400 bytes, in static data of "* ]]
        [ "$(line 'there static')" = "in static data of $PWD/libthere.so" ]
        [[ "$(line 'there function')" == "at the start of the function 'there_function' of "*", in code of $PWD/libthere.so" ]]
        [ "$(line 'there hidden')" = "in code of $PWD/libthere.so" ]
    done
}

@test "names_are_never_those_of_another_file" {
    sources
    build -Wl,--build-id
    # The library is another by the time it is asked about, and has none of the old addresses.
    sed 's/there_static\b/somebody/g; s/there_hidden_function/something/g' there.c >other.c
    cc -g -O1 -fPIC -shared -Wl,--build-id other.c -o other.so
    run -0 ./here 'mv other.so libthere.so'
    [ "$(line 'there static')" = "in static data of $PWD/libthere.so" ]
    [[ "$(line 'there function')" == "at the start of the function 'there_function' of "* ]]
    [[ "$(line static)" == "at the start of the variable 'here_static' of "* ]]
    # Nor is it waited for, where it has become a pipe, or missed where it is gone.
    build
    run -0 timeout 20 ./here 'rm libthere.so && mkfifo libthere.so'
    [[ "$(line 'there function')" == "at the start of the function 'there_function' of "* ]]
    rm libthere.so
    build
    run -0 ./here 'rm libthere.so here'
    [[ "$(line 'there function')" == "at the start of the function 'there_function' of "* ]]
    [[ "$(line static)" == "at the start of the variable 'here_static' of "* ]]
}

@test "static_programs_have_their_names_too" {
    sources
    for kind in -static -static-pie; do
        cc -g -O1 here.c there.c -I"$METE_STAGE/include" -L"$METE_STAGE/lib" $kind -lmete -o here
        run -0 ./here
        [ "$(line static)" = "at the start of the variable 'here_static' of 4 bytes, in static data of $PWD/here" ]
        [[ "$(line 'there hidden')" == "at the start of the function 'there_hidden_function' of "* ]]
    done
}
