/* mete/ptr.h without checks. */
#define METE_PTR_CHECKS 0
#include "ptr_facts.h"

int main(void) {
    const struct CMUnitTest tests[] = {PTR_FACTS};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
