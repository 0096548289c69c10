/*
 * leaks/objects.cc - kinds.c for C++: what its objects keep and lose. The first argument names the
 * case. Built for both layouts of std::string.
 */
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <unordered_map>
#include <vector>

namespace {

void *volatile global;

[[gnu::noinline]] void wipe() {
    char area[16384];
    std::memset(area, 0, sizeof area);
    __asm__ volatile("" : : "r"(area) : "memory");
}

/* The object itself is lost; what it has is lost with it. */
template <typename T> void lose(T *object) {
    T *volatile there = object;
    there = nullptr;
    static_cast<void>(there);
}

template <typename T> void keep(T *object) {
    global = object;
}

struct counted {
    long value[3] = {1, 2, 3};
    ~counted() {
        std::free(other);
    }
    void *other = nullptr;
};

struct first_base {
    virtual ~first_base() = default;
    virtual int one() {
        return 1;
    }
    long number = 1;
};
struct second_base {
    virtual ~second_base() = default;
    virtual int two() {
        return 2;
    }
    long number = 2;
};
struct derived : first_base, second_base {
    int one() override {
        return 3;
    }
    int two() override {
        return 4;
    }
    std::unique_ptr<char[]> text{new char[50]};
};

struct shared_node {
    std::shared_ptr<shared_node> next;
    long payload[4] = {};
};

void strings_kept() {
    keep(new std::vector<std::string>{"short", std::string(100, 'x'), std::string(1000, 'y')});
}

void strings_lost() {
    lose(new std::vector<std::string>{"short", std::string(100, 'x'), std::string(1000, 'y')});
}

void string_kept_by_its_text() {
    global = const_cast<char *>((new std::string(77, 'z'))->c_str());
}

void array_kept_by_its_first_element() {
    keep(new counted[7]);
}

void array_lost() {
    lose(new counted[7]);
}

void array_kept_by_its_second_element() {
    keep(new counted[7] + 1);
}

void object_kept_by_its_second_base() {
    keep(static_cast<second_base *>(new derived));
}

void object_kept_by_its_member() {
    keep(&static_cast<second_base *>(new derived)->number);
}

void objects_lost() {
    auto *objects = new std::vector<std::unique_ptr<first_base>>;
    for (int i = 0; i < 10; i++) objects->push_back(std::make_unique<derived>());
    lose(objects);
}

void shared_cycle_lost() {
    auto first = std::make_shared<shared_node>(), second = std::make_shared<shared_node>();
    first->next = second;
    second->next = first;
}

void containers_kept() {
    auto *map = new std::map<int, std::string>;
    for (int i = 0; i < 100; i++) (*map)[i * 7 % 100] = std::string(static_cast<size_t>(i), 'm');
    keep(map);
}

void containers_lost() {
    auto *map = new std::unordered_map<int, std::list<int>>;
    for (int i = 0; i < 50; i++) (*map)[i] = std::list<int>(5, i);
    lose(map);
    lose(new std::map<int, int>{{1, 2}, {3, 4}, {5, 6}});
}

void deque_kept_by_iterator() {
    auto *deque = new std::deque<long>;
    for (long i = 0; i < 2000; i++) deque->push_back(i);
    keep(&(*deque)[1000]);
}

void function_kept() {
    std::string text(60, 'f');
    keep(new std::function<size_t()>([text] { return text.size(); }));
}

void exception_in_flight() {
    try {
        throw std::runtime_error(std::string(90, 'e'));
    } catch (const std::runtime_error &) {
        std::exit(0);
    }
}

struct named_case {
    const char *name;
    void (*run)();
};
#define CASE(name) \
    { #name, name }
const named_case cases[] = {
    CASE(strings_kept),
    CASE(strings_lost),
    CASE(string_kept_by_its_text),
    CASE(array_kept_by_its_first_element),
    CASE(array_lost),
    CASE(array_kept_by_its_second_element),
    CASE(object_kept_by_its_second_base),
    CASE(object_kept_by_its_member),
    CASE(objects_lost),
    CASE(shared_cycle_lost),
    CASE(containers_kept),
    CASE(containers_lost),
    CASE(deque_kept_by_iterator),
    CASE(function_kept),
    CASE(exception_in_flight),
};

} // namespace

int main(int argc, char **argv) {
    for (const named_case &each : cases) {
        if (argc < 2) {
            std::puts(each.name);
        } else if (std::strcmp(argv[1], each.name) == 0) {
            each.run();
            wipe();
            return 0;
        }
    }
    return argc < 2 ? 0 : 2;
}
