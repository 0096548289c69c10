/* shim/settings.h: parsed by hand, because the C library may not be ready yet. */
#include "shim/settings.h"

#include <stddef.h>
#include <string.h>

#include "base/bits.h"

enum { DEFAULT_SAMPLE = 512 << 10 };

/* A number of the given base; false where the text does not begin with one that fits. */
static bool take_number(const char **text, unsigned base, uint64_t *out) {
    const char *next = *text;
    size_t value = 0;

    for (;; next++) {
        unsigned digit = *next >= '0' && *next <= '9'   ? (unsigned)(*next - '0')
                         : *next >= 'a' && *next <= 'f' ? (unsigned)(*next - 'a') + 10
                                                        : 16;
        if (digit >= base) break;
        if (mete__mul_overflows(value, base, &value)) return false;
        if (mete__add_overflows(value, digit, &value)) return false;
    }
    if (next == *text) return false;
    *text = next;
    *out = value;
    return true;
}

/* Bytes, as the command's options take them: K, M or G may follow. */
static bool read_bytes(const char *text, uint64_t *out) {
    static const char units[] = "KMG";
    uint64_t value;
    size_t product;

    if (!take_number(&text, 10, &value)) return false;
    if (*text != '\0') {
        const char *unit = strchr(units, *text & ~0x20);
        if (unit == NULL || *unit == '\0') return false;
        if (mete__mul_overflows(value, (size_t)1 << (10 * (unit - units + 1)), &product))
            return false;
        value = product;
        text++;
        if (strcmp(text, "iB") == 0 || strcmp(text, "B") == 0) text = "";
    }
    if (*text != '\0' || value == 0) return false;
    *out = value;
    return true;
}

static bool read_mode(const char *text, enum mete_profile_mode *out) {
    if (strcmp(text, "stats") == 0)
        *out = METE_PROFILE_STATS;
    else if (strcmp(text, "sampled") == 0)
        *out = METE_PROFILE_SAMPLED;
    else if (strcmp(text, "exact") == 0)
        *out = METE_PROFILE_EXACT;
    else if (strcmp(text, "check") == 0)
        *out = METE_PROFILE_CHECK;
    else if (strcmp(text, "guard") == 0)
        *out = METE_PROFILE_GUARD;
    else
        return false;
    return true;
}

static bool read_switch(const char *text, bool *out) {
    if (strcmp(text, "1") != 0 && strcmp(text, "0") != 0 && *text != '\0') return false;
    *out = *text == '1';
    return true;
}

static bool read_run(const char *text, struct mete__settings *out) {
    uint64_t run, process, parent;
    if (!take_number(&text, 16, &run) || *text++ != '-') return false;
    if (!take_number(&text, 10, &process) || *text++ != '-') return false;
    if (!take_number(&text, 10, &parent) || *text != '\0') return false;
    out->run = run;
    out->first_process = (uint32_t)process;
    out->first_parent = (uint32_t)parent;
    return true;
}

const char *mete__settings_value(const char *variable, const char *name) {
    size_t length = strlen(name);
    if (strncmp(variable, name, length) != 0 || variable[length] != '=') return NULL;
    return variable + length + 1;
}

bool mete__settings_knows(const char *variable) {
    static const char *const names[] = {
        "METE_MODE",        "METE_OUTPUT", "METE_SAMPLE",        "METE_NO_LEAKS",
        "METE_NO_CHILDREN", "METE_QUIET",  "METE_PROFILE_LIMIT", "METE_RUN",
    };
    for (size_t i = 0; i < METE_COUNT_OF(names); i++)
        if (mete__settings_value(variable, names[i]) != NULL) return true;
    return false;
}

/* Reads one variable, or says in `why` what it should be. */
static bool read_variable(struct mete__settings *out, const char *variable, const char **name,
                          const char **why) {
    const char *value;
#define IS(text) ((value = mete__settings_value(variable, *name = (text))) != NULL)
    if (IS("METE_MODE")) {
        *why = "a mode is stats, sampled, exact, check or guard";
        out->is_tracking = true;
        return read_mode(value, &out->mode);
    }
    if (IS("METE_OUTPUT")) {
        *why = "it is the name of a file";
        out->is_tracking = true;
        out->output = value;
        return *value != '\0';
    }
    *why = "it is a number, from 1 on; K, M or G may follow";
    if (IS("METE_SAMPLE")) return read_bytes(value, &out->sample_bytes);
    *why = "it is a number of bytes, from 1 on; K, M or G may follow";
    if (IS("METE_PROFILE_LIMIT")) return read_bytes(value, &out->limit_bytes);
    *why = "it is 1 or 0";
    if (IS("METE_NO_LEAKS")) return read_switch(value, &out->no_leaks);
    if (IS("METE_NO_CHILDREN")) return read_switch(value, &out->no_children);
    if (IS("METE_QUIET")) return read_switch(value, &out->is_quiet);
    *why = "only `mete run` may set it";
    if (IS("METE_RUN")) return read_run(value, out);
#undef IS
    return true;
}

void mete__settings_read(struct mete__settings *out, char *const *variables) {
    *out = (struct mete__settings){.mode = METE_PROFILE_EXACT};
    for (; *variables != NULL; variables++) {
        const char *name = NULL, *why = NULL;
        if (strncmp(*variables, "METE_", 5) != 0) continue;
        if (read_variable(out, *variables, &name, &why)) continue;
        out->wrong_name = name;
        out->wrong_value = *variables + strlen(name) + 1;
        out->wrong_why = why;
    }
    if (out->mode == METE_PROFILE_GUARD)
        out->sample_blocks = out->sample_bytes == 0 ? 1 : out->sample_bytes;
    if (out->sample_bytes == 0) out->sample_bytes = DEFAULT_SAMPLE;
}
