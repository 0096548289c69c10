#include "analysis/demangle.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/late_library.h"

/* The C++ runtime's own demangler: complete, and kept so by those who define the ABI. It is C at
 * this boundary, but <cxxabi.h> is for C++ alone. Memory is from malloc. */
typedef char *demangler(const char *mangled, char *buffer, size_t *length, int *status);

#define LONGEST_SYMBOL \
    16384 /* bytes; the demangler recurses, and symbol tables are not to be trusted */

/* Rust's legacy mangling writes punctuation as $NAME$ (rustc, symbol_mangling/legacy.rs). */
static const struct {
    const char *written;
    const char *meant;
} rust_escapes[] = {
    {"$SP$", "@"},  {"$BP$", "*"},  {"$RF$", "&"},  {"$LT$", "<"},  {"$GT$", ">"},
    {"$LP$", "("},  {"$RP$", ")"},  {"$C$", ","},   {"$u20$", " "}, {"$u22$", "\""},
    {"$u27$", "'"}, {"$u2b$", "+"}, {"$u3b$", ";"}, {"$u5b$", "["}, {"$u5d$", "]"},
    {"$u7b$", "{"}, {"$u7d$", "}"}, {"$u7e$", "~"}, {"..", "::"},
};

#define RUST_HASH_LENGTH 19 /* "::h" and 16 hexadecimal digits */

static bool ends_in_rust_hash(const char *name, size_t length) {
    const char *hash = name + length - RUST_HASH_LENGTH;

    return length > RUST_HASH_LENGTH && strncmp(hash, "::h", 3) == 0 &&
           strspn(hash + 3, "0123456789abcdef") == RUST_HASH_LENGTH - 3;
}

/* In place: what is meant is never longer than what was written. */
static void unescape_rust(char *name) {
    const char *from = name;
    char *to = name;

    /* An escape at the start of a path element has a '_' before it, to make it an identifier. */
    while (*from != '\0') {
        size_t taken = 0;
        bool starts = from == name || from[-1] == ':';
        const char *text = starts && from[0] == '_' && from[1] == '$' ? from + 1 : from;
        for (size_t i = 0; i < sizeof rust_escapes / sizeof rust_escapes[0]; i++) {
            size_t length = strlen(rust_escapes[i].written);
            if (strncmp(text, rust_escapes[i].written, length) != 0) continue;
            size_t meant = strlen(rust_escapes[i].meant);
            memcpy(to, rust_escapes[i].meant, meant);
            to += meant;
            taken = (size_t)(text - from) + length;
            break;
        }
        if (taken == 0) {
            *to++ = *from;
            taken = 1;
        }
        from += taken;
    }
    *to = '\0';
}

/* NULL: the C++ runtime is not installed, nor is then a program that needs it. */
static demangler *find_demangler(void) {
    static demangler *found;
    static bool is_missing;

    if (found == NULL && !is_missing)
        is_missing =
            mete__late_library_load(
                "libstdc++.so.6", &(struct mete__late_function){"__cxa_demangle", &found}, 1) != 0;
    return found;
}

char *mete__demangle(const char *symbol) {
    if (strncmp(symbol, "_Z", 2) != 0 || strlen(symbol) > LONGEST_SYMBOL) return NULL;
    demangler *demangle = find_demangler();
    if (demangle == NULL) return NULL;
    char *name = demangle(symbol, NULL, NULL, NULL);
    if (name == NULL) return NULL;

    size_t length = strlen(name);
    if (ends_in_rust_hash(name, length)) {
        name[length - RUST_HASH_LENGTH] = '\0';
        unescape_rust(name);
    }
    return name;
}
