#!/usr/bin/env bats
# `mete report`: what sites are called, and in which order they are.

bats_require_minimum_version 1.5.0

setup() {
    cd "$BATS_TEST_TMPDIR" || return
    PATH=$METE_STAGE/bin:$PATH
    unset LD_PRELOAD DEBUGINFOD_URLS METE_DEBUG_DIR
}

# Ten functions that each lose a block of their own size, all by way of get() and take().
@test "a_programs_own_wrappers_are_found_and_passed_over" {
    {
        echo '#include <stdlib.h>'
        echo 'static void *volatile kept;'
        echo '__attribute__((noinline)) static void *take(size_t size) {'
        echo '    void *p = malloc(size); kept = NULL; return p; }'
        echo '__attribute__((noinline)) static void *get(size_t size) {'
        echo '    void *p = take(size + 1); kept = NULL; return p; }'
        for i in 0 1 2 3 4 5 6 7 8 9; do
            echo "__attribute__((noinline)) static void lose_$i(void) {"
            echo "    kept = get(100 * $i + 50); kept = NULL; }"
        done
        echo 'int main(void) {'
        for i in 0 1 2 3 4 5 6 7 8 9; do echo "    lose_$i();"; done
        echo '    kept = NULL; return 0; }'
    } >leak.c
    ${compiler-cc} -g -O1 leak.c -o leak
    mete run --quiet -o leak.mete ./leak
    mete report leak.mete --json report.json
    mete report leak.mete --top 20 >text
    # The table of places and the leaks agree; of a leak the whole stack is there.
    grep -qE '^ +951 B +19 % +1 +lose_9 ' text
    grep -A3 '951 B in 1 block  definite' text | tail -3 | tr -s ' ' >stack
    arrow=$(grep -o '→\|->' stack)
    diff - stack <<END
 lose_9 leak.c:26
 main leak.c:37
 through get $arrow take
END
    # JSON has every frame, as ever.
    [ "$(jq -r '.sites[0].stack[0:3] | map(.function) | join(" ")' report.json)" = "take get lose_9" ]
}

@test "every_order_of_sites_is_of_its_own_figure" {
    cat >orders.c <<'END'
#include <stdlib.h>
static void *volatile kept[3];
__attribute__((noinline)) static void often(void) {
    for (int i = 0; i < 100; i++) {
        kept[0] = malloc(1);
        free(kept[1]);
        kept[1] = kept[0];
    }
    free(kept[1]);
}
__attribute__((noinline)) static void much(void) {
    for (int i = 0; i < 9; i++) {
        kept[0] = malloc(9000);
        kept[1] = malloc(2);
        free(kept[0]);
        free(kept[1]);
    }
}
__attribute__((noinline)) static void briefly(void) {
    for (int i = 0; i < 80; i++) {
        kept[0] = malloc(3);
        free(kept[0]);
    }
}
__attribute__((noinline)) static void large(void) {
    kept[0] = malloc(20000);
    kept[1] = malloc(4);
    free(kept[0]);
    free(kept[1]);
}
__attribute__((noinline)) static void left(void) {
    kept[2] = malloc(500);
}
int main(void) {
    often();
    much();
    briefly();
    large();
    left();
    return 0;
}
END
    ${compiler-cc} -g -O1 orders.c -o orders
    mete run --quiet -o leak.mete ./orders
    for order in live:left peak:large allocated:much temporary:briefly count:often; do
        mete report leak.mete --sort "${order%:*}" --top 1 --json report.json
        [ "$(jq '.sites | length' report.json)" = 1 ]
        [ "$(jq -r '.sites[0].stack[0].function' report.json)" = "${order#*:}" ] || {
            echo "$order"
            false
        }
        # The text has this one table, with one line.
        mete report leak.mete --sort "${order%:*}" --top 1 >text
        [ "$(grep -cE '^(Live|At the peak|Most|Temporary) ' text)" = 1 ]
        grep -A1 -E '^(Live|At the peak|Most|Temporary) ' text | grep -q " ${order#*:} "
        mete report leak.mete --sort "${order%:*}" --html page.html
    done
}
