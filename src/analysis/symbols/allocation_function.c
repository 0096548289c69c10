#include "analysis/symbols/allocation_function.h"

#include <stddef.h>
#include <string.h>

#include "analysis/pattern.h"
#include "analysis/symbols/short_name.h"

static const char *const allocating[] = {
    "malloc",
    "calloc",
    "realloc",
    "reallocarray",
    "aligned_alloc",
    "memalign",
    "posix_memalign",
    "valloc",
    "pvalloc",
    "_Znwm",
    "_Znam",
    "_ZnwmRKSt9nothrow_t",
    "_ZnamRKSt9nothrow_t",
    "_ZnwmSt11align_val_t",
    "_ZnamSt11align_val_t",
    "_ZnwmSt11align_val_tRKSt9nothrow_t",
    "_ZnamSt11align_val_tRKSt9nothrow_t",
    "operator new(unsigned long)",
    "operator new[](unsigned long)",
};

static const char *const freeing[] = {
    "free",
    "cfree",
    "realloc",
    "reallocarray",
    "free_sized",
    "free_aligned_sized",
    "_ZdlPv",
    "_ZdaPv",
    "_ZdlPvm",
    "_ZdaPvm",
    "_ZdlPvSt11align_val_t",
    "_ZdaPvSt11align_val_t",
    "_ZdlPvmSt11align_val_t",
    "_ZdaPvmSt11align_val_t",
    "_ZdlPvRKSt9nothrow_t",
    "_ZdaPvRKSt9nothrow_t",
    "operator delete(void*)",
    "operator delete[](void*)",
};

/* Functions that programs and libraries write around malloc. */
static const char *const wrappers[] = {
    "strdup",
    "strndup",
    "__strdup",
    "__strndup",
    "xmalloc",
    "xcalloc",
    "xrealloc",
    "xzalloc",
    "xnmalloc",
    "xnrealloc",
    "xmemdup",
    "xmemdupz",
    "xstrdup",
    "xstrndup",
    "xmallocz",
    "ecalloc",
    "emalloc",
    "erealloc",
    "safe_malloc",
    "g_malloc",
    "g_malloc0",
    "g_realloc",
    "g_malloc_n",
    "g_malloc0_n",
    "g_realloc_n",
    "g_try_malloc",
    "g_try_malloc0",
    "g_strdup",
    "g_strndup",
    "g_slice_alloc",
    "g_slice_alloc0",
    "g_memdup",
    "g_memdup2",
    "av_malloc",
    "av_mallocz",
    "CRYPTO_malloc",
    "CRYPTO_zalloc",
    "CRYPTO_realloc",
    "PyMem_RawMalloc",
    "PyMem_Malloc",
    "PyObject_Malloc",
    "PyObject_Calloc",
    "PyObject_Realloc",
    "g_try_realloc",
    "OPENSSL_malloc",
    "sqlite3_malloc",
    "sqlite3_malloc64",
    "sqlite3_realloc",
    "sqlite3_realloc64",
    "sqlite3Malloc",
    "sqlite3MallocZero",
    "sqlite3Realloc",
    "mallocWithAlarm",
    "l_alloc",
    "apr_palloc",
    "apr_pcalloc",
    "xmlMalloc",
    "xmlRealloc",
    "xmlStrdup",
    "xmlStrndup",
    "Perl_safesysmalloc",
    "Perl_safesyscalloc",
    "Perl_safesysrealloc",
};

/* The same, where many begin so. */
static const char *const wrapper_families[] = {
    "luaM_",
    "PyMem_",
    "_PyMem_",
    "sqlite3DbMalloc",
    "sqlite3MemMalloc",
    "sqlite3MemRealloc",
    "zmalloc",
    "zcalloc",
    "zrealloc",
    "ztrymalloc",
    "ngx_palloc",
    "ngx_alloc",
    "jv_mem_",
    "gc_alloc",
    "_PyObject_GC_New",
    "_PyObject_New",
    "PyType_GenericAlloc",
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static bool is_one_of(const char *name, const char *const *names, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (strcmp(name, names[i]) == 0) return true;
    return false;
}

bool mete__allocation_function_any(const char *pattern, bool frees) {
    const char *const *names = frees ? freeing : allocating;
    size_t count = frees ? COUNT(freeing) : COUNT(allocating);

    for (size_t i = 0; i < count; i++)
        if (mete__pattern_matches(pattern, names[i])) return true;
    return false;
}

static bool is_mete(const char *module) {
    const char *slash = strrchr(module, '/');
    const char *base = slash == NULL ? module : slash + 1;

    return strncmp(base, "libmete.so", 10) == 0 || strncmp(base, "libmete_malloc.so", 17) == 0;
}

static bool is_allocator(const struct mete__frame *frame) {
    if (is_mete(frame->module)) return true;
    if (frame->symbol == NULL) return false;
    return strncmp(frame->symbol, "mete__", 6) == 0 ||
           is_one_of(frame->symbol, allocating, COUNT(allocating)) ||
           is_one_of(frame->symbol, freeing, COUNT(freeing));
}

static bool is_standard(const char *function) {
    char name[16]; /* enough for the prefixes below */

    if (strstr(function, "std::") == NULL && strstr(function, "__gnu_cxx::") == NULL) return false;
    mete__short_name(name, sizeof name, function, "");
    return strncmp(name, "std::", 5) == 0 || strncmp(name, "__gnu_cxx::", 11) == 0;
}

enum mete__frame_role mete__allocation_function_role(const struct mete__frame *frame) {
    const char *function = frame->function;

    if (is_allocator(frame)) return METE__FRAME_ALLOCATOR;
    if (function == NULL) return METE__FRAME_PLAIN;
    if (is_one_of(function, wrappers, COUNT(wrappers))) return METE__FRAME_WRAPPER;
    for (size_t i = 0; i < COUNT(wrapper_families); i++)
        if (strncmp(function, wrapper_families[i], strlen(wrapper_families[i])) == 0)
            return METE__FRAME_WRAPPER;
    return is_standard(function) ? METE__FRAME_STANDARD : METE__FRAME_PLAIN;
}
