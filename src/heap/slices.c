/* heap/slices.h: bitmaps searched first-fit under one lock. */
#include "heap/slices.h"

#include "os/checkers.h"
#include "os/lock.h"
#include "os/memory.h"

static const size_t commit_step_min = ((size_t)256 << 10) >> METE__SLICE_SHIFT;
static const size_t commit_step_max = ((size_t)16 << 20) >> METE__SLICE_SHIFT;
static const size_t dirty_always = ((size_t)4 << 20) >> METE__SLICE_SHIFT;

/* A block of this size goes back to the system the moment it is freed. */
static const size_t very_large = ((size_t)32 << 20) >> METE__SLICE_SHIFT;

static struct mete__lock lock;
/* In slices; written under the lock. */
static size_t used_count, peak_used_count, dirty_count, committed_count;
static bool strict;   /* committed pages are charged at once, so decommit instead of purging */
static size_t regret; /* slices purged too early of late: see purge_where_too_much */
static uint64_t regret_clock; /* ns, when it was halved last */
static size_t purge_again;    /* dirty slices at which to try again, after the kernel refused */

/* First fit in a region: the first free run of `count` at a multiple of `align`; region->slices
 * where none. Slices whose metadata is not ready are free. */
static size_t find_run(struct mete__region *region, size_t count, size_t align) {
    size_t ready = region->ready;
    size_t from = mete__region_next(region, region->lowest, ready, false);

    region->lowest = from;
    for (;;) {
        /* Alignment is of addresses, and a region need not start at a multiple. */
        size_t base = region->base >> METE__SLICE_SHIFT;
        from = mete__round_up(base + from, align) - base;
        if (from + count < from || from + count > region->slices) return region->slices;
        if (from >= ready) return from;
        size_t end = from + count < ready ? from + count : ready;
        size_t obstacle = mete__region_next(region, from, end, true);
        if (obstacle == end) return from;
        from = mete__region_next(region, obstacle, ready, false);
    }
}

/* Makes [from, from + count) readable and writable. Fresh memory is committed in steps that grow
 * with the heap, because each step costs a system call. */
static bool commit_run(struct mete__region *region, size_t from, size_t count) {
    size_t end = from + count;

    if (end > region->top) {
        size_t step = mete__round_down(committed_count / 4, commit_step_min);
        if (step < commit_step_min) step = commit_step_min;
        if (step > commit_step_max) step = commit_step_max;
        size_t start = region->top;
        size_t target = start + step > end ? start + step : end;
        if (target > region->ready) target = region->ready > end ? region->ready : end;
        if (from > start) start = from; /* an aligned run skips some: they stay uncommitted */
        void *memory = (char *)region->base + (start << METE__SLICE_SHIFT);
        if (mete__memory_commit(memory, (target - start) << METE__SLICE_SHIFT) != 0) {
            target = end;
            if (mete__memory_commit(memory, (target - start) << METE__SLICE_SHIFT) != 0)
                return false;
        }
        for (size_t word = start / 64; word <= (target - 1) / 64; word++)
            region->words[word].committed |= mete__region_mask(word, start, target - start);
        committed_count += target - start;
        __atomic_store_n(&region->top, target, __ATOMIC_RELEASE);
    }
    for (size_t word = from / 64; word <= (end - 1) / 64; word++) {
        uint64_t mask = mete__region_mask(word, from, count);
        uint64_t missing = mask & ~region->words[word].committed;
        while (missing != 0) {
            size_t bit = (size_t)__builtin_ctzll(missing);
            uint64_t run = ~(missing >> bit);
            size_t length = run == 0 ? 64 : (size_t)__builtin_ctzll(run);
            char *memory = (char *)region->base + ((word * 64 + bit) << METE__SLICE_SHIFT);
            if (mete__memory_commit(memory, length << METE__SLICE_SHIFT) != 0) return false;
            uint64_t done = (length == 64 ? UINT64_MAX : ((uint64_t)1 << length) - 1) << bit;
            region->words[word].committed |= done;
            committed_count += length;
            missing &= ~done;
        }
    }
    return true;
}

/* mete__slices_tick reads it without the lock. */
static void set_dirty_count(size_t count) {
    __atomic_store_n(&dirty_count, count, __ATOMIC_RELAXED);
}

static void set_used(struct mete__region *region, size_t from, size_t count) {
    for (size_t word = from / 64; word <= (from + count - 1) / 64; word++) {
        struct mete__slice_word *state = &region->words[word];
        uint64_t mask = mete__region_mask(word, from, count);
        state->used |= mask;
        set_dirty_count(dirty_count - (size_t)__builtin_popcountll(state->dirty & mask));
        state->dirty &= ~mask;
        if (state->used == UINT64_MAX) region->full[word / 64] |= (uint64_t)1 << word % 64;
    }
    used_count += count;
    if (used_count > peak_used_count) peak_used_count = used_count;
}

static void set_free(struct mete__region *region, size_t from, size_t count) {
    for (size_t word = from / 64; word <= (from + count - 1) / 64; word++) {
        uint64_t mask = mete__region_mask(word, from, count);
        region->words[word].used &= ~mask;
        region->words[word].dirty |= mask;
        region->full[word / 64] &= ~((uint64_t)1 << word % 64);
    }
    used_count -= count;
    set_dirty_count(dirty_count + count);
    if (from < region->lowest) region->lowest = from;
}

/* Slices of the run that were handed out before and have been purged since: their pages fault in
 * again. */
static void note_regret(struct mete__region *region, size_t from, size_t count, size_t dirty) {
    size_t end = from + count;
    size_t known = end <= region->touched   ? count
                   : from < region->touched ? region->touched - from
                                            : 0;

    if (known > dirty) {
        if (regret == 0) regret_clock = mete__process_clock_coarse();
        regret += known - dirty;
    }
    if (end > region->touched) region->touched = end;
}

static void set_start(struct mete__region *region, size_t slice, bool on) {
    uint64_t *word = &region->words[slice / 64].start;
    uint64_t bit = (uint64_t)1 << slice % 64;
    __atomic_store_n(word, on ? *word | bit : *word & ~bit, __ATOMIC_RELEASE);
}

/* Memory of no span is closed to the program where a checker listens, from its first use on. */
static void tell(const struct mete__region *region, size_t from, size_t count,
                 void (*tell_checkers)(const void *start, size_t size)) {
    const char *start = (const char *)region->base + (from << METE__SLICE_SHIFT);
    if (METE_UNLIKELY(mete__checkers_listen)) tell_checkers(start, count << METE__SLICE_SHIFT);
}

/* NULL where the region has no such run; *refused where it has, but the system no memory for it. */
static struct mete__span *take_from(struct mete__region *region, size_t count, size_t align,
                                    enum mete__span_kind kind, bool *zeroed, bool *refused) {
    size_t from = find_run(region, count, align);

    if (from == region->slices) return NULL;
    if (!mete__region_make_ready(region, from + count) || !commit_run(region, from, count)) {
        *refused = true;
        return NULL;
    }
    size_t dirty = mete__region_dirty(region, from, count);
    *zeroed = dirty == 0;
    note_regret(region, from, count, dirty);
    set_used(region, from, count);
    tell(region, from, count, dirty == 0 ? mete__checkers_tell_open : mete__checkers_tell_fresh);
    if (from == region->lowest) region->lowest = from + count;

    struct mete__span *span = mete__region_span(region, from);
    *span =
        (struct mete__span){.slices = (uint32_t)count, .block_bytes = count << METE__SLICE_SHIFT};
    __atomic_store_n(&span->kind, (uint8_t)kind, __ATOMIC_RELEASE);
    set_start(region, from, true);
    return span;
}

/* Gives regions without a used slice back to the system. Only where there is no home region, whose
 * address space is nobody's loss. */
static bool release_unused_regions(void) {
    bool released = false;

    for (size_t i = 0; i < mete__region_count(); i++) {
        struct mete__region *region = mete__region_at(i);
        if (region->slices == 0 || region->base == mete__region_home.base) continue;
        if (mete__region_next(region, region->first, region->ready, true) != region->ready)
            continue;
        for (size_t word = region->first / 64; word * 64 < region->slices; word++) {
            set_dirty_count(dirty_count - (size_t)__builtin_popcountll(region->words[word].dirty));
            committed_count -= (size_t)__builtin_popcountll(region->words[word].committed);
        }
        tell(region, 0, region->slices, mete__checkers_tell_open);
        mete__region_remove(region);
        released = true;
    }
    return released;
}

static struct mete__region *add_region(size_t slices) {
    /* Asked now, not at the first purge: a sandbox may forbid to open files by then. */
    if (mete__region_count() == 0) strict = mete__memory_strict();
    struct mete__region *region = mete__region_add(slices);
    if (region == NULL && release_unused_regions()) region = mete__region_add(slices);
    return region;
}

struct mete__span *mete__slices_take(size_t count, size_t align, enum mete__span_kind kind,
                                     bool *zeroed) {
    struct mete__span *span = NULL;
    bool refused = false;

    if (count == 0 || count > UINT32_MAX) return NULL;
    if (!mete__lock_acquire(&lock, mete__lock_token())) return NULL;
    for (size_t i = 0; i < mete__region_count() && span == NULL; i++)
        span = take_from(mete__region_at(i), count, align, kind, zeroed, &refused);
    /* More address space is no help where memory is what is missing. */
    if (span == NULL && !refused) {
        struct mete__region *region = add_region(count + align - 1);
        if (region != NULL) span = take_from(region, count, align, kind, zeroed, &refused);
    }
    mete__lock_release(&lock);
    return span;
}

/* Purges [bit, bit + length) of a word group. False where the kernel keeps the pages. */
static bool purge_run(struct mete__region *region, size_t word, size_t bit, size_t length) {
    struct mete__slice_word *state = &region->words[word];
    uint64_t bits = (length == 64 ? UINT64_MAX : ((uint64_t)1 << length) - 1) << bit;
    char *memory = (char *)region->base + ((word * 64 + bit) << METE__SLICE_SHIFT);

    if (strict) {
        /* Bits first: a child of fork must not take for accessible what is not. */
        __atomic_store_n(&state->committed, state->committed & ~bits, __ATOMIC_RELEASE);
        if (mete__memory_decommit(memory, length << METE__SLICE_SHIFT) != 0) {
            state->committed |= bits;
            return false;
        }
        committed_count -= length;
    } else if (mete__memory_purge(memory, length << METE__SLICE_SHIFT) != 0) {
        return false;
    }
    state->dirty &= ~bits;
    set_dirty_count(dirty_count - length);
    return true;
}

/* Purges the dirty slices of one word group until at most `keep` are left in all. */
static bool purge_word(struct mete__region *region, size_t word, size_t keep) {
    while (region->words[word].dirty != 0 && dirty_count > keep) {
        uint64_t dirty = region->words[word].dirty;
        size_t bit = (size_t)__builtin_ctzll(dirty);
        uint64_t gap = ~(dirty >> bit);
        size_t length = gap == 0 ? 64 : (size_t)__builtin_ctzll(gap);
        if (length > 64 - bit) length = 64 - bit;
        if (!purge_run(region, word, bit, length)) return false;
    }
    return true;
}

/* From the highest address down: first fit wants the low ones again soonest. */
static void purge_down_to(size_t keep) {
    purge_again = 0;
    for (size_t i = mete__region_count(); i-- > 0 && dirty_count > keep;) {
        struct mete__region *region = mete__region_at(i);
        for (size_t word = (region->top + 63) / 64; word-- > 0 && dirty_count > keep;) {
            if (region->words[word].dirty == 0 || purge_word(region, word, keep)) continue;
            /* Locked memory or a sandbox: asking again and again would only cost time. */
            purge_again = dirty_count * 2;
            return;
        }
    }
}

/* Purges a run that has just been freed. */
static void purge_slices(struct mete__region *region, size_t from, size_t count) {
    for (size_t word = from / 64; word <= (from + count - 1) / 64; word++) {
        uint64_t mask = mete__region_mask(word, from, count);
        size_t bit = (size_t)__builtin_ctzll(mask);
        if (!purge_run(region, word, bit, (size_t)__builtin_popcountll(mask))) return;
    }
}

/* Regret halves every 0.4 s, so that reuse is remembered for a few seconds. */
static void forget_regret(void) {
    const uint64_t half_life = 400000000; /* ns */
    if (regret == 0) return;
    uint64_t now = mete__process_clock_coarse();
    uint64_t halvings = (now - regret_clock) / half_life;
    if (halvings == 0) return;
    regret = halvings < 64 ? regret >> halvings : 0;
    regret_clock = now;
}

/* Purging costs a system call, and a fault per page when the memory is wanted again; not purging
 * costs memory. What was purged and soon wanted again is regretted: that much more may stay next
 * time. So a program that frees once and rests has its memory returned at once, and one that frees
 * and allocates in turn stops paying. */
static void purge_where_too_much(void) {
    size_t allowed = used_count / 4 > dirty_always ? used_count / 4 : dirty_always;
    if (dirty_count <= allowed || dirty_count < purge_again) return;
    forget_regret();
    if (dirty_count > allowed + regret) purge_down_to(allowed / 2 + regret);
}

bool mete__slices_give(struct mete__span *span) {
    if (!mete__lock_acquire(&lock, mete__lock_token())) return false;
    struct mete__region *region = mete__region_of(span);
    size_t from = (size_t)(span - mete__region_span(region, 0));
    size_t count = span->slices;

    __atomic_store_n(&span->owner, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&span->kind, (uint8_t)METE__SPAN_NONE, __ATOMIC_RELEASE);
    set_start(region, from, false);
    set_free(region, from, count);
    tell(region, from, count, mete__checkers_tell_closed);
    if (count >= very_large)
        purge_slices(region, from, count);
    else
        purge_where_too_much();
    mete__lock_release(&lock);
    return true;
}

void mete__slices_tick(void) {
    if (__atomic_load_n(&dirty_count, __ATOMIC_RELAXED) <= dirty_always) return;
    if (!mete__lock_try(&lock, mete__lock_token())) return;
    purge_where_too_much();
    mete__lock_release(&lock);
}

bool mete__slices_resize(struct mete__span *span, size_t count) {
    bool done = false;

    if (count == 0 || count > UINT32_MAX) return false;
    if (!mete__lock_acquire(&lock, mete__lock_token())) return false;
    struct mete__region *region = mete__region_of(span);
    size_t from = (size_t)(span - mete__region_span(region, 0));
    size_t now = span->slices;
    size_t end = from + count;

    if (count < now) {
        span->slices = (uint32_t)count;
        span->block_bytes = count << METE__SLICE_SHIFT;
        set_free(region, end, now - count);
        tell(region, end, now - count, mete__checkers_tell_closed);
        purge_where_too_much();
        done = true;
    } else if (count == now) {
        done = true;
    } else if (end <= region->slices && mete__region_make_ready(region, end) &&
               mete__region_next(region, from + now, end, true) == end &&
               commit_run(region, from + now, count - now)) {
        size_t dirty = mete__region_dirty(region, from + now, count - now);
        note_regret(region, from + now, count - now, dirty);
        set_used(region, from + now, count - now);
        tell(region, from + now, count - now,
             dirty == 0 ? mete__checkers_tell_open : mete__checkers_tell_fresh);
        span->slices = (uint32_t)count;
        span->block_bytes = count << METE__SLICE_SHIFT;
        done = true;
    }
    mete__lock_release(&lock);
    return done;
}

char *mete__slices_memory_elsewhere(const struct mete__span *span) {
    return mete__region_memory(mete__region_of(span), span);
}

struct mete__span *mete__slices_find(const void *address, char **memory) {
    struct mete__region *region = mete__region_of(address);
    if (region == NULL) return NULL;

    size_t slice = mete__region_slice(region, address);
    if (slice >= __atomic_load_n(&region->ready, __ATOMIC_ACQUIRE) || slice < region->first)
        return NULL;
    size_t word = slice / 64;
    uint64_t upto = UINT64_MAX >> (63 - slice % 64); /* the slice and those before it in its word */
    uint64_t starts = __atomic_load_n(&region->words[word].start, __ATOMIC_ACQUIRE) & upto;
    /* Back to the first slice of the span; every slice on the way must be used, or there is none.
     */
    while (starts == 0) {
        uint64_t used = __atomic_load_n(&region->words[word].used, __ATOMIC_RELAXED);
        if ((used & upto) != upto || word == 0) return NULL;
        starts = __atomic_load_n(&region->words[--word].start, __ATOMIC_ACQUIRE);
        upto = UINT64_MAX;
    }
    size_t head = word * 64 + 63 - (size_t)__builtin_clzll(starts);
    struct mete__span *span = mete__region_span(region, head);
    if (head + span->slices <= slice) return NULL;
    *memory = mete__region_memory(region, span);
    return span;
}

const struct mete__span *mete__slices_find_former(const void *address, char **memory) {
    const struct mete__region *region = mete__region_of(address);
    if (region == NULL) return NULL;

    size_t slice = mete__region_slice(region, address);
    if (slice >= __atomic_load_n(&region->ready, __ATOMIC_ACQUIRE)) return NULL;
    for (size_t back = 0; back < METE__MEDIUM_SLICES && slice >= region->first + back; back++) {
        const struct mete__span *span = mete__region_span(region, slice - back);
        if (span->slices <= back || span->kind != METE__SPAN_NONE) continue;
        *memory = mete__region_memory(region, span);
        return span;
    }
    return NULL;
}

bool mete__slices_each(bool (*visit)(void *context, struct mete__span *span, char *memory),
                       void *context) {
    for (size_t i = 0; i < mete__region_count(); i++) {
        struct mete__region *region = mete__region_at(i);
        size_t top = __atomic_load_n(&region->top, __ATOMIC_ACQUIRE);
        for (size_t word = region->first / 64; word * 64 < top; word++) {
            uint64_t starts = __atomic_load_n(&region->words[word].start, __ATOMIC_ACQUIRE);
            for (; starts != 0; starts &= starts - 1) {
                size_t slice = word * 64 + (size_t)__builtin_ctzll(starts);
                struct mete__span *span = mete__region_span(region, slice);
                if (!visit(context, span, mete__region_memory(region, span))) return false;
            }
        }
    }
    return true;
}

size_t mete__slices_purge(void) {
    if (!mete__lock_acquire(&lock, mete__lock_token())) return 0;
    size_t before = dirty_count;
    purge_down_to(0);
    size_t purged = before - dirty_count;
    mete__lock_release(&lock);
    return purged << METE__SLICE_SHIFT;
}

void mete__slices_read_stats(struct mete__slices_stats *stats) {
    /* In a signal handler that interrupted the holder the counts may be between two values. */
    bool held = mete__lock_acquire(&lock, mete__lock_token());
    stats->used_bytes = used_count << METE__SLICE_SHIFT;
    stats->peak_used_bytes = peak_used_count << METE__SLICE_SHIFT;
    stats->dirty_bytes = dirty_count << METE__SLICE_SHIFT;
    stats->committed_bytes = committed_count << METE__SLICE_SHIFT;
    if (held) mete__lock_release(&lock);
}

/* Makes used slices of what spans cover, and dirty ones of all others that may hold something: a
 * thread that does not exist here may have written one of them and not the other. */
static void rebuild_word(struct mete__region *region, size_t word, size_t *covered_to) {
    struct mete__slice_word *state = &region->words[word];
    size_t low = word * 64;
    uint64_t used = *covered_to <= low ? 0 : mete__region_mask(word, low, *covered_to - low);

    if (low < region->first) used |= mete__region_mask(word, low, region->first - low);
    for (size_t slice = low > region->first ? low : region->first;
         slice < low + 64 && slice < region->ready; slice++) {
        struct mete__span *span = mete__region_span(region, slice);
        uint64_t bit = (uint64_t)1 << slice % 64;
        if ((state->start & bit) == 0 || span->kind == METE__SPAN_NONE) {
            state->start &= ~bit;
            span->owner = 0;
            span->kind = METE__SPAN_NONE;
            continue;
        }
        *covered_to = slice + span->slices;
        used |= mete__region_mask(word, slice, span->slices);
    }
    uint64_t half_purged = state->dirty & ~state->committed & ~used;
    for (; half_purged != 0; half_purged &= half_purged - 1) {
        size_t slice = low + (size_t)__builtin_ctzll(half_purged);
        void *memory = (char *)region->base + (slice << METE__SLICE_SHIFT);
        (void)mete__memory_decommit(memory, METE__SLICE_SIZE);
    }
    state->used = used;
    state->dirty = state->committed & ~used;
}

static void rebuild_region(struct mete__region *region) {
    size_t covered_to = 0;

    region->lowest = region->first;
    for (size_t word = region->first / 64; word * 64 < region->ready; word++) {
        const struct mete__slice_word *state = &region->words[word];
        uint64_t bit = (uint64_t)1 << word % 64;
        rebuild_word(region, word, &covered_to);
        if (state->committed != 0 && (word + 1) * 64 > region->top)
            region->top = word * 64 + 64 - (size_t)__builtin_clzll(state->committed);
        region->full[word / 64] =
            (region->full[word / 64] & ~bit) | (state->used == UINT64_MAX ? bit : 0);
        used_count += (size_t)__builtin_popcountll(state->used);
        dirty_count += (size_t)__builtin_popcountll(state->dirty);
        committed_count += (size_t)__builtin_popcountll(state->committed);
    }
    used_count -= region->first % 64; /* metadata's bits in the first word group */
}

void mete__slices_after_fork(void) {
    if (!mete__lock_is_held(&lock)) return;
    mete__lock_reset(&lock);
    used_count = dirty_count = committed_count = 0;
    for (size_t i = 0; i < mete__region_count(); i++)
        if (mete__region_at(i)->slices != 0) rebuild_region(mete__region_at(i));
    if (peak_used_count < used_count) peak_used_count = used_count;
}
