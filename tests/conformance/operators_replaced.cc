/*
 * A program that replaces operator new and operator delete, and nothing else: the other forms
 * must come to its own, as [new.delete] says of their default behaviour.
 */
#include <cstdlib>
#include <new>

#include "fact.h"

static int allocated, released;

void *operator new(size_t size) {
    allocated++;
    void *block = std::malloc(size);
    if (block == nullptr) throw std::bad_alloc();
    return block;
}

void operator delete(void *block) noexcept {
    released++;
    std::free(block);
}

template <typename T> static T *opaque(T *pointer) {
    __asm__ volatile("" : "+r"(pointer));
    return pointer;
}

static void new_array_calls_the_programs_operator_new(void) {
    int before = allocated;
    void *block = opaque(operator new[](100));
    CHECK_EQUAL(allocated, before + 1);
    before = released;
    operator delete[](block);
    CHECK_EQUAL(released, before + 1);
}

static void nothrow_new_calls_the_programs_operator_new(void) {
    int before = allocated;
    void *block = opaque(operator new(100, std::nothrow));
    CHECK_EQUAL(allocated, before + 1);
    before = released;
    operator delete(block, std::nothrow);
    CHECK_EQUAL(released, before + 1);
    block = opaque(operator new[](100, std::nothrow));
    CHECK_EQUAL(allocated, before + 1 + 1);
    operator delete[](block, std::nothrow);
}

static void sized_delete_calls_the_programs_operator_delete(void) {
    int before = released;
    operator delete (opaque(operator new(100)), size_t{100});
    CHECK_EQUAL(released, before + 1);
    operator delete[](opaque(operator new[](100)), size_t{100});
    CHECK_EQUAL(released, before + 2);
}

int main(int argc, char **argv) {
    static const fact facts[] = {
        FACT(new_array_calls_the_programs_operator_new),
        FACT(nothrow_new_calls_the_programs_operator_new),
        FACT(sized_delete_calls_the_programs_operator_delete),
    };
    return fact_main(facts, COUNT_OF(facts), argc, argv);
}
