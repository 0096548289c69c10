/* A C++ library that allocates while it is loaded, while it is used and while it is unloaded. */
#include <map>
#include <stdexcept>
#include <string>

namespace {
std::map<int, std::string> table = [] {
    std::map<int, std::string> filled;
    for (int i = 0; i < 100; i++) filled[i] = "a value too long for the small buffer";
    return filled;
}();
thread_local std::string of_thread = "another value too long for the small buffer";
} // namespace

extern "C" int library_use(int n) {
    of_thread += table[n % 100];
    try {
        if (n % 2 == 0) throw std::runtime_error(of_thread);
    } catch (const std::exception &error) {
        return error.what()[0] == 'a';
    }
    return of_thread.size() > 40;
}
