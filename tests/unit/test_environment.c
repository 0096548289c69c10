/* os/environment.h: the process's beginnings, also when libc does not know them. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "os/environment.h"
#include "support/apart.h"

static char **arguments;

static void the_arguments_are_those_of_main(void) {
    struct mete__environment environment;
    mete__environment_read(&environment);
    CHECK(environment.argv == (const char *const *)arguments);
    CHECK(environment.argc >= 1 && environment.argv[environment.argc] == NULL);
    for (uint32_t i = 0; i < environment.argc; i++) CHECK(environment.argv[i] != NULL);
    CHECK(environment.started_as != NULL && !environment.is_secure);
}

static void the_variables_are_the_programs_own_array(void) {
    struct mete__environment environment;
    CHECK(setenv("METE_TEST_VARIABLE", "x", 1) == 0);
    mete__environment_read(&environment);
    CHECK(environment.variables == environ);
}

/* As in a call of malloc by the loader, before the C library knows them. */
static void without_libc_the_kernels_variables_are_found(void) {
    struct mete__environment environment;
    const char *path = getenv("PATH");
    environ = NULL;
    mete__environment_read(&environment);
    bool found = path == NULL;
    for (char **next = environment.variables; *next != NULL; next++)
        found = found || (strncmp(*next, "PATH=", 5) == 0 && strcmp(*next + 5, path) == 0);
    CHECK(found && environment.argv == (const char *const *)arguments);
}

static void the_image_has_one_number_that_is_not_the_kernels_secret(void) {
    struct mete__environment first, second;
    mete__environment_read(&first);
    mete__environment_read(&second);
    CHECK(first.image == second.image && first.image != 0);
}

static void a_program_with_a_loader_is_not_static(void) {
    CHECK(!mete__environment_is_static());
}

static void the_executable_is_the_file_and_cut_where_it_does_not_fit(void) {
    char whole_path[PATH_MAX], expected[PATH_MAX], small[6];
    ssize_t length = readlink("/proc/self/exe", expected, sizeof expected - 1);
    CHECK(length > 6);
    expected[length] = '\0';
    errno = 77;
    mete__environment_executable(whole_path, sizeof whole_path);
    CHECK(strcmp(whole_path, expected) == 0);
    mete__environment_executable(small, sizeof small);
    CHECK(strlen(small) == 5 && strncmp(small, expected, 5) == 0 && errno == 77);
}

int main(int count, char **texts) {
    const struct CMUnitTest tests[] = {
        FACT(the_arguments_are_those_of_main),
        FACT(the_variables_are_the_programs_own_array),
        FACT(without_libc_the_kernels_variables_are_found),
        FACT(the_image_has_one_number_that_is_not_the_kernels_secret),
        FACT(a_program_with_a_loader_is_not_static),
        FACT(the_executable_is_the_file_and_cut_where_it_does_not_fit),
    };
    arguments = count > 0 ? texts : NULL;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
