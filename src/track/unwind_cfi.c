/* track/unwind_cfi.h: finding the description, and running its program. */
#include "track/unwind_cfi.h"

#include <errno.h>
#include <string.h>

/* How pointers are written in these sections (DW_EH_PE_*). */
enum {
    POINTER_OMITTED = 0xff,
    POINTER_FORMAT = 0x0f,
    POINTER_BASE = 0x70,
    POINTER_INDIRECT = 0x80,
    BASE_PC = 0x10,
    BASE_TABLE = 0x30,
    SEARCH_TABLE_ENCODING = 0x3b, /* signed four bytes, from the start of .eh_frame_hdr */
};

enum { REMEMBERED_MAX = 8 }; /* compilers nest these once */

/* Common to all descriptions that name one CIE, and one description's part. */
struct description {
    uint64_t code_align;
    uint64_t data_align; /* of a signed number; products wrap, and what is too large is refused */
    uintptr_t start;     /* of the code it covers */
    uintptr_t size;
    bool has_length;  /* augmentation data say their length */
    uint8_t encoding; /* of the code addresses */
    bool signal_frame;
    struct mete__unwind_bytes common_program;
    struct mete__unwind_bytes program;
};

struct machine {
    const struct mete__unwind_tables *tables;
    const struct description *description;
    uintptr_t address;  /* the rules for this address are wanted */
    uintptr_t location; /* the rules so far hold from here on */
    struct mete__unwind_rules rules;
    struct mete__unwind_rules initial; /* after the CIE's program */
    struct mete__unwind_rules remembered[REMEMBERED_MAX];
    unsigned depth;
};

uint64_t mete__unwind_cfi_fixed(struct mete__unwind_bytes *bytes, unsigned size) {
    uint64_t value = 0;
    if ((size_t)(bytes->end - bytes->at) < size) {
        bytes->bad = true;
        bytes->at = bytes->end;
        return 0;
    }
    memcpy(&value, bytes->at, size); /* little-endian */
    bytes->at += size;
    return value;
}

int64_t mete__unwind_cfi_signed(struct mete__unwind_bytes *bytes, unsigned size) {
    unsigned unused_bits = 64 - 8 * size;
    return (int64_t)(mete__unwind_cfi_fixed(bytes, size) << unused_bits) >> unused_bits;
}

uint64_t mete__unwind_cfi_uleb(struct mete__unwind_bytes *bytes) {
    uint64_t value = 0;
    for (unsigned shift = 0;; shift += 7) {
        uint64_t byte = mete__unwind_cfi_fixed(bytes, 1);
        if (shift < 64) value |= (byte & 0x7f) << shift;
        if ((byte & 0x80) == 0) return value;
    }
}

int64_t mete__unwind_cfi_sleb(struct mete__unwind_bytes *bytes) {
    uint64_t value = 0;
    for (unsigned shift = 0;;) {
        uint64_t byte = mete__unwind_cfi_fixed(bytes, 1);
        if (shift < 64) value |= (byte & 0x7f) << shift;
        shift += 7;
        if ((byte & 0x80) != 0) continue;
        if (shift < 64 && (byte & 0x40) != 0) value |= ~(uint64_t)0 << shift;
        return (int64_t)value;
    }
}

static void skip(struct mete__unwind_bytes *bytes, uint64_t count) {
    if ((uint64_t)(bytes->end - bytes->at) < count) {
        bytes->bad = true;
        count = (uint64_t)(bytes->end - bytes->at);
    }
    bytes->at += count;
}

/* A value of the encoding's format alone, without its base. */
static uint64_t read_format(struct mete__unwind_bytes *bytes, uint8_t encoding) {
    switch (encoding & POINTER_FORMAT) {
    case 0x00: return mete__unwind_cfi_fixed(bytes, sizeof(uintptr_t));
    case 0x01: return mete__unwind_cfi_uleb(bytes);
    case 0x02: return mete__unwind_cfi_fixed(bytes, 2);
    case 0x03: return mete__unwind_cfi_fixed(bytes, 4);
    case 0x04: return mete__unwind_cfi_fixed(bytes, 8);
    case 0x09: return (uint64_t)mete__unwind_cfi_sleb(bytes);
    case 0x0a: return (uint64_t)mete__unwind_cfi_signed(bytes, 2);
    case 0x0b: return (uint64_t)mete__unwind_cfi_signed(bytes, 4);
    case 0x0c: return mete__unwind_cfi_fixed(bytes, 8);
    default: bytes->bad = true; return 0;
    }
}

static uintptr_t read_pointer(struct mete__unwind_bytes *bytes, uint8_t encoding) {
    uintptr_t here = (uintptr_t)bytes->at;
    uintptr_t value = read_format(bytes, encoding);
    if ((encoding & POINTER_INDIRECT) != 0) bytes->bad = true;
    if ((encoding & POINTER_BASE) == BASE_PC) return here + value;
    if ((encoding & POINTER_BASE) != 0) bytes->bad = true;
    return value;
}

/* The bytes from `start` to the end of the segment. */
static struct mete__unwind_bytes bytes_at(const struct mete__unwind_tables *tables,
                                          uintptr_t start) {
    bool inside = start >= tables->low && start < tables->high;
    return (struct mete__unwind_bytes){
        .at = inside ? (const uint8_t *)start : NULL,
        .end = inside ? (const uint8_t *)tables->high : NULL,
        .bad = !inside,
    };
}

/* Cuts the bytes to the entry that starts there, its length field gone. */
static void enter_entry(struct mete__unwind_bytes *bytes) {
    uint64_t length = mete__unwind_cfi_fixed(bytes, 4);
    if (length == 0xffffffff) length = mete__unwind_cfi_fixed(bytes, 8);
    if (length == 0 || length > (uint64_t)(bytes->end - bytes->at)) bytes->bad = true;
    if (!bytes->bad) bytes->end = bytes->at + length;
}

/* The letters after 'z' in a CIE's augmentation say what its augmentation data are. */
static void read_augmentation(struct mete__unwind_bytes *bytes, const char *letters,
                              struct description *out) {
    uint64_t length = mete__unwind_cfi_uleb(bytes);
    struct mete__unwind_bytes data = *bytes;

    skip(bytes, length);
    data.end = bytes->at;
    out->has_length = true;
    for (; *letters != '\0'; letters++) {
        if (*letters == 'R') {
            out->encoding = (uint8_t)mete__unwind_cfi_fixed(&data, 1);
        } else if (*letters == 'S') {
            out->signal_frame = true;
        } else if (*letters == 'L') {
            mete__unwind_cfi_fixed(&data, 1);
        } else if (*letters == 'P') {
            uint8_t encoding = (uint8_t)mete__unwind_cfi_fixed(&data, 1);
            if (encoding != POINTER_OMITTED) read_format(&data, encoding);
        } else if (*letters != 'B' && *letters != 'G') {
            bytes->bad = true; /* 'R' may come after a letter of unknown size */
        }
    }
    if (data.bad) bytes->bad = true;
}

static bool read_common(const struct mete__unwind_tables *tables, uintptr_t start,
                        struct description *out) {
    struct mete__unwind_bytes bytes = bytes_at(tables, start);
    enter_entry(&bytes);
    bool is_common = mete__unwind_cfi_fixed(&bytes, 4) == 0;
    uint64_t version = mete__unwind_cfi_fixed(&bytes, 1);
    if (bytes.bad || !is_common || (version != 1 && version != 3)) return false;

    const char *letters = (const char *)bytes.at;
    while (mete__unwind_cfi_fixed(&bytes, 1) != 0) {
    }
    if (bytes.bad || (letters[0] != '\0' && letters[0] != 'z')) return false;
    out->code_align = mete__unwind_cfi_uleb(&bytes);
    out->data_align = (uint64_t)mete__unwind_cfi_sleb(&bytes);
    uint64_t ra = version == 1 ? mete__unwind_cfi_fixed(&bytes, 1) : mete__unwind_cfi_uleb(&bytes);
    if (letters[0] == 'z') read_augmentation(&bytes, letters + 1, out);
    out->common_program = bytes;
    return !bytes.bad && ra == METE__ARCH_RA;
}

static bool read_description(const struct mete__unwind_tables *tables, uintptr_t start,
                             struct description *out) {
    struct mete__unwind_bytes bytes = bytes_at(tables, start);
    enter_entry(&bytes);
    uintptr_t here = (uintptr_t)bytes.at;
    uint64_t distance = mete__unwind_cfi_fixed(&bytes, 4);
    *out = (struct description){0};
    if (bytes.bad || distance == 0 || distance > here) return false;
    if (!read_common(tables, here - distance, out)) return false;

    out->start = read_pointer(&bytes, out->encoding);
    out->size = read_format(&bytes, out->encoding);
    if (out->has_length) skip(&bytes, mete__unwind_cfi_uleb(&bytes));
    out->program = bytes;
    return !bytes.bad;
}

/* The description that may cover `address`: the last one that starts at or below it. 0: none. */
static uintptr_t search(const struct mete__unwind_tables *tables, uintptr_t address) {
    struct mete__unwind_bytes bytes = bytes_at(tables, tables->header);
    uint64_t version = mete__unwind_cfi_fixed(&bytes, 1);
    uint8_t frame_encoding = (uint8_t)mete__unwind_cfi_fixed(&bytes, 1);
    uint8_t count_encoding = (uint8_t)mete__unwind_cfi_fixed(&bytes, 1);
    uint64_t table_encoding = mete__unwind_cfi_fixed(&bytes, 1);
    if (bytes.bad || version != 1 || count_encoding == POINTER_OMITTED) return 0;
    if (table_encoding != SEARCH_TABLE_ENCODING) return 0;
    if (frame_encoding != POINTER_OMITTED) read_format(&bytes, frame_encoding);
    uint64_t count = read_format(&bytes, count_encoding);
    if (bytes.bad || count > (uint64_t)(bytes.end - bytes.at) / 8) return 0;

    uint64_t low = 0, high = count; /* entries below low start at or below the address */
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        int32_t start;
        memcpy(&start, bytes.at + 8 * middle, sizeof start);
        if (tables->header + (uintptr_t)(intptr_t)start <= address)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0) return 0;
    int32_t entry;
    memcpy(&entry, bytes.at + 8 * (low - 1) + 4, sizeof entry);
    return tables->header + (uintptr_t)(intptr_t)entry;
}

struct mete__unwind_bytes mete__unwind_cfi_expression(const struct mete__unwind_tables *tables,
                                                      struct mete__unwind_rule rule) {
    struct mete__unwind_bytes bytes = bytes_at(tables, tables->low + (uint32_t)rule.value);
    uint64_t length = mete__unwind_cfi_uleb(&bytes);
    if (length > (uint64_t)(bytes.end - bytes.at)) bytes.bad = true;
    bytes.end = bytes.bad ? bytes.at : bytes.at + length;
    return bytes;
}

/* Sets a register's rule; columns of vectors and the like are nobody's business here. */
static bool set_rule(struct machine *machine, uint64_t column, enum mete__unwind_how how,
                     int64_t value) {
    if (value < INT32_MIN || value > INT32_MAX) return false;
    if (column >= METE__ARCH_REGISTERS) return true;
    machine->rules.registers[column] =
        (struct mete__unwind_rule){.how = how, .value = (int32_t)value};
    return true;
}

/* Consumes an expression and says where it is, as struct mete__unwind_rule wants it. */
static int64_t take_expression(struct machine *machine, struct mete__unwind_bytes *program) {
    int64_t place = (int64_t)((uintptr_t)program->at - machine->tables->low);
    skip(program, mete__unwind_cfi_uleb(program));
    return place;
}

static bool set_cfa(struct machine *machine, uint64_t column, int64_t offset) {
    if (column >= METE__ARCH_REGISTERS || offset < INT32_MIN || offset > INT32_MAX) return false;
    machine->rules.cfa_register = (uint16_t)column;
    machine->rules.cfa =
        (struct mete__unwind_rule){.how = METE__UNWIND_OFFSET, .value = (int32_t)offset};
    return true;
}

static bool restore_rule(struct machine *machine, uint64_t column) {
    if (column < METE__ARCH_REGISTERS)
        machine->rules.registers[column] = machine->initial.registers[column];
    return true;
}

static bool remember(struct machine *machine) {
    if (machine->depth == REMEMBERED_MAX) return false;
    machine->remembered[machine->depth++] = machine->rules;
    return true;
}

static bool recall(struct machine *machine) {
    if (machine->depth == 0) return false;
    machine->rules = machine->remembered[--machine->depth];
    return true;
}

static bool advance(struct machine *machine, uint64_t delta) {
    machine->location += delta * machine->description->code_align;
    return true;
}

static int64_t scaled(const struct machine *machine, uint64_t value) {
    return (int64_t)(value * machine->description->data_align);
}

/* One instruction (DW_CFA_*) whose code has no operand in its upper bits. False: unknown or bad. */
static bool run_extended(struct machine *machine, uint8_t code,
                         struct mete__unwind_bytes *program) {
    uint64_t column = 0;

    if ((code >= 0x05 && code <= 0x09) || (code >= 0x0c && code <= 0x0d) ||
        (code >= 0x10 && code <= 0x12) || (code >= 0x14 && code <= 0x16) || code == 0x2f)
        column = mete__unwind_cfi_uleb(program);
    switch (code) {
    case 0x00: return true; /* nop */
    case 0x01:              /* set_loc */
        machine->location = read_pointer(program, machine->description->encoding);
        return true;
    case 0x02: return advance(machine, mete__unwind_cfi_fixed(program, 1));
    case 0x03: return advance(machine, mete__unwind_cfi_fixed(program, 2));
    case 0x04: return advance(machine, mete__unwind_cfi_fixed(program, 4));
    case 0x05: /* offset_extended */
        return set_rule(machine, column, METE__UNWIND_SAVED,
                        scaled(machine, mete__unwind_cfi_uleb(program)));
    case 0x06: return restore_rule(machine, column); /* restore_extended */
    case 0x07: return set_rule(machine, column, METE__UNWIND_UNDEFINED, 0);
    case 0x08: return set_rule(machine, column, METE__UNWIND_SAME, 0);
    case 0x09: /* register */
        return set_rule(machine, column, METE__UNWIND_REGISTER,
                        (int64_t)mete__unwind_cfi_uleb(program));
    case 0x0a: return remember(machine);
    case 0x0b: return recall(machine);
    case 0x0c: return set_cfa(machine, column, (int64_t)mete__unwind_cfi_uleb(program));
    case 0x0d: /* def_cfa_register */
        return machine->rules.cfa.how == METE__UNWIND_OFFSET &&
               set_cfa(machine, column, machine->rules.cfa.value);
    case 0x0e: /* def_cfa_offset */
        return machine->rules.cfa.how == METE__UNWIND_OFFSET &&
               set_cfa(machine, machine->rules.cfa_register,
                       (int64_t)mete__unwind_cfi_uleb(program));
    case 0x0f: /* def_cfa_expression */
        machine->rules.cfa = (struct mete__unwind_rule){
            .how = METE__UNWIND_COMPUTED, .value = (int32_t)take_expression(machine, program)};
        return true;
    case 0x10: /* expression */
        return set_rule(machine, column, METE__UNWIND_SAVED_COMPUTED,
                        take_expression(machine, program));
    case 0x11: /* offset_extended_sf */
        return set_rule(machine, column, METE__UNWIND_SAVED,
                        scaled(machine, (uint64_t)mete__unwind_cfi_sleb(program)));
    case 0x12:
        return set_cfa(machine, column, scaled(machine, (uint64_t)mete__unwind_cfi_sleb(program)));
    case 0x13: /* def_cfa_offset_sf */
        return machine->rules.cfa.how == METE__UNWIND_OFFSET &&
               set_cfa(machine, machine->rules.cfa_register,
                       scaled(machine, (uint64_t)mete__unwind_cfi_sleb(program)));
    case 0x14: /* val_offset */
        return set_rule(machine, column, METE__UNWIND_OFFSET,
                        scaled(machine, mete__unwind_cfi_uleb(program)));
    case 0x15: /* val_offset_sf */
        return set_rule(machine, column, METE__UNWIND_OFFSET,
                        scaled(machine, (uint64_t)mete__unwind_cfi_sleb(program)));
    case 0x16: /* val_expression */
        return set_rule(machine, column, METE__UNWIND_COMPUTED, take_expression(machine, program));
    case 0x2d: return true; /* AArch64's negate_ra_state: pointers are stripped always */
    case 0x2e: mete__unwind_cfi_uleb(program); return true; /* GNU_args_size */
    case 0x2f:                                              /* GNU_negative_offset_extended */
        return set_rule(machine, column, METE__UNWIND_SAVED,
                        scaled(machine, 0 - mete__unwind_cfi_uleb(program)));
    default: return false;
    }
}

/* Runs a program until it ends or speaks of code behind the address. */
static bool run(struct machine *machine, struct mete__unwind_bytes program) {
    while (program.at < program.end) {
        uint8_t code = (uint8_t)mete__unwind_cfi_fixed(&program, 1);
        uint8_t operand = code & 0x3f;
        bool good;
        switch (code >> 6) {
        case 1: good = advance(machine, operand); break;
        case 2: /* offset */
            good = set_rule(machine, operand, METE__UNWIND_SAVED,
                            scaled(machine, mete__unwind_cfi_uleb(&program)));
            break;
        case 3: good = restore_rule(machine, operand); break;
        default: good = run_extended(machine, code, &program); break;
        }
        if (!good || program.bad) return false;
        if (machine->location > machine->address) return true;
    }
    return true;
}

int mete__unwind_cfi_rules(const struct mete__unwind_tables *tables, uintptr_t address,
                           struct mete__unwind_rules *out) {
    struct description description;
    struct machine machine;

    uintptr_t entry = search(tables, address);
    if (entry == 0) return -ENOENT;
    if (!read_description(tables, entry, &description)) return -EINVAL;
    if (address - description.start >= description.size) return -ENOENT;

    machine.tables = tables;
    machine.description = &description;
    machine.address = address;
    machine.location = description.start;
    machine.depth = 0;
    machine.rules = (struct mete__unwind_rules){.signal_frame = description.signal_frame};
    if (!run(&machine, description.common_program)) return -EINVAL;
    machine.initial = machine.rules;
    if (!run(&machine, description.program)) return -EINVAL;
    if (machine.rules.cfa.how == METE__UNWIND_SAME) return -EINVAL; /* never said */
    machine.rules.signal_frame = description.signal_frame;
    machine.rules.at_start = address == description.start;
    *out = machine.rules;
    return 0;
}
