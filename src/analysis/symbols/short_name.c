#include "analysis/symbols/short_name.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#define LONG_ARGUMENTS 12 /* bytes of template arguments that are still shown */

/* One past the bracket that closes the one at `open`; the text's end where none does. */
static const char *past_group(const char *open) {
    char opening = open[0];
    char closing = '}';
    int depth = 0;

    if (opening == '(') closing = ')';
    if (opening == '<') closing = '>';
    for (const char *at = open; *at != '\0'; at++) {
        /* "->" in a decltype closes nothing. */
        if (*at == opening) depth++;
        if (*at == closing && !(closing == '>' && at > open && at[-1] == '-') && --depth == 0)
            return at + 1;
    }
    return open + strlen(open);
}

static bool is_word(char c) {
    return isalnum((unsigned char)c) || c == '_' || c == '$';
}

/* The length of "operator" with its symbol at `at`, 0 where there is none. Conversion operators and
 * "operator new" have a name as their symbol: then it is "operator" alone. */
static size_t operator_length(const char *name, const char *at) {
    size_t length = strlen("operator");

    if (strncmp(at, "operator", length) != 0 || is_word(at[length]) ||
        (at > name && is_word(at[-1])))
        return 0;
    if (strncmp(at + length, "()", 2) == 0 || strncmp(at + length, "[]", 2) == 0) return length + 2;
    return length + strspn(at + length, "<>=-+*/%^&|~!,");
}

static bool is_anonymous(const char *at) {
    return strncmp(at, "(anonymous namespace)", 21) == 0;
}

/* What matters of a name: from behind its return type to its parameters. */
struct extent {
    const char *start, *end;
};

static struct extent extent_of(const char *name) {
    struct extent extent = {name, name + strlen(name)};
    bool in_operator = false; /* its spaces are its own: "operator new", "operator char const*" */

    for (const char *at = name; *at != '\0';) {
        size_t operator_bytes = operator_length(name, at);
        if (operator_bytes != 0) {
            in_operator = true;
            at += operator_bytes;
        } else if (*at == '<' || *at == '{' || *at == '(') {
            const char *past = past_group(at);
            bool goes_on = strncmp(past, "::", 2) == 0 || (at[0] == '(' && is_anonymous(at));
            if (*at == '(' && !goes_on && at > name) {
                extent.end = at;
                break;
            }
            if (goes_on) in_operator = false;
            at = past;
        } else {
            if (*at == ' ' && !in_operator) extent.start = at + 1;
            at++;
        }
    }
    /* "[clone .cold]" is no name. */
    if (extent.start >= extent.end || *extent.start == '[') extent.start = name;
    return extent;
}

struct output {
    char *buffer;
    size_t left; /* bytes that fit, besides the terminator */
};

static void add(struct output *output, const char *text, size_t bytes) {
    if (bytes > output->left) bytes = output->left;
    memcpy(output->buffer, text, bytes);
    output->buffer += bytes;
    output->left -= bytes;
}

static void add_template_arguments(struct output *output, const char *from, const char *to,
                                   const char *ellipsis) {
    if (to - from <= LONG_ARGUMENTS + 2) {
        add(output, from, (size_t)(to - from));
        return;
    }
    add(output, "<", 1);
    add(output, ellipsis, strlen(ellipsis));
    add(output, ">", 1);
}

char *mete__short_name(char *buffer, size_t size, const char *name, const char *ellipsis) {
    struct extent extent = extent_of(name);
    struct output output = {buffer, size - 1};

    for (const char *at = extent.start; at < extent.end;) {
        size_t operator_bytes = operator_length(name, at);
        const char *past = at + (operator_bytes == 0 ? 1 : operator_bytes);
        if (operator_bytes == 0 && *at == '<') {
            past = past_group(at);
            if (past > extent.end) past = extent.end;
            add_template_arguments(&output, at, past, ellipsis);
        } else {
            add(&output, at, (size_t)(past - at));
        }
        at = past;
    }
    *output.buffer = '\0';
    return buffer;
}
