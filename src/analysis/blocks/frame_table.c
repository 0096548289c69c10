#include "analysis/blocks/frame_table.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/array.h"
#include "analysis/elf_sections.h"

#define ENTRIES_MAX  2000000 /* real libraries stay below 500,000 */
#define REMEMBER_MAX 8       /* states that are kept; compilers need one */

/* --- Bytes --- */

struct bytes {
    const uint8_t *next, *end;
    bool failed; /* something went beyond the end */
};

static uint64_t read_fixed(struct bytes *bytes, size_t size) {
    uint64_t value = 0;

    if (bytes->failed || (size_t)(bytes->end - bytes->next) < size) {
        bytes->failed = true;
        return 0;
    }
    memcpy(&value, bytes->next, size); /* little-endian, as the machines are */
    bytes->next += size;
    return value;
}

/* A LEB128 number; `*bits` is how many bits it was written in, the last of which is its sign. */
static uint64_t read_number(struct bytes *bytes, unsigned *bits) {
    uint64_t value = 0, byte;

    *bits = 0;
    do {
        byte = read_fixed(bytes, 1);
        if (*bits < 64) value |= (byte & 0x7f) << *bits;
        *bits += 7;
    } while ((byte & 0x80) != 0 && !bytes->failed && *bits < 128);
    return value;
}

static uint64_t read_unsigned(struct bytes *bytes) {
    unsigned bits;

    return read_number(bytes, &bits);
}

static int64_t read_signed(struct bytes *bytes) {
    unsigned bits;
    uint64_t value = read_number(bytes, &bits);

    if (bits < 64 && (value >> (bits - 1)) != 0) value |= UINT64_MAX << bits;
    return (int64_t)value;
}

static void skip(struct bytes *bytes, uint64_t size) {
    if (bytes->failed || size > (uint64_t)(bytes->end - bytes->next))
        bytes->failed = true;
    else
        bytes->next += size;
}

/* --- Entries --- */

/* How pointers to code are encoded: from the augmentation "zR" or "zPLR"; 0xff: in no way that is
 * known here. */
static uint8_t encoding_of(const Dwarf_CIE *cie) {
    struct bytes data = {cie->augmentation_data,
                         cie->augmentation_data + cie->augmentation_data_size, false};
    const char *letter = cie->augmentation;

    if (letter == NULL || *letter == '\0') return DW_EH_PE_absptr;
    if (*letter != 'z' || cie->augmentation_data == NULL) return 0xff;
    for (letter++; *letter != '\0' && !data.failed; letter++) {
        uint8_t encoding;
        switch (*letter) {
        case 'R': encoding = (uint8_t)read_fixed(&data, 1); return data.failed ? 0xff : encoding;
        case 'L': skip(&data, 1); break;
        case 'P':
            encoding = (uint8_t)read_fixed(&data, 1) & 0x0f;
            skip(&data, encoding == DW_EH_PE_sdata4 || encoding == DW_EH_PE_udata4 ? 4 : 8);
            break;
        case 'S':
        case 'B': break;
        default: return 0xff;
        }
    }
    return DW_EH_PE_absptr;
}

static int add_entry(struct mete__frame_table *table, const struct mete__frame_entry *entry,
                     uint64_t length) {
    if (table->count == ENTRIES_MAX || length > UINT64_MAX - entry->start) return 0;
    struct mete__frame_entry *entries =
        mete__array_room(table->entries, table->count, &table->capacity, sizeof *entries);
    if (entries == NULL) return -ENOMEM;
    table->entries = entries;
    table->entries[table->count++] = *entry;
    return mete__address_ranges_add(&table->ranges, entry->start, entry->start + length,
                                    (uint32_t)table->count - 1);
}

/* `base` is the address of the section's first byte, which is at `first`. */
static int add_fde(struct mete__frame_table *table, const Dwarf_CIE *cie, const Dwarf_FDE *fde,
                   const uint8_t *first, uint64_t base) {
    struct bytes data = {fde->start, fde->end, false};
    uint8_t encoding = encoding_of(cie), form = encoding & 0x0f;
    bool half = form == DW_EH_PE_sdata4 || form == DW_EH_PE_udata4;
    uint64_t place = base + (uint64_t)(data.next - first);

    if (encoding == 0xff || (encoding & 0xf0 & ~DW_EH_PE_pcrel) != 0) return 0;
    uint64_t start = read_fixed(&data, half ? 4 : 8);
    uint64_t length = read_fixed(&data, half ? 4 : 8);
    if (form == DW_EH_PE_sdata4) start = (uint64_t)(int64_t)(int32_t)start;
    if ((encoding & DW_EH_PE_pcrel) != 0) start += place;
    if (cie->augmentation != NULL && cie->augmentation[0] == 'z') skip(&data, read_unsigned(&data));
    if (data.failed) return 0;
    const struct mete__frame_entry entry = {
        .start = start,
        .common = cie->initial_instructions,
        .common_end = cie->initial_instructions_end,
        .own = data.next,
        .own_end = fde->end,
        .code_factor = cie->code_alignment_factor,
        .data_factor = cie->data_alignment_factor,
    };
    return add_entry(table, &entry, length);
}

/* Goes to the section with the table. */
static Elf_Data *find_section(struct mete__elf_sections *at) {
    while (mete__elf_sections_next(at))
        if (at->header.sh_type != SHT_NOBITS && strcmp(at->name, ".eh_frame") == 0)
            return elf_rawdata(at->section, NULL);
    return NULL;
}

int mete__frame_table_read(struct mete__frame_table *table, Elf *elf) {
    const unsigned char *ident = (const unsigned char *)elf_getident(elf, NULL);
    struct mete__elf_sections section = {.elf = elf};
    Elf_Data *data = find_section(&section);
    Dwarf_CFI_Entry entry, cie = {0};
    Dwarf_Off next, cie_at = 0, cie_next;
    bool has_cie = false; /* the one at cie_at */
    int status = 0;

    *table = (struct mete__frame_table){0};
    if (ident == NULL || ident[EI_CLASS] != ELFCLASS64 || ident[EI_DATA] != ELFDATA2LSB ||
        data == NULL || data->d_buf == NULL)
        return 0;
    for (Dwarf_Off at = 0; status == 0 && at < data->d_size; at = next) {
        if (dwarf_next_cfi(ident, data, true, at, &next, &entry) != 0 || next <= at) break;
        if (dwarf_cfi_cie_p(&entry)) continue;
        if (!has_cie || entry.fde.CIE_pointer != cie_at) {
            cie_at = entry.fde.CIE_pointer;
            has_cie = dwarf_next_cfi(ident, data, true, cie_at, &cie_next, &cie) == 0 &&
                      dwarf_cfi_cie_p(&cie);
        }
        if (!has_cie) continue;
        status = add_fde(table, &cie.cie, &entry.fde, data->d_buf, section.header.sh_addr);
    }
    mete__address_ranges_complete(&table->ranges);
    return status;
}

void mete__frame_table_free(struct mete__frame_table *table) {
    free(table->entries);
    mete__address_ranges_free(&table->ranges);
    *table = (struct mete__frame_table){0};
}

/* --- Instructions --- */

struct rule {
    uint64_t number;
    int64_t offset;
    bool known; /* no expression, and said at all */
};

struct run {
    const struct mete__frame_entry *entry;
    uint64_t address; /* the rows so far are for those below */
    struct rule rule;
    struct rule kept[REMEMBER_MAX];
    size_t kept_count;
};

static int64_t scaled(uint64_t offset, int64_t factor) {
    return (int64_t)(offset * (uint64_t)factor);
}

static void set_rule(struct run *run, uint64_t number, int64_t offset) {
    run->rule = (struct rule){.number = number, .offset = offset, .known = true};
}

/* What has to do with the CFA; false: something else, whose operands are next. */
static bool run_frame(struct run *run, uint8_t operation, struct bytes *code) {
    uint64_t number;

    switch (operation) {
    case DW_CFA_def_cfa:
        number = read_unsigned(code);
        set_rule(run, number, (int64_t)read_unsigned(code));
        return true;
    case DW_CFA_def_cfa_sf:
        number = read_unsigned(code);
        set_rule(run, number, scaled((uint64_t)read_signed(code), run->entry->data_factor));
        return true;
    case DW_CFA_def_cfa_register: run->rule.number = read_unsigned(code); return true;
    case DW_CFA_def_cfa_offset: run->rule.offset = (int64_t)read_unsigned(code); return true;
    case DW_CFA_def_cfa_offset_sf:
        run->rule.offset = scaled((uint64_t)read_signed(code), run->entry->data_factor);
        return true;
    case DW_CFA_def_cfa_expression:
        run->rule.known = false;
        skip(code, read_unsigned(code));
        return true;
    case DW_CFA_remember_state:
        if (run->kept_count < REMEMBER_MAX) run->kept[run->kept_count++] = run->rule;
        return true;
    case DW_CFA_restore_state:
        if (run->kept_count > 0) run->rule = run->kept[--run->kept_count];
        return true;
    default: return false;
    }
}

static void skip_operands(uint8_t operation, struct bytes *code) {
    switch (operation) {
    case DW_CFA_nop:
    case DW_CFA_GNU_window_save: break; /* on aarch64: the return address is signed */
    case DW_CFA_offset_extended:
    case DW_CFA_register:
    case DW_CFA_val_offset:
    case DW_CFA_offset_extended_sf:
    case DW_CFA_val_offset_sf:
    case DW_CFA_GNU_negative_offset_extended:
        (void)read_unsigned(code);
        (void)read_unsigned(code);
        break;
    case DW_CFA_restore_extended:
    case DW_CFA_undefined:
    case DW_CFA_same_value:
    case DW_CFA_GNU_args_size: (void)read_unsigned(code); break;
    case DW_CFA_expression:
    case DW_CFA_val_expression:
        (void)read_unsigned(code);
        skip(code, read_unsigned(code));
        break;
    default: code->failed = true; break;
    }
}

/* Bytes that the address moves on; 0: it does not. */
static bool advance(uint8_t operation, struct bytes *code, uint64_t *delta) {
    switch (operation) {
    case DW_CFA_advance_loc1: *delta = read_fixed(code, 1); return true;
    case DW_CFA_advance_loc2: *delta = read_fixed(code, 2); return true;
    case DW_CFA_advance_loc4: *delta = read_fixed(code, 4); return true;
    default: *delta = operation & 0x3f; return (operation & 0xc0) == DW_CFA_advance_loc;
    }
}

/* Until the row for `address` is reached, or the end; false: the instructions are damaged. */
static bool execute(struct run *run, struct bytes code, uint64_t address) {
    uint64_t delta;

    while (!code.failed && code.next < code.end) {
        uint8_t operation = (uint8_t)read_fixed(&code, 1);
        if (advance(operation, &code, &delta)) {
            run->address += delta * run->entry->code_factor;
            if (run->address > address) return !code.failed;
        } else if ((operation & 0xc0) == DW_CFA_offset) {
            (void)read_unsigned(&code);
        } else if ((operation & 0xc0) == 0 && !run_frame(run, operation, &code)) {
            skip_operands(operation, &code);
        }
    }
    return !code.failed;
}

bool mete__frame_table_find(const struct mete__frame_table *table, uint64_t address,
                            uint64_t *number, int64_t *offset) {
    int64_t index = mete__address_ranges_find(&table->ranges, address);

    if (index < 0) return false;
    const struct mete__frame_entry *entry = &table->entries[index];
    struct run run = {.entry = entry, .address = entry->start};
    if (!execute(&run, (struct bytes){entry->common, entry->common_end, false}, address) ||
        !execute(&run, (struct bytes){entry->own, entry->own_end, false}, address) ||
        !run.rule.known)
        return false;
    *number = run.rule.number;
    *offset = run.rule.offset;
    return true;
}
