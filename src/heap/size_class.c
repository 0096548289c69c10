/* heap/size_class.h: the table, computed by the compiler. */
#include "heap/size_class.h"

#define BYTES(c) \
    ((uint64_t)((c) < 8 ? ((c) + 1) << 4 : (8 + (c) % 8 + 1) << ((c) < 8 ? 0 : (c) / 8 + 3)))
#define ENTRY(c)                                                                            \
    {                                                                                       \
        (uint32_t) BYTES(c),                                                                \
            (uint32_t)((((uint64_t)1 << METE__RECIPROCAL_SHIFT) + BYTES(c) - 1) / BYTES(c)) \
    }
#define EIGHT(c)                                                                              \
    ENTRY(c), ENTRY((c) + 1), ENTRY((c) + 2), ENTRY((c) + 3), ENTRY((c) + 4), ENTRY((c) + 5), \
        ENTRY((c) + 6), ENTRY((c) + 7)

const struct mete__size_class mete__size_class_table[METE__CLASSES] = {
    EIGHT(0),  EIGHT(8),  EIGHT(16), EIGHT(24), EIGHT(32),
    EIGHT(40), EIGHT(48), EIGHT(56), EIGHT(64), EIGHT(72),
};
static_assert(METE__CLASSES == 80, "the table lists every class");
