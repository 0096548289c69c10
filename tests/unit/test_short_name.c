/* analysis/symbols/short_name.c: C++ names without what makes them long. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "analysis/symbols/short_name.h"

static void names_lose_types_and_parameters(void **state) {
    static const struct {
        const char *name, *expected;
    } cases[] = {
        {"main", "main"},
        {"f(int)", "f"},
        {"ns::Class::method(int, char const*) const", "ns::Class::method"},
        {"void ns::f<int>(int)", "ns::f<int>"},
        {"void std::vector<conn, std::allocator<conn> >::emplace_back<int&>(int&)",
         "std::vector<..>::emplace_back<int&>"},
        {"(anonymous namespace)::f(int)", "(anonymous namespace)::f"},
        {"app::(anonymous namespace)::Conn::open(int)", "app::(anonymous namespace)::Conn::open"},
        {"main::{lambda(int)#1}::operator()(int) const", "main::{lambda(int)#1}::operator()"},
        {"f(int)::Local::run()", "f(int)::Local::run"},
        {"operator new(unsigned long)", "operator new"},
        {"operator new[](unsigned long, std::nothrow_t const&)", "operator new[]"},
        {"A::operator()(int)", "A::operator()"},
        {"A::operator<(A const&) const", "A::operator<"},
        {"std::ostream& operator<< <int>(std::ostream&, A<int> const&)", "operator<< <int>"},
        {"A::operator->() const", "A::operator->"},
        {"A::operator char const*() const", "A::operator char const*"},
        {"A::operator[](unsigned long)", "A::operator[]"},
        {"f(int) [clone .cold]", "f"},
        {"my_operator_table(int)", "my_operator_table"},
        {"<alloc::vec::Vec<T> as core::clone::Clone>::clone", "<..>::clone"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char buffer[256];
        mete__short_name(buffer, sizeof buffer, cases[i].name, "..");
        assert_string_equal(buffer, cases[i].expected);
    }
}

static void broken_names_do_no_harm(void **state) {
    static const char *const cases[] = {"",         "(",         "<",     "f<", "f<(",
                                        "operator", "a b (",     ")",     ">",  "{",
                                        "::",       "operator<", "f(int", " ",  "f<a->b>(x)"};
    char buffer[64];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_true(strlen(mete__short_name(buffer, sizeof buffer, cases[i], "..")) <=
                    strlen(cases[i]) + 2);
}

static void what_does_not_fit_is_cut(void **state) {
    char buffer[5];

    (void)state;
    assert_string_equal(mete__short_name(buffer, sizeof buffer, "ns::function(int)", ".."), "ns::");
    assert_string_equal(mete__short_name(buffer, 1, "ns::function(int)", ".."), "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_lose_types_and_parameters),
        cmocka_unit_test(broken_names_do_no_harm),
        cmocka_unit_test(what_does_not_fit_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
