# The types of blocks that C++ makes: constructors, containers, classes that are derived.

load run_helpers

@test "classes_that_another_unit_describes_are_found_there" {
    # gcc describes a class with virtual functions where the first of these is defined, only.
    cat >shape.h <<'CC'
namespace drawn {
struct shape { virtual ~shape(); virtual int area(); int kind; char room[100]; };
struct circle : shape { circle(int radius); int area() override; int radius; struct part { virtual ~part(); long a[9]; } *first; };
}
CC
    cat >shape.cc <<'CC'
#include "shape.h"
namespace drawn {
shape::~shape() {}
int shape::area() { return kind; }
circle::circle(int r) : radius(r), first(nullptr) {}
int circle::area() { return radius * radius; }
circle::part::~part() {}
}
CC
    cat >main.cc <<'CC'
#include "shape.h"
drawn::circle *volatile kept;
int main() {
    drawn::circle *circle = new drawn::circle(3);
    circle->first = new drawn::circle::part;
    kept = circle;
    return circle->area() != 9;
}
CC
    for options in '-O2' '-O0' '-O2 -fdebug-types-section' '-O2 -gdwarf-4 -fdebug-types-section'; do
        # shellcheck disable=SC2086
        g++ -g $options main.cc shape.cc -o drawing
        mete run --quiet --output p.mete ./drawing
        mete report p.mete --json - |
            jq -r '.sites[] | select(.stack[0].function == "main") | "\(.type) \(.type_confidence)"' | sort >out
        rm p.mete
        printf 'drawn::circle certain\ndrawn::circle::part certain\n' | diff - out
    done
}

@test "what_a_factory_returns_as_a_base_is_what_is_made" {
    # Each derived class is as large as its base: sizes do not tell them apart.
    cat >factory.cc <<'CC'
namespace suite {
struct test { virtual ~test() {} virtual int run() = 0; long failures = 0; };
struct token { int kind, line; };
}
namespace {
struct addition : suite::test { int run() override { return 1; } };
struct number : suite::token {} nought;
}
#define APART __attribute__((noinline))
APART static suite::test *make_test() { return new addition; }
APART static suite::token *make_token() {
    suite::token *token = new number;
    token->kind = 1;
    return token;
}
suite::test *volatile made;
suite::token *volatile token;
int main() {
    made = make_test();
    token = make_token();
    return made->run() != 1 || token == nullptr || token == &nought;
}
CC
    for compiler in g++ clang++; do
        for level in -O0 -O2; do
            $compiler -g $level factory.cc -o factory
            mete run --quiet --output p.mete ./factory
            mete report p.mete --json - |
                jq -r '.sites[] | select((.stack[0].function // "") | startswith("make")) | "\(.type) \(.type_confidence)"' | sort >out
            rm p.mete
            printf '(anonymous namespace)::addition certain\nsuite::token likely\n' | diff - out ||
                { echo "$compiler $level"; false; }
        done
    done
}

@test "types_without_a_name_are_told_apart_by_their_places" {
    cat >nameless.cc <<'CC'
#include <cstdlib>
struct { char a; long b; } *kept;
int main(int count, char **) {
    long a = count, b = 2;
    auto *sum = new auto([=] { return a + b; });
    auto *more = new auto([=](int c) { return a + c; });
    kept = (decltype(kept))malloc(sizeof *kept);
    return (*sum)() + (*more)(3) == 0;
}
CC
    for compiler in g++ clang++; do
        for dwarf in 4 5; do
            $compiler -gdwarf-$dwarf nameless.cc -o nameless
            mete run --quiet --output p.mete ./nameless
            mete report p.mete --json - |
                jq -r '.sites[] | select(.stack[0].function == "main") | "\(.type) \(.type_bytes)"' | sort >out
            rm p.mete
            printf '%s\n' 'lambda at nameless.cc:5 16' 'lambda at nameless.cc:6 8' \
                'struct {...} at nameless.cc:2 16' | diff - out || { echo "$compiler $dwarf"; false; }
        done
    done
}

@test "what_each_element_of_an_array_is_made_of_is_not_the_block" {
    # The number of elements lies in front of them, where they have destructors.
    cat >cookie.cc <<'CC'
#define APART __attribute__((noinline))
struct part { long a, b, c; APART part() : a(1), b(2), c(3) {} APART ~part() { a = 0; } };
struct whole { long kind; part inner; whole() : kind(1) {} };
whole *volatile made;
int main() {
    made = new whole[2];
    delete[] made;
}
CC
    for compiler in g++ clang++; do
        for level in -O0 -O2; do
            $compiler -g $level cookie.cc -o cookie
            mete run --quiet --output p.mete ./cookie
            mete report p.mete --json - | jq -r '.sites[] | select(.stack[0].function == "main") |
                "\(.type) \(.type_confidence) \(.type_form) \(.type_header)"' >out
            rm p.mete
            case $level in
            -O0) echo 'whole likely array 8' | diff - out ;;
            *) ! grep -q part out && ! grep -q certain out ;;
            esac || { echo "$compiler $level"; cat out; false; }
        done
    done
}

@test "a_typedef_inside_a_template_is_what_it_stands_for" {
    cat >inner.cc <<'CC'
template <typename T> struct traits { typedef T value_type; typedef T *link; };
typedef long ticks;
void *volatile kept;
__attribute__((noinline)) static void make(int n) {
    typename traits<short>::value_type *few = new typename traits<short>::value_type[n];
    typename traits<long>::link *links = new typename traits<long>::link[n];
    ticks *times = new ticks[n];
    few[0] = times[0] = n;
    links[0] = times;
    kept = few;
}
int main(int count, char **) { make(count + 6); }
CC
    for compiler in g++ clang++; do
        $compiler -g inner.cc -o inner
        mete run --quiet --output p.mete ./inner
        mete report p.mete --json - | jq -r '.sites[] | select(.stack[0].function // "" | startswith("make")) |
            .type' | sort >out
        rm p.mete
        printf 'long%s *\nshort%s\nticks\n' "$([ $compiler = g++ ] && echo ' int')" \
            "$([ $compiler = g++ ] && echo ' int')" | diff - out || { echo "$compiler"; false; }
    done
}

@test "what_is_made_in_memory_that_has_no_type_is_known_by_its_constructor" {
    cat >placed.cc <<'CC'
#include <cstdlib>
#include <new>
struct shape { long area; shape(int x) : area(x) {} virtual ~shape() {} };
struct point { long x, y; point(int x) : x(x), y(0) {} };
void *volatile kept[2];
__attribute__((noinline)) static void make() {
    void *memory = ::operator new(sizeof(shape)), *more = malloc(sizeof(point));
    kept[0] = new (memory) shape(1);
    kept[1] = new (more) point(2);
}
int main() { make(); }
CC
    for compiler in g++ clang++; do
        for level in -O0 -O2; do
            $compiler -g $level placed.cc -o placed
            mete run --quiet --output p.mete ./placed
            mete report p.mete --json - | jq -r '.sites[] | select(.stack[0].function // "" | startswith("make")) |
                "\(.type) \(.type_confidence)"' | sort >out
            rm p.mete
            printf 'point certain\nshape certain\n' | diff - out || { echo "$compiler $level"; false; }
        done
    done
}

@test "text_of_a_string_is_characters_though_its_library_has_no_types" {
    cat >text.cc <<'CC'
#include <fstream>
#include <sstream>
#include <string>
std::string text = "a text that is too long to be kept in the string itself";
std::wstring wide = L"the same in characters of four bytes: they are as many";
__attribute__((noinline)) static void copy(std::string &to, std::wstring &other) {
    to = text;
    other.assign(wide).append(wide);
}
int main() {
    std::string copied;
    std::wstring other;
    copy(copied, other);
    std::ifstream file("/dev/null");
    std::istringstream stream(text);
    return copied.empty() || other.empty();
}
CC
    for compiler in g++ clang++; do
        for level in -O0 -O2; do
            $compiler -g $level text.cc -o text
            mete run --quiet --output p.mete ./text
            mete report p.mete --json - |
                jq -r '.sites[] | select(any(.stack[]; .function // "" | test("^(copy|main)")) and .stack[0].file == null) |
                "\(.type) \(.type_confidence) \(.type_form)"' | sort -u >out
            rm p.mete
            printf 'char likely bytes\nwchar_t certain array\n' | diff - out || { echo "$compiler $level"; false; }
        done
    done
}

@test "what_containers_of_a_units_own_types_allocate_is_known" {
    cat >own.cc <<'CC'
#include <vector>
namespace {
struct space { long a[13]; };
}
__attribute__((noinline)) static long fill(int n) {
    std::vector<space> spaces(n);
    return spaces[0].a[0];
}
int main(int count, char **) { return fill(count + 5); }
CC
    for compiler in g++ clang++; do
        for level in -O0 -O2; do
            $compiler -g $level own.cc -o own
            mete run --quiet --output p.mete ./own
            mete report p.mete --json - | jq -r '.sites[] | select(any(.stack[]; .function == "fill(int)")) |
                "\(.type) \(.type_confidence)"' | sort -u >out
            rm p.mete
            echo '(anonymous namespace)::space certain' | diff - out || { echo "$compiler $level"; false; }
        done
    done
}

@test "nothing_that_is_allocated_is_a_table_of_virtual_functions" {
    # Where a variable is dead its place in the frame is used for something else.
    cat >table.cc <<'CC'
#include <cstdlib>
struct tool { virtual ~tool() {} long a; };
__attribute__((noinline)) static int make() {
    tool dead;
    *(void *volatile *)&dead = malloc(17);
    int made = *(void *volatile *)&dead != nullptr;
    _Exit(!made);
}
int main() { return make(); }
CC
    for compiler in g++ clang++; do
        $compiler -g table.cc -o table
        mete run --quiet --output p.mete ./table
        [ "$(mete report p.mete --json - | jq -r '.sites[] | select(.stack[0].function // "" | startswith("make")) |
            .type')" = null ] || { echo "$compiler"; false; }
        rm p.mete
    done
}

@test "what_a_function_keeps_from_its_beginning_on_is_known_far_from_there" {
    # clang spills such a pointer where nothing is optimised, and DWARF does not say where to.
    {
        echo '#include <cstdlib>'
        echo 'struct search { int **table, *counts; long size; void prepare(int n); };'
        echo 'void search::prepare(int n) {'
        for i in $(seq 1 60); do echo "if (size > $i) { size += n * $i; if (n == -$i) std::abort(); }"; done
        echo 'counts = new int[size]; counts[0] = n; }'
        echo 'int main(int count, char **) { search s = {}; s.size = count + 6; s.prepare(count); }'
    } >spilled.cc
    for compiler in g++ clang++; do
        $compiler -g -O0 spilled.cc -o spilled
        mete run --quiet --output p.mete ./spilled
        mete report p.mete --json - | jq -r '.sites[] | select(.stack[0].function // "" | startswith("search")) |
            "\(.type) \(.type_confidence)"' >out
        rm p.mete
        echo 'int certain' | diff - out || { echo "$compiler"; false; }
    done
}

@test "what_new_asks_for_where_an_array_is_too_large_hides_no_size" {
    # Before C++11 that is all of the memory there is.
    cat >large.cc <<'CC'
struct pair { const char *key; int value; };
struct table { pair *pairs; int size; table(int n); };
__attribute__((noinline)) table::table(int n) : pairs(new pair[n]), size(n) {
    for (int i = 0; i < n; i++) pairs[i].key = "";
}
table *volatile kept;
int main(int count, char **) {
    for (int i = 1; i < 5; i++) kept = new table(7 * i + count);
}
CC
    for compiler in g++ clang++; do
        for level in -O0 -O1 -O2; do
            $compiler -std=gnu++98 -g $level large.cc -o large
            mete run --quiet --output p.mete ./large
            mete report p.mete --json - | jq -r '.sites[] | select(.stack[0].function // "" | startswith("table::table")) |
                "\(.type) \(.type_confidence) \(.type_form)"' | sort -u >out
            rm p.mete
            echo 'pair certain array' | diff - out || { echo "$compiler $level"; false; }
        done
    done
}
