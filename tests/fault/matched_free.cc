/* Everything that C++ programs rightly do with blocks: nobody may call it a mismatch. */
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <functional>
#include <future>
#include <iostream>
#include <list>
#include <malloc.h>
#include <map>
#include <memory>
#include <memory_resource>
#include <new>
#include <random>
#include <regex>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

extern "C" void free_sized(void *block, size_t size) __attribute__((weak));
extern "C" void free_aligned_sized(void *block, size_t align, size_t size) __attribute__((weak));

namespace {

template <typename T> T *opaque(T *pointer) {
    __asm__ volatile("" : "+r"(pointer));
    return pointer;
}

constexpr std::align_val_t wide{64};

void use_malloc() {
    free(opaque(malloc(0)));
    free(opaque(memalign(64, 100)));
    free(opaque(aligned_alloc(64, 128)));
    free(opaque(realloc(opaque(calloc(3, 5)), 1000)));
    free(opaque(realloc(opaque(memalign(64, 100)), 100000)));
    free(opaque(strdup("text")));
    if (free_sized == nullptr) return; /* not under another malloc */
    free_sized(opaque(malloc(100)), 100);
    free_sized(opaque(realloc(opaque(malloc(10)), 70000)), 70000);
    free_aligned_sized(opaque(aligned_alloc(64, 128)), 64, 128);
    free_sized(nullptr, 10);
}

void use_operators() {
    for (size_t size : {size_t{0}, size_t{1}, size_t{100}, size_t{5000}, size_t{1000000}}) {
        operator delete(opaque(operator new(size)));
        operator delete(opaque(operator new(size)), size);
        operator delete(opaque(operator new(size)), std::nothrow);
        operator delete(opaque(operator new(size, std::nothrow)));
        operator delete[](opaque(operator new[](size)));
        operator delete[](opaque(operator new[](size)), size);
        operator delete[](opaque(operator new[](size, std::nothrow)), std::nothrow);
        operator delete(opaque(operator new(size, wide)), wide);
        operator delete(opaque(operator new(size, wide)), size, wide);
        operator delete(opaque(operator new(size, wide, std::nothrow)), wide, std::nothrow);
        operator delete[](opaque(operator new[](size, wide)), wide);
        operator delete[](opaque(operator new[](size, wide)), size, wide);
        operator delete[](opaque(operator new[](size, wide, std::nothrow)), wide, std::nothrow);
        operator delete(opaque(operator new(size, wide))); /* the same heap, the same family */
    }
    operator delete (opaque(static_cast<void *>(nullptr)), size_t{10});
}

struct node {
    virtual ~node() = default;
    std::string name;
};
struct leaf : node {
    char more[200];
};

void use_classes() {
    std::unique_ptr<node> one(new leaf);
    std::unique_ptr<node[]> some(new node[7]);
    std::shared_ptr<node> shared = std::make_shared<leaf>();
    std::function<size_t()> call = [shared, text = std::string(100, 'x')] { return text.size(); };
    delete opaque(new leaf);
    delete[] opaque(new leaf[3]);
    delete[] opaque(new char[call()]);
}

void use_containers() {
    std::vector<std::string> words;
    std::map<std::string, std::list<int>> tree;
    std::unordered_map<int, std::string> table;
    std::mt19937 random(1);
    for (int i = 0; i < 2000; i++) {
        words.push_back(std::to_string(random()) + " and something longer than a short string");
        tree[words.back()].push_back(i);
        table[i] = words.back();
    }
    std::stable_sort(words.begin(), words.end()); /* std::get_temporary_buffer */
    std::inplace_merge(words.begin(), words.begin() + 1000, words.end());
    std::pmr::monotonic_buffer_resource arena;
    std::pmr::vector<std::pmr::string> pooled(&arena);
    for (int i = 0; i < 500; i++) pooled.emplace_back("a text that is longer than a short one");
    std::pmr::unsynchronized_pool_resource pool;
    std::pmr::map<int, int> counts(&pool);
    for (int i = 0; i < 500; i++) counts[i * 7 % 100]++;
    std::stringstream stream;
    for (const std::string &word : words) stream << word << '\n';
    std::regex digits("[0-9]+ and (some|any)thing.*");
    if (!std::regex_match(words[0], digits)) std::abort();
    std::locale::global(std::locale("C"));
}

void use_exceptions() {
    for (int i = 0; i < 10; i++) {
        try {
            throw std::runtime_error(std::string(200, 'e'));
        } catch (const std::exception &) {
            std::exception_ptr kept = std::current_exception();
            try {
                std::rethrow_exception(kept);
            } catch (...) {
            }
        }
    }
    try {
        (void)opaque(operator new (size_t{1} << 62));
    } catch (const std::bad_alloc &) {
    }
}

void use_threads() {
    std::future<std::vector<int>> made =
        std::async(std::launch::async, [] { return std::vector<int>(1000, 1); });
    std::vector<int> here = made.get();
    std::thread([moved = std::make_unique<node[]>(5)] {}).join();
}

} // namespace

int main() {
    use_malloc();
    use_operators();
    use_classes();
    use_containers();
    use_exceptions();
    use_threads();
    return 0;
}
