/* base/text.h: a formatter with no state and no allocation. */
#include "base/text.h"

#include <stdarg.h>
#include <stdbool.h>

struct mete__text mete__text_in(char *buffer, size_t capacity) {
    buffer[0] = '\0';
    return (struct mete__text){.start = buffer, .length = 0, .capacity = capacity};
}

static void add_char(struct mete__text *text, char c) {
    text->wanted++;
    if (text->length + 1 >= text->capacity) return;
    text->start[text->length++] = c;
    text->start[text->length] = '\0';
}

static void add_string(struct mete__text *text, const char *string) {
    for (string = string != NULL ? string : "(none)"; *string != '\0'; string++)
        add_char(text, *string);
}

static void add_number(struct mete__text *text, unsigned long long value, unsigned base) {
    char digits[24];
    size_t count = 0;

    do {
        digits[count++] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value != 0);
    while (count > 0) add_char(text, digits[--count]);
}

static void add_signed(struct mete__text *text, long long value) {
    if (value < 0) add_char(text, '-');
    add_number(text, value < 0 ? 0 - (unsigned long long)value : (unsigned long long)value, 10);
}

void mete__text_add(struct mete__text *text, const char *format, ...) {
    va_list arguments;

    va_start(arguments, format);
    for (; *format != '\0'; format++) {
        if (*format != '%') {
            add_char(text, *format);
            continue;
        }
        unsigned longs = 0;
        for (format++; *format == 'l' || *format == 'z'; format++) longs += *format == 'z' ? 2 : 1;
        switch (*format) {
        case 's': add_string(text, va_arg(arguments, const char *)); break;
        case 'c': add_char(text, (char)va_arg(arguments, int)); break;
        case 'd':
            add_signed(text, longs == 0   ? va_arg(arguments, int)
                             : longs == 1 ? va_arg(arguments, long)
                                          : va_arg(arguments, long long));
            break;
        case 'u':
        case 'x':
            add_number(text,
                       longs == 0   ? va_arg(arguments, unsigned)
                       : longs == 1 ? va_arg(arguments, unsigned long)
                                    : va_arg(arguments, unsigned long long),
                       *format == 'x' ? 16 : 10);
            break;
        case 'p':
            add_string(text, "0x");
            add_number(text, (uintptr_t)va_arg(arguments, const void *), 16);
            break;
        case '\0': format--; break;
        default: add_char(text, *format); break;
        }
    }
    va_end(arguments);
}
