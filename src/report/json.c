#include "report/json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "report/utf8.h"

void mete__json_fail(struct mete__json *json, int status) {
    if (json->status == 0) json->status = status;
}

json_t *mete__json_text(const char *text) {
    if (text == NULL) return json_null();
    json_t *value = json_string(text);
    if (value != NULL) return value;
    char *valid = mete__utf8_valid(text);
    value = valid == NULL ? NULL : json_string(valid);
    free(valid);
    return value;
}

/* Counters of 64 bits stop at the largest number that JSON readers agree on having: nobody gets
 * there. */
json_t *mete__json_count(uint64_t count) {
    return json_integer(count > INT64_MAX ? INT64_MAX : (json_int_t)count);
}

json_t *mete__json_address(uint64_t address) {
    char text[24];

    snprintf(text, sizeof text, "0x%llx", (unsigned long long)address);
    return json_string(text);
}

void mete__json_write(struct mete__json *json, json_t *value) {
    size_t flags = json->flags | JSON_ENCODE_ANY | JSON_REAL_PRECISION(9);

    errno = 0;
    if (value == NULL || json_dumpf(value, json->out, flags) != 0)
        mete__json_fail(json, value == NULL ? -ENOMEM : errno != 0 ? -errno : -EIO);
    json_decref(value);
}

void mete__json_begin_member(struct mete__json *json, const char *key) {
    fprintf(json->out, "%s\n  \"%s\": ", json->any_member ? "," : "{", key);
    json->any_member = true;
}

void mete__json_member(struct mete__json *json, const char *key, json_t *value) {
    mete__json_begin_member(json, key);
    mete__json_write(json, value);
}

void mete__json_begin_entry(struct mete__json *json, bool *any) {
    fputs(*any ? ",\n    " : "\n    ", json->out);
    *any = true;
}

void mete__json_end_entries(struct mete__json *json, bool any) {
    fputs(any ? "\n  ]" : "]", json->out);
}

void mete__json_open_object(struct mete__json *json, json_t *object) {
    char *text = object == NULL ? NULL : json_dumps(object, json->flags);

    if (text == NULL)
        mete__json_fail(json, -ENOMEM);
    else
        fwrite(text, 1, strlen(text) - 1, json->out);
    free(text);
    json_decref(object);
}
