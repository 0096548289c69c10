/* Suppression files, as users and their tools may write them: parsed, then matched against a stack.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "analysis/findings/suppressions.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const struct mete__frame frames[] = {
        {.function = "a", .symbol = "a", .file = "/s/a.c", .line = 1, .module = "/m"},
        {.module = "/n"},
        {.function = "main", .symbol = "main", .module = "/m"},
    };
    static const struct mete__frame *const stack[] = {&frames[0], &frames[1], &frames[2]};
    struct mete__suppressions *set = mete__suppressions_open();
    struct mete__suppression_use use;
    char why[256];

    if (set == NULL) return 0;
    int status = mete__suppressions_parse(set, "fuzz", (const char *)data, size, why, sizeof why);
    for (unsigned kind = METE_LEAK_DEFINITE; kind <= METE_LEAK_REACHABLE; kind++)
        mete__suppressions_match_leak(set, (enum mete_profile_leak_kind)kind, stack, 3);
    mete__suppressions_match_error(set, METE_ERROR_DOUBLE_FREE, stack, 3);
    /* What was accepted is whole. */
    for (size_t i = 0; mete__suppressions_use(set, i, &use); i++)
        if (use.name == NULL || use.name[0] == '\0' || use.line == 0) abort();
    if (status != 0 && why[0] == '\0') abort();
    mete__suppressions_close(set);
    return 0;
}
