#!/usr/bin/env bats
# `mete run` reports pools, arenas and maps: by name, with who created them, and what is left over.

load run_helpers

compile_with_mete() {
    compile "$1" -I"$METE_STAGE/include" -L"$METE_STAGE/lib" -lmete -Wl,-rpath,"$METE_STAGE/lib"
}

program() {
    compile_with_mete holders <<'END'
#include <mete/arena.h>
#include <mete/heap.h>
#include <mete/pool.h>
static void *blocks[3];
__attribute__((noinline)) mete_pool *forgetful(void) {
    return mete_pool_create(&(mete_pool_options){.block_size = 48, .name = "nodes"});
}
__attribute__((noinline)) mete_heap *careless(void) {
    return mete_heap_create(&(mete_heap_options){.name = "letters"});
}
int main(void) {
    static char *kept;
    kept = mete_heap_alloc(careless(), 60);
    mete_pool *pool = forgetful();
    for (int i = 0; i < 3; i++) blocks[i] = mete_pool_alloc(pool);
    mete_arena_destroy(mete_arena_create(&(mete_arena_options){.name = "request"}));
    mete_scratch_end(mete_scratch_begin(0, 0));
    return 0;
}
END
}

@test "undestroyed_pool_and_heap_are_reported_with_their_creators" {
    program
    run -0 mete run -o p.mete --json report.json ./holders
    [[ "$output" == *'Pools, arenas and maps  2 not destroyed'* ]]
    [[ "$output" == *'pool nodes  1 created, 1 not destroyed, 144 B of '*' in use by 3 blocks'* ]]
    [[ "$output" == *forgetful* ]]
    [[ "$output" == *'heap letters  1 created, 1 not destroyed, 64 B of '*' in use by 1 block'* ]]
    [[ "$output" == *careless* ]]
    [[ "$output" == *'arena request  1 created, peak'* ]]
    holds '[.holders[] | select(.name == "nodes")]
        | length == 1 and .[0].not_destroyed == 1 and .[0].live_blocks == 3
            and any(.[0].stack[]; .function == "forgetful")' report.json
    holds '[.holders[] | select(.name == "request" or .name == "scratch") | .not_destroyed]
        == [0, 0]' report.json
    jq -e -f "$METE_SOURCE/tests/cli/report_schema.jq" report.json >/dev/null
}

@test "program_without_pools_has_no_such_chapter" {
    run -0 mete run -o p.mete true
    [[ "$output" != *'Pools, arenas'* ]]
}

@test "snapshot_of_the_program_itself_is_a_profile" {
    compile_with_mete snapshot <<'END'
#include <mete/malloc.h>
#include <mete/track.h>
void *kept;
__attribute__((noinline)) void keep(void) { kept = mete_malloc(12345); }
int main(void) {
    if (mete_track_start(METE_TRACK_EXACT) != 0) return 1;
    keep();
    return mete_snapshot("s.mete") != 0;
}
END
    ./snapshot
    mete report s.mete --json report.json
    holds '.totals.live_bytes == 12345 and any(.sites[0].stack[]; .function == "keep")' report.json
}
