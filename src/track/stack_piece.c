/* track/stack_piece.h: remembering and forgetting. */
#include "track/stack_piece.h"

/* Where a new piece goes: over one that the new one replaces, else over the next in turn. */
static struct mete__stack_piece *choose(struct mete__stack_pieces *pieces,
                                        const struct mete__unwind_state *from) {
    struct mete__stack_piece *set = mete__stack_piece_set(pieces, from);
    const struct mete__stack_piece *same = mete__stack_piece_find(pieces, from);
    if (same != NULL) return &set[same - set];
    return &set[set[0].turn++ % METE__STACK_PIECE_WAYS];
}

void mete__stack_piece_add(struct mete__stack_pieces *pieces,
                           const struct mete__stack_piece *outline,
                           const struct mete__stack_word *words, uint32_t count) {
    if (count == 0 || count > METE__STACK_PIECE_WORDS) return;
    /* The outermost word is not always the farthest, but all lie between the two states. */
    if (outline->to.sp - outline->from.sp > UINT16_MAX * sizeof(uintptr_t)) return;

    struct mete__stack_piece *piece = choose(pieces, &outline->from);
    piece->from = outline->from;
    piece->to = outline->to;
    piece->node = outline->node;
    piece->parent = outline->parent;
    piece->frames = outline->frames;
    piece->words = (uint8_t)count;
    piece->from_needs_fp = outline->from_needs_fp;
    piece->to_has_fp = outline->to_has_fp;
    piece->joint = outline->joint;
    for (uint32_t i = 0; i < count; i++) {
        const struct mete__stack_word *word = &words[count - 1 - i];
        piece->distances[i] = (uint16_t)(((uintptr_t)word->address - outline->from.sp) / 8);
        piece->values[i] = word->value;
    }
}

void mete__stack_piece_forget(struct mete__stack_pieces *pieces) {
    for (unsigned set = 0; set < METE__STACK_PIECE_SETS; set++)
        for (unsigned way = 0; way < METE__STACK_PIECE_WAYS; way++)
            if (pieces->sets[set][way].from.pc != 0) pieces->sets[set][way].from.pc = 0;
}
