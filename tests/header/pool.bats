#!/usr/bin/env bats
# mete/pool.h at compile time: when the usual calls are part of the program, and when they are calls.

load header_helpers

setup() {
    cd "$BATS_TEST_TMPDIR"
    cat >use.c <<'END'
#include <mete/pool.h>
void *use(mete_pool *pool);
void *use(mete_pool *pool) { return mete_pool_alloc(pool); }
END
}

# Whether use.c, compiled so, looks at what only the body in the header looks at.
has_the_body() {
    compiles "$@" -O2 <use.c
    nm -u out.o | grep -q 'U mete_pool_alloc$'
    nm -u out.o | grep -q 'U mete__pool_threads_share$'
}

@test "usual_calls_are_compiled_into_the_program" {
    for compiler in $c_compilers; do
        has_the_body "$compiler" || return 1
    done
}

@test "usual_calls_are_calls_where_the_program_says_so" {
    for compiler in $c_compilers; do
        ! has_the_body "$compiler" -D METE_POOL_NO_INLINE || return 1
    done
}

@test "usual_calls_are_calls_under_thread_sanitizer" {
    for compiler in $c_compilers; do
        ! has_the_body "$compiler" -fsanitize=thread || return 1
    done
}
