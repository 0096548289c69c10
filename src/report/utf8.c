#include "report/utf8.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

static bool continues(unsigned char byte) {
    return (byte & 0xc0) == 0x80;
}

/* Table 3-7 of the Unicode standard: no overlong forms, no surrogates, nothing above U+10FFFF. */
size_t mete__utf8_character(const char *text) {
    const unsigned char *byte = (const unsigned char *)text;

    if (byte[0] < 0x80) return 1;
    if (byte[0] < 0xc2 || byte[0] > 0xf4 || !continues(byte[1])) return 0;
    if (byte[0] < 0xe0) return 2;
    if (byte[0] == 0xe0 && byte[1] < 0xa0) return 0;
    if (byte[0] == 0xed && byte[1] > 0x9f) return 0;
    if (byte[0] == 0xf0 && byte[1] < 0x90) return 0;
    if (byte[0] == 0xf4 && byte[1] > 0x8f) return 0;
    if (!continues(byte[2])) return 0;
    if (byte[0] < 0xf0) return 3;
    return continues(byte[3]) ? 4 : 0;
}

char *mete__utf8_valid(const char *text) {
    char *valid = malloc(strlen(text) * strlen(REPLACEMENT) + 1);
    char *to = valid;

    if (valid == NULL) return NULL;
    while (*text != '\0') {
        size_t length = mete__utf8_character(text);
        if (length == 0) {
            memcpy(to, REPLACEMENT, strlen(REPLACEMENT));
            to += strlen(REPLACEMENT);
            text++;
        } else {
            memcpy(to, text, length);
            to += length;
            text += length;
        }
    }
    *to = '\0';
    return valid;
}

bool mete__utf8_is_control(const char *text) {
    unsigned char first = (unsigned char)text[0], second = (unsigned char)text[first != 0];

    return first < 0x20 || first == 0x7f || (first == 0xc2 && second >= 0x80 && second < 0xa0);
}
