/*
 * analysis/symbols/frame.h - one line of a stack, as a programmer knows it.
 */
#ifndef METE_ANALYSIS_SYMBOLS_FRAME_H
#define METE_ANALYSIS_SYMBOLS_FRAME_H

#include <stdbool.h>
#include <stdint.h>

/* What a function is to whoever looks for the code that wants memory. */
enum mete__frame_role {
    METE__FRAME_PLAIN = 0,
    METE__FRAME_ALLOCATOR, /* malloc, operator new or mete's own: no part of any stack */
    METE__FRAME_STANDARD,  /* C++'s containers and strings: but they call others, too */
    METE__FRAME_WRAPPER,   /* allocates for its callers; so does all that it calls to that end */
};

/* What one address means. Where the compiler inlined, one address is several frames, innermost
 * first: all but the last of them are `inlined`. All texts live as long as the symbols they came
 * from. */
struct mete__frame {
    const char *function; /* demangled; NULL: unknown */
    const char *symbol;   /* the same as the linker knows it; NULL: unknown */
    const char *file;   /* as the compiler was told, made absolute where possible; NULL: unknown */
    const char *module; /* path of the object; never NULL */
    uint64_t address;   /* as found on the stack */
    uint64_t offset;    /* the same in the object's file: what addr2line takes */
    uint32_t line;      /* from 1; 0: unknown */
    uint32_t id;        /* below mete__symbols_frame_count(): for tables over frames */
    bool inlined;       /* into the frame after it */
    enum mete__frame_role role;
};

#endif
