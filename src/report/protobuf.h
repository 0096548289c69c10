/*
 * report/protobuf.h - writing Protocol Buffers, as much as pprof's profiles need.
 *
 * The encoding is small enough to be here whole (https://protobuf.dev/programming-guides/encoding):
 * varints, and texts with a length. A library would want every message in memory as a tree of
 * objects before the first byte is written.
 */
#ifndef METE_REPORT_PROTOBUF_H
#define METE_REPORT_PROTOBUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A message, as bytes. Zero-initialised it is empty. */
struct mete__protobuf {
    unsigned char *bytes;
    size_t length;
    size_t capacity;
    bool failed; /* memory ran out: what is here is not whole */
};

void mete__protobuf_free(struct mete__protobuf *message);
/* Empties the message and keeps its memory. */
void mete__protobuf_clear(struct mete__protobuf *message);

/* int64, uint64 and bool fields. As proto3 has it, 0 is not written. */
void mete__protobuf_number(struct mete__protobuf *message, uint32_t field, uint64_t number);
void mete__protobuf_text(struct mete__protobuf *message, uint32_t field, const char *text);
void mete__protobuf_message(struct mete__protobuf *message, uint32_t field,
                            const struct mete__protobuf *part);
/* A repeated field of numbers, packed. */
void mete__protobuf_numbers(struct mete__protobuf *message, uint32_t field, const uint64_t *numbers,
                            size_t count);

#endif
