#include "analysis/findings/wrappers.h"

#include <errno.h>
#include <stdlib.h>

#include "analysis/findings/grouping.h"
#include "analysis/symbols/backtrace.h"

#define CALLERS_MIN 8    /* functions that call it */
#define WAYS_MAX    4    /* places in it where it allocates */
#define SIZES_MIN   3    /* different mean sizes, and … */
#define SIZES_SHARE 4    /* … one for so many callers */
#define SHARE_MIN   0.05 /* of all allocations, or of all bytes */
#define LOOPS_MAX   0.1  /* of its allocations that it was called by itself for */
#define ROUNDS_MAX  8    /* wrappers around wrappers */
#define STEPS_MAX   64   /* nodes of a stack whose names are looked up */
#define FUNCTIONS   (METE__BACKTRACE_INSIDE + 1) /* of a stack that are looked at: the last calls */

/* One function of one site's stack. */
struct pass {
    uint32_t function, caller; /* numbers of a grouping; caller 0: none */
    uint32_t way;              /* the place in the function: its line, where there are lines */
    bool loops;                /* the same frame is further out, too */
    uint64_t allocations, bytes;
};

struct search {
    const struct mete__profile *profile;
    struct mete__symbols *symbols;
    const struct mete__summary *summary;
    struct mete__grouping *grouping;
    const struct mete__frame **frame_of; /* by function: one of its frames */
    struct pass *passes;
    size_t pass_count;
    uint64_t allocations, bytes; /* of all sites */
};

/* --- The innermost functions of a stack --- */

/* A run of frames of one function. */
struct function {
    const struct mete__frame *frame; /* the innermost */
    bool loops;
};

static bool same_function(const struct mete__frame *a, const struct mete__frame *b) {
    if (a->module != b->module || a->function != b->function) return false;
    return a->function != NULL || a->offset == b->offset;
}

static const struct mete_profile_node *node_at(const struct search *search, uint32_t node) {
    return mete__profile_record(search->profile, METE_SECTION_NODES, node);
}

/* Whether an address is in a stack more than once. That takes no names. */
static bool comes_again(const struct search *search, uint32_t stack, uint64_t address) {
    int times = 0;

    for (uint32_t i = stack; i != 0 && times < 2; i = node_at(search, i)->parent)
        if (node_at(search, i)->pc == address) times++;
    return times > 1;
}

/* The functions that are not hidden by wrappers yet, from the innermost out. -EAGAIN: names of
 * `*node` are needed first. */
static int functions_of(const struct search *search, uint32_t stack,
                        struct function functions[FUNCTIONS], size_t *count, uint32_t *node) {
    struct mete__backtrace_cursor cursor;
    const struct mete__frame *frame =
        mete__backtrace_headline(search->profile, search->symbols, stack, &cursor);

    *count = 0;
    while (frame != NULL) {
        struct function *last = *count == 0 ? NULL : &functions[*count - 1];
        if (last != NULL && same_function(last->frame, frame)) {
            last->loops = true;
        } else {
            if (*count == FUNCTIONS) return 0;
            functions[(*count)++] = (struct function){.frame = frame};
        }
        frame = mete__backtrace_next(search->profile, search->symbols, &cursor);
    }
    *node = cursor.node;
    return cursor.node == 0 ? 0 : -EAGAIN;
}

static int resolve(struct search *search) {
    const struct mete__summary *summary = search->summary;
    bool waiting = true;
    int status = 0;

    for (int step = 0; step < STEPS_MAX && waiting && status == 0; step++) {
        waiting = false;
        for (size_t i = 0; i < summary->site_count; i++) {
            struct function functions[FUNCTIONS];
            size_t count;
            uint32_t node;
            if (functions_of(search, summary->sites[i].stack, functions, &count, &node) == 0)
                continue;
            mete__symbols_want_node(search->symbols, node);
            waiting = true;
        }
        status = mete__symbols_resolve(search->symbols);
    }
    return status;
}

/* --- What they have in common --- */

/* A function that was inlined is at many addresses. */
static uint32_t way_of(const struct mete__frame *frame) {
    return frame->line != 0 ? frame->line : UINT32_MAX - frame->id;
}

static int add_site(struct search *search, const struct mete__summary_site *site) {
    struct function functions[FUNCTIONS];
    uint32_t numbers[FUNCTIONS], node;
    size_t count;

    (void)functions_of(search, site->stack, functions, &count, &node);
    for (size_t i = 0; i < count; i++) {
        numbers[i] = mete__grouping_function(search->grouping, functions[i].frame);
        if (numbers[i] == UINT32_MAX) return -ENOMEM;
        search->frame_of[numbers[i]] = functions[i].frame;
    }
    for (size_t i = 0; i < count && i < METE__BACKTRACE_INSIDE; i++)
        search->passes[search->pass_count++] = (struct pass){
            .function = numbers[i],
            .caller = i + 1 < count ? numbers[i + 1] : 0,
            .way = way_of(functions[i].frame),
            .loops =
                functions[i].loops || comes_again(search, site->stack, functions[i].frame->address),
            .allocations = site->allocations,
            .bytes = site->allocated_bytes,
        };
    return 0;
}

static int by_caller(const void *left, const void *right) {
    const struct pass *a = left, *b = right;

    if (a->function != b->function) return a->function < b->function ? -1 : 1;
    return a->caller < b->caller ? -1 : a->caller > b->caller;
}

static int by_number(const void *left, const void *right) {
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;

    return a < b ? -1 : a > b;
}

/* Sorts the numbers and counts those that differ. */
static size_t count_different(uint64_t *numbers, size_t count) {
    size_t different = 0;

    qsort(numbers, count, sizeof *numbers, by_number);
    for (size_t i = 0; i < count; i++) different += i == 0 || numbers[i - 1] != numbers[i];
    return different;
}

/* Whether passes [0, count), all those of one function, are a wrapper's. `scratch` has room for as
 * many numbers. */
static bool are_of_wrapper(const struct search *search, const struct pass *passes, size_t count,
                           uint64_t *scratch) {
    uint64_t allocations = 0, bytes = 0, looping = 0;
    size_t callers = 0;

    for (size_t i = 0; i < count; i++) scratch[i] = passes[i].way;
    if (count < CALLERS_MIN || count_different(scratch, count) > WAYS_MAX) return false;
    for (size_t i = 0, end; i < count; i = end) {
        uint64_t of_caller = 0, bytes_of_caller = 0;
        for (end = i; end < count && passes[end].caller == passes[i].caller; end++) {
            of_caller += passes[end].allocations;
            bytes_of_caller += passes[end].bytes;
            if (passes[end].loops) looping += passes[end].allocations;
        }
        allocations += of_caller;
        bytes += bytes_of_caller;
        if (of_caller != 0) scratch[callers++] = (bytes_of_caller + of_caller / 2) / of_caller;
    }
    if (callers < CALLERS_MIN) return false;
    size_t sizes = count_different(scratch, callers);
    bool differ = sizes >= SIZES_MIN && sizes * SIZES_SHARE >= callers;
    bool matters = (double)allocations >= SHARE_MIN * (double)search->allocations ||
                   (double)bytes >= SHARE_MIN * (double)search->bytes;
    return differ && matters && (double)looping <= LOOPS_MAX * (double)allocations;
}

/* Marks what the passes show. Sets `*found` where that is anything. */
static int mark(struct search *search, bool *found) {
    uint64_t *scratch = calloc(search->pass_count + 1, sizeof *scratch);
    int status = scratch == NULL ? -ENOMEM : 0;

    *found = false;
    qsort(search->passes, search->pass_count, sizeof *search->passes, by_caller);
    for (size_t i = 0, end; i < search->pass_count && status == 0; i = end) {
        const struct pass *pass = &search->passes[i];
        for (end = i; end < search->pass_count && search->passes[end].function == pass->function;)
            end++;
        if (!are_of_wrapper(search, pass, end - i, scratch)) continue;
        status = mete__symbols_mark_wrapper(search->symbols, search->frame_of[pass->function]);
        *found = true;
    }
    free(scratch);
    return status;
}

static int search_once(struct search *search, bool *found) {
    int status = resolve(search);

    search->pass_count = 0;
    for (size_t i = 0; i < search->summary->site_count && status == 0; i++)
        status = add_site(search, &search->summary->sites[i]);
    return status == 0 ? mark(search, found) : status;
}

int mete__wrappers_find(const struct mete__profile *profile, struct mete__symbols *symbols,
                        const struct mete__summary *summary) {
    size_t sites = summary->site_count;
    struct search search = {
        .profile = profile,
        .symbols = symbols,
        .summary = summary,
        .grouping = mete__grouping_open(),
        .passes = calloc(sites + 1, METE__BACKTRACE_INSIDE * sizeof(struct pass)),
    };
    bool found = true;
    int status = search.grouping == NULL || search.passes == NULL ? -ENOMEM : 0;

    for (size_t i = 0; i < sites; i++) {
        search.allocations += summary->sites[i].allocations;
        search.bytes += summary->sites[i].allocated_bytes;
    }
    for (int round = 0; round < ROUNDS_MAX && found && status == 0; round++) {
        /* Each round meets at most so many functions that it did not know. */
        size_t known = (size_t)(round + 1) * FUNCTIONS * sites + 1;
        const struct mete__frame **frame_of =
            reallocarray(search.frame_of, known, sizeof(const struct mete__frame *));
        if (frame_of == NULL) {
            status = -ENOMEM;
            break;
        }
        search.frame_of = frame_of;
        status = search_once(&search, &found);
    }
    mete__grouping_close(search.grouping);
    free(search.frame_of);
    free(search.passes);
    return status;
}
