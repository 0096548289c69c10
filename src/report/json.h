/*
 * report/json.h - a large JSON document, written member by member.
 *
 * jansson makes the values; what is long is written entry by entry and never held in memory. A
 * failure is kept in `status`, and what is written after it does not matter.
 */
#ifndef METE_REPORT_JSON_H
#define METE_REPORT_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Begins with `out` and `flags` set and the rest 0. */
struct mete__json {
    FILE *out;
    size_t flags; /* jansson's, for every value: JSON_ENSURE_ASCII or 0 */
    bool any_member;
    int status; /* 0, or the first thing that went wrong */
};

void mete__json_fail(struct mete__json *json, int status);

/* Values; NULL where memory ran out. Of texts, which come from programs and files, what is not
 * UTF-8 is replaced; NULL is null. */
json_t *mete__json_text(const char *text);
json_t *mete__json_count(uint64_t count);
json_t *mete__json_address(uint64_t address); /* "0x7f00" */

/* The value, which it takes and which may be NULL for lack of memory. */
void mete__json_write(struct mete__json *json, json_t *value);

/* Members of the document: `"key": `, and the same with its value. */
void mete__json_begin_member(struct mete__json *json, const char *key);
void mete__json_member(struct mete__json *json, const char *key, json_t *value);

/* Entries of an array, whose '[' is written already: `*any` begins as false. */
void mete__json_begin_entry(struct mete__json *json, bool *any);
void mete__json_end_entries(struct mete__json *json, bool any);

/* An object without its closing brace, for members that jansson does not hold. */
void mete__json_open_object(struct mete__json *json, json_t *object);

#endif
