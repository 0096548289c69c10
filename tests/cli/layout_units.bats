#!/usr/bin/env bats
# `mete layout` of C++: the same types by the same names, whatever units the compiler and dwz put
# them into.

load layout_helpers

write_program() {
    cat >one.cc <<'CC'
#include <functional>
#include <string>
namespace ns {
struct a { char c; long l; struct in { char x; int y; } i; };
}
std::function<int(int)> f;
std::string s;
ns::a a1;
int two();
int main() { return f ? f(1) : two(); }
CC
    cat >two.cc <<'CC'
#include <cstdlib>
#include <functional>
#include <map>
#include <string>
namespace ns {
struct a { char c; long l; struct in { char x; int y; } i; };
struct b { std::string s; a x; std::map<std::string, a> m; };
struct kept { char tag; a::in *inside; };
}
std::function<int(int)> g;
ns::b b1;
ns::kept *kept;
int two() {
    kept = static_cast<ns::kept *>(malloc(sizeof *kept));
    kept->inside = static_cast<ns::a::in *>(malloc(sizeof *kept->inside));
    return 0;
}
CC
}

# types FILE: the types with the types of their members, a line each.
types() { mete layout "$1" --json - | jq -r '.types[] | [.name, .size, (.members[] | .type)] | join(" ")' | sort; }

# has FILE: all types of `plain` are in FILE, too, by the same names and with the same members; and
# where a type is there by another name as well, it is one that compilers leave out of `plain`.
has() {
    types "$1" >found
    [ -z "$(comm -23 expected found)" ] || { comm -23 expected found; false; }
    run ! grep -E '^(struct |class )?(in|a|b|kept|_Any_data|_Alloc_hider|basic_string<.*|map<.*) ' found
    run ! grep -F '(anonymous)' found
}

@test "units_of_types_have_the_names_of_cxx" {
    write_program
    for compiler in g++ clang++; do
        $compiler -g one.cc two.cc -o plain
        types plain >expected
        grep -q '^ns::a::in 8 char int$' expected
        for options in -fdebug-types-section '-gdwarf-4 -fdebug-types-section' -gsplit-dwarf \
            '-gsplit-dwarf -fdebug-types-section' '-gsplit-dwarf -gdwarf-4 -fdebug-types-section'; do
            # shellcheck disable=SC2086
            $compiler -g $options one.cc two.cc -o other
            has other
        done
    done
}

@test "types_that_typedefs_name_are_one_in_units_of_types" {
    # Of the units that refer to a struct without a name some do not have all the typedefs inside.
    cat >typedefs.c <<'C'
typedef struct { void *(*get)(unsigned long); } suite;
typedef struct { char **names; unsigned char power; long used; const suite *calls; } table;
typedef struct { table all, some[2]; table *other; char end; } grammar;
struct parser { char kind; grammar *rules; table own; } parser;
table whole;
grammar rules;
C
    gcc -g -c typedefs.c
    types typedefs.o >expected
    for options in -gdwarf-4 -gdwarf-5; do
        gcc $options -fdebug-types-section -c typedefs.c
        types typedefs.o | diff expected -
        mete layout typedefs.o --points-to suite --json - | jq -r '.types[].name' | diff <(echo table) -
    done
}

@test "what_dwz_shares_has_the_names_of_cxx" {
    command -v dwz >/dev/null || skip "no dwz here"
    write_program
    for compiler in g++ clang++; do
        $compiler -gdwarf-4 one.cc two.cc -o plain
        types plain >expected
        cp plain one
        dwz one
        has one
        cp plain one
        cp plain other
        dwz -m shared one other
        has one
    done
}

@test "types_of_blocks_have_the_names_of_cxx" {
    write_program
    for options in '' -fdebug-types-section '-gsplit-dwarf -fdebug-types-section' -gdwarf-4; do
        # shellcheck disable=SC2086
        g++ -g $options one.cc two.cc -o program
        [ "$options" != -gdwarf-4 ] || ! command -v dwz || dwz program
        mete run --quiet -o "program.mete" ./program
        mete report program.mete --json - |
            jq -r '.sites[].type | select(. != null)' | sort | tr '\n' ' ' >out
        rm program.mete
        [[ $(cat out) == *"ns::a::in ns::kept "* ]] || { echo "$options"; cat out; false; }
        [[ $(cat out) != *struct* ]]
    done
}

@test "blocks_and_layouts_have_one_name_for_a_type_of_cxx" {
    cat >hidden.cc <<'CC'
namespace { struct node { char c; long l; char d; node *next; }; }
namespace ns {
namespace { struct inner { char a; void *p; char b; }; }
struct outer { struct part { char a; long b; char c; }; part *first; };
}
static node *list;
ns::inner *kept[10];
ns::outer outers[10];
int main() {
    struct local { char x; long y; char z; };
    static local *mine[10];
    for (int i = 0; i < 10; i++) {
        node *made = new node;
        made->next = list;
        list = made;
        ns::inner *inner = new ns::inner;
        kept[i] = inner;
        mine[i] = new local;
        outers[i].first = new ns::outer::part;
    }
    return mine[3] == nullptr;
}
CC
    for options in -O0 -O2 '-O1 -fdebug-types-section'; do
        # shellcheck disable=SC2086
        g++ -g $options hidden.cc -o hidden
        mete run --quiet -o hidden.mete ./hidden
        mete layout hidden --heap hidden.mete --json - |
            jq -r '.types[] | select(.heap != null) | "\(.name) \(.heap.peak.objects)"' | sort >found
        rm hidden.mete
        sort <<'TYPES' | diff - found
(anonymous namespace)::node 10
main()::local 10
ns::(anonymous namespace)::inner 10
ns::outer::part 10
TYPES
    done
}

@test "what_of_a_class_is_known_is_told_also_where_something_is_not" {
    cat >parts.h <<'CC'
#include <string>
namespace app {
struct counts { counts(); int one, other; };
struct options { std::string name; counts of; counts many[3]; bool last; };
}
CC
    printf '#include "parts.h"\napp::counts::counts() : one(1), other(2) {}\n' >one.cc
    printf '#include "parts.h"\napp::options all;\nint main() { return all.last; }\n' >two.cc
    clang++ -g one.cc two.cc -o program
    json program app::options
    # clang describes counts in one unit alone, and leaves std::string to the C++ library's.
    holds '.types[0].members[1] | .name == "of" and .size == 8 and .align == 4'
    holds '.types[0].members[2].size == 0'
    mete layout program app::options >out
    grep -qE 'app::counts many\[3\];  /\* its size is not in this file \*/$' out
    grep -qE '^size [0-9]+, align [48], ' out
    run ! grep -qE 'tail padding: [0-9]{2}' out
    mete layout program app::options --reorder | grep -qxF 'app::options stays as it is: the size of a member is not known'
}
