#!/usr/bin/env bats
# What a program does outside of its blocks or in freed ones is found in the modes check and guard,
# and named with the stacks that matter.

bats_require_minimum_version 1.5.0

setup() {
    cd "$BATS_TEST_TMPDIR" || exit 1
    mete=$METE_STAGE/bin/mete
}

# Small blocks, odd ones, one of a page, of several, and large ones.
sizes='1 16 24 100 1000 4096 9000 70000 3000000'

# checked STATUS MODE PROGRAM [ARGUMENT…]: the program ends with that status; its report is in r.json
checked() {
    local expected=$1 mode=$2 program=$3
    shift 3
    run --separate-stderr "$mete" run --mode="$mode" --no-leaks -o p.mete --json r.json -- \
        "$METE_PROGRAMS/$program" "$@"
    announced=${lines[0]}
    echo "$mode $program $*: status $status, announced $announced, said: ${stderr_lines[0]}"
    [ "$status" -eq "$expected" ]
}

# said FILTER: the only error is one for which the jq filter holds, and one line told of it.
said() {
    jq -c '.errors[] | [.kind, .address, .offset, .block_bytes, (.stack[0].function)]' r.json
    jq -e --arg at "$announced" "(.errors | length) == 1 and (.errors[0] | $1)" r.json >/dev/null
    [ "$(grep -c '^mete: heap-\|^mete: use-\|^mete: write-' <<<"$stderr")" -eq 1 ]
}

whole='def whole: .[-1].function == "_start" or (map(.function) | index("main")) != null;'

@test "check: a byte past the end is found when the block is freed, and the program goes on" {
    for size in $sizes; do
        checked 0 check heap_overflow "$size"
        [ "${lines[1]}" = 'went on' ]
        said "$whole .kind == \"heap-overflow\" and .address == \$at and .offset == $size
            and .block_bytes == $size and .stack[0].function == \"release\"
            and .allocated_at[0].function == \"fault_block\" and .freed_at == []
            and (.stack | whole) and (.allocated_at | whole)"
    done
}

@test "check: a byte past the end of a block that is never freed is found at the end" {
    for size in $sizes; do
        checked 0 check heap_overflow "$size" keep
        said ".kind == \"heap-overflow\" and .address == \$at and .offset == $size and .stack == []
            and .allocated_at[0].function == \"fault_block\""
    done
}

@test "check: a byte before the start is found" {
    for size in $sizes; do
        checked 0 check heap_underflow "$size"
        said '.kind == "heap-underflow" and .address == $at and .offset == -1'
    done
}

@test "check: a byte written in a freed block is found at the end, with both its stacks" {
    for size in $sizes; do
        checked 0 check write_after_free "$size"
        [ "${lines[1]}" = 'went on' ]
        said "$whole .kind == \"write-after-free\" and .address == \$at and .block_bytes == $size
            and .offset == ($size / 2 | floor) and .freed_at[0].function == \"release\"
            and .allocated_at[0].function == \"fault_block\"
            and (.freed_at | whole) and (.allocated_at | whole)"
    done
}

@test "check and guard: aligned blocks and blocks that pass between threads are watched alike" {
    checked 0 check heap_overflow_aligned 1000000
    [ "$(jq '[.errors[] | select(.kind == "heap-overflow") | .repeats // 1] | length' r.json)" -ge 1 ]
    checked 0 check heap_overflow_by_threads 100
    jq -e '[.errors[] | .kind] | unique == ["heap-overflow"]' r.json
    # The pad behind an odd size is looked at when the block is freed.
    checked 0 guard heap_overflow_by_threads 100
    jq -e '[.errors[] | .kind] | unique == ["heap-overflow"]' r.json
}

@test "guard: an access past the end ends the program where it happens" {
    for size in $sizes; do
        checked 139 guard heap_overflow_read "$size"
        said "$whole .kind == \"heap-overflow\" and .address == \$at and .offset == .block_bytes
            and .stack[0].function == \"sum\" and .allocated_at[0].function == \"fault_block\"
            and (.stack | whole)"
        checked 139 guard heap_overflow_far "$size"
        said ".kind == \"heap-overflow\" and .address == \$at and .offset == $size + 5000
            and .stack[0].function == \"overflow\""
    done
}

@test "guard: what stays within the page is found when the block is freed" {
    for size in 1 24 100 1000 9001; do
        checked 0 guard heap_overflow "$size"
        said "$whole .kind == \"heap-overflow\" and .offset == $size and .stack[0].function == \"release\""
        checked 0 guard heap_underflow "$size"
        said '.kind == "heap-underflow" and .address == $at and .offset == -1'
    done
}

@test "guard: any access to a freed block ends the program where it happens" {
    for program in use_after_free write_after_free; do
        for size in $sizes; do
            checked 139 guard "$program" "$size"
            said "$whole .kind == \"use-after-free\" and .address == \$at and .block_bytes == $size
                and .offset == ($size / 2 | floor) and .stack[0].function == \"use\"
                and .freed_at[0].function == \"release\" and (.freed_at | whole)
                and .allocated_at[0].function == \"fault_block\" and (.allocated_at | whole)"
        done
    done
}

@test "check and guard: a second free and a realloc of a freed block are told with both whole stacks" {
    for mode in check guard; do
        for program in double_free double_free_later realloc_freed double_free_after_realloc; do
            for size in $sizes; do
                checked 134 $mode $program "$size"
                jq -e "$whole .errors | length == 1 and (.[0] | .kind == \"double-free\"
                    and .block_bytes == $size and .offset == 0 and (.stack | whole)
                    and (.freed_at | whole) and (.allocated_at | whole))" r.json
            done
        done
    done
}

@test "guard: one block in so many is guarded, and the figures are estimates" {
    cat >work.c <<'END'
#include <stdlib.h>
int main(void) {
    for (int i = 0; i < 100000; i++) free((void *)((void *volatile[]){malloc(48)}[0]));
    return 0;
}
END
    cc -O1 -w -o work work.c
    "$mete" run --mode=guard --sample=100 -o p.mete --json r.json ./work 2>text
    grep -q 'estimates from .* guarded blocks, one in 100' text
    # 1000 samples: five standard deviations are 16 %.
    jq -e '.leaks == null and .tracker.sample_blocks == 100 and
        (.totals.allocations > 84000) and (.totals.allocations < 116000)' r.json
    "$mete" run --quiet --mode=guard --no-leaks -o p.mete --json r.json ./work
    jq -e '.totals.allocations == 100000' r.json
}

@test "guard: a program's own handler comes after the error has been told" {
    checked 3 guard own_handler
    said '.kind == "use-after-free" and .address == $at'
}

@test "check and guard: little address space costs blocks their fences, not the program" {
    cat >work.c <<'END'
#include <stdlib.h>
#include <string.h>
int main(void) {
    char *blocks[3000] = {0};
    for (int i = 0; i < 300000; i++) {
        int place = i * 7 % 3000;
        free(blocks[place]);
        blocks[place] = malloc(20000);
        if (!blocks[place]) return 9;
        memset(blocks[place], i, 20000);
    }
    return 0;
}
END
    cc -O1 -o work work.c
    for mode in check guard; do
        (ulimit -v 400000 && "$mete" run --quiet --mode=$mode --no-leaks -o p.mete --json r.json ./work)
        jq -e '.errors == [] and .program.exit_status == 0' r.json
    done
}

@test "check and guard: a program that ends beside its threads ends well" {
    for mode in check guard; do
        for _ in 1 2 3 4 5 6 7 8; do
            checked 0 $mode exit_beside_threads
            [ "$announced" = 'went on' ]
            jq -e '.errors == []' r.json
        done
    done
}

@test "check and guard: forked children and static programs are watched" {
    cat >work.c <<'END'
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
int main(void) {
    volatile char *block = malloc(10);
    if (fork() == 0) {
        block[10] = 1;
        free((void *)block);
        return 0;
    }
    wait(NULL);
    free((void *)block);
    return 0;
}
END
    cc -O0 -g -o work work.c
    cc -O0 -g -static -o static work.c "$METE_STAGE/lib/libmete_malloc.a"
    for mode in check guard; do
        for program in ./work ./static; do
            rm -f ./*.mete
            "$mete" run --quiet --mode=$mode --json r.json $program
            jq -e '.errors == []' r.json
            child=$(ls ./*.mete | grep -v "$(jq .program.pid r.json)")
            "$mete" report "$child" --json - | jq -e '[.errors[].kind] == ["heap-overflow"]'
        done
    done
}
