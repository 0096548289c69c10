/*
 * Blocks that are given back by another family of functions than they came from, or with a size
 * that they never had. mismatched_free NAME [TIMES] does one such thing, so many times (1), after
 * it has announced the address of the last; without a name it lists them all.
 */
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <malloc.h>
#include <new>
#include <unistd.h>

#include "fault.h"

extern "C" void free_sized(void *block, size_t size) __attribute__((weak));
extern "C" void free_aligned_sized(void *block, size_t align, size_t size) __attribute__((weak));

namespace {

constexpr size_t size = 100;
constexpr std::align_val_t wide{64};

/* So that no compiler pairs what it sees. */
void *announced(void *block) {
    __asm__ volatile("" : "+r"(block));
    return fault_announce(block);
}

void malloc_delete() {
    operator delete(announced(malloc(size)));
}
void malloc_delete_array() {
    operator delete[](announced(malloc(size)));
}
void malloc_delete_large() {
    operator delete(announced(malloc(1000000)));
}
void calloc_delete() {
    operator delete(announced(calloc(size, 1)));
}
void realloc_delete() {
    operator delete(announced(realloc(malloc(1), size)));
}
void memalign_delete() {
    operator delete(announced(memalign(64, size)), wide);
}
void strdup_delete() {
    operator delete(announced(strdup("text")));
}
void new_free() {
    free(announced(operator new(size)));
}
void new_realloc() {
    free(realloc(announced(operator new(size)), 2 * size));
}
void new_realloc_in_place() {
    free(realloc(announced(operator new(size)), size - 1));
}
void new_realloc_nothing() {
    (void)!realloc(announced(operator new(size)), 0);
}
void new_large_realloc() {
    free(realloc(announced(operator new(1000000)), 5000000));
}
void new_delete_array() {
    operator delete[](announced(operator new(size)));
}
void array_new_free() {
    free(announced(operator new[](size)));
}
void array_new_delete() {
    operator delete(announced(operator new[](size)));
}
void nothrow_new_free() {
    free(announced(operator new(size, std::nothrow)));
}
void nothrow_array_new_delete() {
    operator delete(announced(operator new[](size, std::nothrow)), std::nothrow);
}
void aligned_new_free() {
    free(announced(operator new(size, wide)));
}
void aligned_array_new_delete() {
    operator delete(announced(operator new[](size, wide)), wide);
}
void aligned_nothrow_new_delete_array() {
    operator delete[](announced(operator new(size, wide, std::nothrow)), wide, std::nothrow);
}

void sized_delete() {
    operator delete(announced(operator new(size)), size - 4);
}
void sized_array_delete() {
    operator delete[](announced(operator new[](size)), size - 4);
}
void sized_aligned_delete() {
    operator delete(announced(operator new(size, wide)), size - 4, wide);
}
void sized_free() {
    free_sized(announced(malloc(size)), size - 4);
}
void sized_aligned_free() {
    free_aligned_sized(announced(aligned_alloc(64, size)), 64, size - 4);
}

struct base {
    int one;
};
struct derived : base {
    char more[96];
};
void delete_of_a_base() {
    base *block = new derived;
    announced(block);
    delete block; /* without a virtual destructor: base's size is what the compiler says */
}

struct fault {
    const char *name;
    void (*body)();
};
#define FAULT(name) \
    { #name, name }
const fault faults[] = {
    FAULT(malloc_delete),
    FAULT(malloc_delete_array),
    FAULT(malloc_delete_large),
    FAULT(calloc_delete),
    FAULT(realloc_delete),
    FAULT(memalign_delete),
    FAULT(strdup_delete),
    FAULT(new_free),
    FAULT(new_realloc),
    FAULT(new_realloc_in_place),
    FAULT(new_realloc_nothing),
    FAULT(new_large_realloc),
    FAULT(new_delete_array),
    FAULT(array_new_free),
    FAULT(array_new_delete),
    FAULT(nothrow_new_free),
    FAULT(nothrow_array_new_delete),
    FAULT(aligned_new_free),
    FAULT(aligned_array_new_delete),
    FAULT(aligned_nothrow_new_delete_array),
    FAULT(sized_delete),
    FAULT(sized_array_delete),
    FAULT(sized_aligned_delete),
    FAULT(sized_free),
    FAULT(sized_aligned_free),
    FAULT(delete_of_a_base),
};

} // namespace

int main(int argc, char **argv) {
    int times = argc > 2 ? atoi(argv[2]) : 1;

    for (const fault &one : faults) {
        if (argc < 2)
            dprintf(STDOUT_FILENO, "%s\n", one.name);
        else if (strcmp(argv[1], one.name) == 0)
            for (int i = 0; i < times; i++) one.body();
    }
    return 0;
}
