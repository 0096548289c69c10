/* The twenty operators new and delete, as C++17 describes them. */
#include <dlfcn.h>
#include <sys/resource.h>

#include <cstdlib>
#include <cstring>
#include <new>
#include <stdexcept>
#include <string>
#include <vector>

#include "fact.h"
#include "family.h"

static const size_t impossible = static_cast<size_t>(PTRDIFF_MAX) - 4096;
/* The compiler may assume what operator new returns; this makes it look. */
template <typename T> static T *opaque(T *pointer) {
    __asm__ volatile("" : "+r"(pointer));
    return pointer;
}

static const char *const names[] = {"_Znwm",
                                    "_Znam",
                                    "_ZnwmRKSt9nothrow_t",
                                    "_ZnamRKSt9nothrow_t",
                                    "_ZnwmSt11align_val_t",
                                    "_ZnamSt11align_val_t",
                                    "_ZnwmSt11align_val_tRKSt9nothrow_t",
                                    "_ZnamSt11align_val_tRKSt9nothrow_t",
                                    "_ZdlPv",
                                    "_ZdaPv",
                                    "_ZdlPvm",
                                    "_ZdaPvm",
                                    "_ZdlPvRKSt9nothrow_t",
                                    "_ZdaPvRKSt9nothrow_t",
                                    "_ZdlPvSt11align_val_t",
                                    "_ZdaPvSt11align_val_t",
                                    "_ZdlPvmSt11align_val_t",
                                    "_ZdaPvmSt11align_val_t",
                                    "_ZdlPvSt11align_val_tRKSt9nothrow_t",
                                    "_ZdaPvSt11align_val_tRKSt9nothrow_t"};

static void all_twenty_come_from_one_library(void) {
    Dl_info first, info;
    CHECK(dladdr(dlsym(RTLD_DEFAULT, "_Znwm"), &first) != 0);
    for (const char *name : names) {
        void *address = dlsym(RTLD_DEFAULT, name);
        if (address == nullptr || dladdr(address, &info) == 0) {
            fact_fail(__FILE__, __LINE__, "%s is not defined", name);
        }
        if (info.dli_fbase != first.dli_fbase) {
            fact_fail(__FILE__, __LINE__, "%s comes from %s", name, info.dli_fname);
        }
    }
    if (!malloc_is_mete()) return;
    Dl_info of_malloc;
    CHECK(dladdr(dlsym(RTLD_DEFAULT, "malloc"), &of_malloc) != 0);
    CHECK(of_malloc.dli_fbase == first.dli_fbase);
}

static void every_form_gives_writable_aligned_memory(void) {
    for (size_t size = 0; size < 300000; size += size / 3 + 1) {
        void *plain[] = {opaque(operator new(size)), opaque(operator new[](size)),
                         opaque(operator new(size, std::nothrow)),
                         opaque(operator new[](size, std::nothrow))};
        for (void *block : plain) {
            CHECK(block != nullptr);
            CHECK_EQUAL(reinterpret_cast<uintptr_t>(block) % 16, 0);
            std::memset(block, 1, size);
        }
        operator delete(plain[0]);
        operator delete[](plain[1], size);
        operator delete(plain[2], std::nothrow);
        operator delete[](plain[3], std::nothrow);
        for (size_t align = 1; align <= 65536; align *= 4) {
            const auto value = static_cast<std::align_val_t>(align);
            void *aligned[] = {opaque(operator new(size, value)),
                               opaque(operator new[](size, value)),
                               opaque(operator new(size, value, std::nothrow)),
                               opaque(operator new[](size, value, std::nothrow))};
            for (void *block : aligned) {
                CHECK(block != nullptr);
                CHECK_EQUAL(reinterpret_cast<uintptr_t>(block) % align, 0);
                std::memset(block, 1, size);
            }
            operator delete(aligned[0], value);
            operator delete[](aligned[1], size, value);
            operator delete(aligned[2], value, std::nothrow);
            operator delete[](aligned[3], value, std::nothrow);
        }
    }
}

static void delete_of_null_does_nothing(void) {
    operator delete(opaque(static_cast<void *>(nullptr)));
    operator delete[](opaque(static_cast<void *>(nullptr)));
    operator delete (nullptr, size_t{8});
    operator delete[](nullptr, size_t{8});
    operator delete (nullptr, std::align_val_t{64});
    operator delete[](nullptr, std::align_val_t{64});
    operator delete(nullptr, std::nothrow);
    operator delete[](nullptr, std::nothrow);
}

static void new_of_zero_gives_distinct_blocks(void) {
    void *a = operator new(0), *b = operator new(0), *c = operator new[](0);
    CHECK(a != nullptr && b != nullptr && c != nullptr && a != b && b != c);
    operator delete(a);
    operator delete(b);
    operator delete[](c);
}

template <typename Allocate> static bool throws_bad_alloc(Allocate allocate) {
    try {
        opaque(allocate());
        return false;
    } catch (const std::bad_alloc &) {
        return true;
    }
}

static void exhaustion_throws_bad_alloc(void) {
    const std::align_val_t align{64};
    for (int round = 0; round < 3; round++) {
        CHECK(throws_bad_alloc([] { return operator new(impossible); }));
        CHECK(throws_bad_alloc([] { return operator new[](impossible); }));
        CHECK(throws_bad_alloc([] { return operator new(SIZE_MAX); }));
        CHECK(throws_bad_alloc([&] { return operator new(impossible, align); }));
        CHECK(throws_bad_alloc([&] { return operator new[](impossible, align); }));
        /* libstdc++'s own rounds this size up to 0. */
        if (malloc_is_mete())
            CHECK(throws_bad_alloc([&] { return operator new(SIZE_MAX, align); }));
    }
    delete opaque(new int(1));
}

static void nothrow_forms_return_null(void) {
    const std::align_val_t align{64};
    CHECK(opaque(operator new(impossible, std::nothrow)) == nullptr);
    CHECK(opaque(operator new[](impossible, std::nothrow)) == nullptr);
    CHECK(opaque(operator new(impossible, align, std::nothrow)) == nullptr);
    CHECK(opaque(operator new[](impossible, align, std::nothrow)) == nullptr);
}

static int handler_calls;

static void give_up_after_three(void) {
    if (++handler_calls == 3) std::set_new_handler(nullptr);
}

static void the_new_handler_is_called_until_it_gives_up(void) {
    const std::align_val_t align{64};
    void *(*const forms[])() = {[] { return operator new(impossible); },
                                [] { return operator new[](impossible); }};
    for (auto form : forms) {
        handler_calls = 0;
        std::set_new_handler(give_up_after_three);
        CHECK(throws_bad_alloc(form));
        CHECK_EQUAL(handler_calls, 3);
    }
    handler_calls = 0;
    std::set_new_handler(give_up_after_three);
    CHECK(opaque(operator new(impossible, std::nothrow)) == nullptr);
    CHECK_EQUAL(handler_calls, 3);
    handler_calls = 0;
    std::set_new_handler(give_up_after_three);
    CHECK(throws_bad_alloc([&] { return operator new(impossible, align); }));
    CHECK_EQUAL(handler_calls, 3);
    handler_calls = 0;
    std::set_new_handler(give_up_after_three);
    CHECK(opaque(operator new(impossible, align, std::nothrow)) == nullptr);
    CHECK_EQUAL(handler_calls, 3);
}

struct handlers_own {};

static void what_the_new_handler_throws_reaches_the_caller(void) {
    bool caught = false;
    std::set_new_handler([] { throw handlers_own(); });
    try {
        opaque(operator new(impossible));
    } catch (const handlers_own &) {
        caught = true;
    }
    CHECK(caught);
    /* A nothrow form must turn a bad_alloc of the handler into NULL. */
    std::set_new_handler([] { throw std::bad_alloc(); });
    CHECK(opaque(operator new(impossible, std::nothrow)) == nullptr);
    CHECK(opaque(operator new[](impossible, std::nothrow)) == nullptr);
    std::set_new_handler(nullptr);
}

static void *reserve;

static void the_new_handler_can_free_memory_for_a_second_try(void) {
    static const size_t large = size_t{300} << 20;
    reserve = std::malloc(large);
    CHECK(reserve != nullptr);
    std::set_new_handler([] {
        if (reserve == nullptr) throw std::bad_alloc();
        std::free(reserve);
        reserve = nullptr;
    });
    void *block = opaque(operator new(large));
    CHECK(block != nullptr && reserve == nullptr);
    operator delete(block);
}

static void blocks_mix_with_malloc(void) {
    for (size_t size = 1; size < 100000; size += size / 2 + 1) {
        void *block = opaque(operator new(size));
        CHECK(malloc_usable_size(block) >= size);
        std::free(block);
        operator delete(opaque(std::malloc(size)));
    }
}

static void the_standard_library_works(void) {
    std::vector<std::string> all;
    for (int i = 0; i < 20000; i++)
        all.push_back("a string too long for the small buffer " + std::to_string(i));
    for (int i = 0; i < 20000; i++)
        CHECK(all[static_cast<size_t>(i)].substr(39) == std::to_string(i));
    bool caught = false;
    try {
        std::string().reserve(SIZE_MAX / 2 - 100);
    } catch (const std::exception &) {
        caught = true;
    }
    CHECK(caught);
    int thrown = 0;
    for (int i = 0; i < 2000; i++) {
        try {
            throw std::runtime_error(std::string(static_cast<size_t>(i), 'x'));
        } catch (const std::runtime_error &error) {
            thrown += std::strlen(error.what()) == static_cast<size_t>(i);
        }
    }
    CHECK_EQUAL(thrown, 2000);
}

static const char *limit_address_space(void) {
    const struct rlimit limit = {size_t{512} << 20, size_t{512} << 20};
    return setrlimit(RLIMIT_AS, &limit) == 0 ? nullptr : "RLIMIT_AS can't be set";
}

int main(int argc, char **argv) {
    static const fact facts[] = {
        FACT(all_twenty_come_from_one_library),
        FACT(every_form_gives_writable_aligned_memory),
        FACT(delete_of_null_does_nothing),
        FACT(new_of_zero_gives_distinct_blocks),
        FACT(exhaustion_throws_bad_alloc),
        FACT(nothrow_forms_return_null),
        FACT(the_new_handler_is_called_until_it_gives_up),
        FACT(what_the_new_handler_throws_reaches_the_caller),
        FACT_PREPARED(the_new_handler_can_free_memory_for_a_second_try, limit_address_space),
        FACT(blocks_mix_with_malloc),
        FACT(the_standard_library_works),
    };
    return fact_main(facts, COUNT_OF(facts), argc, argv);
}
