#include "analysis/blocks/instruction.h"

#include <elf.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "analysis/blocks/instruction_machine.h"
#include "analysis/late_library.h"
#include "base/compiler.h"

#define TEXT(number)  #number
#define SONAME(major) "libcapstone.so." TEXT(major)

/* The library's functions; NULL: it is not loaded yet. */
static struct {
    __typeof__(&cs_open) open;
    __typeof__(&cs_close) close;
    __typeof__(&cs_option) option;
    __typeof__(&cs_malloc) malloc;
    __typeof__(&cs_free) free;
    __typeof__(&cs_regs_access) regs_access;
    __typeof__(&cs_disasm_iter) disasm_iter;
} capstone;

static bool is_missing;

struct mete__instruction_decoder {
    const struct mete__machine *machine;
    csh handle;
    cs_insn *decoded; /* room for one */
};

static int load_capstone(void) {
    const struct mete__late_function functions[] = {
        {"cs_open", &capstone.open},
        {"cs_close", &capstone.close},
        {"cs_option", &capstone.option},
        {"cs_malloc", &capstone.malloc},
        {"cs_free", &capstone.free},
        {"cs_regs_access", &capstone.regs_access},
        {"cs_disasm_iter", &capstone.disasm_iter},
    };

    if (capstone.open != NULL) return 0;
    int status = mete__late_library_load(SONAME(CS_API_MAJOR), functions, METE_COUNT_OF(functions));
    is_missing = status != 0;
    return status;
}

const char *mete__instruction_missing(void) {
    return is_missing ? SONAME(CS_API_MAJOR) : NULL;
}

int mete__instruction_decoder_open(unsigned machine, struct mete__instruction_decoder **out) {
    struct mete__instruction_decoder *decoder;

    if (machine != EM_X86_64 && machine != EM_AARCH64) return -ENOTSUP;
    int status = load_capstone();
    if (status != 0) return status;
    decoder = calloc(1, sizeof *decoder);
    if (decoder == NULL) return -ENOMEM;
    bool is_x86 = machine == EM_X86_64;
    decoder->machine = is_x86 ? &mete__instruction_x86 : &mete__instruction_arm64;
    if (capstone.open(is_x86 ? CS_ARCH_X86 : CS_ARCH_ARM64, is_x86 ? CS_MODE_64 : CS_MODE_ARM,
                      &decoder->handle) != CS_ERR_OK)
        goto fail_decoder;
    if (capstone.option(decoder->handle, CS_OPT_DETAIL, CS_OPT_ON) != CS_ERR_OK) goto fail_handle;
    decoder->decoded = capstone.malloc(decoder->handle);
    if (decoder->decoded == NULL) goto fail_handle;
    *out = decoder;
    return 0;

fail_handle:
    capstone.close(&decoder->handle);
fail_decoder:
    free(decoder);
    return -ENOMEM;
}

void mete__instruction_decoder_close(struct mete__instruction_decoder *decoder) {
    if (decoder == NULL) return;
    capstone.free(decoder->decoded, 1);
    capstone.close(&decoder->handle);
    free(decoder);
}

const struct mete__convention *
mete__instruction_decoder_convention(const struct mete__instruction_decoder *decoder) {
    return &decoder->machine->convention;
}

/* The registers that an instruction writes, named or implied. */
static uint64_t written_by(const struct mete__instruction_decoder *decoder) {
    cs_regs read, written;
    uint8_t read_count = 0, written_count = 0;
    uint64_t mask = 0;

    if (capstone.regs_access(decoder->handle, decoder->decoded, read, &read_count, written,
                             &written_count) != CS_ERR_OK)
        return UINT64_MAX;
    for (size_t i = 0; i < written_count; i++) {
        int8_t number = decoder->machine->number(written[i]);
        if (number != METE__NO_REGISTER) mask |= UINT64_C(1) << number;
    }
    return mask;
}

static uint64_t bit(int8_t number) {
    return number == METE__NO_REGISTER ? 0 : UINT64_C(1) << number;
}

bool mete__instruction_decode(struct mete__instruction_decoder *decoder, const uint8_t *code,
                              size_t size, uint64_t address, struct mete__instruction *out) {
    cs_insn *decoded = decoder->decoded;

    if (!capstone.disasm_iter(decoder->handle, &code, &size, &address, decoded)) return false;
    *out = (struct mete__instruction){
        .bytes = (uint8_t)decoded->size,
        .to = METE__NO_REGISTER,
        .from = METE__NO_REGISTER,
        .base = METE__NO_REGISTER,
        .index = METE__NO_REGISTER,
        .second = METE__NO_REGISTER,
        .written = written_by(decoder),
    };
    decoder->machine->translate(decoded, out);
    switch (out->kind) {
    case METE__INSTRUCTION_COPY:
    case METE__INSTRUCTION_NUMBER:
    case METE__INSTRUCTION_SELECT:
    case METE__INSTRUCTION_SCALE:
    case METE__INSTRUCTION_MULTIPLY:
    case METE__INSTRUCTION_ADDRESS: out->written &= ~bit(out->to); break;
    case METE__INSTRUCTION_LOAD: out->written &= ~(bit(out->to) | bit(out->second)); break;
    case METE__INSTRUCTION_PUSH:
    case METE__INSTRUCTION_POP:
    case METE__INSTRUCTION_LEAVE:
    case METE__INSTRUCTION_CALL: out->written = 0; break; /* known to whoever asked */
    default: break;
    }
    return true;
}
