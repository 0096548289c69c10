// C++: what containers keep their elements in.
#include <cstdio>
#include <deque>
#include <forward_list>
#include <list>
#include <memory>
#include <set>
#include <unordered_set>
#include <vector>

// Half of it, and of the next one, is a container itself.
struct Pattern {
    explicit Pattern(int op) : kind(op) {}
    int kind;
    std::vector<Pattern> parts;
};

struct Point {
    double x, y, z;
};

struct Edge {
    int from, to;
    Point at[2];
};

enum Mark { NONE, OPEN, SHUT };

#define APART __attribute__((noinline))

APART static Pattern both(const Pattern &one, const Pattern &other) {
    Pattern made(1);
    made.parts.push_back(one);   //= Pattern
    made.parts.push_back(other); //= Pattern
    return made;
}

APART static size_t vectors() {
    std::vector<Point> points(5); //= Point
    std::vector<Edge *> edges(3); //= Edge *
    std::vector<std::vector<int>> all;
    all.resize(4);       //= std::vector<int, std::allocator<int> >
    all[1].assign(7, 1); //= int
    std::vector<Edge> path;
    path.reserve(points.size()); //= Edge
    std::vector<Mark> marks(9);  //= Mark
    return points.size() + edges.size() + all.size() + path.capacity() + marks.size();
}

// Compilers spell the names of templates' arguments differently, but for plain ones.
APART static size_t nodes() {
    std::set<int> set;
    set.insert(3); //= std::_Rb_tree_node<int>
    std::list<Edge> list;
    list.emplace_back(); //= std::_List_node<Edge>
    std::forward_list<Mark> forward;
    forward.push_front(OPEN); //= std::_Fwd_list_node<Mark>
    std::unordered_set<int> hash;
    hash.reserve(100); //= std::__detail::_Hash_node_base *
    hash.insert(1);    //= std::__detail::_Hash_node<int, false>
    return set.size() + list.size() + !forward.empty() + hash.size();
}

APART static std::shared_ptr<Point> shared() {
    auto *point = new Point(); //= Point
    return std::shared_ptr<Point>(point);
}

int main() {
    Pattern pattern = both(Pattern(3), both(Pattern(4), Pattern(5)));
    auto point = shared();
    printf("%zu\n", vectors() + nodes() + pattern.parts.size() + (point != nullptr));
    return 0;
}
