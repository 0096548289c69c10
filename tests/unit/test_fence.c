/* guard/fence.h: around a block nothing can be read; with the kernel's marks and without. */
#include "guard/fence.h"

#include <string.h>

#include "os/memory.h"
#include "os/probe.h"
#include "support/apart.h"

enum { PAGE = 4096, PAGES = 16 };

static bool can_read(const char *address) {
    return mete__probe_readable((uintptr_t)address);
}

static struct mete__cushion lay(void) {
    char *memory = mete__memory_reserve((size_t)PAGES * PAGE, 65536);
    CHECK(memory != NULL && mete__memory_commit(memory, (size_t)PAGES * PAGE) == 0);
    return (struct mete__cushion){.memory = memory,
                                  .bytes = (size_t)PAGES * PAGE,
                                  .from = memory + PAGE,
                                  .block = memory + PAGE + 100,
                                  .size = 2 * PAGE - 100,
                                  .to = memory + 3 * PAGE};
}

/* The page's first and last eight bytes. */
static bool page_is_open(const char *page) {
    CHECK(can_read(page) == can_read(page + PAGE - 8));
    return can_read(page);
}

static void live_closed_and_lifted(void) {
    struct mete__cushion cushion = lay();
    CHECK(mete__fence_raise(&cushion));
    for (int i = 0; i < PAGES; i++)
        CHECK(page_is_open(cushion.memory + (ptrdiff_t)i * PAGE) == (i == 1 || i == 2));
    memset(cushion.block, 'x', cushion.size);
    CHECK(mete__fence_close(&cushion));
    for (int i = 0; i < PAGES; i++) CHECK(!page_is_open(cushion.memory + (ptrdiff_t)i * PAGE));
    CHECK(mete__fence_lift(&cushion));
    for (int i = 0; i < PAGES; i++) CHECK(page_is_open(cushion.memory + (ptrdiff_t)i * PAGE));
    CHECK(*cushion.block == 0);
    memset(cushion.memory, 'y', cushion.bytes);
}

static void marks_close_and_open_pages(void) {
    mete__fence_start();
    if (!mete__memory_knows_marks()) apart_skip("the kernel knows no marks");
    live_closed_and_lifted();
}

static void mappings_close_and_open_pages(void) {
    mete__fence_start_unmarked();
    live_closed_and_lifted();
}

static void what_cannot_be_fenced_is_left_open(void) {
    static char ground[3 * PAGE] __attribute__((aligned(PAGE)));
    struct mete__cushion cushion = {.memory = ground + 8, /* no page begins there */
                                    .bytes = sizeof ground - 8,
                                    .from = ground + PAGE,
                                    .to = ground + 2 * PAGE};
    mete__fence_start();
    CHECK(!mete__fence_raise(&cushion));
    CHECK(can_read(ground + 8) && can_read(ground + 2 * PAGE));
}

static void without_marks_only_so_many_mappings_are_taken(void) {
    size_t count = 0;
    mete__fence_start_unmarked();
    size_t most = mete__memory_mappings_max();
    while (mete__fence_fits(65536) && count < most) {
        struct mete__cushion none = {.bytes = 65536, .to = (char *)65536};
        CHECK(mete__fence_raise(&none)); /* nothing to fence, but counted */
        count++;
    }
    CHECK(count > 0 && 2 * count <= most);
}

static void address_space_is_bounded(void) {
    mete__fence_start();
    CHECK(mete__fence_fits(65536) && mete__fence_fits(mete__fence_limit()));
    CHECK(!mete__fence_fits(mete__fence_limit() + 1) && !mete__fence_fits(SIZE_MAX));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FACT(marks_close_and_open_pages),
        FACT(mappings_close_and_open_pages),
        FACT(what_cannot_be_fenced_is_left_open),
        FACT(without_marks_only_so_many_mappings_are_taken),
        FACT(address_space_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
