#include "report/units.h"

#include <stdio.h>
#include <string.h>

static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};

char *mete__units_bytes(char *buffer, uint64_t bytes) {
    double value = (double)bytes;
    size_t unit = 0;

    /* 1000 to 1023 of a unit would need a fourth digit: they are written as 0.98 to 1.00 of the
     * next. */
    while (value >= 999.5 && unit + 1 < sizeof units / sizeof units[0]) {
        value /= 1024;
        unit++;
    }
    int digits = unit == 0 ? 0 : value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
    snprintf(buffer, METE__UNITS_SIZE, "%.*f %s", digits, value, units[unit]);
    return buffer;
}

char *mete__units_power(char *buffer, uint64_t power) {
    unsigned exponent = power == 0 ? 0 : 63 - (unsigned)__builtin_clzll(power);

    snprintf(buffer, METE__UNITS_SIZE, "%u %s", 1u << exponent % 10, units[exponent / 10]);
    return buffer;
}

char *mete__units_digits(char *buffer, uint64_t number) {
    char digits[METE__UNITS_SIZE];
    char *end = digits + sizeof digits - 1, *first = end;

    *end = '\0';
    do {
        *--first = (char)('0' + number % 10);
        number /= 10;
    } while (number != 0);
    return memcpy(buffer, first, (size_t)(end - first) + 1);
}

char *mete__units_count(char *buffer, uint64_t count) {
    const char *digits = mete__units_digits(METE__UNITS, count);
    size_t length = strlen(digits);
    char *to = buffer;

    for (size_t i = 0; i < length; i++) {
        if (i != 0 && (length - i) % 3 == 0) *to++ = ',';
        *to++ = digits[i];
    }
    *to = '\0';
    return buffer;
}

char *mete__units_seconds(char *buffer, double seconds) {
    if (seconds < 0.9995) {
        double ms = seconds * 1000;
        snprintf(buffer, METE__UNITS_SIZE, "%.*f ms", ms < 9.995 ? 2 : ms < 99.95 ? 1 : 0, ms);
    } else if (seconds < 59.95) {
        snprintf(buffer, METE__UNITS_SIZE, "%.*f s", seconds < 9.995 ? 2 : 1, seconds);
    } else if (seconds < 3600 - 0.5) {
        unsigned whole = (unsigned)(seconds + 0.5);
        snprintf(buffer, METE__UNITS_SIZE, "%u min %u s", whole / 60, whole % 60);
    } else {
        unsigned long long minutes = (unsigned long long)(seconds / 60 + 0.5);
        snprintf(buffer, METE__UNITS_SIZE, "%llu h %llu min", minutes / 60, minutes % 60);
    }
    return buffer;
}

char *mete__units_share(char *buffer, uint64_t part, uint64_t whole) {
    double percent = whole == 0 ? 0 : (double)part * 100 / (double)whole;

    if (part == 0 || whole == 0)
        snprintf(buffer, METE__UNITS_SIZE, "0 %%");
    else if (percent < 0.1)
        snprintf(buffer, METE__UNITS_SIZE, "< 0.1 %%");
    else
        snprintf(buffer, METE__UNITS_SIZE, "%.*f %%", percent < 9.95 ? 1 : 0, percent);
    return buffer;
}

const char *mete__units_plural(uint64_t count) {
    return count == 1 ? "" : "s";
}
