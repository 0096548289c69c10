/*
 * report/units.h - numbers as people read them. Exact ones are in the JSON.
 *
 * Every function writes a terminated text and returns the buffer, so that calls nest in printf.
 */
#ifndef METE_REPORT_UNITS_H
#define METE_REPORT_UNITS_H

#include <stddef.h>
#include <stdint.h>

#define METE__UNITS_SIZE 32 /* enough for every text below */

/* A buffer for one number, for as long as the enclosing block. */
#define METE__UNITS ((char[METE__UNITS_SIZE]){0})

/* "873 B", "1.21 KiB", "12.1 MiB", "121 GiB": three digits, binary units, rounded to nearest. */
char *mete__units_bytes(char *buffer, uint64_t bytes);

/* A power of two without digits after the point: "64 B", "2 KiB", "512 MiB". */
char *mete__units_power(char *buffer, uint64_t power);

/* "1234567" */
char *mete__units_digits(char *buffer, uint64_t number);

/* "1,234,567" */
char *mete__units_count(char *buffer, uint64_t count);

/* "0.12 ms", "12.3 ms", "1.83 s", "12 min 5 s", "3 h 12 min". Not negative. */
char *mete__units_seconds(char *buffer, double seconds);

/* `part` of `whole` as "65 %", "6.5 %" below ten, "< 0.1 %", "0 %". */
char *mete__units_share(char *buffer, uint64_t part, uint64_t whole);

/* "" for 1, else "s": "block%s". */
const char *mete__units_plural(uint64_t count);

#endif
