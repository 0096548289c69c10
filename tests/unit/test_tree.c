/* track/tree.c: one node for one path, whoever asks, also while the table grows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/meta.h"
#include "profile/writer.h"
#include "track/tree.h"

enum { THREADS = 4, PATHS = 12000, DEPTH = 12, FANOUT = 3 };

static int set_up(void **state) {
    (void)state;
    struct mete__writer_options options = {0};
    return mete__writer_open(&options);
}

static uint32_t next_random(uint64_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return (uint32_t)(*state >> 32);
}

static const struct mete_profile_node *record_of(uint32_t node) {
    return mete__writer_record(METE_SECTION_NODES, node);
}

static void a_path_has_one_node_with_its_frames(void **state) {
    (void)state;
    uint32_t outer = mete__tree_child(0, mete__tree_key(0x401000, 0, 0));
    uint32_t inner = mete__tree_child(outer, mete__tree_key(0x402000, 3, METE_NODE_EXACT_PC));

    assert_int_not_equal(outer, 0);
    assert_int_not_equal(inner, 0);
    assert_int_equal(mete__tree_child(0, mete__tree_key(0x401000, 0, 0)), outer);
    assert_int_equal(record_of(outer)->pc, 0x401000);
    assert_int_equal(record_of(outer)->parent, 0);
    assert_int_equal(record_of(inner)->pc, 0x402000);
    assert_int_equal(record_of(inner)->parent, outer);
    assert_int_equal(record_of(inner)->flags & 0xffff, METE_NODE_EXACT_PC);
    assert_int_equal(METE_NODE_GENERATION(record_of(inner)->flags), 3);
}

static void parent_address_generation_and_flags_all_tell_nodes_apart(void **state) {
    (void)state;
    uint32_t nodes[] = {
        mete__tree_child(0, mete__tree_key(0x500000, 0, 0)),
        mete__tree_child(1, mete__tree_key(0x500000, 0, 0)),
        mete__tree_child(0, mete__tree_key(0x500001, 0, 0)),
        mete__tree_child(0, mete__tree_key(0x500000, 1, 0)),
        mete__tree_child(0, mete__tree_key(0x500000, METE_GENERATION_MAX, 0)),
        mete__tree_child(0, mete__tree_key(0x500000, 0, METE_NODE_TRUNCATED)),
        mete__tree_child(0, mete__tree_key(0x500000, 0, METE_NODE_GUESSED)),
    };
    for (size_t i = 0; i < METE_COUNT_OF(nodes); i++)
        for (size_t j = 0; j < i; j++) assert_int_not_equal(nodes[i], nodes[j]);
}

static uint32_t ends[THREADS][PATHS];

/* Walks the same random paths in every thread; each begins elsewhere among them. */
static void *walk_paths(void *argument) {
    size_t thread = (size_t)(uintptr_t)argument;
    for (size_t i = 0; i < PATHS; i++) {
        size_t path = (i + thread * (PATHS / THREADS)) % PATHS;
        uint64_t random = path / 4 * 0x9e3779b97f4a7c15u + 1; /* every path four times */
        uint32_t node = 0;
        for (unsigned depth = 0; depth < DEPTH; depth++) {
            uint32_t pc = 0x600000 + depth * FANOUT + next_random(&random) % FANOUT;
            node = mete__tree_child(node, mete__tree_key(pc, 0, 0));
            if (node == 0) return argument;
        }
        ends[thread][path] = node;
    }
    return NULL;
}

/* No two records may say the same. */
static void check_no_node_is_twice(void) {
    uint64_t count = mete__tree_nodes();
    for (uint64_t i = 1; i < count; i++) {
        const struct mete_profile_node *record = record_of((uint32_t)i);
        /* A loser of a race leaves a record that is nobody's: it must not be found again. */
        uint32_t found = mete__tree_child(
            record->parent,
            mete__tree_key(record->pc, METE_NODE_GENERATION(record->flags), record->flags & 7));
        assert_true(found <= i || record_of(found)->pc == record->pc);
    }
    assert_int_equal(mete__tree_nodes(), count);
}

static void threads_agree_on_every_node_while_the_table_grows(void **state) {
    (void)state;
    pthread_t threads[THREADS];
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, walk_paths, (void *)(uintptr_t)i), 0);
    for (size_t i = 0; i < THREADS; i++) {
        void *failed;
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
    for (size_t i = 1; i < THREADS; i++) assert_memory_equal(ends[0], ends[i], sizeof ends[0]);
    assert_true(mete__tree_nodes() > 8192); /* or nothing had to grow */
    check_no_node_is_twice();
}

static int stop; /* atomic */

static void *add_many(void *argument) {
    for (uintptr_t pc = 0x70000000; !__atomic_load_n(&stop, __ATOMIC_RELAXED); pc++)
        mete__tree_child(0, mete__tree_key(pc, 0, 0));
    return argument;
}

/* The child has only the thread that forked; the one that grew the table is gone. */
static void a_forked_child_goes_on_whatever_the_others_were_doing(void **state) {
    (void)state;
    pthread_t thread;
    uint32_t known = mete__tree_child(0, mete__tree_key(0x401000, 0, 0));
    __atomic_store_n(&stop, 0, __ATOMIC_RELAXED);
    assert_int_equal(pthread_create(&thread, NULL, add_many, NULL), 0);
    for (int i = 0; i < 40; i++) {
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            mete__meta_after_fork();
            bool good = mete__tree_child(0, mete__tree_key(0x401000, 0, 0)) == known;
            uint32_t nodes[3000];
            for (unsigned j = 0; j < METE_COUNT_OF(nodes); j++)
                nodes[j] = mete__tree_child(known, mete__tree_key(0x900000 + j, 0, 0));
            for (unsigned j = 0; j < METE_COUNT_OF(nodes); j++)
                good = good && nodes[j] != 0 &&
                       mete__tree_child(known, mete__tree_key(0x900000 + j, 0, 0)) == nodes[j];
            _exit(good ? 0 : 1);
        }
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
    }
    __atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
    pthread_join(thread, NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_path_has_one_node_with_its_frames),
        cmocka_unit_test(parent_address_generation_and_flags_all_tell_nodes_apart),
        cmocka_unit_test(threads_agree_on_every_node_while_the_table_grows),
        cmocka_unit_test(a_forked_child_goes_on_whatever_the_others_were_doing),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
