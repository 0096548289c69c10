#!/usr/bin/env bats
# Every checker is shown a small project without fault, and the same with a fault planted in it.

bats_require_minimum_version 1.5.0

setup() {
    tools=$METE_SOURCE/tools
    cd "$BATS_TEST_TMPDIR"
    mkdir -p src/base src/heap include/mete tools build
}

# A compilation database for the object files of these sources, all of the runtime.
compile() {
    local file separator='['
    mkdir -p build/src/libruntime.a.p
    for file in "$@"; do
        object=src/libruntime.a.p/$(basename "$file" .c).o
        gcc -c "$file" -o "build/$object"
        printf '%s{"directory": "%s/build", "file": "../%s", "output": "%s"}\n' \
            "$separator" "$PWD" "$file" "$object"
        separator=,
    done >build/compile_commands.json
    echo ']' >>build/compile_commands.json
}

# --- check_includes

plant_includes() {
    cat >tools/include_rules.txt <<'END'
box neutral face include/mete/* :
box runtime base src/base/* : face
box runtime heap src/heap/* : base
forbid runtime stdio.h elfutils/*
except src/heap/talks.c stdio.h : a test
END
    echo '#include <stddef.h>' >src/base/bits.h
    printf '#include "heap/span.h"\n#include "base/bits.h"\n' >src/heap/span.c
    echo '#include "base/bits.h"' >src/heap/span.h
    echo '#include <stdio.h>' >src/heap/talks.c
}

@test "includes_that_follow_the_rules_pass" {
    plant_includes
    "$tools/check_includes" .
}

@test "an_include_against_the_rules_is_found" {
    plant_includes
    echo '#include "heap/span.h"' >src/base/text.c
    run -1 "$tools/check_includes" .
    [ "$output" = 'src/base/text.c:1: base may not include heap (src/heap/span.h)
cycle of boxes: base -> heap -> base' ]
}

@test "a_forbidden_system_header_is_found" {
    plant_includes
    printf '\n#include <stdio.h>\n# include <elfutils/libdw.h>\n' >src/base/text.c
    run -1 "$tools/check_includes" .
    [ "${lines[0]}" = 'src/base/text.c:2: <stdio.h> is forbidden on the runtime side' ]
    [ "${lines[1]}" = 'src/base/text.c:3: <elfutils/libdw.h> is forbidden on the runtime side' ]
}

@test "a_cycle_of_headers_is_found" {
    plant_includes
    echo '#include "heap/cache.h"' >>src/heap/span.h
    echo '#include "heap/span.h"' >src/heap/cache.h
    run -1 "$tools/check_includes" .
    [ "$output" = 'cycle of files: src/heap/cache.h -> src/heap/span.h -> src/heap/cache.h' ]
}

@test "a_file_in_no_box_and_a_header_that_is_not_there_are_found" {
    plant_includes
    mkdir src/attic
    touch src/attic/old.c
    echo '#include "base/gone.h"' >src/base/text.c
    run -1 "$tools/check_includes" .
    [[ "$output" == *'src/attic/old.c: belongs to no box'* ]]
    [[ "$output" == *'src/base/text.c:1: there is no "base/gone.h"'* ]]
}

@test "a_line_that_is_no_rule_is_refused" {
    plant_includes
    echo 'box runtime' >>tools/include_rules.txt
    run -1 "$tools/check_includes" .
    [[ "$output" == *'include_rules.txt:6: this is no rule'* ]]
}

# --- check_calls

plant_calls() {
    mkdir -p src/os
    printf 'never malloc printf\nanywhere memcpy\nin src/os/* : *\nexcept src/heap/odd.c printf : a test\n' \
        >tools/libc_calls.txt
    printf 'void *mmap(void);\nvoid *mete__memory_map(void) { return mmap(); }\n' >src/os/memory.c
    printf 'void *mete__memory_map(void);\nvoid *mete__span_new(void) { return mete__memory_map(); }\n' \
        >src/heap/span.c
    printf 'int printf(const char *, ...);\nint mete__odd(void) { return printf("%%d", 1); }\n' >src/heap/odd.c
}

@test "calls_that_follow_the_rules_pass" {
    plant_calls
    compile src/os/memory.c src/heap/span.c src/heap/odd.c
    "$tools/check_calls" build tools/libc_calls.txt
}

@test "an_allocating_call_is_found_even_in_os" {
    plant_calls
    printf 'void *malloc(unsigned long);\nvoid *mete__memory_map(void) { return malloc(9); }\n' >src/os/memory.c
    compile src/os/memory.c
    run -1 "$tools/check_calls" build tools/libc_calls.txt
    [ "$output" = 'src/os/memory.c: may not call malloc' ]
}

@test "a_system_call_outside_of_os_is_found" {
    plant_calls
    printf 'void *mmap(void);\nvoid *mete__span_new(void) { return mmap(); }\n' >src/heap/span.c
    compile src/os/memory.c src/heap/span.c
    run -1 "$tools/check_calls" build tools/libc_calls.txt
    [ "$output" = 'src/heap/span.c: may not call mmap' ]
}

@test "a_build_without_the_runtime_is_no_proof" {
    plant_calls
    echo '[]' >build/compile_commands.json
    run -1 "$tools/check_calls" build tools/libc_calls.txt
}

# --- check_names

@test "names_that_begin_with_their_file_pass" {
    echo '# none' >tools/name_exceptions.txt
    echo 'int mete__span_a; int mete_span_b(void) { return 0; } static int free_one; int mete__span = 3;
          int *mete__span_keep(void) { return &free_one; }' >src/heap/span.c
    compile src/heap/span.c
    "$tools/check_names" build tools/name_exceptions.txt
}

@test "a_name_of_another_file_is_found_unless_it_is_excepted" {
    echo '# none' >tools/name_exceptions.txt
    echo 'int mete__spanner; int mete__cache_new(void) { return 0; }' >src/heap/span.c
    compile src/heap/span.c
    run -1 "$tools/check_names" build tools/name_exceptions.txt
    [ "${lines[0]}" = 'src/heap/span.c: exports mete__cache_new, which does not begin with mete__span_' ]
    [ "${lines[1]}" = 'src/heap/span.c: exports mete__spanner, which does not begin with mete__span_' ]
    echo 'src/heap/span.c mete__cache_* mete__spanner : a test' >tools/name_exceptions.txt
    "$tools/check_names" build tools/name_exceptions.txt
    echo 'src/heap/span.c mete__cache_* mete__spanner' >tools/name_exceptions.txt
    run -1 "$tools/check_names" build tools/name_exceptions.txt
    [[ "$output" == *'needs a reason' ]]
}

# --- check_exports

plant_library() {
    mkdir -p exports
    echo 'int mete_new(void) { return 0; } int mete_old(void) { return 0; }' |
        gcc -shared -fPIC -xc - -o libmete.so
    printf '# The list.\nmete_old # first\nmete_new\n' >exports/libmete.syms
}

@test "exports_that_are_listed_pass" {
    plant_library
    "$tools/check_exports" . exports
}

@test "an_export_too_many_and_one_too_few_are_found" {
    plant_library
    printf 'mete_old\nmete_lost\n' >exports/libmete.syms
    run -1 "$tools/check_exports" . exports
    [[ "$output" == *'exported, not listed: mete_new'* ]]
    [[ "$output" == *'listed, not exported: mete_lost'* ]]
    [[ "$output" != *mete_old* ]]
}

@test "a_list_without_its_library_is_found" {
    plant_library
    rm libmete.so
    run ! "$tools/check_exports" . exports
}

# --- check_tls

@test "static_tls_is_measured" {
    echo '__thread char block[96]; char *get(void) { return block; }' | gcc -shared -fPIC -xc - -o tls.so
    "$tools/check_tls" tls.so 512
    run -1 "$tools/check_tls" tls.so 95
    [[ "$output" == *'96 bytes of static TLS, of 95' ]]
}

@test "a_library_without_tls_passes" {
    echo 'int none;' | gcc -shared -fPIC -xc - -o none.so
    "$tools/check_tls" none.so 0
}

# --- check_words

@test "a_path_of_one_machine_is_found" {
    git init -q .
    printf 'See /usr/bin/env, a/home/b and ~/home.\n' >good.txt
    "$tools/check_words" .
    for word in home/somebody/x root/x; do
        echo "see /$word" >bad.txt
        run -1 "$tools/check_words" .
        [ "$output" = "bad.txt:1:see /$word" ]
    done
}

@test "a_private_host_is_found" {
    git init -q .
    echo "from https://registry-3.build.$(echo internal)/x" >bad.txt
    run -1 "$tools/check_words" .
}

# --- check_help

@test "a_verb_without_help_is_found" {
    "$tools/check_help" "$METE_SOURCE/dev"
    sed 's/^  clean  .*//' "$METE_SOURCE/dev" >dev
    chmod +x dev
    run -1 "$tools/check_help" dev
}

# --- check_manual

@test "a_malformed_manual_page_is_found" {
    mkdir man
    printf '.TH MANUAL 1 2026-01-01 mete\n.SH NAME\nmanual \\- a page\n' >man/manual.1
    "$tools/check_manual" man
    printf '.SH\n.TH MANUAL\n.XX\n' >man/other.3
    run -1 "$tools/check_manual" man
    [[ "$output" == *man/other.3* ]]
}

@test "a_function_without_a_manual_page_is_found" {
    mkdir man
    printf '.Dd May 1, 2026\n.Dt A 3\n.Os\n.Sh NAME\n.Nm mete_a ,\n.Nm mete_b\n.Nd two\n' >man/mete_a.3
    printf '# The list.\nmete_b # second\nmete_a\n' >list
    "$tools/check_manual" man list
    echo mete_bc >>list
    run -1 "$tools/check_manual" man list
    [ "$output" = 'mete_bc: no page of section 3 names it' ]
}

# --- check_tested

plant_tests() {
    mkdir -p exports docs/man tests/unit
    echo '# none' >tools/untested.txt
    printf 'mete_a # first\nmete_b\nother\n' >exports/libmete.syms
    cat >include/mete/a.h <<'END'
#ifndef METE_A_H
#define METE_A_H
/* mete_c(int) is none: this is a comment. */
int mete_a(void);
static inline int mete_d(void) { return 1; }
#define METE__HIDDEN 1
#define METE_B(x) \
    mete_b(x)
#endif
END
    printf '.Sh NAME\n.Nm mete_a\n.Nd a\n.Xr mete_b\n' >docs/man/mete_a.3
    printf 'int main(void) { return mete_a() + METE_B(1) + mete_d(); }\n' >tests/unit/test_a.c
}

@test "functions_and_macros_that_tests_name_pass" {
    plant_tests
    run -0 "$tools/check_tested" .
    [ -z "$output" ]
    run -0 "$tools/list_functions" .
    [ "$output" = "$(printf '%s\t' mete_a include/mete/a.h mete_a.3)unit/test_a.c
$(printf '%s\t' mete_d include/mete/a.h -)unit/test_a.c
$(printf '%s\t' mete_b include/mete/a.h mete_a.3)unit/test_a.c
$(printf '%s\t' METE_B include/mete/a.h -)unit/test_a.c" ]
}

@test "a_function_that_no_test_names_is_found" {
    plant_tests
    echo '/* mete_a() and METE_B are only talked about. */ int main(void) { return mete_d(); }' \
        >tests/unit/test_a.c
    run -1 "$tools/check_tested" .
    [ "$(sort <<<"$output")" = 'METE_B (include/mete/a.h): no test names it
mete_a (include/mete/a.h): no test names it
mete_b (include/mete/a.h): no test names it' ]
    echo 'mete_[ab] METE_B : a test' >tools/untested.txt
    "$tools/check_tested" .
    echo 'mete_a' >tools/untested.txt
    run -1 "$tools/check_tested" .
    [[ "$output" == *'needs a reason' ]]
    echo 'include/mete/a.h : a test' >tools/untested.txt # its macros only
    run -1 "$tools/check_tested" .
    [[ "$output" == *'mete_a (include'* && "$output" != *METE_B* ]]
}

# --- check_tidy

@test "clang_tidy_finds_what_the_configuration_names" {
    cp "$METE_SOURCE/.clang-tidy" .
    printf 'int divide(int a);\nint divide(int a) { int zero = 0; return a / zero; }\n' >src/base/text.c
    printf '[\n  {\n    "directory": "%s",\n    "command": "clang -c src/base/text.c",\n    "file": "%s"\n  }\n]\n' \
        "$PWD" "$PWD/src/base/text.c" >build/compile_commands.json
    run -1 "$tools/check_tidy" build
    [[ "$output" == *'Division by zero'* ]]
    printf 'int divide(int a);\nint divide(int a) { return a / 2; }\n' >src/base/text.c
    "$tools/check_tidy" build
}

# --- the checks that tools/check makes by itself, in a copy of the project's frame

frame() {
    git init -q .
    cp "$METE_SOURCE/.clang-format" .
    cp "$METE_SOURCE"/tools/{check,cppcheck.txt} tools/
    echo 'int a;' >src/base/text.c
}

@test "an_unformatted_file_is_found" {
    frame
    tools/check format
    echo 'int  a ;' >src/base/text.c
    run -1 tools/check format
    [[ "${lines[0]}" == 'not ok 1 - every C file is formatted'* ]]
}

@test "a_file_of_more_than_500_lines_is_found" {
    frame
    seq 500 >src/base/text.c
    tools/check length
    seq 501 >src/base/text.c
    run -1 tools/check length
    [[ "$output" == *'src/base/text.c: more than 500 lines'* ]]
}

@test "a_fault_that_cppcheck_knows_is_found" {
    frame
    tools/check cppcheck
    printf 'void f(void) {\n    int a[2];\n    a[2] = 0;\n}\n' >src/base/text.c
    run -1 tools/check cppcheck
    [[ "$output" == *arrayIndexOutOfBounds* ]]
}

@test "a_header_that_does_not_stand_alone_is_found" {
    frame
    echo '#include <stddef.h>
size_t mete_a(void);' >include/mete/a.h
    tools/check headers_c headers_cxx
    echo 'size_t mete_b(void);' >include/mete/b.h
    run -1 tools/check headers_c
    run -1 tools/check headers_cxx
    echo 'int mete_b(int class);' >include/mete/b.h
    tools/check headers_c
    run -1 tools/check headers_cxx
}

@test "a_fault_in_a_script_is_found" {
    frame
    tools/check shell
    printf '#!/bin/sh\nrm -rf $1/*\n' >tools/careless
    run -1 tools/check shell
    [[ "$output" == *SC2086* ]]
}

@test "a_warning_is_an_error_in_both_compilers" {
    flags=$(jq -r '[.[] | select(.file | endswith("src/base/text.c"))][0].command' \
        "$METE_BUILD/compile_commands.json" | tr ' ' '\n' | grep -e '^-W' -e '^-std' -e '^-f')
    echo 'int mete__a(unsigned b);
int mete__a(unsigned b) { return (int)b; }' >good.c
    echo 'int mete__a(unsigned b);
int mete__a(unsigned b) { return b; }' >bad.c
    for compiler in gcc clang; do
        $compiler $flags -c good.c
        run ! $compiler $flags -c bad.c
    done
}

@test "checks_of_no_file_fail" {
    git init -q .
    cp "$METE_SOURCE"/tools/{check,cppcheck.txt} tools/
    for check in format length cppcheck headers_c headers_cxx; do
        run -1 tools/check $check
        [[ "$output" == *'no file of the project matches'* ]]
    done
    plant_includes
    rm -r src
    run -1 "$tools/check_includes" .
    rm -rf .git
    GIT_CEILING_DIRECTORIES=/ run ! "$tools/check_words" .
}

@test "a_check_that_is_not_there_is_refused" {
    run -2 "$tools/check" nonsense
    [[ "$output" == *'no check is called nonsense'* ]]
}

@test "a_line_of_more_than_100_columns_is_found" {
    frame
    printf '/* %s… */\n' "$(printf '%93s' x)" >src/base/text.c
    tools/check columns
    printf '/* %s… */\n' "$(printf '%94s' x)" >src/base/text.c
    run -1 tools/check columns
}

# --- check_guide

plant_guide() {
    mkdir -p examples
    printf 'int one;\nint two;\nint three;\n' >examples/numbers.c
    printf '# A guide\n\n```c examples/numbers.c\nint two;\nint three;\n```\n' >guide.md
}

@test "a_guide_that_quotes_its_examples_is_accepted" {
    plant_guide
    run -0 "$tools/check_guide" guide.md .
    [ -z "$output" ]
}

@test "code_that_is_in_no_example_is_found" {
    plant_guide
    sed -i 's/^int two;/int four;/' examples/numbers.c
    run -1 "$tools/check_guide" guide.md .
    [ "$output" = 'guide.md:3: examples/numbers.c does not have this code' ]
    plant_guide
    printf '```c\nint five;\n```\n' >>guide.md
    run -1 "$tools/check_guide" guide.md .
    [ "$output" = 'guide.md:7: no example is said to have this code' ]
    plant_guide
    printf '```c examples/numbers.c\nint one;\n' >>guide.md
    run -1 "$tools/check_guide" guide.md .
    [ "$output" = 'guide.md:7: the block has no end' ]
}

@test "an_example_that_the_guide_leaves_out_is_found" {
    plant_guide
    echo 'int main(void) { return 0; }' >examples/forgotten.c
    run -1 "$tools/check_guide" guide.md .
    [ "$output" = 'guide.md: examples/forgotten.c is not named' ]
}
