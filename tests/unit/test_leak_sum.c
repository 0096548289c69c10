/* track/leak_sum.h: against a plain table of the test's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "track/leak_sum.h"

enum { STACKS = 5000 };

static void blocks_are_summed_by_stack_and_kind(void **state) {
    static struct mete_profile_leak model[STACKS][METE_LEAK_REACHABLE + 1];
    struct mete__leak_sums sums;
    size_t different = 0, found = 0;
    (void)state;

    srand(1);
    assert_int_equal(mete__leak_sum_begin(&sums), 0);
    for (int i = 0; i < 100000; i++) {
        uint32_t stack = (uint32_t)(rand() % STACKS);
        uint32_t kind = (uint32_t)(rand() % METE_LEAK_REACHABLE) + METE_LEAK_DEFINITE;
        uint64_t bytes = (uint64_t)(rand() % 1000);
        assert_int_equal(mete__leak_sum_add(&sums, stack, kind, bytes), 0);
        different += model[stack][kind].blocks == 0;
        model[stack][kind].blocks++;
        model[stack][kind].bytes += bytes;
    }
    assert_int_equal(sums.count, different);
    for (size_t i = 0; i < sums.capacity; i++) {
        const struct mete_profile_leak *sum = &sums.table[i];
        if (sum->kind == 0) continue;
        found++;
        assert_int_equal(sum->bytes, model[sum->stack][sum->kind].bytes);
        assert_int_equal(sum->blocks, model[sum->stack][sum->kind].blocks);
    }
    assert_int_equal(found, different);
    mete__leak_sum_end(&sums);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_are_summed_by_stack_and_kind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
