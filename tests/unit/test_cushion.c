/* heap/cushion.h: blocks lie where they should, and are held until they are released. */
#include "heap/cushion.h"

#include <string.h>
#include <unistd.h>

#include "heap/alloc.h"
#include "heap/heap.h"
#include "support/apart.h"
#include "support/hooks.h"
#include "support/whole.h"

static const size_t sizes[] = {0, 1, 15, 16, 17, 100, 1000, 8192, 40000, 65520, 70000, 5000000};
static const size_t aligns[] = {1, 16, 32, 4096, 8192, 65536, 1 << 20};
#define EACH(array, variable) (size_t variable = 0; (variable) < METE_COUNT_OF(array); (variable)++)

static const struct mete__caller nobody;
static bool fences, has_memory_back;
static struct mete__cushion begun, ended, held;

static bool wants_fence(size_t bytes) {
    CHECK(bytes % METE__SLICE_SIZE == 0);
    return fences;
}

static void begins(const struct mete__cushion *cushion) {
    begun = *cushion;
}

static void ends(const struct mete__cushion *cushion, const struct mete__caller *caller) {
    (void)caller;
    CHECK(cushion->record->live);
    ended = *cushion;
}

static void hold(struct mete__cache *cache, const struct mete__cushion *cushion) {
    (void)cache;
    CHECK(!cushion->record->live && cushion->record->held);
    held = *cushion;
}

static bool relieve(struct mete__cache *cache) {
    (void)cache;
    return has_memory_back;
}

static void forked(void) {}

static void watch(void) {
    static const struct mete__cushion_hooks hooks = {
        wants_fence, begins, ends, hold, relieve, forked,
    };
    mete__cushion_set(&hooks);
    hooks_watch_all();
}

static char *take(size_t size, size_t align) {
    char *block =
        align == 1 ? mete__alloc_for(size, &nobody) : mete__alloc_aligned_for(size, align, &nobody);
    CHECK(block != NULL && (uintptr_t)block % (align < 16 ? 16 : align) == 0);
    CHECK(begun.block == block && begun.size == size && begun.record->live);
    memset(block, 'x', size);
    return block;
}

/* Ends a block and lets it go. */
static void finish(char *block) {
    mete__alloc_free_for(block, &nobody);
    CHECK(held.block == block && ended.block == block);
    struct mete__cache *cache = mete__cache_enter();
    mete__cushion_release(cache, &held);
    mete__cache_leave(cache);
}

static void every_block_has_zones_on_both_sides(void) {
    watch();
    for EACH (sizes, s) for EACH (aligns, a) {
            char *block = take(sizes[s], aligns[a]);
            CHECK(begun.memory <= begun.from && begun.from + 16 <= block);
            CHECK(block + sizes[s] + 16 <= begun.to && begun.to <= begun.memory + begun.bytes);
            CHECK(!begun.fenced);
            finish(block);
        }
    CHECK(whole());
}

static void a_fenced_block_ends_a_page_before_its_slices_do(void) {
    fences = true;
    watch();
    for EACH (sizes, s) for EACH (aligns, a) {
            char *block = take(sizes[s], aligns[a]);
            size_t page = 4096, unit = aligns[a] < 16 ? 16 : aligns[a] > page ? page : aligns[a];
            CHECK(begun.fenced && (uintptr_t)begun.from % page == 0 &&
                  (uintptr_t)begun.to % page == 0);
            CHECK(begun.from <= block && block - begun.from < (ptrdiff_t)page);
            CHECK(begun.to + page <= begun.memory + begun.bytes);
            /* Nothing but what alignment wants is left between the block and the fence. */
            CHECK((size_t)(begun.to - (block + sizes[s])) <= unit);
            finish(block);
        }
    CHECK(whole());
}

static void the_program_may_use_what_it_asked_for(void) {
    watch();
    for
        EACH(sizes, s) CHECK(mete__alloc_usable(take(sizes[s], 1), &nobody) == sizes[s]);
}

static void every_address_of_a_block_leads_to_it(void) {
    struct mete__cushion cushion;
    struct mete__found found;
    watch();
    for
        EACH(sizes, s) {
            char *block = take(sizes[s], 64);
            for (char *at = begun.memory; at < begun.memory + begun.bytes; at += begun.bytes / 16) {
                CHECK(mete__heap_find(at, &found) && found.block == block && found.live);
                CHECK(found.requested == sizes[s] && found.record == begun.record);
                CHECK(mete__cushion_find(at, &cushion) && cushion.block == block);
                CHECK(cushion.from == begun.from && cushion.to == begun.to);
            }
            CHECK(mete__heap_locate(block, &found) && found.block == block);
        }
}

static void a_held_block_is_known_with_who_freed_it(void) {
    struct mete__cushion cushion;
    struct mete__found found;
    watch();
    char *block = take(100, 1);
    mete__alloc_free_for(block, &nobody);
    CHECK(held.record->freed_at == 8); /* what the hooks call every stack */
    CHECK(mete__cushion_find(block, &cushion) && cushion.size == 100);
    CHECK(mete__heap_find(block, &found) && !found.live && found.requested == 100);
    CHECK(mete__alloc_for(100, &nobody) != block); /* nobody else has it */
    struct mete__cache *cache = mete__cache_enter();
    mete__cushion_release(cache, &held);
    mete__cache_leave(cache);
    CHECK(!mete__cushion_find(block, &cushion));
    CHECK(whole());
}

static void realloc_always_moves(void) {
    watch();
    for
        EACH(sizes, s) {
            char *block = take(sizes[s], 1);
            size_t size = sizes[s] / 2 + 1;
            char *moved = mete__alloc_resize_for(block, size, &nobody);
            CHECK(moved != NULL && moved != block && held.block == block);
            CHECK(mete__alloc_usable(moved, &nobody) == size);
            for (size_t i = 0; i < size && i < sizes[s]; i++) CHECK(moved[i] == 'x');
        }
    CHECK(hooks_seen.freed == METE_COUNT_OF(sizes));
}

static void calloc_gives_zeros_even_where_another_block_was(void) {
    watch();
    for
        EACH(sizes, s) {
            finish(take(sizes[s], 1));
            char *block = mete__alloc_zeroed_for(sizes[s], &nobody);
            for (size_t i = 0; i < sizes[s]; i++) CHECK(block[i] == 0);
        }
}

static size_t visited;
static void count(void *context, const struct mete__cushion *cushion) {
    CHECK(cushion->record->live && (cushion->size == 100 || cushion->size == 100000));
    *(size_t *)context += 1;
}

static void a_walk_meets_the_live_ones(void) {
    watch();
    for (int i = 0; i < 10; i++) take(i % 2 == 0 ? 100 : 100000, 1);
    mete__alloc_free_for(take(33, 1), &nobody);
    mete__cushion_each(count, &visited);
    CHECK(visited == 10);
}

static void a_second_free_is_named(void) {
    watch();
    char *block = take(100, 1);
    mete__alloc_free_for(block, &nobody);
    apart_expect("mete: double-free of %p, a block of 100 bytes\n", (void *)block);
    mete__alloc_free_for(block, &nobody);
}

static void the_start_of_the_heaps_own_block_is_not_the_programs(void) {
    watch();
    char *block = take(100, 64);
    apart_expect(
        "mete: interior-free of %p, 64 bytes before the block at %p, a block of 100 bytes\n",
        (void *)begun.memory, (void *)block);
    mete__alloc_free_for(begun.memory, &nobody);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FACT(every_block_has_zones_on_both_sides),
        FACT(a_fenced_block_ends_a_page_before_its_slices_do),
        FACT(the_program_may_use_what_it_asked_for),
        FACT(every_address_of_a_block_leads_to_it),
        FACT(a_held_block_is_known_with_who_freed_it),
        FACT(realloc_always_moves),
        FACT(calloc_gives_zeros_even_where_another_block_was),
        FACT(a_walk_meets_the_live_ones),
        DEATH(a_second_free_is_named),
        DEATH(the_start_of_the_heaps_own_block_is_not_the_programs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
