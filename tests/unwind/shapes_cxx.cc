// Stacks as C++ unwinds them: what an exception passes is gone from the next capture on.
#include <stdexcept>
#include <string>
#include <vector>

#include "witness.h"

namespace {

struct guard {
    ~guard() {
        witness();
    }
};

__attribute__((noinline)) void throw_from(int depth) {
    guard on_the_way;
    witness();
    if (depth > 0) throw_from(depth - 1);
    throw std::runtime_error("here");
}

void exceptions() {
    for (int i = 0; i < 10; i++) {
        try {
            throw_from(i);
        } catch (const std::exception &) {
            witness();
        }
        witness();
    }
}

struct node {
    std::string name;
    std::vector<node> children;
    explicit node(int depth) : name(std::string(40, 'x')) {
        witness();
        for (int i = 0; i < 2 && depth > 0; i++) children.emplace_back(depth - 1);
    }
};

void constructors() {
    node tree(4);
    witness();
}

void rethrow(int depth) {
    try {
        if (depth > 0) rethrow(depth - 1);
        else throw 1;
    } catch (int value) {
        witness();
        throw;
    }
}

void exceptions_thrown_again() {
    for (int i = 0; i < 5; i++) {
        try {
            rethrow(i);
        } catch (int) {
            witness();
        }
    }
}

} // namespace

extern "C" const struct shape shapes_cxx[] = {
    {"exceptions", exceptions},
    {"exceptions thrown again", exceptions_thrown_again},
    {"constructors and their containers", constructors},
};
extern "C" const size_t shapes_cxx_count = sizeof shapes_cxx / sizeof *shapes_cxx;
