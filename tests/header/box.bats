#!/usr/bin/env bats
# mete/box.h at compile time: in both languages, and with the types kept apart.

bats_require_minimum_version 1.5.0
load header_helpers

setup() {
    cd "$BATS_TEST_TMPDIR"
    export LD_LIBRARY_PATH=$METE_STAGE/lib
    {
        echo '#include <mete/box.h>'
        echo 'struct conn { int number; };'
        echo 'static int ended;'
        echo 'static void conn_end(struct conn *conn) { ended += conn->number; }'
        echo 'METE_BOX_DECLARE(conn_box, struct conn, conn_end);'
        echo 'METE_SHARED_DECLARE(conn_shared, struct conn, conn_end);'
    } >declarations
}

@test "boxes_and_shared_values_work_in_both_languages" {
    {
        cat declarations
        cat <<'END'
static int use(struct conn first, struct conn second) {
    METE_OWNED(conn_box) box = {NULL, NULL};
    METE_OWNED(conn_shared) shared = {NULL}, other = {NULL};
    METE_OWNED(conn_shared_weak) weak = {NULL};
    return conn_box_new(&box, NULL, first) | conn_shared_new(&shared, NULL, second) |
           conn_shared_clone(&shared, &other) | conn_shared_watch(&other, &weak);
}
int main(void) {
    struct conn one = {1}, ten = {10};
    return use(one, ten) != 0 || ended != 11;
}
END
    } >source
    for compiler in $c_compilers $cxx_compilers; do
        for level in -O0 -O2; do
            compiles "$compiler" -pedantic "$level" <source
            g++ out.o -L"$METE_STAGE/lib" -lmete -o use
            ./use
        done
    done
}

# wrong TEXT BODY: a function of this body does not compile.
wrong() {
    {
        cat declarations
        echo "int wrong(struct conn_box *box, struct conn_shared *shared, struct conn_shared_weak *weak);"
        echo "int wrong(struct conn_box *box, struct conn_shared *shared, struct conn_shared_weak *weak) {"
        echo "    (void)box; (void)shared; (void)weak; $2 }"
    } >source
    for compiler in $c_compilers $cxx_compilers; do refuses "$1" "$compiler" <source; done
}

types='incompatible\|cannot convert\|no matching function\|no known conversion'

@test "kinds_of_handles_are_not_mixed" {
    wrong "$types" 'conn_shared_drop(weak); return 0;'
    wrong "$types" 'conn_box_drop(shared); return 0;'
    wrong "$types" 'return conn_shared_clone(shared, weak);'
    wrong "$types" 'return conn_shared_weak_lock(shared, shared);'
}

@test "results_must_be_looked_at" {
    wrong 'unused-result' 'conn_shared_clone(shared, shared); return 0;'
    wrong 'unused-result' 'conn_box_move(box); return 0;'
    wrong 'unused-result' 'struct conn conn = {1}; return conn_box_new(box, NULL, conn), conn_box_get(box), 0;'
}

@test "names_of_the_program_are_not_taken_for_those_of_a_macro" {
    {
        echo '#include <mete/box.h>'
        hostile_names | sed '/ error;/d; / dropped;/d; / place;/d; / box;/d; / made;/d; / status;/d'
        cat <<'END'
typedef struct dropped { int number; } dropped;
typedef struct box { dropped *place; } box;
static int made;
static void error(dropped *it) { made += it->number; }
static void status(box *it) { made += it->place == NULL; }
METE_BOX_DECLARE(value_box, dropped, error);
METE_BOX_DECLARE(place, box, status);
METE_SHARED_DECLARE(value_shared, dropped, error);
METE_SHARED_DECLARE(moved_shared, box, status);
int main(void) {
    dropped one = {1};
    box empty = {NULL};
    {
        METE_OWNED(value_box) first = {NULL, NULL};
        METE_OWNED(place) second = {NULL, NULL};
        METE_OWNED(value_shared) third = {NULL};
        METE_OWNED(moved_shared) fourth = {NULL};
        if (value_box_new(&first, NULL, one) | place_new(&second, NULL, empty) |
            value_shared_new(&third, NULL, one) | moved_shared_new(&fourth, NULL, empty))
            return 1;
    }
    return made != 4;
}
END
    } >source
    for compiler in $c_compilers $cxx_compilers; do
        compiles "$compiler" -pedantic <source
        g++ out.o -L"$METE_STAGE/lib" -lmete -o use
        ./use
    done
}
