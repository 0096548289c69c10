#include "analysis/blocks/library_types.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CALLERS_MAX 8 /* nodes from malloc on; mostly the first is it */

/* What members of strings, and of streams that keep one or a buffer, are called, up to the
 * character's type. */
static const char *const strings[] = {
    "_ZNSt7__cxx1112basic_stringI",
    "_ZNKSt7__cxx1112basic_stringI",
    "_ZNSt7__cxx1115basic_stringbufI",
    "_ZNKSt7__cxx1115basic_stringbufI",
    "_ZNSt7__cxx1118basic_stringstreamI",
    "_ZNSt7__cxx1119basic_istringstreamI",
    "_ZNSt7__cxx1119basic_ostringstreamI",
    "_ZNSt13basic_filebufI",
    "_ZNSt3__112basic_stringI",
    "_ZNKSt3__112basic_stringI",
    "_ZNSbI",
    "_ZNKSbI",
};

static const struct character {
    const char *code, *name;
    uint64_t bytes;
} characters[] = {
    {"c", "char", 1},      {"w", "wchar_t", 4},   {"Du", "char8_t", 1},
    {"Ds", "char16_t", 2}, {"Di", "char32_t", 4},
};

/* NULL: it is no member of a string. */
static const struct character *character_of(const char *symbol) {
    for (size_t i = 0; symbol != NULL && i < sizeof strings / sizeof strings[0]; i++) {
        size_t length = strlen(strings[i]);
        if (strncmp(symbol, strings[i], length) != 0) continue;
        for (size_t j = 0; j < sizeof characters / sizeof characters[0]; j++)
            if (strncmp(symbol + length, characters[j].code, strlen(characters[j].code)) == 0)
                return &characters[j];
    }
    return NULL;
}

/* The innermost frame that is no allocator's; NULL: it is not known. */
static const struct mete__frame *innermost(const struct mete__profile *profile,
                                           struct mete__symbols *symbols, uint32_t node) {
    const struct mete__frame *frames;

    for (int i = 0; i < CALLERS_MAX && node != 0; i++) {
        size_t count = mete__symbols_frames(symbols, node, &frames);
        for (size_t j = 0; j < count; j++)
            if (frames[j].role != METE__FRAME_ALLOCATOR) return &frames[j];
        if (count == 0) return NULL;
        const struct mete_profile_node *record =
            mete__profile_record(profile, METE_SECTION_NODES, node);
        node = record->parent;
    }
    return NULL;
}

int mete__library_types_find(const struct mete__profile *profile, struct mete__symbols *symbols,
                             struct mete__names *names, const struct mete__summary_site *site,
                             struct mete__site_type *out) {
    const struct mete__frame *frame = innermost(profile, symbols, site->stack);
    const struct character *character = frame == NULL ? NULL : character_of(frame->symbol);
    char *text;

    if (character == NULL || !site->sizes.are_known || site->sizes.min % character->bytes != 0 ||
        site->sizes.step % character->bytes != 0)
        return 0;
    if (asprintf(&text, "allocated by %s", frame->function) < 0) return -ENOMEM;
    out->evidence = mete__names_keep(names, text);
    free(text);
    out->name = character->name;
    out->bytes = character->bytes;
    out->header = 0;
    out->form = character->bytes == 1 ? METE__SITE_TYPE_BYTES : METE__SITE_TYPE_ARRAY;
    out->confidence = character->bytes == 1 ? METE__SITE_TYPE_LIKELY : METE__SITE_TYPE_CERTAIN;
    return out->evidence == NULL ? -ENOMEM : 0;
}
