#!/usr/bin/env bats
# `mete layout`: which types are chosen, and the best order of their members.

load layout_helpers

write_types() {
    cat >types.h <<'END'
struct inner { int first; char second; };
struct list { struct list *next, *previous; };
END
    cat >types.c <<'END'
#include "types.h"
struct loose {
    char kind;
    struct list *head;
    short port;
    long total;
    unsigned state : 3, mode : 7;
    struct inner inside;
    int tail[];
};
struct based { struct inner base; char tag; long value; char end; };
struct tight { long value; int number; char tag; };
struct __attribute__((packed)) squeezed { char tag; long value; };
struct unnamed { char a; int x : 3; int : 7; int y : 3; long b; char c; };
union choice { char small; double large; };
struct holder { struct loose *one; struct { struct inner deep[2]; } wrapped; char large[3000]; };
END
}

build() { ${compiler-gcc} -g -fno-eliminate-unused-debug-types -c types.c -o types.o; }

names() { mete layout types.o "$@" --json - | jq -c '[.types[].name]'; }

@test "types_are_chosen_by_what_they_are" {
    write_types
    build
    [ "$(names 'l*')" = '["struct list","struct loose"]' ]
    [ "$(names 'struct l*' 'choice')" = '["union choice","struct list","struct loose"]' ]
    [ "$(names --file=types.h)" = '["struct inner","struct list"]' ]
    [ "$(names --file='*/types.?' --min-size=2K)" = '["struct holder"]' ]
    [ "$(names --contains=inner)" = '["struct based","struct holder","struct loose"]' ]
    [ "$(names --points-to='struct list')" = '["struct list","struct loose"]' ]
    [ "$(names --points-to=loose)" = '["struct holder"]' ]
    [ "$(names --holes=3)" = "$(mete layout types.o --json - |
        jq -c '[.types[] | select(.holes + .bit_holes + (if .tail_padding + .tail_padding_bits > 0 then 1 else 0 end) >= 3) | .name]')" ]
    run -125 mete layout types.o --file=none.h
}

@test "a_struct_is_reordered_and_its_compiler_agrees" {
    write_types
    for compiler in gcc clang; do
        build
        mete layout types.o loose --reorder >out
        grep -qE "^32 bytes instead of 48: 33 % saved; $compiler agrees$" out ||
            grep -qE "^40 bytes instead of 48: 17 % saved; $compiler agrees$" out
        grep -qE 'int tail\[\];$' out
        json types.o --reorder
        holds '[.types[] | .reordered | select(. != null) | .proven] | length >= 2 and all'
        # A program with this order is what was promised.
        size=$(jq '.types[] | select(.name == "struct loose") | .reordered.size' layout.json)
        {
            echo '#include "types.h"'
            echo 'struct loose {'
            jq -r '.types[] | select(.name == "struct loose") | .reordered.order[]' layout.json |
                while read -r member; do
                    case $member in
                    state) echo 'unsigned state : 3, mode : 7;' ;;
                    mode) ;;
                    *) sed -n '/^struct loose/,/^};/p' types.c | grep -E "[ *]${member}[;\\[]" ;;
                    esac
                done
            echo "}; _Static_assert(sizeof(struct loose) == $size, \"size\");"
        } >check.c
        $compiler -c check.c -o check.o || { cat check.c; false; }
    done
}

@test "hot_members_come_first" {
    write_types
    build
    [ "$(mete layout types.o loose --hot=total,port --json - | jq -c '.types[0].reordered.order[:2]')" = \
        '["total","port"]' ]
    [ "$(mete layout types.o loose --hot=total --hot=port --json - | jq -c '.types[0].reordered.order[:2]')" = \
        '["total","port"]' ]
    run -125 --separate-stderr mete layout types.o loose --reorder --hot=total,prot
    # shellcheck disable=SC2154 # set by run
    [ "$stderr" = "mete: layout: --hot: none of these types of types.o has a member 'prot'" ]
}

@test "members_without_names_are_told_apart_by_number" {
    echo 'struct two { char a; union { long one; char *two; }; char b; union { int x; char y; };
        char c; union { long p; char *q; }; } two;' | gcc -g -x c -c - -o two.o
    json two.o
    holds '.types[0] | .reordered.size < .size and
        (.reordered.order_numbers | sort) == [range(.members | length)] and
        [.reordered.order_numbers[] as $i | .members[$i] | .name // .type] == .reordered.order'
}

@test "what_ends_open_stays_last" {
    gcc -g -x c -c - -o open.o <<'END'
struct old { char a; double d; short b; char data[1]; } old;
struct in { int length; char text[]; };
struct ends { char a; double d; char b; struct in in; } ends;
END
    json open.o
    holds '[.types[] | select(.name != "struct in") | .reordered | .size == 16 and
        (.order[-1] | IN("data", "in"))] == [true, true]'
}

@test "what_is_not_safe_is_refused_with_the_reason" {
    write_types
    build
    mete layout types.o squeezed unnamed choice tight --reorder >out
    grep -q '^struct squeezed stays as it is: it is packed$' out
    grep -q '^struct unnamed stays as it is: its layout does not follow from its members alone' out
    grep -q '^union choice stays as it is: it is a union$' out
    grep -q '^struct tight stays as it is: no order is better$' out
    mete layout types.o based --reorder >out
    grep -q '^its first member was a struct: look for casts between the two$' out ||
        grep -q 'struct inner base;' out
    json types.o choice
    holds '.types[0] | .reordered == null and .refusal == "it is a union"'
    g++ -g -x c++ -c - -o cxx.o <<'END'
struct base { char a; long b; char c; };
struct derived : base { char d; long e; char f; };
struct table { virtual ~table(); char d; long e; char f; };
table::~table() {}
struct empty {} nothing;
derived one;
END
    mete layout cxx.o derived table empty --reorder >out
    grep -q '^empty stays as it is: it has no members$' out
    grep -q '^derived stays as it is: it inherits$' out
    grep -q '^table stays as it is: it has a virtual table$' out
    mete layout cxx.o base --reorder | grep -q '^16 bytes instead of 24: 33 % saved; gcc agrees$'
}

@test "without_a_compiler_nothing_is_said_to_be_proven" {
    write_types
    build
    mete=$(command -v mete)
    PATH=/nonexistent "$mete" layout types.o loose --reorder >out
    grep -q 'not proven: its compiler is not here$' out
    PATH=/nonexistent "$mete" layout types.o loose --reorder --json layout.json
    holds '.types[0].reordered.proven == null'
}

@test "the_summary_is_sorted_by_what_can_be_saved" {
    write_types
    build
    mete layout types.o >out
    grep -qE '^types.o: .*; [0-9]+ can be saved by reordering$' out
    sed -n '4,$p' out | grep -E '^ +[0-9]' | awk '{ print $1 }' | sort -rnc
}

@test "members_that_another_struct_begins_with_stay_where_they_are" {
    cat >types.c <<'END'
struct node { int kind; char *name; struct node *next; char *text; short line, column; };
struct leaf { int kind; char *name; struct node *next; double value; };
END
    build
    mete layout types.o node --reorder >out
    grep -q '^its first 3 members are those of struct leaf, too: they stay where they are$' out
    mete layout types.o node --reorder --json layout.json
    holds '.types[0].reordered | .size == 32 and .order == ["kind","line","column","name","next","text"]'
    holds '.types[0].reordered | .shared_head == 3 and .shared_with == "struct leaf" and .keeps_head'
}

@test "members_that_a_union_shares_stay_where_they_are" {
    cat >types.c <<'END'
struct file { int type; union node *next; int descriptor; };
struct here { enum { HERE } type; union node *text; int descriptor; };
union node { int type; struct file file; struct here here; };
struct pixel { unsigned char red; unsigned short green; unsigned char blue; };
union color { struct pixel pixel; unsigned char raw[6]; };
struct free_slot { char state; void *owner; char kind; long count; };
union slot { struct free_slot free; void *next; };
struct event { int kind; union { struct small { char a; long b; char c; } small; double wide; } u; };
struct alone { char x; long y; char z; };
union choice { struct alone alone; struct other { long a; char b; } other; };
END
    build
    mete layout types.o file here pixel --reorder >out
    [ "$(grep -c ' stays as it is: no order is better$' out)" = 3 ]
    # With members in front of it that may not move, no order is as small as the best of all is.
    mete layout types.o free_slot --reorder >out
    grep -q '^its first member can be read through union slot, too: it stays where it is$' out
    mete layout types.o free_slot --reorder --json layout.json
    holds '.types[0].reordered | .size == 24 and .order == ["state","kind","owner","count"]'
    holds '.types[0].reordered | .shared_head == 1 and .shared_with == "union slot" and .keeps_head'
    mete layout types.o free_slot --reorder --hot kind,count --json layout.json
    holds '.types[0].reordered.order | .[0] == "state" and index("owner") == 3'
    mete layout types.o small --json layout.json
    holds '.types[0].reordered | .order == ["a","c","b"] and .shared_with == "union {...}"'
    # Nothing is shared by structs that begin with different things.
    mete layout types.o alone --json layout.json
    holds '.types[0].reordered | .size == 16 and .shared_head == 0'
}

@test "frames_of_coroutines_are_the_compilers" {
    cat >types.cc <<'END'
#include <coroutine>
struct task {
    struct promise_type {
        task get_return_object() { return {}; }
        std::suspend_never initial_suspend() { return {}; }
        std::suspend_never final_suspend() noexcept { return {}; }
        void return_void() {}
        void unhandled_exception() {}
    };
};
task run(char x, long y, char z) {
    co_await std::suspend_always{};
    (void)x, (void)y, (void)z;
}
END
    for compiler in g++ clang++; do
        $compiler -std=c++20 -g -c types.cc -o types.o || continue # an old clang has it not
        frame=$(mete layout types.o --json - | jq -r '.types[].name | select(endswith(".Frame") or endswith("::__coro_frame_ty"))')
        [ "$(mete layout types.o "$frame" --reorder)" = "$frame stays as it is: it is a coroutine's frame, which the compiler lays out" ]
    done
}

@test "classes_whose_constructors_depend_on_the_order_are_left_alone" {
    cat >constructed.h <<'END'
struct plain { bool a; long b; short c; };
struct built { bool a; long b; short c; built(long n) : a(n), b(n), c(b) {} };
struct initial { bool a = true; long b = a + 41; short c = 2; };
struct any { bool a; long b; short c; template <typename T> any(T n) : a(n), b(a), c(n) {} };
extern plain p;
extern built x;
extern initial *volatile made;
END
    # The one unit makes an object, the other says of no constructor that does.
    cat >made.cc <<'END'
#include "constructed.h"
plain p;
built x(3);
initial *volatile made;
any *volatile other;
int main() { made = new initial; other = new any(1); return p.c + x.c; }
END
    printf '#include "constructed.h"\nlong value() { return made->b + x.b; }\n' >other.cc
    for compiler in g++ clang++; do
        "$compiler" -g other.cc made.cc -o constructed
        run -0 mete layout constructed --reorder built
        [[ $output == *'built stays as it is: its constructors initialise members in order'* ]]
        for name in initial any; do
            run -0 mete layout constructed --reorder $name
            [[ $output == *"$name stays as it is: its constructors initialise members in order"* ]] ||
                { echo "$compiler: $output"; false; }
        done
        [ "$(mete layout constructed --json - | jq '[.types[] | select(.name == "initial")] | length')" = 1 ]
        run -0 mete layout constructed --reorder plain
        [[ $output == *'16 bytes instead of 24'* ]]
    done
}

@test "bit_fields_lie_where_their_type_may_begin" {
    # A long long of i386 is aligned to four bytes only: its bit-field may cross the eighth.
    echo 'struct mixed { int first; long long wide:45; char c; int last; char d; } mixed;' >mixed.c
    for compiler in gcc clang; do
        "$compiler" -m32 -g -c mixed.c -o mixed.o
        json mixed.o
        holds '.types[0] | (.packed | not) and .size == 20 and .reordered.size == 16'
        "$compiler" -m32 -x c -c - -o check.o <<C
struct mixed { $(jq -r '.types[0].reordered.order | map({first: "int first;", wide: "long long wide:45;",
            c: "char c;", last: "int last;", d: "char d;"}[.]) | join(" ")' layout.json) };
_Static_assert(sizeof(struct mixed) == 16, "size");
C
    done
}

@test "compilers_for_other_machines_are_asked_as_well" {
    echo 'struct mixed { char c; long l; char d; void *p; int i : 3; short s; } mixed;' >mixed.c
    for target in aarch64 riscv64 s390x; do
        clang --target=$target-linux-gnu -g -c mixed.c -o mixed.o
        mete layout mixed.o mixed --reorder | grep -q '40 % saved; clang agrees$' || { echo $target; false; }
    done
    mkdir bin cross
    printf '#!/bin/sh\nexec clang --target=aarch64-linux-gnu "$@"\n' >cross/aarch64-linux-gnu-gcc
    chmod +x cross/aarch64-linux-gnu-gcc
    cross/aarch64-linux-gnu-gcc -g -S mixed.c -o - | sed 's/clang version/GNU C17/' >mixed.s
    cross/aarch64-linux-gnu-gcc -c mixed.s -o mixed.o
    PATH=$PWD/cross:$PATH mete layout mixed.o mixed --reorder |
        grep -q '40 % saved; aarch64-linux-gnu-gcc agrees$'
    ln -s "$(command -v mete)" bin
    PATH=$PWD/bin mete layout mixed.o mixed --reorder >out
    grep -q '40 % saved; not proven: its compiler is not here$' out
}

@test "a_compiler_that_never_answers_is_not_waited_for" {
    echo 'struct mixed { char c; long l; char d; } mixed;' | gcc -g -x c -c - -o mixed.o
    mkdir slow
    printf '#!/bin/sh\nsleep 1234 &\nwait\n' >slow/gcc
    chmod +x slow/gcc
    PATH=$PWD/slow:$PATH timeout 60 mete layout mixed.o mixed --reorder >out
    grep -q 'saved; not proven: gcc did not answer$' out
    ! pgrep -f 'sleep 1234'
}

@test "a_struct_stays_first_where_no_byte_is_won_without_it" {
    # The text could lie in one line, but base would not come first.
    cat >first.c <<'END'
struct base { long *vtable; int state; };
struct list { struct base base; char text[52]; long links[4]; char *name; } list;
struct item { int kind; long value; int count; char *name; } item;
END
    gcc -g -c first.c -o first.o
    mete layout first.o list item --json layout.json
    holds '[.types[] | .straddling, .reordered.order] == [0, ["value", "name", "kind", "count"], 1, null]'
    mete layout first.o item --hot=count --json layout.json
    holds '.types[0].reordered.order[0] == "count"'
}
