#!/usr/bin/env bats
# `mete layout`: types of every kind, from debug information in every form.

load layout_helpers

write_types() {
    cat >types.c <<'END'
struct inner { int first; char second; };
typedef struct { char tag; long value; } boxed;
struct conn {
    char kind;
    struct conn *next;
    unsigned state : 3, mode : 7;
    struct inner inside;
    union { int number; void *pointer; };
    int (*done)(struct conn *, int);
    char name[20];
    boxed box;
    short tail[];
};
struct __attribute__((packed)) tight { char tag; long value; };
union choice { char small; double large; };
struct conn *first;
int main(void) { struct local { char c; int i; } here = {0}; return here.i; }
END
}

@test "a_struct_is_shown_with_holes_and_lines" {
    write_types
    gcc -g -c types.c -o types.o
    mete layout types.o conn >out
    grep -qE '^struct conn \{  /\* .*types.c:3 \*/$' out
    grep -qE '^ +0 +1  a  char kind;$' out
    grep -qE '^ +7 +/\* hole: 7 bytes \*/$' out
    grep -qE '^ +8 +8  b  struct conn \*next;$' out
    grep -qE '^ +16:0 +3 bits  c  unsigned int state:3;$' out
    grep -qE '^ +16:3 +7 bits  d  unsigned int mode:7;$' out
    grep -qE '^ +22 bits +/\* bit hole: 22 bits \*/$' out
    grep -qE '^ +40 +8  g  int \(\*done\)\(struct conn \*, int\);$' out
    grep -qE '^ +48 +20  h  char name\[20\];  /\* in two cache lines \*/$' out
    grep -q -e '---- cache line 1 began 8 bytes before ----' out
    grep -qE '^size 88, align 8, 2 cache lines; ' out
    [ "$(grep -cE '^ +(0|64)  [a-j.+ ]+$' out)" = 2 ]
}

@test "named_types_inside_are_expanded_on_demand" {
    write_types
    gcc -g -c types.c -o types.o
    mete layout types.o conn >out
    run -1 grep -q 'char second;' out
    mete layout types.o conn --expand >out
    grep -qE '^ +24 +1  .      char second;$' out
    grep -qE '^ +} inside;$' out
    grep -qE '^ +} box;$' out
}

@test "what_has_no_name_is_expanded_behind_pointers_too" {
    cat >behind.c <<'END'
typedef struct { long hidden; } *named;
struct list {
    int count;
    const struct { char tag; long value; } *items;
    struct { struct { short deep; } in; } **more[2];
    struct { int twice; } both[3];
    named handle;
};
struct list *list;
END
    gcc -g -c behind.c -o behind.o
    mete layout behind.o list >out
    grep -qE '^ +8 +8  b  const struct \{$' out
    grep -qE '^ +\+0 +1         char tag;$' out
    grep -qE '^ +7         /\* hole: 7 bytes \*/$' out
    grep -qE '^ +\+8 +8         long int value;$' out
    grep -qE '^ +\} \*items;$' out
    grep -qE '^ +\+0 +2             short int deep;$' out
    grep -qE '^ +\} \*\*more\[2\];$' out
    grep -qE '^ +32 +12  d  struct \{$' out
    grep -qE '^ +48 +8  e  named handle;$' out
    grep -qE '^ +0  aaaa\.\.\.\. bbbbbbbb cccccccc cccccccc dddddddd dddd\.\.\.\. eeeeeeee$' out
    json behind.o list
    [ "$(jq -c '.types[0].members[1].pointee | [.kind, .size, .align, .members[1].offset]' layout.json)" = \
        '["struct",16,8,8]' ]
    [ "$(jq '.types[0].members[1] | has("members")' layout.json)" = false ]
    # What is pointed to is not inside: nobody casts the one to the other.
    echo 'struct moves { struct { int a; } *first; char c; long d; char e; _Alignas(16) int f; } m;' >moves.c
    gcc -g -c moves.c -o moves.o
    mete layout moves.o moves --reorder >out
    run -1 grep 'its first member was a struct' out
}

@test "typedefs_are_names_of_their_types" {
    cat >named.c <<'END'
typedef struct list list_t, also;
struct list { int first; list_t *next; } list;
typedef struct { char a; } one, two;
one only;
two other;
typedef struct taken { int of_typedef; } chosen;
struct chosen { int own; } chosen_own;
struct holder { list_t inside; chosen *to; } holder;
struct taken taken;
END
    for dwarf in -gdwarf-5 -gdwarf-2; do
        gcc "$dwarf" -fno-eliminate-unused-debug-types -c named.c -o named.o
        for name in list list_t also 'struct list'; do
            mete layout named.o "$name" | grep -q '^struct list {'
        done
        mete layout named.o two | grep -qE '^} (one|two);'
        mete layout named.o chosen | grep -q 'int own;'
        [ "$(mete layout named.o --contains=list_t --json - | jq -r '.types[].name')" = "struct holder" ]
        [ "$(mete layout named.o --points-to=also --json - | jq -r '.types[].name')" = "struct list" ]
    done
    run -125 mete layout named.o none
}

@test "json_keeps_the_contract" {
    write_types
    gcc -g -fno-eliminate-unused-debug-types -c types.c -o types.o
    json types.o
    holds '[.types[] | .name] | index("struct conn") and index("boxed") and index("struct local")
        and index("union choice") | type == "boolean"'
    holds '.types[] | select(.name == "struct conn") |
        .size == 88 and .align == 8 and .holes == 3 and .hole_bytes == 15 and .bit_holes == 1 and
        .line == 3 and (.members[3] | .name == "mode" and .bit_offset == 3 and .bit_size == 7)'
    holds '.types[] | select(.name == "struct tight") | .packed and .align == 1 and .size == 9'
    mete layout types.o conn --json - | jq -e '.types | length == 1'
}

@test "alignments_of_members_are_those_declared" {
    cat >aligned.c <<'END'
typedef long low __attribute__((aligned(2)));
struct lowered { char c; long l __attribute__((aligned(2), packed)); } lowered;
struct raised { char c; long l __attribute__((aligned(32))); } raised;
struct by_type { char c; low l; } by_type;
/* Without packed it changes nothing; clang mentions it, gcc does not. */
struct ignored { char c; long l __attribute__((aligned(2))); } ignored;
END
    for compiler in gcc clang; do
        "$compiler" -g -c aligned.c -o aligned.o
        mete layout aligned.o lowered | grep -qE '^ +2 +8  b  .* l;  /\* aligned to 2 \*/$'
        mete layout aligned.o raised | grep -qE '^ +32 +8  b  .* l;  /\* aligned to 32 \*/$'
        mete layout aligned.o by_type | grep -qE '^ +2 +8  b  low l;  /\* aligned to 2 \*/$'
        mete layout aligned.o ignored | grep -qE '^ +8 +8  b  .* l;$'
        json aligned.o
        holds '[.types[] | select(.name | startswith("struct")) | {(.name): [.align, .members[1].align]}] | add ==
            {"struct lowered": [2, 2], "struct raised": [32, 32], "struct by_type": [2, 2], "struct ignored": [8, 8]}'
    done
}

@test "types_are_the_same_in_every_form_of_debug_information" {
    write_types
    gcc -gdwarf-5 types.c -o program
    mete layout program '*' >expected
    for flags in -gdwarf-2 -gdwarf-3 -gdwarf-4 "-g -gz" "-g -gsplit-dwarf" \
        "-gdwarf-4 -fdebug-types-section" "-g -O2 -flto"; do
        echo "$flags"
        # shellcheck disable=SC2086
        gcc $flags types.c -o program
        mete layout program '*' >out
        diff <(grep -v 'types.c:' expected) <(grep -v 'types.c:' out)
    done
    clang -g types.c -o program
    mete layout program '*' >out
    diff <(sed 's/\(long\|short\) int/\1/' expected | grep -v 'types.c:') <(grep -v 'types.c:' out)
}

@test "enums_in_type_units_have_their_size" {
    cat >enums.c <<'END'
enum __attribute__((packed)) level { LOW, HIGH };
typedef enum { RED, GREEN } color;
struct lamp { enum level now; long since; const enum level before[3]; color shade; enum level next : 2; };
struct lamp lamp;
int main(void) { return 0; }
END
    gcc -gdwarf-5 enums.c -o program
    mete layout program lamp >expected
    grep -qE '^ +0 +1  a  enum level now;$' expected
    for flags in "-gdwarf-4 -fdebug-types-section" "-gdwarf-5 -fdebug-types-section"; do
        # shellcheck disable=SC2086
        gcc $flags enums.c -o program
        mete layout program lamp >out
        diff <(grep -v 'enums.c:' expected) <(grep -v 'enums.c:' out)
    done
}

@test "a_dwo_file_that_is_not_the_programs_is_named" {
    write_types
    echo 'struct other { int a; } other; int second;' >other.c
    gcc -g -gsplit-dwarf types.c other.c -o program
    gcc -g -gsplit-dwarf -DANEW=1 -Dvalue=anew -c types.c -o program-types.o # with a new .dwo file
    mete layout program >out 2>err
    grep -qxF "mete: layout: $PWD/program-types.dwo is of another build, or damaged: left out (compile the program anew)" err
    head -c 100 program-other.dwo >cut && mv cut program-other.dwo
    run -125 mete layout program
    [[ $output == *"program-types.dwo and 1 more .dwo file are of another build, or damaged: left out"* ]]
}

@test "debug_information_is_found_in_a_file_of_its_own" {
    write_types
    gcc -g types.c -o program
    mete layout program conn >expected
    objcopy --only-keep-debug program program.debug
    objcopy --strip-debug --add-gnu-debuglink=program.debug program
    mete layout program conn >out
    diff expected out
    id=$(readelf -n program | sed -n 's/.*Build ID: //p')
    mkdir -p "debug/.build-id/${id:0:2}"
    mv program.debug "debug/.build-id/${id:0:2}/${id:2}.debug"
    mete layout program conn --debug-dir=debug >out
    diff expected out
    METE_DEBUG_DIR=debug mete layout program conn >out
    diff expected out
}

@test "a_core_dump_stands_for_the_files_it_names" {
    write_types
    gcc -g types.c -o program
    mete layout program conn >expected
    gdb -nx -batch -ex 'break main' -ex run -ex 'generate-core-file program.core' ./program >log 2>&1
    mete layout program.core conn >out
    diff expected out

    mv program moved
    status=0
    mete layout program.core conn >out 2>err || status=$?
    [ $status -eq 125 ]
    grep -qF "$PWD/program is not here as it was: its types are left out" err ||
        grep -qE 'program.core is a core dump, and none of the files it names is here' err
    mv moved program
    echo 'int main(void) { return 0; }' | gcc -g -xc - -o program # another one of that name
    run ! mete layout program.core conn
    [[ "$output" != *'struct conn {'* ]]
}

@test "equal_types_of_many_units_are_one_and_differing_ones_are_told_apart" {
    echo 'struct same { int a; }; struct same same_one; struct other { char c; } one;' >one.c
    echo 'struct same { int a; }; struct same same_two; struct other { long l; } two;' >two.c
    echo 'int main(void) { return 0; }' >main.c
    gcc -g one.c two.c main.c -o program
    json program
    holds '[.types[] | select(.name == "struct same")] | length == 1 and .[0].units == 2'
    holds '[.types[] | select(.name == "struct other") | .size] == [1, 8]'
    holds '[.types[] | select(.name == "struct other") | .file | endswith("one.c", "two.c")] |
        . == [true, false, false, true]'
}

@test "a_pointer_to_an_array_points_to_what_that_holds" {
    cat >types.c <<'END'
struct held { int a; };
typedef struct { char b; } named;
struct both { struct held (*several)[4]; named (*others)[2][3]; } both;
END
    gcc -g -c types.c -o types.o
    for type in held named; do
        [ "$(mete layout types.o --points-to=$type --json - | jq -r '.types[].name')" = "struct both" ]
    done
    command -v pahole >/dev/null || skip "no pahole here"
    pahole -J --btf_encode_detached=types.btf types.o
    for type in held named; do
        [ "$(mete layout types.btf --points-to=$type --json - | jq -r '.types[].name')" = "struct both" ]
    done
}

@test "virtual_and_empty_bases_are_no_padding" {
    cat >types.cc <<'CC'
struct nothing {};
struct still_nothing : nothing {} none;
struct slot { virtual void f(); char a; long b; char c; };
void slot::f() {}
struct left : virtual slot { char d; };
struct right : virtual slot { char e; };
struct both : left, right { char z; } both;
struct plain { long x; char k; };
struct second { virtual ~second(); };
second::~second() {}
struct first : plain, second { char c; long z; } first;
struct within { char a; long b; char c; [[no_unique_address]] nothing n; } within;
CC
    g++ -std=c++20 -g -c types.cc -o types.o
    mete layout types.o --json layout.json
    # 48 and 64 bytes, of which 32 are the slot's.
    holds '.types[] | select(.name == "left") | .size == 48 and .wasted == 7'
    holds '.types[] | select(.name == "both") | .size == 64 and .wasted == 6'
    holds '.types[] | select(.name == "first") | .size == 40 and .hole_bytes == 7 and .wasted == 7'
    holds '.types[] | select(.name == "within") | .size == 24 and .tail_padding == 7 and .wasted == 14'
    holds '[.types[] | select(.name == "nothing" or .name == "still_nothing") | .wasted] == [0, 0]'
    mete layout types.o first | grep -qE '^ +0  bbbbbbbb aaaaaaaa aaaaaaaa c[.]{7} d{8}$'
}

@test "cxx_classes_have_bases_tables_and_scopes" {
    g++ -g -x c++ -c - -o types.o <<'END'
namespace ns {
struct empty {};
class base { public: virtual ~base(); int number; char tag; static int shared; };
base::~base() {}
struct derived : base, empty { char last; struct inner { int x; } in; };
struct diamond : virtual base { int own; };
template <class T> struct pair { T first; char second; };
}
ns::derived d; ns::diamond m; ns::pair<long> p;
END
    json types.o 'ns::*'
    holds '[.types[].name] | index("struct ns::derived") == null and index("ns::derived") != null
        and index("ns::derived::inner") != null and index("ns::pair<long int>") != null'
    holds '.types[] | select(.name == "ns::derived") | .members[0].base and .members[0].size == 16
        and ([.members[].name] == [null, null, "last", "in"]) and .members[2].offset == 13'
    holds '.types[] | select(.name == "ns::base") | [.members[].name] == ["_vptr.base", "number", "tag"]'
    holds '.types[] | select(.name == "ns::diamond") | .members[] | select(.virtual) | .base'
    mete layout types.o ns::derived | grep -qF 'ns::empty;  /* base class, empty */'
}

@test "a_class_described_in_another_unit_has_its_size" {
    cat >table.h <<'END'
struct table { table() {} virtual ~table(); virtual int rows(); long count; };
struct sheet : table { char tag; const table first; char last; };
END
    printf '#include "table.h"\ntable::~table() {}\nint table::rows() { return 0; }\n' >table.cc
    printf '#include "table.h"\nint main() { return sizeof(sheet); }\nsheet made;\n' >main.cc
    g++ -g -c table.cc main.cc
    json main.o sheet # alone it is not known
    holds '.types[0].members | map(.size) == [0, 1, 0, 1]'
    g++ -g table.o main.o -o program
    json program
    holds '[.types[] | select(.name == "sheet")] | length == 1'
    holds '.types[] | select(.name == "sheet") | .size == 48 and
        (.members | map([.offset, .size]) == [[0, 16], [16, 1], [24, 16], [40, 1]]) and
        .holes == 1 and .hole_bytes == 7 and .tail_padding == 7'

    # Two of that name in one file, as plugins may have them: neither is believed.
    printf 'struct table { virtual ~table(); long a, b; };\ntable::~table() {}\n' >other.cc
    g++ -g -c other.cc && ld -r table.o main.o -o some.o && ar rc both.a some.o other.o
    json both.a sheet
    holds '.types[0].members | map(.size) == [0, 1, 0, 1]'
}

@test "a_file_without_debug_information_is_told_what_to_do" {
    echo 'int main(void) { return 0; }' | gcc -x c - -o program
    run -125 --separate-stderr mete layout program
    [ -z "$output" ]
    # shellcheck disable=SC2154 # bats sets it
    [[ $stderr == "mete: layout: program has no debug information: compile it with -g, or install its package's -dbgsym, or set DEBUGINFOD_URLS" ]]
    echo 'int x;' | gcc -x c -c - -o x.o
    run -125 mete layout x.o
    [[ $output == "mete: layout: x.o has no debug information: compile it with -g" ]]
    write_types
    gcc -g -gsplit-dwarf -c types.c -o types.o
    rm types.dwo
    run -125 mete layout types.o
    [[ $output == *"$PWD/types.dwo is not there: left out ("* ]]
}

@test "what_is_no_program_is_refused_in_one_line" {
    echo text >text
    mkfifo pipe
    for file in text pipe missing .; do
        run -125 mete layout "$file"
        [ "${#lines[@]}" = 1 ]
        [[ $output == "mete: layout: "*"$file"* ]]
    done
    run -2 mete layout
    write_types
    gcc -g -c types.c -o types.o
    run -125 mete layout types.o con
    [[ $output == "mete: layout: types.o has no type 'con': did you mean 'conn'?" ]]
    run -2 mete layout types.o --cache-line=48
}

@test "modules_and_archives_are_read_compressed_or_not" {
    write_types
    sed -i 's/^int main.*//' types.c
    echo 'struct other { char c; long l; } other;' >other.c
    gcc -g -c types.c other.c
    ld -r types.o other.o -o module.ko
    mete layout module.ko '*' >expected
    grep -q 'struct conn' expected
    grep -q 'struct other' expected
    ar rcs whole.a types.o other.o
    xz --keep module.ko
    for file in whole.a module.ko.xz; do
        mete layout "$file" '*' >out
        diff expected out
    done
    ar rcsT thin.a types.o other.o
    run -125 mete layout thin.a
    [ "$output" = "mete: layout: thin.a is a thin archive: its objects are files of their own" ]
    zstd -q --keep module.ko
    mete layout module.ko.zst '*' >out
    diff expected out
    for bytes in 20 $(($(stat -c %s module.ko.zst) - 1)); do
        head -c "$bytes" module.ko.zst >cut.ko.zst
        run -125 mete layout cut.ko.zst
        [ "$output" = "mete: layout: cut.ko.zst is compressed with zstd, and damaged, or libzstd.so.1 is not installed" ]
    done
}

@test "long_chains_of_typedefs_and_pointers_are_followed" {
    {
        echo 'typedef int type_0;'
        for i in {1..300}; do echo "typedef type_$((i - 1)) type_$i;"; done
        echo "struct chain { type_300 deep; int $(printf '*%.0s' {1..100}) deeper; } chain;"
    } >chain.c
    gcc -g -c chain.c
    json chain.o chain
    holds '.types[0].members | .[0].size == 4 and (.[1].type | test("^int [*]{100}$"))'
}

@test "a_file_that_is_cut_short_is_said_to_be_so" {
    echo 'struct conn { int fd; } conn; int main(void) { return conn.fd; }' >whole.c
    gcc -g whole.c -o whole
    for bytes in 64 4096 $(($(stat -c %s whole) - 1)); do
        head -c "$bytes" whole >cut
        run ! mete layout cut
        [ "$output" = "mete: layout: cut is cut short: it has $bytes bytes, and by its headers at least $(stat -c %s whole)" ]
    done
}

@test "a_file_that_is_cut_behind_its_section_table_is_said_to_be_so" {
    echo 'struct conn { int fd; } conn;' >whole.c
    gcc -g -c whole.c -o whole.o
    # The table moves to the front, as some linkers put it; what it was behind moves back.
    python3 - <<'PY'
import struct
data = open("whole.o", "rb").read()
table, count = struct.unpack_from("<Q", data, 40)[0], struct.unpack_from("<H", data, 60)[0]
headers = bytearray(data[table : table + 64 * count])
for i in range(1, count):
    offset = struct.unpack_from("<Q", headers, 64 * i + 24)[0]
    struct.pack_into("<Q", headers, 64 * i + 24, offset + len(headers))
front = bytearray(data[:64])
struct.pack_into("<Q", front, 40, 64)
open("moved.o", "wb").write(front + headers + data[64:table])
PY
    mete layout moved.o conn | grep -q '^size 4, '
    table=$((64 + 64 * $(readelf -hW moved.o | sed -n 's/.*Number of section headers: *//p')))
    head -c $((table + 10)) moved.o >cut.o
    run -125 mete layout cut.o
    [[ $output == "mete: layout: cut.o is cut short: it has $((table + 10)) bytes, and by its headers at least "* ]]
}

@test "nothing_waits_for_a_pipe_in_the_place_of_a_debug_file" {
    echo 'struct conn { int fd; } conn; int main(void) { return conn.fd; }' >piped.c
    gcc -g -gsplit-dwarf piped.c -o piped
    rm piped.dwo
    mkfifo piped.dwo
    run -125 timeout 20 mete layout piped
    [[ $output == *"piped.dwo is no regular file"* ]]
    rm piped.dwo
    mkfifo piped.dwp
    run -125 timeout 20 mete layout piped
    [[ $output == *"piped.dwo is not there"* ]]
    gcc -g piped.c -o linked
    objcopy --only-keep-debug linked linked.debug
    strip -g linked
    objcopy --add-gnu-debuglink=linked.debug linked
    mete layout linked conn | grep -q '^size 4, '
    rm linked.debug
    mkfifo linked.debug
    run -125 timeout 20 mete layout linked
    [[ $output == *"linked has no debug information"* ]]
    rm linked.debug
    id=$(readelf -n linked | sed -n 's/.*Build ID: //p')
    mkdir -p "files/.build-id/${id:0:2}"
    mkfifo "files/.build-id/${id:0:2}/${id:2}.debug"
    run -125 timeout 20 mete layout linked --debug-dir=files
    [[ $output == *"linked has no debug information"* ]]
}

@test "the_other_byte_order_and_narrow_machines_are_read" {
    write_types
    sed -i 's/^int main.*//; s/long value/long long value/' types.c
    clang --target=x86_64-linux-gnu -g -c types.c -o wide.o
    mete layout wide.o '*' >expected
    for target in powerpc64-linux-gnu s390x-linux-gnu; do
        clang --target=$target -g -c types.c -o other.o
        mete layout other.o '*' >out
        diff expected out
    done
    # Pointers of 4 bytes; where a long long lies is the machine's matter.
    clang --target=i386-linux-gnu -g -c types.c -o narrow.o
    json narrow.o conn boxed
    holds '.types[] | select(.name == "struct conn") | .members[1].offset == 4 and
        .members[1].size == 4'
    holds '.types[] | select(.name == "boxed") | .size == 12 and .members[1].offset == 4'
    clang --target=arm-linux-gnueabihf -g -c types.c -o narrow.o
    json narrow.o boxed
    holds '.types[0] | .size == 16 and .members[1].offset == 8'
}

@test "btf_of_the_other_byte_order_is_read" {
    write_types
    sed -i 's/^int main.*//' types.c
    for order in el eb; do
        clang --target=bpf$order -g -c types.c -o object
        read -r at size < <(readelf -SW object |
            sed -n 's/.* \.BTF *PROGBITS *[0-9a-f]* \([0-9a-f]*\) \([0-9a-f]*\) .*/\1 \2/p')
        dd if=object of=$order.btf bs=1 skip=$((0x$at)) count=$((0x$size)) status=none
        mete layout $order.btf '*' >$order.txt
    done
    [ "$(od -An -tx1 -N2 eb.btf)" = " eb 9f" ]
    grep -q 'struct conn' el.txt
    diff el.txt eb.txt
}

@test "btf_of_a_module_without_the_kernels_is_refused_in_one_line" {
    {
        # A header, one integer of 4 bytes, and texts that do not begin with an empty one.
        printf '\237\353\001\000\030\000\000\000' && printf '\000\000\000\000\020\000\000\000'
        printf '\020\000\000\000\004\000\000\000' && printf '\000\000\000\000\000\000\000\001'
        printf '\004\000\000\000\040\000\000\000int\000'
    } >module.btf
    run -125 mete layout module.btf
    [ "$output" = "mete: layout: module.btf has a kernel module's BTF, which only continues the kernel's: put that beside it as vmlinux" ]
    cp module.btf vmlinux # which continues others itself
    run -125 mete layout module.btf
    [ "$output" = "mete: layout: module.btf has damaged BTF, or some of a kind that is not known" ]
    : >vmlinux
    run -125 mete layout module.btf
    [[ $output == *"put that beside it as vmlinux" ]]
}

write_module() {
    cat >kernel.c <<'C'
struct list { struct list *next, *prev; };
struct spare { char c; long l; };
struct device { char kind; struct list link; };
typedef struct { int counter; } atomic_t;
struct spare spare; struct device device; atomic_t users;
C
    cat >module.c <<'C'
struct list { struct list *next, *prev; };
struct device { char kind; struct list link; };
typedef struct { int counter; } atomic_t;
struct driver { char state; struct device device; atomic_t users; struct spare *spare; unsigned on : 3; };
struct driver driver;
C
}

@test "btf_of_a_module_continues_that_of_the_kernel_beside_it" {
    command -v pahole >/dev/null || skip "no pahole here"
    write_module
    gcc -g -c kernel.c -o vmlinux
    gcc -g -c module.c -o module.ko
    mete layout module.ko '*' | sed 's, */\* [^*]*[.]c:[0-9]* \*/ *,,; s/ *$//' >expected
    grep -q 'struct device device;' expected
    pahole -J vmlinux
    pahole -J --btf_base vmlinux module.ko
    objcopy --strip-debug module.ko
    mete layout module.ko '*' >out
    diff expected out
    run ! grep -q 'struct spare {' out # the kernel's, and not the module's
    zstd -q module.ko
    mete layout module.ko.zst '*' >out
    diff expected out
    objcopy -O binary --only-section=.BTF --set-section-flags .BTF=alloc module.ko module
    mete layout module '*' >out
    diff expected out
}

@test "btf_of_a_module_of_the_kernel_that_runs_needs_no_file_beside_it" {
    command -v pahole >/dev/null || skip "no pahole here"
    [ -r /sys/kernel/btf/vmlinux ] || skip "the kernel has no BTF"
    write_module
    echo "const char magic[] __attribute__((section(\".modinfo\"))) = \"author=a\\0vermagic=$(uname -r) SMP\";" >>module.c
    gcc -g -c module.c -o module.ko
    pahole -J --btf_base /sys/kernel/btf/vmlinux module.ko
    objcopy --strip-debug module.ko
    mete layout module.ko driver >out
    grep -qE '^ +32 +4  c  atomic_t users;$' out
    sed -i "s/vermagic=$(uname -r) /vermagic=x$(uname -r | cut -c2-) /" module.ko
    run -125 mete layout module.ko
    [[ $output == *"put that beside it as vmlinux" ]]
}

@test "damaged_btf_is_refused_in_one_line" {
    { printf '\237\353\001\000\030\000\000\000' && head -c 40 /dev/zero; } >empty.btf
    { printf '\237\353\001\000\030\000\000\000' && head -c 40 /dev/urandom; } >wild.btf
    for file in empty.btf wild.btf; do
        run -125 mete layout "$file"
        [ "$output" = "mete: layout: $file has damaged BTF, or some of a kind that is not known" ]
    done
}

@test "a_damaged_unit_is_left_out_and_named" {
    echo 'struct one { int a; } one;' >one.c
    echo 'struct two { int a; } two; int main(void) { return 0; }' >two.c
    gcc -g one.c two.c -o program
    # The root of the second unit gets an abbreviation that there is none of.
    offset=$(objdump --dwarf=info program | sed -n 's/^  Compilation Unit @ offset 0x\([0-9a-f]*\):/\1/p' | tail -1)
    section=$(readelf -SW program | sed -n 's/.* \.debug_info *PROGBITS *[0-9a-f]* \([0-9a-f]*\) .*/\1/p')
    children=$((0x$section + 0x$offset + 12 + 40))
    printf '\377\377\377\177\377\377\377\177' | dd of=program bs=1 seek=$children conv=notrunc status=none
    run -0 --separate-stderr mete layout program --json -
    [[ $stderr == "mete: layout: unit two.c at 0x"*" is damaged: left out" ]]
    [ "$(jq -c '[.types[].name]' <<<"$output")" = '["struct one"]' ]
}

@test "the_summary_begins_with_what_wastes_most" {
    write_types
    gcc -g -fno-eliminate-unused-debug-types -c types.c -o types.o
    mete layout types.o >out
    grep -qE '^types.o: 5 structs, 1 union in 1 unit; [0-9]+ bytes in one of each, [0-9]+ of them wasted' out
    sed -n 4p out | grep -q 'struct conn '
    mete layout types.o --top=1 | grep -q '^and [0-9] more'
}

@test "colour_is_for_terminals_only" {
    write_types
    gcc -g -c types.c -o types.o
    run -1 grep -q $'\033' <(mete layout types.o conn)
    TERM=xterm script -qec "mete layout types.o conn" /dev/null </dev/null | grep -q $'\033\[1;31m'
    NO_COLOR=1 TERM=xterm script -qec "mete layout types.o conn" /dev/null </dev/null >out
    run -1 grep -q $'\033\[1' out
}
