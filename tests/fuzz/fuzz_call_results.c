/*
 * analysis/blocks/call_results.c on any bytes: programs are read that somebody else has built, or
 * broken. Each address of the code that the seeds have is taken for one that a call returns to.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "analysis/blocks/call_results.h"
#include "analysis/blocks/type_fit.h"
#include "analysis/debug_types/type_name.h"
#include "analysis/names.h"
#include "analysis/symbols/image.h"

#define CODE_START 0x280 /* in all the seeds */
#define CODE_END   0x480

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look_at(const struct mete__block_flow *flow, struct mete__type_namer *namer) {
    for (size_t i = 0; i < flow->clue_count; i++) {
        struct mete__type_fit_shape shape;
        Dwarf_Die type = flow->clues[i].type;
        if (flow->clues[i].offset < 0 || mete__type_name_of(namer, &type) == NULL) abort();
        (void)mete__type_fit_shape_of(&type, &shape);
    }
}

static void ask(struct mete__image *image, struct mete__names *names) {
    struct mete__type_namer *namer;
    struct mete__call_results *results;

    if (mete__type_name_open(names, &namer) != 0 || mete__call_results_open(image, &results) != 0)
        abort();
    for (uint64_t address = CODE_START; address < CODE_END; address += 3) {
        const struct mete__block_flow *flow =
            mete__call_results_at(results, address, address % 2 != 0);
        if (flow == NULL || flow->clue_count > METE__CLUES_MAX) abort();
        look_at(flow, namer);
    }
    mete__call_results_close(results);
    mete__type_name_close(namer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct mete__names *names = mete__names_open();
    struct mete__image *image;
    char path[64];
    int file = memfd_create("image", MFD_CLOEXEC);

    if (names == NULL || file < 0 || write(file, data, size) != (ssize_t)size) abort();
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    const struct mete__image_source source = {
        .path = path,
        .end = UINT64_MAX,
        .run_nanoseconds = UINT64_MAX,
        .debug_directory = "/nonexistent",
    };
    if (mete__image_open(&source, names, &image) != 0) abort();
    ask(image, names);
    mete__image_close(image);
    mete__names_close(names);
    close(file);
    return 0;
}
