/* guard/filling.h: the first byte that differs is found, wherever it is. */
#include <stdint.h>
#include <string.h>

#include "guard/filling.h"
#include "support/apart.h"

static char memory[100];

static void exactly_the_range_is_filled(void) {
    memset(memory, 1, sizeof memory);
    mete__filling_write(memory + 3, memory + 90, METE__FILLING_ZONE);
    CHECK(memory[2] == 1 && memory[90] == 1);
    CHECK((uint8_t)memory[3] == METE__FILLING_ZONE && (uint8_t)memory[89] == METE__FILLING_ZONE);
    CHECK(mete__filling_wrong(memory + 3, memory + 90, METE__FILLING_ZONE) == NULL);
}

static void each_wrong_byte_is_found_by_its_address(void) {
    for (size_t from = 0; from < 9; from++) {
        mete__filling_write(memory, memory + 100, METE__FILLING_FREED);
        for (size_t i = from; i < 100; i++) {
            memory[i] ^= 1;
            CHECK(mete__filling_wrong(memory + from, memory + 100, METE__FILLING_FREED) ==
                  memory + i);
            CHECK(mete__filling_wrong(memory + from, memory + i, METE__FILLING_FREED) == NULL);
            memory[i] ^= 1;
        }
    }
}

static void the_first_of_several_is_found(void) {
    mete__filling_write(memory, memory + 100, METE__FILLING_ZERO);
    memory[50] = memory[51] = memory[99] = 2;
    CHECK(mete__filling_wrong(memory, memory + 100, METE__FILLING_ZERO) == memory + 50);
}

static void nothing_is_wrong_in_no_memory(void) {
    memory[10] = 1;
    mete__filling_write(memory + 10, memory + 10, METE__FILLING_ZONE);
    mete__filling_write(memory + 11, memory + 10, METE__FILLING_ZONE);
    CHECK(memory[10] == 1);
    CHECK(mete__filling_wrong(memory + 10, memory + 10, METE__FILLING_ZONE) == NULL);
    CHECK(mete__filling_wrong(memory + 11, memory + 10, METE__FILLING_ZONE) == NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FACT(exactly_the_range_is_filled),
        FACT(each_wrong_byte_is_found_by_its_address),
        FACT(the_first_of_several_is_found),
        FACT(nothing_is_wrong_in_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
