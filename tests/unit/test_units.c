/* report/units.c: numbers as people read them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "report/units.h"

static void bytes_have_three_digits(void **state) {
    static const struct {
        uint64_t bytes;
        const char *text;
    } cases[] = {
        {0, "0 B"},
        {1, "1 B"},
        {999, "999 B"},
        {1000, "0.98 KiB"},
        {1023, "1.00 KiB"},
        {1024, "1.00 KiB"},
        {1536, "1.50 KiB"},
        {10239, "10.0 KiB"},
        {102399, "100 KiB"},
        {1022976, "999 KiB"},
        {1023488, "0.98 MiB"},
        {(uint64_t)1 << 30, "1.00 GiB"},
        {UINT64_MAX, "16.0 EiB"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_string_equal(mete__units_bytes(METE__UNITS, cases[i].bytes), cases[i].text);
}

static void powers_have_no_point(void **state) {
    (void)state;
    assert_string_equal(mete__units_power(METE__UNITS, 1), "1 B");
    assert_string_equal(mete__units_power(METE__UNITS, 512), "512 B");
    assert_string_equal(mete__units_power(METE__UNITS, 1024), "1 KiB");
    assert_string_equal(mete__units_power(METE__UNITS, (uint64_t)1 << 47), "128 TiB");
}

static void counts_have_commas(void **state) {
    (void)state;
    assert_string_equal(mete__units_digits(METE__UNITS, 0), "0");
    assert_string_equal(mete__units_digits(METE__UNITS, 1234567), "1234567");
    assert_string_equal(mete__units_digits(METE__UNITS, UINT64_MAX), "18446744073709551615");
    assert_string_equal(mete__units_count(METE__UNITS, 0), "0");
    assert_string_equal(mete__units_count(METE__UNITS, 999), "999");
    assert_string_equal(mete__units_count(METE__UNITS, 1000), "1,000");
    assert_string_equal(mete__units_count(METE__UNITS, 1234567), "1,234,567");
    assert_string_equal(mete__units_count(METE__UNITS, UINT64_MAX), "18,446,744,073,709,551,615");
}

static void seconds_change_their_unit_where_they_round(void **state) {
    (void)state;
    assert_string_equal(mete__units_seconds(METE__UNITS, 0), "0.00 ms");
    assert_string_equal(mete__units_seconds(METE__UNITS, 0.0123), "12.3 ms");
    assert_string_equal(mete__units_seconds(METE__UNITS, 0.9994), "999 ms");
    assert_string_equal(mete__units_seconds(METE__UNITS, 0.9996), "1.00 s");
    assert_string_equal(mete__units_seconds(METE__UNITS, 59.94), "59.9 s");
    assert_string_equal(mete__units_seconds(METE__UNITS, 59.96), "1 min 0 s");
    assert_string_equal(mete__units_seconds(METE__UNITS, 725), "12 min 5 s");
    assert_string_equal(mete__units_seconds(METE__UNITS, 3599.6), "1 h 0 min");
    assert_string_equal(mete__units_seconds(METE__UNITS, 11520), "3 h 12 min");
}

static void shares_survive_nothing_and_little(void **state) {
    (void)state;
    assert_string_equal(mete__units_share(METE__UNITS, 0, 0), "0 %");
    assert_string_equal(mete__units_share(METE__UNITS, 5, 0), "0 %");
    assert_string_equal(mete__units_share(METE__UNITS, 1, 100000), "< 0.1 %");
    assert_string_equal(mete__units_share(METE__UNITS, 65, 1000), "6.5 %");
    assert_string_equal(mete__units_share(METE__UNITS, 996, 10000), "10 %");
    assert_string_equal(mete__units_share(METE__UNITS, 7, 7), "100 %");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_have_three_digits),
        cmocka_unit_test(powers_have_no_point),
        cmocka_unit_test(counts_have_commas),
        cmocka_unit_test(seconds_change_their_unit_where_they_round),
        cmocka_unit_test(shares_survive_nothing_and_little),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
