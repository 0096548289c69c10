#!/usr/bin/env bats
# mete/ptr.h at compile time: what it costs where it checks nothing, and what compilers warn of.

bats_require_minimum_version 1.5.0
load header_helpers

setup() {
    cd "$BATS_TEST_TMPDIR"
}

# instructions PREFIX: of each function in out.o whose name begins with it, by the rest of the name.
# Addresses inside of the function count from its start.
instructions() {
    objdump -dr --no-show-raw-insn out.o | awk -v prefix="<$1_" '
        /^[0-9a-f]+ </ {
            shown = index($2, prefix) == 1
            name = substr($2, length(prefix) + 1)
            if (shown) print name
            next
        }
        shown && NF && !/^Disassembly/ {
            sub(/^[ \t]*[0-9a-f]+:[ \t]*/, "")
            sub(/<(mete|hand)_/, "<")
            sub(/ +# .*/, "")
            sub(/[0-9a-f]+ </, "<")
            if (!/^(nop|xchg +%ax,%ax|cs nop|data16)/) print "    " $0
        }'
}

@test "without_checks_everything_is_plain_machine_code" {
    for compiler in $c_compilers; do
        compiles "$compiler" -std=gnu11 -O2 <"$METE_SOURCE/tests/header/ptr_machine_code.c"
        instructions mete >mete
        instructions hand >hand
        [ "$(grep -c '>:$' hand)" -eq "$(grep -c '^PAIR(' "$METE_SOURCE/tests/header/ptr_machine_code.c")" ]
        diff hand mete
    done
}

@test "with_checks_it_is_not" { # the comparison above can fail
    sed 's/METE_PTR_CHECKS 0/METE_PTR_CHECKS 1/' "$METE_SOURCE/tests/header/ptr_machine_code.c" |
        compiles gcc -std=gnu11 -O2
    instructions mete >mete
    instructions hand >hand
    run -1 diff -q hand mete
}

# wrong TEXT BODY: a function of this body compiles at no level, with no compiler. The text is
# gcc's option and clang's, with a bar between them.
wrong() {
    for compiler in $c_compilers; do
        for level in 0 1 2; do
            printf '#define METE_PTR_CHECKS %d\n#include <mete/ptr.h>\n%s\n%s\n' "$level" \
                'int wrong(char *given, int *number); int wrong(char *given, int *number) {' \
                "(void)given; (void)number; $2 }" >source
            refuses "$1" "$compiler" -std=gnu11 -O1 <source
        done
    done
}

@test "null_is_warned_of" {
    wrong 'Wnonnull\|error=nonnull' 'return mete_ptr_copy(given, NULL, 4);'
    wrong 'Wnonnull\|error=nonnull' 'return mete_ptr_fill(NULL, 0, 4);'
    wrong 'Wnonnull\|error=nonnull' 'return mete_ptr_copy_nonoverlapping(NULL, given, 4);'
    wrong 'Wnonnull\|error=nonnull' 'return mete_ptr_compare(given, given, 4, NULL);'
}

@test "writing_beyond_an_object_is_warned_of" {
    wrong 'stringop-overflow\|fortify-source' 'char small[4]; int s = mete_ptr_copy(small, given, 8); return small[0] + s;'
    wrong 'stringop-overflow\|fortify-source' 'char small[4]; int s = mete_ptr_fill(small, 0, 8); return small[0] + s;'
    wrong 'stringop-overflow\|fortify-source' \
        'char small[4]; int s = mete_ptr_copy_nonoverlapping(small, given, 8); return small[0] + s;'
}

@test "different_types_are_warned_of" {
    wrong 'distinct pointer types' 'long other; return METE_PTR_READ(number, &other);'
    wrong 'distinct pointer types' 'return METE_PTR_COPY(number, given, 1);'
    wrong 'distinct pointer types' 'char *out; return METE_PTR_ADD(number, 1, &out);'
}

@test "discarding_const_is_warned_of" {
    wrong 'discards\|qualifier' 'static const int constant = 1; return METE_PTR_SWAP(number, &constant);'
}

@test "reading_beyond_an_object_is_warned_of_by_gcc" {
    printf '#include <mete/ptr.h>\n%s\n' 'int wrong(char *given); int wrong(char *given) {
        static char small[4]; return mete_ptr_copy(given, small, 8); }' |
        refuses 'stringop-overread' gcc -O1
}

@test "an_error_code_must_be_looked_at" {
    for compiler in $c_compilers $cxx_compilers; do
        refuses 'unused-result' "$compiler" <<'END'
#include <mete/ptr.h>
void drop(char *to);
void drop(char *to) { mete_ptr_fill(to, 0, 8); }
END
        for level in 0 1; do
            compiles "$compiler" -DMETE_PTR_CHECKS=$level <<'END'
#include <mete/ptr.h>
void drop(char *to);
void drop(char *to) { mete_ptr_fill(to, 0, 8); }
END
        done
    done
}

@test "cxx_can_use_all_of_it" {
    for compiler in $cxx_compilers; do
        compiles "$compiler" -std=c++17 <<'END'
#include <mete/ptr.h>
int use(int *numbers, const int *others, uint32_t *out) {
    int old, *at;
    ptrdiff_t distance;
    unsigned char bytes[8] = {};
    return METE_PTR_READ(others, &old) | METE_PTR_WRITE(numbers, 3) |
           METE_PTR_REPLACE(numbers, 4, &old) | METE_PTR_SWAP(numbers, numbers + 1) |
           METE_PTR_COPY(numbers, others, 2) | METE_PTR_ADD(numbers, 2, &at) |
           METE_PTR_DISTANCE(numbers, at, &distance) | METE_PTR_ALIGN_UP(numbers, 16, &at) |
           METE_PTR_READ_VOLATILE(numbers, &old) | METE_PTR_WRITE_VOLATILE(numbers, 5) |
           mete_view_load_le32(METE_VIEW_OF(bytes), 1, out);
}
END
    done
}

@test "swapped_values_are_read_as_they_are" { # gcc 12 once took one for the other
    for compiler in $c_compilers; do
        for level in -O0 -O1 -O2 -O3; do
            "$compiler" $level -I"$METE_SOURCE/include" -x c -o swapped - <<'END'
#include <mete/ptr.h>
#include <stdio.h>
static int wrong;
#define FACT(condition) \
    do { \
        if (!(condition)) wrong++, printf("line %d: %d\n", __LINE__, errno), fflush(stdout); \
    } while (0)
int five = 5;
int main(void) {
    int x = 5, y = 0;
    FACT(METE_PTR_REPLACE(&x, 42, &y) == 0 && x == 42 && y == five);
    FACT(METE_PTR_REPLACE(&x, 1, &x) == -EINVAL && x == 42);
    FACT(METE_PTR_SWAP(&x, &y) == 0 && x == 5 && y == 42);
    char a[200], b[200];
    for (int i = 0; i < 200; i++) a[i] = (char)i, b[i] = (char)-i;
    FACT(mete_ptr_swap(a, b, 200, 1) == 0 && a[199] == (char)-199);
    FACT(mete_ptr_swap(a, a + 10, 50, 1) == -EINVAL);
    printf("%d %d\n", x, y);
    return wrong != 0;
}
END
            [ "$(./swapped)" = '5 42' ]
        done
    done
}

@test "no_other_level_compiles" {
    refuses 'METE_PTR_CHECKS is 0, 1 or 2' gcc -DMETE_PTR_CHECKS=3 <<<'#include <mete/ptr.h>'
}
