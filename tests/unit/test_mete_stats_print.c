/* mete/stats.h: figures of holders, and all figures as text. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <mete/malloc.h>
#include <mete/pool.h>
#include <mete/stats.h>

#include "support/apart.h"

static bool stop_at_first(void *context, const mete_holder_stats *stats) {
    *(mete_holder_stats *)context = *stats;
    return false;
}

static bool ask_again(void *context, const mete_holder_stats *stats) {
    (void)stats;
    *(int *)context = mete_stats_each(ask_again, context);
    return true;
}

static void newest_pool_comes_first(void) {
    mete_holder_stats stats = {0};
    mete_pool *old = mete_pool_create(&(mete_pool_options){.block_size = 16});
    mete_pool *pool = mete_pool_create(&(mete_pool_options){.block_size = 48, .name = "nodes"});
    void *block = mete_pool_alloc(pool);
    CHECK(mete_stats_each(stop_at_first, &stats) == 0);
    CHECK(strcmp(stats.kind, "pool") == 0);
    CHECK(stats.live_blocks == 1 && stats.live_bytes == 48 && stats.allocations == 1);
    CHECK(stats.reserved_bytes > 48);
    mete_pool_free(pool, block);
    mete_pool_destroy(pool);
    mete_pool_destroy(old);
}

static void visit_within_a_visit_is_refused(void) {
    int status = 0;
    mete_pool *pool = mete_pool_create(&(mete_pool_options){.block_size = 16});
    CHECK(mete_stats_each(ask_again, &status) == 0);
    CHECK(status == -EDEADLK);
    CHECK(mete_stats_each(NULL, NULL) == -EINVAL);
    mete_pool_destroy(pool);
}

static void text_has_a_line_for_each(void) {
    char text[1024];
    mete_pool *pool = mete_pool_create(&(mete_pool_options){.block_size = 48, .name = "a\tb"});
    int length = mete_stats_print(METE_STATS_TEXT, text, sizeof text);
    CHECK(length == (int)strlen(text));
    CHECK(strncmp(text, "heap: ", 6) == 0);
    CHECK(strstr(text, "\npool a?b: 0 bytes live in 0 blocks, peak 0, reserved ") != NULL);
    mete_pool_destroy(pool);
}

static void json_names_cannot_break_out(void) {
    char text[2048];
    mete_pool *pool =
        mete_pool_create(&(mete_pool_options){.block_size = 48, .name = "\"\\\n\xff"});
    mete_pool *other = mete_pool_create(&(mete_pool_options){.block_size = 48});
    CHECK(mete_stats_print(METE_STATS_JSON, text, sizeof text) == (int)strlen(text));
    CHECK(strstr(text, "\"holders\": [{\"kind\": \"pool\", \"name\": \"pool\", ") != NULL);
    CHECK(strstr(text, "}, {\"kind\": \"pool\", \"name\": \"\\\"\\\\??\", ") != NULL);
    CHECK(strcmp(text + strlen(text) - 4, "}]}\n") == 0);
    mete_pool_destroy(other);
    mete_pool_destroy(pool);
}

static void what_does_not_fit_is_cut(void) {
    char whole[1024], some[10];
    int length = mete_stats_print(METE_STATS_TEXT, whole, sizeof whole);
    CHECK(mete_stats_print(METE_STATS_TEXT, some, sizeof some) == length);
    CHECK(strlen(some) == 9 && strncmp(some, whole, 9) == 0);
    CHECK(mete_stats_print((mete_stats_form)0, some, sizeof some) == -EINVAL);
    CHECK(mete_stats_print(METE_STATS_JSON, NULL, 1) == -EINVAL);
    CHECK(mete_stats_print(METE_STATS_JSON, some, 0) == -EINVAL);
}

static void descriptor_is_written_all_of_it(void) {
    enum { POOLS = 300 }; /* names of 40 bytes: more than the first buffer */
    static char expected[1 << 17], got[1 << 17];
    static mete_pool *pools[POOLS];
    for (int i = 0; i < POOLS; i++) {
        pools[i] = mete_pool_create(&(mete_pool_options){
            .block_size = 48, .name = "a pool whose name is rather a long one"});
        CHECK(pools[i] != NULL);
    }
    for (mete_stats_form form = METE_STATS_TEXT; form <= METE_STATS_JSON; form++) {
        int file = memfd_create("figures", 0);
        CHECK(file >= 0 && write(file, "before\n", 7) == 7);
        int length = mete_stats_print(form, expected, sizeof expected);
        CHECK(length > 8192 && length < (int)sizeof expected);
        CHECK(mete_stats_print_fd(form, file) == 0);
        CHECK(pread(file, got, sizeof got, 0) == 7 + length);
        CHECK(memcmp(got, "before\n", 7) == 0 && memcmp(got + 7, expected, (size_t)length) == 0);
        CHECK(close(file) == 0);
    }
    for (int i = 0; i < POOLS; i++) mete_pool_destroy(pools[i]);
}

static void descriptor_that_takes_nothing_is_an_error(void) {
    int ends[2];
    int full = open("/dev/full", O_WRONLY);
    CHECK(mete_stats_print_fd((mete_stats_form)3, 1) == -EINVAL);
    CHECK(mete_stats_print_fd(METE_STATS_TEXT, -1) == -EBADF);
    CHECK(full >= 0 && mete_stats_print_fd(METE_STATS_JSON, full) == -ENOSPC);
    CHECK(pipe(ends) == 0 && close(ends[0]) == 0);
    CHECK(signal(SIGPIPE, SIG_IGN) != SIG_ERR);
    CHECK(mete_stats_print_fd(METE_STATS_TEXT, ends[1]) == -EPIPE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FACT(newest_pool_comes_first),
        FACT(visit_within_a_visit_is_refused),
        FACT(text_has_a_line_for_each),
        FACT(json_names_cannot_break_out),
        FACT(what_does_not_fit_is_cut),
        FACT(descriptor_is_written_all_of_it),
        FACT(descriptor_that_takes_nothing_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
