/*
 * base/caller.h - where the program called one of mete's functions, and which kind of function.
 */
#ifndef METE_BASE_CALLER_H
#define METE_BASE_CALLER_H

#include <stddef.h>
#include <stdint.h>

struct mete_site;

/* Functions that hand out and take back one another's blocks, and no other family's. */
enum mete__family {
    METE__FAMILY_ANY,       /* fits every family: nobody knows */
    METE__FAMILY_MALLOC,    /* malloc and all its relatives, free */
    METE__FAMILY_NEW,       /* operators new and delete, of whatever alignment */
    METE__FAMILY_NEW_ARRAY, /* operators new[] and delete[] */
};

/* The program's own call of malloc or free, as the first frame an unwinder starts from: the state
 * right after that call returns. Taken at the outermost function of mete's (see METE__CALLER). */
struct mete__caller {
    uintptr_t pc;             /* return address: the program's instruction after its call */
    uintptr_t cfa;            /* stack pointer after the return */
    uintptr_t fp;             /* frame pointer register (rbp, x29) after the return */
    enum mete__family family; /* of the function that was called */
    union {
        size_t said_size; /* freeing: how large the program says the block is; 0: not said */
        const struct mete_site *site; /* allocating: what and where the program says; NULL: not */
    };
};

/* The caller of the function this stands in, which is of malloc's family. That function must keep a
 * frame pointer (the runtime is compiled so) and be the one the program called, or be reached from
 * it by tail calls only; frames of mete's own text at the start are skipped by the tracker all the
 * same. */
#define METE__CALLER METE__CALLER_OF(METE__FAMILY_MALLOC)
/* The same in a function of another family. */
#if defined(__x86_64__)
#define METE__CALLER_OF(of_family)                                               \
    ((struct mete__caller){.pc = (uintptr_t)__builtin_return_address(0),         \
                           .cfa = (uintptr_t)__builtin_frame_address(0) + 16,    \
                           .fp = *(const uintptr_t *)__builtin_frame_address(0), \
                           .family = (of_family)})
#elif defined(__aarch64__)
#define METE__CALLER_OF(of_family)                                               \
    ((struct mete__caller){.pc = (uintptr_t)__builtin_return_address(0),         \
                           .cfa = (uintptr_t)__builtin_dwarf_cfa(),              \
                           .fp = *(const uintptr_t *)__builtin_frame_address(0), \
                           .family = (of_family)})
#else
#error "mete knows x86-64 and aarch64"
#endif

#endif
