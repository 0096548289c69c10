#include "cli/message.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "report/utf8.h"

/* What names out of files may hold: control characters steer terminals, and would end the line. */
static void make_plain(char *text) {
    while (*text != '\0') {
        size_t length = mete__utf8_character(text);
        if (length == 0) length = 1;
        if (mete__utf8_character(text) == 0 || mete__utf8_is_control(text))
            memset(text, '?', length);
        text += length;
    }
}

void mete__message_say(const char *format, ...) {
    static const char prefix[] = "mete: ";
    char line[8192];
    va_list arguments;

    memcpy(line, prefix, sizeof prefix - 1);
    va_start(arguments, format);
    vsnprintf(line + sizeof prefix - 1, sizeof line - sizeof prefix, format, arguments);
    va_end(arguments);
    make_plain(line);
    size_t length = strlen(line);
    line[length++] = '\n';
    for (const char *rest = line; length > 0;) {
        ssize_t written = write(STDERR_FILENO, rest, length);
        if (written <= 0) return; /* nowhere to say it */
        rest += written;
        length -= (size_t)written;
    }
}
