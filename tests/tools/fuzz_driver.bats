#!/usr/bin/env bats
# The driver that runs fuzzers without libFuzzer.

bats_require_minimum_version 1.5.0

setup() {
    cd "$BATS_TEST_TMPDIR"
}

# fuzzer STATEMENT: builds ./fuzz_planted, whose function body it is.
fuzzer() {
    printf '#include <stdint.h>\n#include <stdio.h>\n#include <stdlib.h>\n
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {\n    (void)data, (void)size;\n    %s\n    return 0;\n}\n' \
        "$1" >planted.c
    gcc -g $CFLAGS planted.c "$METE_SOURCE/tests/fuzz/driver.c" -o fuzz_planted
}

@test "a_fault_behind_two_bytes_is_found_and_its_input_kept" {
    fuzzer 'if (size > 1 && data[0] == 0xff && data[1] == 0x7f) abort();'
    run ! ./fuzz_planted --runs 3000000
    [ "$(od -An -tx1 -N2 fuzz_planted.crash)" = ' ff 7f' ]
    run ! ./fuzz_planted fuzz_planted.crash
}

@test "a_fault_that_only_a_sanitizer_sees_is_found_and_its_input_kept" {
    CFLAGS=-fsanitize=address fuzzer 'if (size > 3 && data[size] == 1) exit(3);'
    run ! ./fuzz_planted --runs 1000
    [[ "$output" == *heap-buffer-overflow*'kept in fuzz_planted.crash'* ]]
    [ "$(stat -c %s fuzz_planted.crash)" -gt 3 ]
}

@test "every_file_is_run_as_it_is" {
    fuzzer 'printf("%zu %.*s\n", size, (int)size, (const char *)data);'
    mkdir seeds
    printf abc >seeds/one
    printf de >seeds/two
    run -0 ./fuzz_planted seeds none
    [ "${lines[0]}" = '0 ' ]
    [ "${lines[1]}" = '3 abc' ]
    [ "${lines[2]}" = '2 de' ]
    [ "${lines[3]}" = '2 files, 0 mutations, seed 1' ]
}

@test "a_seed_names_its_inputs" {
    fuzzer 'printf("%zu\n", size);'
    ./fuzz_planted --runs 500 --seed 7 >first
    ./fuzz_planted --runs 500 --seed 7 >second
    ./fuzz_planted --runs 500 --seed 8 >third
    cmp first second
    run ! cmp -s first third
}

@test "it_ends_on_time" {
    fuzzer ''
    run -0 timeout 20 ./fuzz_planted --seconds 1
    [[ "$output" == '0 files, '*' mutations, seed 1' ]]
}
