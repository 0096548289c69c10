#!/usr/bin/env bats
# `mete layout` says what compilers do, also where debug information does not say it: sizes, alignments,
# offsets of odd types, asserted by the compiler itself. See agree_with_compiler.

bats_require_minimum_version 1.5.0

setup() {
    cd "$BATS_TEST_TMPDIR" || return
    PATH=$METE_STAGE/bin:$PATH
    unset LD_PRELOAD DEBUGINFOD_URLS
}

# With the flags that have a compiler describe all it sees. Types asserted are to be at least so many: a number that a
# mistake in the assertions themselves would not reach.
agree() {
    local least=$1 source=$2
    shift 2
    echo "$@"
    run -0 "$METE_SOURCE/tests/layout/agree_with_compiler" "$source" "$@"
    [ "$(sed -n 's/.*: \([0-9]*\) types asserted.*/\1/p' <<<"$output")" -ge "$least" ]
}

has() { command -v "$1" >/dev/null; }

@test "gcc_and_clang_agree_of_types_of_c" {
    cat >shapes.c <<'END'
struct __attribute__((packed)) whole { char a; int b; long c; };
struct one_member { char a; int b __attribute__((packed)); long c; };
struct last_member { char a; long c; int b __attribute__((packed)); char d; };
struct some_members { char a; int b __attribute__((packed)); short c; double d; char e; long f
    __attribute__((packed)); };
struct packed_and_aligned { char a; int b; } __attribute__((packed, aligned(4)));
struct __attribute__((packed)) packed_with_aligned { char a; _Alignas(8) int b; char c; };
struct holds_packed { char a; struct one_member b; struct whole c; char d; };
#pragma pack(push, 2)
struct pragma_two { char a; int b; long c; char d; };
#pragma pack(push, 4)
struct pragma_four { char a; long b; int c; char d; };
#pragma pack(pop)
#pragma pack(pop)
struct __attribute__((packed)) packed_bits { char a; int b : 13; int c : 30; char d; };
struct bits_packed_one { char a; int b : 13; int c : 30 __attribute__((packed)); long d; };
union __attribute__((packed)) packed_union { char a; int b; char c[5]; };
union plain_union { char a; int b; char c[5]; };
typedef int v4 __attribute__((vector_size(16)));
typedef float v8 __attribute__((vector_size(32)));
typedef double v16 __attribute__((vector_size(64)));
typedef char v2 __attribute__((vector_size(2)));
typedef long v1 __attribute__((vector_size(8)));
struct vectors { char a; v4 b; char c; v8 d; char e; v16 f; char g; v2 h; char i; v1 j; v4 k[3]; };
struct vector_array { char a; v8 b[2]; };
enum color { RED, GREEN };
enum __attribute__((packed)) small { ONE };
enum wide { WIDE = 1ll << 40 };
struct enums { enum color a : 3; enum color b : 7; char c; enum small d; enum wide e; enum wide f
    : 41; enum small g : 1; };
struct numbers { char a; __int128 b; char c; _Complex float d; char e; _Complex double f; char g;
    _Complex long double h; char i; long double j; _Bool k; _Complex int l; };
struct with_float16 { char a; __float128 b; char c; };
union flexible_union { int a; struct { int n; char tail[]; } f; };
struct flexible_tail { int n; struct { } empty; long tail[]; };
struct zero { char a; long b[0]; char c; int d[0][3]; };
struct zero_struct { };
struct zero_union { char a; union { } b; struct zero_struct c; int d; };
struct functions { char a; int (*b)(int, ...); void (*c[3])(void); int (*(*d)(void))(char); char
    e; };
struct dims { char a[2][3][4]; short b[3][0]; int (*c)[5]; char *(*d[2])[7]; };
struct atomics { char a; _Atomic int b; _Atomic char c; _Atomic long d; char e; _Atomic struct {
    int x, y; } f; _Atomic(void *) g; char h; };
struct __attribute__((aligned(64))) line { char a; };
struct holds_line { char a; struct line b; char c; };
struct aligned_members { char a; int b __attribute__((aligned(16))); char c; char d
    __attribute__((aligned(32))); };
typedef int wide_int __attribute__((aligned(16)));
typedef long low_long __attribute__((aligned(2)));
struct typedefs { char a; wide_int b; char c; low_long d; char e; wide_int *f; };
struct low_only { char a; low_long b; };
struct low_element { char a; struct low_only b; int c; };
struct zero_bits { char a : 3; int : 0; char b; long : 0; char c; };
struct long_bits { long a : 33; long b : 33; char c; unsigned long long d : 63; _Bool e : 1; };
struct anonymous { char a; struct { char b; long c; union { int d; char e; }; }; char f; union {
    char g; struct { long h; }; }; };
typedef struct { char a; long b; } no_tag;
typedef const no_tag const_no_tag;
struct qualified { const volatile char a; const_no_tag b; const no_tag c[2]; volatile long
    *restrict d; };
struct pointers_to_anonymous { int n; struct { char a; long b; } *p; struct { int x; struct { char
    y; } z; } **pp; struct { int q; } *arr[3]; struct { int w; } (*par)[4]; const struct { int cw;
    } *cp; };
#ifdef __clang__
struct bit_ints { char a; _BitInt(7) b; char c; _BitInt(17) d; char e; _BitInt(33) f; char g;
    _BitInt(65) h; char i; unsigned _BitInt(24) l : 20; char m; };
typedef float e3 __attribute__((ext_vector_type(3)));
typedef char e3c __attribute__((ext_vector_type(3)));
struct ext_vectors { char a; e3 b; char c; e3c d; char e; };
#endif
END
    for dwarf in -gdwarf-5 -gdwarf-4 -gdwarf-2; do agree 38 shapes.c gcc "$dwarf"; done
    has clang || skip "no clang"
    for dwarf in -gdwarf-5 -gdwarf-4; do agree 40 shapes.c clang "$dwarf"; done
}

@test "gcc_and_clang_agree_of_classes_of_cxx" {
    cat >shapes.cc <<'END'
#include <cstddef>
struct empty {}; struct empty2 {};
struct base { int a; char b; };
struct derived : base { char c; long d; };
struct two : empty, base { char c; };
struct with_empty : empty { int a; };
struct same_empty : empty { empty a; int b; };
struct polymorphic { virtual ~polymorphic(); int a; char b; };
struct poly_derived : polymorphic { char c; };
struct virt : virtual base { int x; };
struct diamond_left : virtual base { int l; }; struct diamond_right : virtual base { int r; };
struct diamond : diamond_left, diamond_right { int d; };
struct second_poly { virtual void f(); long z; };
struct multi : polymorphic, second_poly { char m; };
struct no_unique { [[no_unique_address]] empty a; int b; [[no_unique_address]] empty2 c; char d; };
struct no_unique_tail { [[no_unique_address]] derived a; char b; };
class priv { public: int a; private: char b; protected: long c; public: static int s; };
struct bits : base { int x : 3; unsigned y : 9; bool z : 1; };
enum class E : unsigned char { A }; enum class F : long { B };
struct enums { E a; F b; E c : 3; };
struct refs { int &a; char b; int &&c; int base::*d; void (base::*e)(); decltype(nullptr) f; };
template <class T, int N> struct box { T a; char b[N]; };
struct boxes { box<int, 3> a; box<char, 5> b; box<double, 1> c; };
namespace ns { struct in_ns { char a; long b; }; inline namespace v1 { struct in_v1 { int a; }; }
    namespace { struct hidden { int a; }; } }
ns::hidden keep_hidden;
struct outer { struct inner { char a; int b; } i; union { int u; char v; }; struct { long w; }; };
struct alignas(32) over { char a; alignas(16) char b; };
struct holds_poly { char a; polymorphic b; char c; };
int local() { struct in_function { char a; long b; } x = {1, 2}; auto l = [x](int i) { return x.a
    + i; }; return l(3) + sizeof(x); }
int local2() { struct in_function { int a; } x = {1}; return x.a; }
boxes b_; diamond d_; multi m_; no_unique n_; no_unique_tail nt_;
struct packed_cxx { char a; int b __attribute__((packed)); long c; };
struct nvbase { virtual ~nvbase() {} char a; }; struct nv_tail : nvbase { char b; int c; };
END
    for dwarf in -gdwarf-5 -gdwarf-4; do
        agree 45 shapes.cc g++ -std=c++20 -femit-class-debug-always "$dwarf"
    done
    has clang++ || skip "no clang++"
    agree 45 shapes.cc clang++ -std=c++20 -Xclang -fno-access-control -fstandalone-debug
}

@test "local_types_of_cxx_have_the_name_of_their_function" {
    cat >local.cc <<'END'
namespace ns {
int one(int n) { struct here { char a; int b; } x = {1, n}; { struct deep { int a; } y = {n}; n = y.a; } return x.b + n; }
}
struct here { long a; };
int two(int n) { struct here { int a; } x = {n}; return x.a; }
here global;
END
    for compiler in g++ clang++; do
        has "$compiler" || continue
        "$compiler" -g -c local.cc -o local.o
        mete layout local.o --json - | jq -r '.types[].name' | sort >names
        diff names - <<'END'
here
ns::one()::deep
ns::one()::here
two()::here
END
    done
}
