/* Libraries that come and go while the heap stays: dlopen, dlclose, namespaces, deep binding. */
#include <dlfcn.h>
#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fact.h"
#include "family.h"

#define MIB ((size_t)1 << 20)

/* The test libraries lie beside the program. */
static const char *library(const char *name) {
    static __thread char path[PATH_MAX + 64];
    char self[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    CHECK(length > 0);
    self[length] = '\0';
    snprintf(path, sizeof path, "%s/libconformance_%s.so", dirname(self), name);
    return path;
}

static void *open_library(const char *name, int flags) {
    void *handle = dlopen(library(name), flags);
    if (handle == NULL) fact_fail(__FILE__, __LINE__, "%s", dlerror());
    return handle;
}

static void cxx_libraries_come_and_go(void) {
    size_t before = 0;
    for (int round = 0; round < 300; round++) {
        void *handle = open_library("cxx", RTLD_NOW);
        int (*use)(int) = (int (*)(int))dlsym(handle, "library_use");
        CHECK(use != NULL);
        for (int i = 0; i < 20; i++) CHECK_EQUAL(use(i), 1);
        dlclose(handle);
        if (round == 30) before = process_bytes("VmRSS:");
    }
    CHECK(process_bytes("VmRSS:") < before + 4 * MIB);
}

static void *use_library(void *argument) {
    int (*use)(int) = (int (*)(int))argument;
    for (int i = 0; i < 20; i++) CHECK_EQUAL(use(i), 1);
    return NULL;
}

static void *load_library(void *argument) {
    for (int i = 0; i < 100; i++) {
        void *handle = open_library("cxx", RTLD_NOW);
        use_library(dlsym(handle, "library_use"));
        dlclose(handle);
    }
    return argument;
}

static void threads_may_load_and_unload_at_once(void) {
    pthread_t threads[4];
    for (unsigned i = 0; i < 4; i++) {
        CHECK_EQUAL(pthread_create(&threads[i], NULL, load_library, NULL), 0);
    }
    for (unsigned i = 0; i < 4; i++) pthread_join(threads[i], NULL);
}

static void threads_of_a_library_leave_nothing(void) {
    void *handle = open_library("cxx", RTLD_NOW);
    void *use = dlsym(handle, "library_use");
    size_t before = 0;
    for (unsigned i = 0; i < 3000; i++) {
        pthread_t thread;
        CHECK_EQUAL(pthread_create(&thread, NULL, use_library, use), 0);
        pthread_join(thread, NULL);
        if (i == 300) before = process_bytes("VmRSS:");
    }
    CHECK(process_bytes("VmRSS:") < before + 3 * MIB);
    dlclose(handle);
}

static void failing_to_load_leaves_nothing(void) {
    size_t before = 0;
    for (unsigned i = 0; i < 5000; i++) {
        CHECK(dlopen("/nonexistent/library.so", RTLD_NOW) == NULL);
        CHECK(dlerror() != NULL);
        CHECK(dlsym(RTLD_DEFAULT, "no_such_function_anywhere") == NULL);
        if (i == 500) before = process_bytes("VmRSS:");
    }
    CHECK(process_bytes("VmRSS:") < before + 2 * MIB);
}

static void a_library_with_static_thread_locals_still_loads(void) {
    void (*touch)(void) = (void (*)(void))dlsym(open_library("tls", RTLD_NOW), "library_touch");
    CHECK(touch != NULL);
    touch();
}

/*
 * With RTLD_DEEPBIND a library's malloc is the C library's own, whatever is preloaded; what it
 * hands out may be freed here, and what it frees may be from here.
 */
static void a_deeply_bound_library_may_allocate(void) {
    void (*work)(void) =
        (void (*)(void))dlsym(open_library("plain", RTLD_NOW | RTLD_DEEPBIND), "library_work");
    CHECK(work != NULL);
    work();
}

static void blocks_of_a_deeply_bound_library_may_be_freed_here(void) {
    void *handle = open_library("plain", RTLD_NOW | RTLD_DEEPBIND);
    void *(*allocate)(size_t) = (void *(*)(size_t))dlsym(handle, "library_allocate");
    char *(*copy)(const char *) = (char *(*)(const char *))dlsym(handle, "library_copy");
    for (size_t size = 1; size < 2 * MIB; size = size * 3 + 1) {
        char *block = allocate(size);
        memset(block, 7, size);
        CHECK(malloc_usable_size(block) >= size);
        free(block);
        block = allocate(size);
        memset(block, 7, size);
        block = realloc(block, 2 * size);
        CHECK(block != NULL && block[size - 1] == 7);
        free(block);
        free(copy("text"));
    }
}

static void a_deeply_bound_library_may_free_blocks_from_here(void) {
    void *handle = open_library("plain", RTLD_NOW | RTLD_DEEPBIND);
    void (*release)(void *) = (void (*)(void *))dlsym(handle, "library_release");
    for (size_t size = 1; size < 2 * MIB; size = size * 3 + 1) release(malloc(size));
}

/* A namespace has a C library, and so a heap, of its own. */
static void a_library_in_another_namespace_keeps_its_own_heap(void) {
    void *handle = dlmopen(LM_ID_NEWLM, library("plain"), RTLD_NOW);
    if (handle == NULL) fact_fail(__FILE__, __LINE__, "%s", dlerror());
    void (*work)(void) = (void (*)(void))dlsym(handle, "library_work");
    void *(*allocate)(size_t) = (void *(*)(size_t))dlsym(handle, "library_allocate");
    void (*release)(void *) = (void (*)(void *))dlsym(handle, "library_release");
    work();
    for (size_t size = 1; size < 2 * MIB; size = size * 3 + 1) release(allocate(size));
    dlclose(handle);
}

int main(int argc, char **argv) {
    static const fact facts[] = {
        FACT(cxx_libraries_come_and_go),
        FACT(threads_may_load_and_unload_at_once),
        FACT(threads_of_a_library_leave_nothing),
        FACT(failing_to_load_leaves_nothing),
        FACT(a_library_with_static_thread_locals_still_loads),
        FACT(a_deeply_bound_library_may_allocate),
        FACT(blocks_of_a_deeply_bound_library_may_be_freed_here),
        FACT(a_deeply_bound_library_may_free_blocks_from_here),
        FACT(a_library_in_another_namespace_keeps_its_own_heap),
    };
    return fact_main(facts, COUNT_OF(facts), argc, argv);
}
