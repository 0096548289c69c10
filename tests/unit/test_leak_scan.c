/* track/leak_scan.h and track/leak_clique.h, over a heap of the test's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "heap/heap.h"
#include "track/leak_clique.h"
#include "track/leak_scan.h"

/* ---- the heap: blocks in slots of equal room, born in the order of their making ---- */

enum { MOST_BLOCKS = 512, ROOM = 256, LARGE_ROOM = 64 * 1024 };

struct fake {
    char *block;
    size_t room;
    struct mete__record record;
};

static struct fake fakes[MOST_BLOCKS];
static size_t fake_count;
static char *arena;
static size_t arena_used;
static const size_t arena_size = (size_t)MOST_BLOCKS * ROOM + 64 * LARGE_ROOM;

bool mete__heap_locate(const void *address, struct mete__found *found) {
    for (size_t i = 0; i < fake_count; i++) {
        struct fake *fake = &fakes[i];
        if ((const char *)address < fake->block ||
            (const char *)address >= fake->block + fake->room)
            continue;
        *found = (struct mete__found){.block = fake->block,
                                      .block_bytes = fake->room,
                                      .requested = fake->room,
                                      .record = &fake->record,
                                      .live = true};
        return true;
    }
    return false;
}

/* From the highest address down, so that no test passes by the order of addresses. */
bool mete__heap_each_watched(bool (*visit)(void *context, void *block, struct mete__record *record),
                             void *context) {
    for (size_t i = fake_count; i-- > 0;)
        if (fakes[i].record.live && !visit(context, fakes[i].block, &fakes[i].record)) return false;
    return true;
}

void mete__heap_bounds(uintptr_t *low, uintptr_t *high) {
    *low = (uintptr_t)arena;
    *high = *low + arena_size;
}

static uintptr_t *make(size_t size) {
    struct fake *fake = &fakes[fake_count++];
    fake->room = size < ROOM ? ROOM : LARGE_ROOM;
    fake->block = arena + arena_used;
    arena_used += fake->room;
    assert_true(fake_count <= MOST_BLOCKS && arena_used <= arena_size);
    fake->record = (struct mete__record){0};
    fake->record.size = size & METE__RECORD_SIZE_MAX;
    fake->record.sequence = (uint32_t)fake_count;
    fake->record.live = 1;
    return (uintptr_t *)fake->block;
}

static struct mete__record *record_of(const uintptr_t *block) {
    struct mete__found found = {0};
    assert_true(mete__heap_locate(block, &found));
    return found.record;
}

static unsigned mark_of(const uintptr_t *block) {
    return record_of(block)->mark;
}

/* ---- the check ---- */

static struct mete__maps maps;
static size_t stack_limit; /* entries; 0: as many as it takes */

static void check(const uintptr_t *roots, size_t count) {
    struct mete__leak_scan scan;
    struct mete__peek *peek = mete__peek_open();

    assert_non_null(peek);
    assert_int_equal(mete__leak_scan_begin(&scan, &maps, peek), 0);
    size_t capacity = scan.capacity;
    if (stack_limit != 0) scan.capacity = stack_limit;
    mete__leak_scan_words(&scan, roots, count);
    mete__leak_scan_settle(&scan);
    scan.capacity = capacity;
    assert_int_equal(mete__leak_clique_divide(&scan), 0);
    mete__leak_scan_end(&scan);
    mete__peek_close(peek);
}

#define CHECK(...)                               \
    do {                                         \
        const uintptr_t words[] = {__VA_ARGS__}; \
        check(words, METE_COUNT_OF(words));      \
    } while (0)

static uintptr_t to(const uintptr_t *block) {
    return (uintptr_t)block;
}

static int set_up(void **state) {
    (void)state;
    if (arena == NULL) {
        arena = mmap(NULL, arena_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (arena == MAP_FAILED || mete__maps_read(&maps) != 0) return -1;
    }
    memset(arena, 0, arena_used);
    arena_used = fake_count = stack_limit = 0;
    return 0;
}

/* ---- facts ---- */

static void a_block_nobody_points_to_is_definitely_lost(void **state) {
    (void)state;
    const uintptr_t *lost = make(32);
    CHECK(0, 1, UINTPTR_MAX);
    assert_int_equal(mark_of(lost), METE__LEAK_LOST);
}

static void start_pointers_all_the_way_make_reachable(void **state) {
    (void)state;
    uintptr_t *first = make(16), *second = make(24), *third = make(16);
    first[1] = to(second);
    second[2] = to(third);
    CHECK(to(first));
    assert_int_equal(mark_of(first), METE__LEAK_REACHABLE);
    assert_int_equal(mark_of(second), METE__LEAK_REACHABLE);
    assert_int_equal(mark_of(third), METE__LEAK_REACHABLE);
}

static void one_interior_pointer_on_the_way_makes_possible(void **state) {
    (void)state;
    uintptr_t *first = make(64), *second = make(64), *third = make(64);
    first[3] = to(second) + 20;
    second[0] = to(third);
    CHECK(to(first));
    assert_int_equal(mark_of(first), METE__LEAK_REACHABLE);
    assert_int_equal(mark_of(second), METE__LEAK_POSSIBLE);
    assert_int_equal(mark_of(third), METE__LEAK_POSSIBLE);
}

static void a_better_way_found_later_counts_for_all_behind_it(void **state) {
    (void)state;
    uintptr_t *first = make(64), *second = make(64), *third = make(64);
    first[0] = to(second) + 20;
    second[0] = to(third);
    CHECK(to(first) + 20, to(first), to(second));
    assert_int_equal(mark_of(third), METE__LEAK_REACHABLE);
}

static void a_pointer_to_the_end_is_no_pointer_to_the_block(void **state) {
    (void)state;
    const uintptr_t *first = make(40), *second = make(ROOM - 1);
    CHECK(to(first) + 40, to(first) + 41, to(second) + ROOM - 1);
    assert_int_equal(mark_of(first), METE__LEAK_LOST);
    assert_int_equal(mark_of(second), METE__LEAK_LOST);
    CHECK(to(first) + 39);
    assert_int_equal(mark_of(first), METE__LEAK_POSSIBLE);
}

static void a_block_of_no_bytes_is_held_by_its_address_alone(void **state) {
    (void)state;
    const uintptr_t *held = make(0), *lost = make(0);
    CHECK(to(held), to(lost) + 1);
    assert_int_equal(mark_of(held), METE__LEAK_REACHABLE);
    assert_int_equal(mark_of(lost), METE__LEAK_LOST);
}

static void only_whole_aligned_words_of_a_block_are_pointers(void **state) {
    (void)state;
    uintptr_t *first = make(15), *second = make(ROOM - 4), *lost = make(16);
    uintptr_t address = to(lost);
    first[1] = address;                                   /* one byte of it is beyond the block */
    memcpy((char *)second + 4, &address, sizeof address); /* not aligned */
    second[(ROOM - 8) / 8] = address;                     /* its second half is beyond */
    CHECK(to(first), to(second));
    assert_int_equal(mark_of(lost), METE__LEAK_LOST);
}

static void freed_blocks_neither_hold_nor_are_held(void **state) {
    (void)state;
    uintptr_t *freed = make(16), *lost = make(16);
    freed[0] = to(lost);
    record_of(freed)->live = 0;
    CHECK(to(freed));
    assert_int_equal(mark_of(lost), METE__LEAK_LOST);
}

static void a_list_is_lost_by_its_head(void **state) {
    (void)state;
    uintptr_t *tail = make(16), *middle = make(16), *head = make(16);
    head[0] = to(middle);
    middle[0] = to(tail) + 3; /* any pointer will do */
    CHECK(0);
    assert_int_equal(mark_of(head), METE__LEAK_LOST);
    assert_int_equal(mark_of(middle), METE__LEAK_INDIRECT);
    assert_int_equal(mark_of(tail), METE__LEAK_INDIRECT);
}

static void a_cycle_is_lost_by_its_first_born(void **state) {
    (void)state;
    uintptr_t *first = make(16), *second = make(16), *third = make(16);
    record_of(first)->sequence = 30;
    record_of(second)->sequence = 10;
    record_of(third)->sequence = 20;
    first[0] = to(second);
    second[0] = to(third);
    third[0] = to(first);
    CHECK(0);
    assert_int_equal(mark_of(first), METE__LEAK_INDIRECT);
    assert_int_equal(mark_of(second), METE__LEAK_LOST);
    assert_int_equal(mark_of(third), METE__LEAK_INDIRECT);
}

static void a_block_that_points_to_itself_is_definitely_lost(void **state) {
    (void)state;
    uintptr_t *self = make(16);
    self[1] = to(self);
    CHECK(0);
    assert_int_equal(mark_of(self), METE__LEAK_LOST);
}

static void what_two_heads_share_is_counted_once(void **state) {
    (void)state;
    uintptr_t *left = make(16), *right = make(16), *shared = make(16);
    left[0] = right[0] = to(shared);
    CHECK(0);
    assert_int_equal(mark_of(left), METE__LEAK_LOST);
    assert_int_equal(mark_of(right), METE__LEAK_LOST);
    assert_int_equal(mark_of(shared), METE__LEAK_INDIRECT);
}

static void a_lost_block_does_not_spoil_what_a_root_holds(void **state) {
    (void)state;
    uintptr_t *held = make(16), *lost = make(16);
    lost[0] = to(held);
    held[0] = to(lost) + 4;
    CHECK(to(held));
    assert_int_equal(mark_of(held), METE__LEAK_REACHABLE);
    assert_int_equal(mark_of(lost), METE__LEAK_POSSIBLE);
}

static void births_in_other_threads_come_after(void **state) {
    (void)state;
    uintptr_t *first = make(16), *second = make(16);
    record_of(first)->shard = 1;
    record_of(first)->sequence = 5;
    record_of(second)->sequence = 70000;
    first[0] = to(second);
    second[0] = to(first);
    CHECK(0);
    assert_int_equal(mark_of(first), METE__LEAK_INDIRECT);
    assert_int_equal(mark_of(second), METE__LEAK_LOST);
}

static void large_blocks_are_read_to_their_last_word(void **state) {
    (void)state;
    uintptr_t *large = make(50001), *held = make(16), *lost = make(16);
    large[50001 / 8 - 1] = to(held);
    large[50001 / 8] = to(lost);
    CHECK(to(large));
    assert_int_equal(mark_of(held), METE__LEAK_REACHABLE);
    assert_int_equal(mark_of(lost), METE__LEAK_LOST);
}

static void a_protected_page_inside_a_block_is_left_out(void **state) {
    (void)state;
    uintptr_t *large = make(50000), *held = make(16);
    large[6000] = to(held);
    char *page = (char *)((to(large) + 8192) & ~(uintptr_t)4095);
    assert_int_equal(mprotect(page, 4096, PROT_NONE), 0);
    CHECK(to(large));
    assert_int_equal(mprotect(page, 4096, PROT_READ | PROT_WRITE), 0);
    assert_int_equal(mark_of(held), METE__LEAK_REACHABLE);
}

static void marks_of_an_earlier_check_are_forgotten(void **state) {
    (void)state;
    const uintptr_t *block = make(16);
    CHECK(to(block));
    assert_int_equal(mark_of(block), METE__LEAK_REACHABLE);
    CHECK(0);
    assert_int_equal(mark_of(block), METE__LEAK_LOST);
}

/* ---- against a plain model ---- */

/* Reads a pointer as the manual says, with no regard to time: which block, and whether its start.
 */
static int target_of(uintptr_t word, bool *start) {
    for (size_t i = 0; i < fake_count; i++) {
        size_t size = fakes[i].record.size;
        uintptr_t offset = word - (uintptr_t)fakes[i].block;
        if (offset >= (size == 0 ? 1 : size)) continue;
        *start = offset == 0;
        return (int)i;
    }
    return -1;
}

/* Carries `mark` along every edge from where it is to where it may go, until nothing changes.
 * `from`: what carries it (and takes part from then on), `start_only`: along start pointers alone.
 */
static void model_spread(unsigned *marks, bool *from, unsigned mark, bool start_only) {
    for (bool changed = true; changed;) {
        changed = false;
        for (size_t i = 0; i < fake_count; i++) {
            if (!from[i]) continue;
            for (size_t w = 0; w < fakes[i].record.size / 8; w++) {
                bool start;
                int j = target_of(((uintptr_t *)fakes[i].block)[w], &start);
                if (j < 0 || from[j] || marks[j] != METE__LEAK_LOST || (start_only && !start))
                    continue;
                marks[j] = mark;
                changed = from[j] = true;
            }
        }
    }
}

static void model(unsigned *marks, const uintptr_t *roots, size_t count) {
    bool reached[MOST_BLOCKS] = {false};
    bool start;

    memset(marks, 0, fake_count * sizeof *marks);
    for (size_t r = 0; r < count; r++) {
        int i = target_of(roots[r], &start);
        if (i < 0 || !start) continue;
        marks[i] = METE__LEAK_REACHABLE;
        reached[i] = true;
    }
    model_spread(marks, reached, METE__LEAK_REACHABLE, true);
    for (size_t r = 0; r < count; r++) {
        int i = target_of(roots[r], &start);
        if (i < 0 || reached[i]) continue;
        marks[i] = METE__LEAK_POSSIBLE;
        reached[i] = true;
    }
    model_spread(marks, reached, METE__LEAK_POSSIBLE, false);
    for (size_t i = 0; i < fake_count; i++) { /* made, so born, in this order */
        bool clique[MOST_BLOCKS] = {false};
        if (marks[i] != METE__LEAK_LOST) continue;
        clique[i] = true;
        model_spread(marks, clique, METE__LEAK_INDIRECT, false);
    }
}

static uintptr_t random_pointer(void) {
    const struct fake *fake = &fakes[fake_count > 1 ? (size_t)rand() % fake_count : 0];
    /* Not 8, 16 or 24 bytes in, where a shape could make an interior pointer a start. */
    return (uintptr_t)fake->block + (uintptr_t)(rand() % 3 == 0 ? rand() % 100 + 33 : 0);
}

static void random_graph(unsigned seed) {
    uintptr_t roots[4] = {0};
    unsigned marks[MOST_BLOCKS];

    srand(seed);
    make(40);
    for (int more = rand() % 40; more > 0; more--) make((size_t)rand() % 120);
    for (size_t i = 0; i < fake_count; i++)
        for (size_t w = 0; w < fakes[i].record.size / 8; w++)
            if (rand() % 8 == 0) ((uintptr_t *)fakes[i].block)[w] = random_pointer();
    for (size_t r = 0; r < METE_COUNT_OF(roots); r++)
        if (rand() % 2 == 0) roots[r] = random_pointer();
    model(marks, roots, METE_COUNT_OF(roots));
    check(roots, METE_COUNT_OF(roots));
    for (size_t i = 0; i < fake_count; i++)
        if (marks[i] != fakes[i].record.mark)
            fail_msg("seed %u, block %zu: %u, not %u", seed, i, fakes[i].record.mark & 3u,
                     marks[i]);
}

static void random_graphs_come_out_as_the_model_says(void **state) {
    for (unsigned seed = 1; seed <= 3000; seed++) {
        set_up(state);
        random_graph(seed);
    }
}

static void a_full_stack_loses_nothing(void **state) {
    for (unsigned seed = 1; seed <= 1000; seed++) {
        set_up(state);
        stack_limit = 1 + seed % 3;
        random_graph(seed);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_block_nobody_points_to_is_definitely_lost, set_up),
        cmocka_unit_test_setup(start_pointers_all_the_way_make_reachable, set_up),
        cmocka_unit_test_setup(one_interior_pointer_on_the_way_makes_possible, set_up),
        cmocka_unit_test_setup(a_better_way_found_later_counts_for_all_behind_it, set_up),
        cmocka_unit_test_setup(a_pointer_to_the_end_is_no_pointer_to_the_block, set_up),
        cmocka_unit_test_setup(a_block_of_no_bytes_is_held_by_its_address_alone, set_up),
        cmocka_unit_test_setup(only_whole_aligned_words_of_a_block_are_pointers, set_up),
        cmocka_unit_test_setup(freed_blocks_neither_hold_nor_are_held, set_up),
        cmocka_unit_test_setup(a_list_is_lost_by_its_head, set_up),
        cmocka_unit_test_setup(a_cycle_is_lost_by_its_first_born, set_up),
        cmocka_unit_test_setup(a_block_that_points_to_itself_is_definitely_lost, set_up),
        cmocka_unit_test_setup(what_two_heads_share_is_counted_once, set_up),
        cmocka_unit_test_setup(a_lost_block_does_not_spoil_what_a_root_holds, set_up),
        cmocka_unit_test_setup(births_in_other_threads_come_after, set_up),
        cmocka_unit_test_setup(large_blocks_are_read_to_their_last_word, set_up),
        cmocka_unit_test_setup(a_protected_page_inside_a_block_is_left_out, set_up),
        cmocka_unit_test_setup(marks_of_an_earlier_check_are_forgotten, set_up),
        cmocka_unit_test_setup(random_graphs_come_out_as_the_model_says, set_up),
        cmocka_unit_test_setup(a_full_stack_loses_nothing, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
