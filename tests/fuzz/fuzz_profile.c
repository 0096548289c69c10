/* Profiles, as damage or malice may leave them: what the reader accepts is whole and can be used.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "profile/reader.h"
#include "profile/summary.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void holds(int condition) {
    if (!condition) abort();
}

static void use_strings(const struct mete__profile *profile) {
    const struct mete_profile_header *header = mete__profile_header(profile);
    uint64_t bytes = mete__profile_count(profile, METE_SECTION_STRINGS);

    holds(strlen(mete__profile_string(profile, header->executable)) <= bytes);
    holds(strlen(mete__profile_string(profile, header->program)) <= bytes);
    for (uint32_t i = 0; i < header->argc; i++)
        holds(strlen(mete__profile_argument(profile, i)) <= bytes);
    for (uint64_t i = 0; i < mete__profile_count(profile, METE_SECTION_MODULES); i++) {
        const struct mete_profile_module *module =
            mete__profile_record(profile, METE_SECTION_MODULES, i);
        holds(strlen(mete__profile_string(profile, module->path)) <= bytes);
        holds(module->build_id_bytes <= METE_BUILD_ID_MAX && module->start <= module->end);
    }
}

static void use_stack(const struct mete__profile *profile, uint32_t stack) {
    struct mete__profile_frame frames[8];
    size_t count = mete__profile_stack(profile, stack, frames, METE_COUNT_OF(frames));

    holds(count <= METE_STACK_FRAMES_MAX);
    for (size_t i = 0; i < count && i < METE_COUNT_OF(frames); i++) {
        holds(frames[i].module < (int64_t)mete__profile_count(profile, METE_SECTION_MODULES));
        if (i > 0) holds(frames[i].node < frames[i - 1].node);
    }
}

static void use_findings(const struct mete__profile *profile) {
    for (uint64_t i = 0; i < mete__profile_count(profile, METE_SECTION_ERRORS); i++) {
        const struct mete_profile_error *error =
            mete__profile_record(profile, METE_SECTION_ERRORS, i);
        use_stack(profile, error->stack);
        use_stack(profile, error->allocated_at);
        use_stack(profile, error->freed_at);
    }
    for (uint64_t i = 0; i < mete__profile_count(profile, METE_SECTION_LEAKS); i++) {
        const struct mete_profile_leak *leak = mete__profile_record(profile, METE_SECTION_LEAKS, i);
        use_stack(profile, leak->stack);
        holds(leak->kind <= METE_LEAK_REACHABLE);
    }
}

static void use_summary(const struct mete__profile *profile) {
    struct mete__summary *summary;

    holds(mete__summary_make(profile, &summary) == 0);
    for (size_t i = 0; i < summary->site_count; i++) {
        use_stack(profile, summary->sites[i].stack);
        if (i > 0) holds(summary->sites[i].stack > summary->sites[i - 1].stack);
    }
    mete__summary_free(summary);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct mete__profile *profile = NULL;
    char why[256] = "";
    int status = mete__profile_open_memory(data, size, "FILE", &profile, why, sizeof why);

    if (status != 0) {
        holds(profile == NULL && strncmp(why, "FILE ", 5) == 0);
        return 0;
    }
    use_strings(profile);
    use_findings(profile);
    use_summary(profile);
    mete__profile_close(profile);
    return 0;
}
