/*
 * report/utf8.h - texts of unknown encoding, made fit for JSON and for a terminal.
 */
#ifndef METE_REPORT_UTF8_H
#define METE_REPORT_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* A copy in which every byte that is not part of valid UTF-8 has become U+FFFD; from malloc, NULL
 * where memory ran out. */
char *mete__utf8_valid(const char *text);

/* The length in bytes of the character that begins at `text` (not at its end): 1 to 4, or 0 where
 * it is not valid UTF-8. */
size_t mete__utf8_character(const char *text);

/* Whether the character that begins at `text` is a control character, of ASCII or U+0080 to U+009F:
 * these steer terminals. */
bool mete__utf8_is_control(const char *text);

#endif
