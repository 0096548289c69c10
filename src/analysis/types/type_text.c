#include "analysis/types/type_text.h"

#include <stdio.h>
#include <string.h>

static bool keep(struct mete__names *names, const char *text, size_t name_at,
                 struct mete__type_text *out) {
    const char *kept = mete__names_keep(names, text);

    if (kept == NULL) return false;
    *out = (struct mete__type_text){kept, (uint32_t)name_at};
    return true;
}

bool mete__type_text_plain(struct mete__names *names, const char *name,
                           struct mete__type_text *out) {
    size_t length = strlen(name);

    return length < METE__TYPE_TEXT_MAX ? keep(names, name, length, out)
                                        : keep(names, "...", 3, out);
}

bool mete__type_text_wrap(struct mete__names *names, struct mete__type_text inner, const char *left,
                          const char *right, struct mete__type_text *out) {
    size_t at = inner.name_at, rest = strlen(inner.text + at);
    size_t left_length = strlen(left), right_length = strlen(right);
    char text[METE__TYPE_TEXT_MAX];

    if (at + left_length + right_length + rest >= sizeof text) return keep(names, "...", 3, out);
    char *end = mempcpy(text, inner.text, at);
    end = mempcpy(end, left, left_length);
    end = mempcpy(end, right, right_length);
    memcpy(end, inner.text + at, rest + 1);
    return keep(names, text, at + left_length, out);
}

/* Whether what stands before the name is one of these characters. */
static bool touches(struct mete__type_text inner, const char *characters) {
    return inner.name_at != 0 && strchr(characters, inner.text[inner.name_at - 1]) != NULL;
}

bool mete__type_text_point(struct mete__names *names, struct mete__type_text inner,
                           const char *mark, struct mete__type_text *out) {
    char left[512];
    char next = inner.text[inner.name_at];
    bool in_braces = next == '[' || next == '('; /* int (*)[4], int (*)(void) */

    snprintf(left, sizeof left, "%s%s%s", touches(inner, "*(") ? "" : " ", in_braces ? "(" : "",
             mark);
    return mete__type_text_wrap(names, inner, left, in_braces ? ")" : "", out);
}

bool mete__type_text_qualify(struct mete__names *names, struct mete__type_text inner,
                             const char *word, bool is_pointer, struct mete__type_text *out) {
    char text[METE__TYPE_TEXT_MAX];

    if (is_pointer) {
        char left[32];
        snprintf(left, sizeof left, "%s%s", touches(inner, "*") ? "" : " ", word);
        return mete__type_text_wrap(names, inner, left, "", out);
    }
    int length = snprintf(text, sizeof text, "%s %s", word, inner.text);
    if (length < 0 || length >= (int)sizeof text) return keep(names, "...", 3, out);
    return keep(names, text, inner.name_at + strlen(word) + 1, out);
}
