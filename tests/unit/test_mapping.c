/* os/mapping.h: mappings made, covered, counted; each kind of page asked for by its name. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "os/mapping.h"
#include "os/probe.h"
#include "support/folder.h"

static const size_t page = 4096;

static char *made(size_t size, unsigned flags) {
    const struct mete__mapping_request request = {.size = size, .flags = flags, .file = -1};
    void *start = NULL;
    CHECK(mete__mapping_make(&request, &start) == 0);
    return start;
}

static void what_is_refused_changes_nothing(void) {
    const struct mete__mapping_request request = {
        .size = (size_t)1 << 60, .flags = METE__MAPPING_READ, .file = -1};
    void *start = &start;

    errno = 0;
    CHECK(mete__mapping_make(&request, &start) == -ENOMEM && start == &start);
    CHECK(mete__mapping_reserve(NULL, (size_t)1 << 60, &start) == -ENOMEM && start == &start);
    char *memory = made(page, METE__MAPPING_READ);
    start = memory;
    CHECK(mete__mapping_resize(&start, page, (size_t)1 << 60, true) == -ENOMEM && start == memory);
    CHECK(mete__mapping_protect((void *)1, page, METE__MAPPING_READ) == -EINVAL && errno == 0);
}

static void a_reservation_can_be_filled_and_emptied(void) {
    struct mete__mapping_request request = {
        .size = page, .flags = METE__MAPPING_READ | METE__MAPPING_WRITE, .file = -1};
    void *start, *part;

    CHECK(mete__mapping_reserve(NULL, 4 * page, &start) == 0);
    CHECK(!mete__probe_readable((uintptr_t)start));
    request.where = (char *)start + page;
    CHECK(mete__mapping_make(&request, &part) == 0 && part == request.where);
    *(char *)part = 1;
    CHECK(mete__mapping_reserve(part, page, &part) == 0 && !mete__probe_readable((uintptr_t)part));
    mete__mapping_remove(start, 4 * page);
}

static void a_cover_is_zeros(void) {
    char *memory = made(3 * page, METE__MAPPING_READ | METE__MAPPING_WRITE);

    memset(memory, 7, 3 * page);
    errno = 0;
    CHECK(mete__mapping_cover(memory + page, page, METE__MAPPING_READ | METE__MAPPING_WRITE) == 0);
    CHECK(memory[page - 1] == 7 && memory[page] == 0 && memory[2 * page - 1] == 0 && errno == 0);
    CHECK(memory[2 * page] == 7);
    memory[page] = 1;
    CHECK(mete__mapping_cover((char *)1, page, 0) == -EINVAL && errno == 0);
}

static void populating_names_what_it_cannot_have(void) {
    char *memory = made(4 * page, METE__MAPPING_READ | METE__MAPPING_WRITE);
    size_t bytes;

    CHECK(mete__mapping_resident(memory, 4 * page, &bytes) == 0 && bytes == 0);
    int status = mete__mapping_populate(memory, 2 * page, true);
    if (status == -ENOSYS) apart_skip("Linux before 5.14");
    CHECK(status == 0 && mete__mapping_resident(memory, 4 * page, &bytes) == 0);
    CHECK(bytes == 2 * page &&
          mete__mapping_resident((void *)(16 * page), page, &bytes) == -ENOMEM);
    CHECK(munmap(memory + page, page) == 0);
    CHECK(mete__mapping_populate(memory, 3 * page, false) == -ENOMEM && bytes == 2 * page);
}

static void residency_is_counted_over_many_pages(void) {
    enum { PAGES = 5000 }; /* more than are asked for at once */
    char *memory = made(PAGES * page, METE__MAPPING_READ | METE__MAPPING_WRITE);
    size_t bytes;

    CHECK(mete__mapping_advise(memory, PAGES * page, METE__MAPPING_NO_HUGE) == 0);
    for (size_t i = 0; i < PAGES; i += 5) memory[i * page] = 1;
    CHECK(mete__mapping_resident(memory, PAGES * page, &bytes) == 0 && bytes == PAGES / 5 * page);
}

static void huge_pages_are_counted_where_they_are(void) {
    size_t huge = mete__mapping_huge_page();
    if (huge == 0) apart_skip("no huge pages");
    CHECK((huge & (huge - 1)) == 0 && huge > page);
    char *memory = made(4 * huge, METE__MAPPING_READ | METE__MAPPING_WRITE);
    char *aligned = (char *)(((uintptr_t)memory + huge - 1) & ~(huge - 1));
    CHECK(mete__mapping_huge(memory, 4 * huge) == 0);
    if (mete__mapping_advise(memory, 4 * huge, METE__MAPPING_WANTS_HUGE) != 0)
        apart_skip("no transparent huge pages");
    memset(aligned, 1, huge);
    size_t bytes = mete__mapping_huge(memory, 4 * huge);
    CHECK(bytes % huge == 0 && bytes <= 4 * huge);
    if (bytes == 0) apart_skip("the kernel had no huge page");
    CHECK(mete__mapping_huge(memory - 4 * page, page) == 0);
}

static void a_mapping_grows_where_it_may_move(void) {
    void *start = made(page, METE__MAPPING_READ | METE__MAPPING_WRITE);

    *(char *)start = 9;
    CHECK(mete__mapping_resize(&start, page, 100 * page, true) == 0 && *(char *)start == 9);
    void *same = start;
    CHECK(mete__mapping_resize(&same, 100 * page, page, false) == 0 && same == start);
}

static void what_is_stored_is_synced(void) {
    int file = memfd_create("test", MFD_CLOEXEC);
    struct mete__mapping_request request = {.size = page,
                                            .flags = METE__MAPPING_READ | METE__MAPPING_WRITE |
                                                     METE__MAPPING_SHARED,
                                            .file = file};
    void *start;

    CHECK(ftruncate(file, 4096) == 0 && mete__mapping_make(&request, &start) == 0);
    *(char *)start = 1;
    CHECK(mete__mapping_sync(start, page) == 0 &&
          mete__mapping_sync((char *)start + 1, 1) == -EINVAL);
    CHECK(mete__mapping_lock(start, page) == 0 && mete__mapping_unlock(start, page) == 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FACT(what_is_refused_changes_nothing),
        FACT(a_reservation_can_be_filled_and_emptied),
        FACT(a_cover_is_zeros),
        FACT(populating_names_what_it_cannot_have),
        FACT(residency_is_counted_over_many_pages),
        FACT(huge_pages_are_counted_where_they_are),
        FACT(a_mapping_grows_where_it_may_move),
        FACT(what_is_stored_is_synced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
