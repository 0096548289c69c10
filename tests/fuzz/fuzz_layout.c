/* Layout arithmetic of any numbers, against its oracle; and structs of fields, against extend. */
#include <stdlib.h>
#include <string.h>

#include "support/oracle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { NUMBERS = 5, MOST_FIELDS = 16 };

/* Eight bytes as a number, pulled towards where things break: powers of two and their neighbours.
 */
static size_t number_at(const uint8_t *bytes) {
    size_t number;
    memcpy(&number, bytes, sizeof number);
    switch (number % 8) {
    case 0: return (size_t)1 << (number >> 3) % 64;
    case 1: return ((size_t)1 << (number >> 3) % 64) - 1;
    case 2: return ((size_t)1 << (number >> 3) % 64) + 1;
    case 3: return (number >> 3) % 4096;
    case 4: return (size_t)0 - (number >> 3) % 4096;
    case 5: return METE_SIZE_MAX - (number >> 3) % 4096;
    default: return number;
    }
}

static void expect(bool truth) {
    if (!truth) abort();
}

static void compare_fields(const mete_layout *fields, size_t count) {
    size_t offsets[MOST_FIELDS], offset = 0, i;
    mete_layout all = {0, 1}, out = {111, 222};
    int status = 0;

    memset(offsets, 0x5a, sizeof offsets);
    int said = mete_layout_fields(fields, count, &out, offsets);
    for (i = 0; i < count && status == 0; i++) {
        status = mete_layout_extend(all, fields[i], &all, &offset);
        if (said == 0) expect(offset == offsets[i]);
    }
    expect(said == status);
    all = mete_layout_pad(all);
    if (said == 0) {
        expect(out.size == all.size && out.align == all.align);
    } else {
        expect(out.size == 111 && out.align == 222);
        for (i = 0; i < sizeof offsets; i++) expect(((unsigned char *)offsets)[i] == 0x5a);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    mete_layout fields[MOST_FIELDS];
    size_t count = 0;

    for (; size >= NUMBERS * 8; data += 8, size -= 8) {
        size_t n[NUMBERS];
        for (size_t i = 0; i < NUMBERS; i++) n[i] = number_at(data + 8 * i);
        mete_layout a = {n[0], n[1]}, b = {n[2], n[3]};
        expect(oracle_agrees_on_one(n[0], n[1]));
        expect(oracle_agrees_on_align(a, n[2]));
        expect(oracle_agrees_on_repeat(a, n[2]));
        expect(oracle_agrees_on_extend(a, b));
        expect(oracle_agrees_on_flexible(a, n[2], n[3], n[4]));
        expect(oracle_agrees_on_flexible(a, n[0] / 2, n[3], n[4]));
        if (count < MOST_FIELDS) fields[count++] = a;
        compare_fields(fields, count);
        if (!mete_layout_is_valid(fields[count - 1])) count--;
    }
    return 0;
}
