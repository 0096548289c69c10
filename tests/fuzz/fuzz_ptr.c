/* Raw memory and spans under any operations, mistakes among them, against an array of bytes that is
 * worked on byte by byte, and against arithmetic in 128 bits. */
#include <mete/ptr.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/steps.h"

__extension__ typedef __int128 wide;

enum { BYTES = 192, OPERATIONS_MAX = 2000 };
/* What can be wrong with a call; it is to return one of these. */
enum { FAULT = 1, INVALID = 2, RANGE = 4, OVERFLOW = 8 };

static _Alignas(64) unsigned char memory[BYTES];
static unsigned char model[BYTES];
static unsigned char *volatile nothing; /* NULL, which no compiler can see */

static void expect_status(int status, unsigned wrong) {
    switch (status) {
    case 0: expect(wrong == 0); break;
    case -EFAULT: expect((wrong & FAULT) != 0); break;
    case -EINVAL: expect((wrong & INVALID) != 0); break;
    case -ERANGE: expect((wrong & RANGE) != 0); break;
    case -EOVERFLOW: expect((wrong & OVERFLOW) != 0); break;
    default: abort();
    }
}

/* ---- operands ---- */

/* A place in memory, and the same in the model; NULL both. */
struct place {
    unsigned char *real;
    unsigned char *modelled;
};

static struct place place_from(unsigned number) {
    if (number >= 250) return (struct place){nothing, NULL};
    return (struct place){&memory[number % BYTES], &model[number % BYTES]};
}

static size_t room_behind(struct place place) {
    return place.real == NULL ? 0 : (size_t)(memory + BYTES - place.real);
}

/* What fits behind both places, or cannot fit behind either. */
static size_t size_from(unsigned number, struct place a, struct place b) {
    size_t room = room_behind(a) < room_behind(b) ? room_behind(a) : room_behind(b);

    if (a.real == NULL || b.real == NULL) room = number % 2;
    switch (number) {
    case 255: return SIZE_MAX;
    case 254: return METE_SIZE_MAX + 1;
    case 253: return UINTPTR_MAX - (uintptr_t)memory + 1;
    default: return number < 240 || room == 0 ? number % (room + 1) : room;
    }
}

/* Where arithmetic breaks. */
static size_t number_from(unsigned number) {
    size_t power = (size_t)1 << number / 4 % 64;
    switch (number % 4) {
    case 0: return number / 4;
    case 1: return power;
    case 2: return power - 1;
    default: return 0 - power;
    }
}

static size_t align_from(unsigned number) {
    return number < 200 ? (size_t)1 << number % 7 : number_from(number);
}

static unsigned wrong_range(struct place place, size_t size) {
    unsigned wrong = 0;
    if (place.real == NULL && size > 0) wrong |= FAULT;
    if (size > METE_SIZE_MAX || (wide)(uintptr_t)place.real + (wide)size > (wide)UINTPTR_MAX)
        wrong |= OVERFLOW;
    return wrong;
}

static bool is_align(size_t align) {
    return __builtin_popcountll(align) == 1;
}

static unsigned wrong_align(struct place place, size_t align) {
    return is_align(align) && (uintptr_t)place.real % align == 0 ? 0 : INVALID;
}

static bool have_common(struct place a, struct place b, size_t size) {
    wide x = (wide)(uintptr_t)a.real, y = (wide)(uintptr_t)b.real;
    return size > 0 && x < y + (wide)size && y < x + (wide)size;
}

static unsigned wrong_overlap(struct place a, struct place b, size_t size) {
    return have_common(a, b, size) ? INVALID : 0;
}

static void model_copy(struct place to, struct place from, size_t size) {
    unsigned char held[BYTES];
    for (size_t i = 0; i < size; i++) held[i] = from.modelled[i];
    for (size_t i = 0; i < size; i++) to.modelled[i] = held[i];
}

/* ---- one value, many bytes ---- */

static void read_or_write(struct place to, struct place from, size_t size, unsigned how) {
    size_t align = align_from(argument());
    unsigned wrong = wrong_range(to, size) | wrong_range(from, size);
    int status = 0;

    switch (how % 4) {
    case 0:
        wrong |= wrong_align(from, align);
        status = mete_ptr_read(to.real, from.real, size, align);
        break;
    case 1:
        wrong |= wrong_align(to, align);
        status = mete_ptr_write(to.real, from.real, size, align);
        break;
    case 2: status = mete_ptr_read_unaligned(to.real, from.real, size); break;
    default: status = mete_ptr_write_unaligned(to.real, from.real, size); break;
    }
    expect_status(status, wrong);
    if (wrong == 0) model_copy(to, from, size);
}

static void copy(struct place to, struct place from, size_t size, unsigned how) {
    unsigned wrong = wrong_range(to, size) | wrong_range(from, size);
    int status = 0;

    if (how % 2 == 0) {
        status = mete_ptr_copy(to.real, from.real, size);
    } else {
        wrong |= wrong_overlap(to, from, size);
        status = mete_ptr_copy_nonoverlapping(to.real, from.real, size);
    }
    expect_status(status, wrong);
    if (wrong == 0) model_copy(to, from, size);
}

static void copy_values(struct place to, struct place from, size_t bytes, unsigned how) {
    size_t size = argument(), align = align_from(argument());
    size_t count = size == 0 ? number_from(argument()) : bytes / size;

    if (size != 0 && how >= 250) count = METE_SIZE_MAX / size + how % 2;
    bool is_much = (wide)count * (wide)size > (wide)METE_SIZE_MAX;
    unsigned wrong = wrong_align(to, align) | wrong_align(from, align);
    if (is_much)
        wrong |= OVERFLOW;
    else
        wrong |= wrong_range(to, count * size) | wrong_range(from, count * size);
    if (how % 2 != 0 && !is_much) wrong |= wrong_overlap(to, from, count * size);
    /* As many as fit into an address space, but not into the array. */
    if (wrong == 0 && count * size > BYTES) return;
    int status = how % 2 == 0
                     ? mete_ptr_copy_values(to.real, from.real, count, size, align)
                     : mete_ptr_copy_values_nonoverlapping(to.real, from.real, count, size, align);
    expect_status(status, wrong);
    if (wrong == 0) model_copy(to, from, count * size);
}

static void fill(struct place to, size_t size, int byte) {
    unsigned wrong = wrong_range(to, size);

    expect_status(mete_ptr_fill(to.real, byte, size), wrong);
    for (size_t i = 0; wrong == 0 && i < size; i++) to.modelled[i] = (unsigned char)byte;
}

static void compare(struct place a, struct place b, size_t size) {
    unsigned wrong = wrong_range(a, size) | wrong_range(b, size);
    int order = 111, expected = 0;

    expect_status(mete_ptr_compare(a.real, b.real, size, &order), wrong);
    if (wrong != 0) {
        expect(order == 111);
        return;
    }
    for (size_t i = 0; i < size && expected == 0; i++)
        expected = (int)a.modelled[i] - (int)b.modelled[i];
    expect((order < 0) == (expected < 0) && (order > 0) == (expected > 0));
}

static void swap(struct place a, struct place b, size_t size) {
    size_t align = align_from(argument());
    unsigned wrong =
        wrong_range(a, size) | wrong_range(b, size) | wrong_align(a, align) | wrong_align(b, align);

    if (a.real != b.real) wrong |= wrong_overlap(a, b, size);
    expect_status(mete_ptr_swap(a.real, b.real, size, align), wrong);
    for (size_t i = 0; wrong == 0 && i < size; i++) {
        unsigned char held = a.modelled[i];
        a.modelled[i] = b.modelled[i];
        b.modelled[i] = held;
    }
}

static void replace(struct place at, struct place value, size_t size) {
    struct place old = place_from(argument());
    size_t align = align_from(argument());

    if (size <= BYTES && size > room_behind(old)) size = room_behind(old);
    unsigned wrong = wrong_range(at, size) | wrong_range(value, size) | wrong_range(old, size) |
                     wrong_align(at, align) | wrong_overlap(at, old, size) |
                     wrong_overlap(value, old, size);
    expect_status(mete_ptr_replace(at.real, value.real, old.real, size, align), wrong);
    if (wrong != 0) return;
    model_copy(old, at, size);
    model_copy(at, value, size);
}

/* Types that the macros take sizes and alignments from. */
static void use_macros(struct place a, struct place b) {
    if (room_behind(a) < 8 || room_behind(b) < 8) return;
    bool aligned_a = (uintptr_t)a.real % 4 == 0, aligned_b = (uintptr_t)b.real % 4 == 0;
    uint32_t *x = (uint32_t *)(void *)a.real, *y = (uint32_t *)(void *)b.real, out = 5, expected;

    memcpy(&expected, a.modelled, sizeof expected);
    expect(METE_PTR_READ_VOLATILE(x, &out) == (aligned_a ? 0 : -EINVAL));
    expect(out == (aligned_a ? expected : 5));
    out = 6;
    expect(METE_PTR_READ_UNALIGNED(x, &out) == 0 && out == expected);
    expect(METE_PTR_WRITE_VOLATILE(y, expected) == (aligned_b ? 0 : -EINVAL));
    if (aligned_b) memcpy(b.modelled, &expected, sizeof expected);
    expect(METE_PTR_WRITE_UNALIGNED(y, expected + 1) == 0);
    expected++;
    memcpy(b.modelled, &expected, sizeof expected);
}

/* ---- addresses ---- */

static const void *address_from(unsigned number) {
    return (const void *)(number < 128 ? (uintptr_t)memory + number : number_from(number));
}

static void offset(unsigned number, unsigned how) {
    const void *from = address_from(number);
    ptrdiff_t count = (ptrdiff_t)number_from(how);
    size_t size = number_from(argument());
    const void *out = &size;
    wide bytes = (wide)count * (wide)size, to = (wide)(uintptr_t)from + bytes;
    unsigned wrong = (uintptr_t)from == 0 && count != 0 ? FAULT : 0;

    if (bytes < (wide)PTRDIFF_MIN || bytes > (wide)PTRDIFF_MAX || to < 0 || to > (wide)UINTPTR_MAX)
        wrong |= OVERFLOW;
    if (to == 0 && bytes != 0) wrong |= OVERFLOW;
    /* NOLINTNEXTLINE(clang-analyzer-nullability.*): NULL is one of the mistakes */
    expect_status(mete_ptr_offset(from, count, size, (void *)&out), wrong);
    expect(wrong != 0 ? out == &size : (uintptr_t)out == (uintptr_t)to);
}

static void distance(unsigned number, unsigned how) {
    const void *from = address_from(number), *to = address_from(how);
    size_t size = number_from(argument());
    wide bytes = (wide)(uintptr_t)to - (wide)(uintptr_t)from;
    ptrdiff_t out = 111;
    unsigned wrong = (uintptr_t)from == 0 || (uintptr_t)to == 0 ? FAULT : 0;

    if (bytes < (wide)PTRDIFF_MIN || bytes > (wide)PTRDIFF_MAX || size > METE_SIZE_MAX)
        wrong |= OVERFLOW;
    if (size == 0 || bytes % (wide)size != 0) wrong |= INVALID;
    /* NOLINTNEXTLINE(clang-analyzer-nullability.*): NULL is one of the mistakes */
    expect_status(mete_ptr_distance(from, to, size, &out), wrong);
    expect(wrong != 0 ? out == 111 : (wide)out == bytes / (wide)size);
}

static void align_address(unsigned number, unsigned how) {
    const void *from = address_from(number), *out = &number;
    size_t align = align_from(how);
    wide address = (wide)(uintptr_t)from, down = 0, up = 0;
    unsigned wrong = is_align(align) ? 0 : INVALID;

    if (wrong == 0) down = address / (wide)align * (wide)align;
    if (wrong == 0 && down == 0 && address != 0) return; /* what C does not let pointers do */
    if (wrong == 0) up = (address + (wide)align - 1) / (wide)align * (wide)align;
    expect_status(mete_ptr_align_down(from, align, (void *)&out), wrong);
    expect(wrong != 0 ? out == &number : (wide)(uintptr_t)out == down);
    out = &number;
    if (wrong == 0 && up > (wide)UINTPTR_MAX) wrong = OVERFLOW;
    expect_status(mete_ptr_align_up(from, align, (void *)&out), wrong);
    expect(wrong != 0 ? out == &number : (wide)(uintptr_t)out == up);
    out = &number;
    wrong = is_align(align) && (uintptr_t)from % align == 0 ? 0 : INVALID;
    expect(mete_ptr_is_aligned(from, align) == (wrong == 0));
    expect_status(mete_ptr_cast_aligned(from, align, (void *)&out), wrong);
    expect(out == (wrong != 0 ? (const void *)&number : from));
}

/* ---- spans ---- */

static mete_span part_from(unsigned number, struct place *place) {
    *place = place_from(number % 250);
    return mete_span_of(place->real, room_behind(*place) * (number % 5) / 4);
}

static void make_span(struct place place, size_t size) {
    mete_span span = {memory, 7};
    mete_view view = {memory, 7};
    unsigned wrong = wrong_range(place, size);

    expect_status(mete_span_make(place.real, size, &span), wrong);
    expect_status(mete_view_make(place.real, size, &view), wrong);
    expect(span.data == (wrong == 0 ? (void *)place.real : (void *)memory));
    expect(span.size == (wrong == 0 ? size : 7));
    expect(view.data == span.data && view.size == span.size);
}

static void cut_span(unsigned number, unsigned how) {
    struct place place;
    mete_span span = part_from(number, &place), out = {memory, 7};
    mete_view view = mete_span_view(span), seen = {memory, 7};
    size_t from = number_from(how), size = number_from(argument());
    unsigned wrong = (wide)from + (wide)size > (wide)span.size ? RANGE : 0;

    expect_status(mete_span_sub(span, from, size, &out), wrong);
    expect_status(mete_view_sub(view, from, size, &seen), wrong);
    expect(out.data == (wrong == 0 ? (void *)(place.real + from) : (void *)memory));
    expect(out.size == (wrong == 0 ? size : 7) && seen.data == out.data && seen.size == out.size);
}

static void copy_span(unsigned number, unsigned how) {
    struct place to, from;
    mete_span there = part_from(number, &to);
    mete_view here = mete_span_view(part_from(how, &from));
    unsigned wrong = here.size > there.size ? RANGE : 0;
    bool equal = here.size == there.size;

    for (size_t i = 0; equal && i < here.size; i++) equal = to.modelled[i] == from.modelled[i];
    expect(mete_view_is_equal(here, mete_span_view(there)) == equal);
    expect_status(mete_span_copy(there, here), wrong);
    if (wrong == 0) model_copy(to, from, here.size);
    if (number % 16 != 0) return;
    mete_span_fill(there, (int)how);
    for (size_t i = 0; i < there.size; i++) to.modelled[i] = (unsigned char)how;
}

/* The number of `bytes` bytes at a place, the last one the highest where little. */
static uint64_t model_load(const unsigned char *at, size_t bytes, bool little) {
    uint64_t number = 0;
    for (size_t i = 0; i < bytes; i++) number = number << 8 | at[little ? bytes - 1 - i : i];
    return number;
}

static void model_store(unsigned char *at, size_t bytes, bool little, uint64_t number) {
    for (size_t i = 0; i < bytes; i++)
        at[i] = (unsigned char)(number >> 8 * (little ? i : bytes - 1 - i));
}

/* Loads what is there, and stores a number. */
#define TRY_NUMBER(name, T, little)                                                  \
    static void try_##name(unsigned number, unsigned how) {                          \
        struct place place;                                                          \
        mete_span span = part_from(number, &place);                                  \
        size_t at = how < 200 ? how : number_from(how);                              \
        T out = 77, value = (T)(number * 0x9e3779b97f4a7c15u);                       \
        unsigned wrong = (wide)at + (wide)sizeof(T) > (wide)span.size ? RANGE : 0;   \
        expect_status(mete_view_load_##name(mete_span_view(span), at, &out), wrong); \
        if (wrong != 0)                                                              \
            expect(out == 77);                                                       \
        else                                                                         \
            expect(out == (T)model_load(place.modelled + at, sizeof(T), little));    \
        expect_status(mete_span_store_##name(span, at, value), wrong);               \
        if (wrong == 0) model_store(place.modelled + at, sizeof(T), little, value);  \
    }

TRY_NUMBER(u8, uint8_t, true)
TRY_NUMBER(le16, uint16_t, true)
TRY_NUMBER(le32, uint32_t, true)
TRY_NUMBER(le64, uint64_t, true)
TRY_NUMBER(be16, uint16_t, false)
TRY_NUMBER(be32, uint32_t, false)
TRY_NUMBER(be64, uint64_t, false)

static void try_numbers(unsigned number, unsigned how) {
    static void (*const tries[])(unsigned number, unsigned how) = {
        try_u8, try_le16, try_le32, try_le64, try_be16, try_be32, try_be64};
    tries[argument() % (sizeof tries / sizeof tries[0])](number, how);
}

/* ---- the whole ---- */

static void operate(void) {
    unsigned operation = argument(), first = argument(), second = argument();
    struct place a = place_from(first), b = place_from(second);
    size_t size = size_from(argument(), a, b);

    expect(mete_ptr_overlap(a.real, b.real, size % 256) == have_common(a, b, size % 256));
    switch (operation % 16) {
    case 0:
    case 1: read_or_write(a, b, size, operation / 16); break;
    case 2: copy(a, b, size, operation / 16); break;
    case 3: copy_values(a, b, size, operation); break;
    case 4: fill(a, size, (int)second); break;
    case 5: compare(a, b, size); break;
    case 6: swap(a, b, size); break;
    case 7: replace(a, b, size); break;
    case 8: use_macros(a, b); break;
    case 9: offset(first, second); break;
    case 10: distance(first, second); break;
    case 11: align_address(first, second); break;
    case 12: make_span(a, size); break;
    case 13: cut_span(first, second); break;
    case 14: copy_span(first, second); break;
    case 15: try_numbers(first, second); break;
    }
    expect(memcmp(memory, model, sizeof memory) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    begin(data, size);
    for (size_t i = 0; i < BYTES; i++) memory[i] = model[i] = (unsigned char)(i * 37);
    for (size_t i = 0; i < OPERATIONS_MAX && left > 0; i++) operate();
    return 0;
}
