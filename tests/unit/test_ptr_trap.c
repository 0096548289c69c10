/* mete/ptr.h that ends the program: one death for each thing that can be wrong. */
#define METE_PTR_CHECKS 1
#include "ptr_facts.h"

#include "support/apart.h"

/* The pointer, out of sight of a compiler that would warn. */
static void *unseen(void *pointer) {
    __asm__("" : "+r"(pointer));
    return pointer;
}

static void null_ends_the_program(void) {
    char byte = 0;
    apart_expect("mete: mete_ptr_copy: a pointer is NULL\n");
    mete_ptr_copy(&byte, unseen(NULL), 1);
}

static void misaligned_address_ends_the_program(void) {
    int numbers[2] = {1, 2}, out;
    apart_expect("mete: mete_ptr_read: an address is not aligned\n");
    METE_PTR_READ((int *)unseen((char *)numbers + 1), &out);
}

static void overlap_ends_the_program(void) {
    char bytes[8] = "1234567";
    apart_expect("mete: mete_ptr_copy_nonoverlapping: the ranges overlap\n");
    mete_ptr_copy_nonoverlapping(unseen(bytes), bytes + 3, 4);
}

static void overflow_ends_the_program(void) {
    int number = 0, *at;
    apart_expect("mete: mete_ptr_offset: an address does not fit\n");
    METE_PTR_ADD(&number, PTRDIFF_MAX, &at);
}

static void fraction_of_an_element_ends_the_program(void) {
    int numbers[2] = {1, 2};
    ptrdiff_t distance;
    apart_expect("mete: mete_ptr_check_distance: a distance is no whole number of elements\n");
    METE_PTR_DISTANCE(numbers, (int *)unseen((char *)numbers + 5), &distance);
}

static void leaving_a_span_ends_the_program(void) {
    char bytes[8] = "1234567";
    uint32_t number;
    apart_expect("mete: mete_view_load_le32: it lies outside of the span\n");
    mete_view_load_le32(METE_VIEW_OF(bytes), 5, &number);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        PTR_FACTS,
        DEATH(null_ends_the_program),
        DEATH(misaligned_address_ends_the_program),
        DEATH(overlap_ends_the_program),
        DEATH(overflow_ends_the_program),
        DEATH(fraction_of_an_element_ends_the_program),
        DEATH(leaving_a_span_ends_the_program),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
