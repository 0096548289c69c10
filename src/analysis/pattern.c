#include "analysis/pattern.h"

#include <stddef.h>
#include <string.h>

struct pattern {
    const char *start, *end;
    bool question; /* '?' is any character */
    bool from_start, to_end;
};

/* Wildcard matching that only ever goes back to the latest '*': an earlier one need not take more,
 * because what follows it has matched at the first possible place. */
static bool matches(const struct pattern *pattern, const char *text) {
    const char *at = pattern->start;
    const char *star = pattern->from_start ? NULL : at; /* the pattern after the latest '*' */
    const char *retry = text;

    for (;;) {
        if (at != pattern->end && *at == '*') {
            star = ++at;
            retry = text;
        } else if (at == pattern->end && (!pattern->to_end || *text == '\0')) {
            return true;
        } else if (at != pattern->end && *text != '\0' &&
                   (*at == *text || (pattern->question && *at == '?'))) {
            at++;
            text++;
        } else {
            if (star == NULL || *retry == '\0') return false;
            at = star;
            text = ++retry;
        }
    }
}

bool mete__pattern_matches(const char *pattern, const char *text) {
    struct pattern whole = {.start = pattern,
                            .end = pattern + strlen(pattern),
                            .question = true,
                            .from_start = true,
                            .to_end = true};

    return matches(&whole, text);
}

bool mete__pattern_occurs(const char *pattern, const char *text) {
    struct pattern part = {.start = pattern, .end = pattern + strlen(pattern)};

    if (*part.start == '^') {
        part.from_start = true;
        part.start++;
    }
    if (part.end > part.start && part.end[-1] == '$') {
        part.to_end = true;
        part.end--;
    }
    return matches(&part, text);
}
