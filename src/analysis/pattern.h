/*
 * analysis/pattern.h - text against patterns with wildcards, in the two dialects of suppression
 * files.
 *
 * Both take time at most proportional to pattern times text: no pattern can make them hang.
 */
#ifndef METE_ANALYSIS_PATTERN_H
#define METE_ANALYSIS_PATTERN_H

#include <stdbool.h>

/* Valgrind's: '*' is any text, '?' any character; the whole text must match. */
bool mete__pattern_matches(const char *pattern, const char *text);

/* LeakSanitizer's: '*' is any text; matches anywhere, but for '^' at the start and '$' at the end.
 */
bool mete__pattern_occurs(const char *pattern, const char *text);

#endif
