#!/usr/bin/env bats
# mete/layout.h at compile time.

bats_require_minimum_version 1.5.0
load header_helpers

setup() {
    cd "$BATS_TEST_TMPDIR"
}

@test "functions_of_constants_are_constant_expressions_in_cxx" {
    cat >source <<'END'
#include <mete/layout.h>
struct conn { char state; conn *next; int port; char name[6]; };
METE_ASSERT_LAYOUT(conn, 32, 8, 13, state, next, port, name);
constexpr mete_layout padded = mete_layout_pad(METE_LAYOUT_OF_ARRAY(char, 13));
static_assert(padded.size == 13, "");
constexpr int size_of_fields() {
    const mete_layout fields[] = {METE_LAYOUT_OF(char), METE_LAYOUT_OF(void *), METE_LAYOUT_OF(int)};
    mete_layout out{};
    size_t offsets[3]{};
    return mete_layout_fields(fields, 3, &out, offsets) == 0 ? int(out.size + offsets[2]) : -1;
}
static_assert(size_of_fields() == 24 + 16, "");
constexpr int overflow() {
    mete_layout out{};
    return mete_layout_array(METE_LAYOUT_OF(int), METE_SIZE_MAX / 2, &out);
}
static_assert(overflow() == -EOVERFLOW, "");
METE_LAYOUT_TABLE(table, conn, state, next, port, name);
size_t describe(char *text, size_t size) { return mete_layout_describe(&table, text, size); }
END
    for compiler in $cxx_compilers; do compiles "$compiler" -std=c++17 -pedantic <source; done
}

@test "functions_of_constants_are_folded_in_c" {
    cat >source <<'END'
#include <mete/layout.h>
void not_folded(void);
void prove(void);
void prove(void) {
    mete_layout out = {0, 1};
    size_t offset = 0;
    int status = mete_layout_array(METE_LAYOUT_OF(int), 7, &out);
    status |= mete_layout_extend(out, METE_LAYOUT_OF(double), &out, &offset);
    status |= mete_layout_align_to(out, 64, &out);
    out = mete_layout_pad(out);
    if (status != 0 || offset != 32 || out.size != 64 || out.align != 64) not_folded();
    if (mete_layout_array(METE_LAYOUT_OF(int), METE_SIZE_MAX, &out) != -EOVERFLOW) not_folded();
}
END
    for compiler in $c_compilers; do
        compiles "$compiler" -std=c11 -O2 <source
        run ! grep -q not_folded <(nm out.o)
    done
}

@test "static_objects_have_layouts_in_iso_c" {
    for compiler in $c_compilers $cxx_compilers; do
        compiles "$compiler" -pedantic <<'END'
#include <mete/layout.h>
extern const mete_layout layouts[2];
const mete_layout layouts[2] = {METE_LAYOUT_INITIALIZER(int), METE_LAYOUT_INITIALIZER(double)};
END
    done
}

@test "a_layout_that_has_changed_does_not_compile" {
    conn='struct conn { char state; struct conn *next; };'
    for compiler in $c_compilers $cxx_compilers; do
        check() {
            printf '#include <mete/layout.h>\n%s\n%s\n' "$conn" "$1"
        }
        check 'METE_ASSERT_LAYOUT(struct conn, 16, 8, 7, state, next);' | compiles "$compiler"
        check 'METE_ASSERT_LAYOUT(struct conn, 24, 8, 7, state, next);' |
            refuses 'the size of .*struct conn.* has changed' "$compiler"
        check 'METE_ASSERT_LAYOUT(struct conn, 16, 4, 7, state, next);' |
            refuses 'the alignment of .*struct conn.* has changed' "$compiler"
        check 'METE_ASSERT_LAYOUT(struct conn, 16, 8, 7, next);' |
            refuses 'the padding of .*struct conn.*, or its members, have changed' "$compiler"
    done
}

@test "a_constant_array_that_is_too_large_does_not_compile" {
    for compiler in $c_compilers $cxx_compilers; do
        refuses 'negative\|too large' "$compiler" <<'END'
#include <mete/layout.h>
mete_layout layout(void);
mete_layout layout(void) { return METE_LAYOUT_OF_ARRAY(int, METE_SIZE_MAX / 2); }
END
    done
}

@test "a_status_that_is_dropped_is_warned_of" {
    for compiler in $c_compilers $cxx_compilers; do
        refuses 'unused-result' "$compiler" <<'END'
#include <mete/layout.h>
void drop(mete_layout *out);
void drop(mete_layout *out) { mete_layout_array(*out, 3, out); }
END
    done
}
