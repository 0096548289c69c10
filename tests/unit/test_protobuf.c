/* report/protobuf.c: the encoding, by the examples of its own documentation. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "report/protobuf.h"

static struct mete__protobuf message;

static int tear_down(void **state) {
    (void)state;
    mete__protobuf_free(&message);
    return 0;
}

static void assert_bytes(const char *expected, size_t length) {
    assert_false(message.failed);
    assert_int_equal(message.length, length);
    assert_memory_equal(message.bytes, expected, length);
}

static void numbers_are_varints(void **state) {
    (void)state;
    mete__protobuf_number(&message, 1, 150);
    mete__protobuf_number(&message, 2, 0); /* not written */
    assert_bytes("\x08\x96\x01", 3);
    mete__protobuf_clear(&message);
    mete__protobuf_number(&message, 16, UINT64_MAX);
    assert_bytes("\x80\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 12);
}

static void texts_and_messages_have_lengths(void **state) {
    struct mete__protobuf outer = {0};

    (void)state;
    mete__protobuf_text(&message, 2, "testing");
    assert_bytes("\x12\x07testing", 9);
    mete__protobuf_message(&outer, 3, &message);
    assert_int_equal(outer.length, 11);
    assert_memory_equal(outer.bytes, "\x1a\x09\x12\x07testing", 11);
    mete__protobuf_free(&outer);
}

static void repeated_numbers_are_packed(void **state) {
    (void)state;
    mete__protobuf_numbers(&message, 6, (const uint64_t[]){3, 270, 86942}, 3);
    assert_bytes("\x32\x06\x03\x8e\x02\x9e\xa7\x05", 8);
}

static void messages_grow(void **state) {
    (void)state;
    for (uint64_t i = 0; i < 10000; i++) mete__protobuf_number(&message, 1, 1);
    assert_int_equal(message.length, 20000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(numbers_are_varints, tear_down),
        cmocka_unit_test_teardown(texts_and_messages_have_lengths, tear_down),
        cmocka_unit_test_teardown(repeated_numbers_are_packed, tear_down),
        cmocka_unit_test_teardown(messages_grow, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
