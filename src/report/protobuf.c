#include "report/protobuf.h"

#include <stdlib.h>
#include <string.h>

#define WIRE_VARINT 0u
#define WIRE_BYTES  2u

static void add_bytes(struct mete__protobuf *message, const void *bytes, size_t length) {
    if (message->capacity - message->length < length) {
        size_t capacity = message->capacity == 0 ? 256 : message->capacity;
        while (capacity - message->length < length) capacity *= 2;
        unsigned char *larger = realloc(message->bytes, capacity);
        if (larger == NULL) {
            message->failed = true;
            return;
        }
        message->bytes = larger;
        message->capacity = capacity;
    }
    if (length != 0) memcpy(message->bytes + message->length, bytes, length);
    message->length += length;
}

/* Seven bits a byte, the lowest first; the top bit says that there is more. */
static void add_varint(struct mete__protobuf *message, uint64_t number) {
    unsigned char bytes[10];
    size_t length = 0;

    for (; number >= 0x80; number >>= 7) bytes[length++] = (unsigned char)(number | 0x80);
    bytes[length++] = (unsigned char)number;
    add_bytes(message, bytes, length);
}

static void add_tagged_bytes(struct mete__protobuf *message, uint32_t field, const void *bytes,
                             size_t length) {
    add_varint(message, field << 3 | WIRE_BYTES);
    add_varint(message, length);
    add_bytes(message, bytes, length);
}

void mete__protobuf_free(struct mete__protobuf *message) {
    free(message->bytes);
    *message = (struct mete__protobuf){0};
}

void mete__protobuf_clear(struct mete__protobuf *message) {
    message->length = 0;
}

void mete__protobuf_number(struct mete__protobuf *message, uint32_t field, uint64_t number) {
    if (number == 0) return;
    add_varint(message, field << 3 | WIRE_VARINT);
    add_varint(message, number);
}

void mete__protobuf_text(struct mete__protobuf *message, uint32_t field, const char *text) {
    add_tagged_bytes(message, field, text, strlen(text));
}

void mete__protobuf_message(struct mete__protobuf *message, uint32_t field,
                            const struct mete__protobuf *part) {
    message->failed |= part->failed;
    add_tagged_bytes(message, field, part->bytes, part->length);
}

void mete__protobuf_numbers(struct mete__protobuf *message, uint32_t field, const uint64_t *numbers,
                            size_t count) {
    struct mete__protobuf packed = {0};

    for (size_t i = 0; i < count; i++) add_varint(&packed, numbers[i]);
    mete__protobuf_message(message, field, &packed);
    mete__protobuf_free(&packed);
}
