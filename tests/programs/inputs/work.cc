// Containers, strings, exceptions and threads of the C++ library.
#include <algorithm>
#include <future>
#include <iostream>
#include <map>
#include <memory>
#include <numeric>
#include <regex>
#include <sstream>
#include <string>
#include <unordered_map>
#include <vector>

static long count(int seed) {
    std::map<std::string, std::vector<int>> groups;
    std::unordered_map<int, std::shared_ptr<std::string>> names;
    long total = 0;
    for (int i = 0; i < 20000; i++) {
        int n = (i * 7919 + seed) % 1009;
        groups["group number " + std::to_string(n)].push_back(i);
        names[n] = std::make_shared<std::string>(static_cast<size_t>(n % 90), 'x');
        try {
            if (n % 97 == 0) throw std::runtime_error(std::to_string(n));
        } catch (const std::exception &error) {
            total += std::stol(error.what());
        }
    }
    for (auto &[name, list] : groups) total += static_cast<long>(name.size() * list.size());
    for (auto &[n, name] : names) total += n * static_cast<long>(name->size());
    return total;
}

int main() {
    std::vector<std::future<long>> parts;
    for (int i = 0; i < 6; i++) parts.push_back(std::async(std::launch::async, count, i));
    long total = 0;
    for (auto &part : parts) total += part.get();
    std::ostringstream text;
    for (int i = 0; i < 3000; i++) text << "word" << i << ' ';
    const std::string words = text.str();
    const std::regex number("[0-9]+7");
    auto found = std::distance(std::sregex_iterator(words.begin(), words.end(), number), std::sregex_iterator());
    std::cout << total << ' ' << found << '\n';
}
