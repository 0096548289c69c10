/* shim/profile_name.c: FILE is the first process's, and no profile is ever overwritten. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "profile/format.h"
#include "shim/profile_name.h"

#define THIS_IMAGE 7

static char folder[] = "/tmp/test_profile_name.XXXXXX";
static char path[4096];

static int enter_folder(void **state) {
    (void)state;
    return mkdtemp(folder) && chdir(folder) == 0 ? 0 : -1;
}

static int remove_folder(void **state) {
    (void)state;
    return chdir("/") == 0 && rmdir(folder) == 0 ? 0 : -1;
}

/* A profile with nothing but a header and a program's name. */
static void write_profile(const char *name, uint32_t pid, const char *program) {
    struct mete_profile_header header = {
        .magic = METE_PROFILE_MAGIC, .pid = pid, .program = 1, .used_bytes = 8192};
    FILE *file = fopen(name, "w");

    header.sections[METE_SECTION_STRINGS].first_records = 4096;
    header.sections[METE_SECTION_STRINGS].chunk[0] = 4096;
    assert_non_null(file);
    assert_int_equal(fwrite(&header, sizeof header, 1, file), 1);
    assert_int_equal(fseek(file, 4096, SEEK_SET), 0);
    assert_true(fputs(program, file) >= 0 && putc('\0', file) != EOF);
    assert_int_equal(ftruncate(fileno(file), 100000), 0);
    assert_int_equal(fclose(file), 0);
}

/* The header of a profile, which is removed. */
static struct mete_profile_header take_profile(const char *name) {
    struct mete_profile_header header;
    FILE *file = fopen(name, "r");

    assert_non_null(file);
    assert_int_equal(fread(&header, sizeof header, 1, file), 1);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(remove(name), 0);
    return header;
}

static const char *own_name(const char *program, const char *end) {
    static char name[4096];
    snprintf(name, sizeof name, "mete.%s.%d%s.mete", program, (int)getpid(), end);
    return name;
}

static int choose(const char *output, bool is_first) {
    return mete__profile_name_choose(output, is_first, "now", THIS_IMAGE, path, sizeof path);
}

static void assert_chosen(const char *name) {
    char wanted[4200];
    snprintf(wanted, sizeof wanted, "%s/%s", folder, name);
    assert_string_equal(path, wanted);
    assert_int_equal(access(path, F_OK), -1); /* and it is free */
}

static uint32_t ended_process(void) {
    pid_t pid = fork();
    if (pid == 0) _exit(0);
    waitpid(pid, NULL, 0);
    return (uint32_t)pid;
}

static void the_first_process_takes_the_file_others_lie_beside_it(void **state) {
    (void)state;
    assert_int_equal(choose("out", true), 0);
    assert_chosen("out");
    assert_int_equal(choose("out", false), 0);
    assert_chosen(own_name("now", ""));
    assert_int_equal(choose(NULL, true), 0);
    assert_chosen(own_name("now", ""));
}

static void earlier_images_of_this_process_move_aside_under_their_own_names(void **state) {
    (void)state;
    for (int n = 1; n <= 3; n++) {
        write_profile("out", (uint32_t)getpid(), "past");
        assert_int_equal(choose("out", true), 0);
        assert_chosen("out");
    }
    for (int n = 1; n <= 3; n++) {
        char end[8];
        struct stat status;
        snprintf(end, sizeof end, ".%d", n);
        assert_int_equal(stat(own_name("past", end), &status), 0);
        assert_int_equal(status.st_size, 8192); /* cut to what was in use */
        assert_int_equal(take_profile(own_name("past", end)).state, METE_PROFILE_EXECED);
    }
}

static void a_living_process_keeps_its_file(void **state) {
    (void)state;
    write_profile("out", (uint32_t)getppid(), "past");
    assert_int_equal(choose("out", true), 0);
    assert_chosen(own_name("now", ""));
    assert_int_equal(take_profile("out").state, METE_PROFILE_RUNNING);
}

static void another_mete_in_the_same_program_keeps_its_file(void **state) {
    (void)state;
    uint64_t image = THIS_IMAGE;
    write_profile("out", (uint32_t)getpid(), "now");
    FILE *file = fopen("out", "r+");
    assert_non_null(file);
    assert_int_equal(fseek(file, offsetof(struct mete_profile_header, image), SEEK_SET), 0);
    assert_int_equal(fwrite(&image, sizeof image, 1, file), 1);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(choose("out", true), -EALREADY);
    assert_int_equal(take_profile("out").state, METE_PROFILE_RUNNING);
}

static void the_file_of_an_ended_process_moves_aside_unchanged(void **state) {
    (void)state;
    uint32_t ended = ended_process();
    char moved[64];
    write_profile("out", ended, "past");
    assert_int_equal(choose("out", true), 0);
    assert_chosen("out");
    snprintf(moved, sizeof moved, "mete.past.%u.1.mete", ended);
    assert_int_equal(take_profile(moved).state, METE_PROFILE_RUNNING);
}

static void names_that_lead_elsewhere_are_not_believed(void **state) {
    (void)state;
    write_profile("out", (uint32_t)getpid(), "/etc/../past");
    assert_int_equal(choose("out", true), 0);
    take_profile(own_name("past", ".1"));
    write_profile("out", (uint32_t)getpid(), "");
    assert_int_equal(choose("out", true), 0);
    take_profile(own_name("program", ".1"));
}

static void what_is_no_profile_is_left_alone(void **state) {
    (void)state;
    FILE *file = fopen("out", "w");
    assert_non_null(file);
    assert_true(fputs("precious", file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(choose("out", true), -EEXIST);
    assert_int_equal(remove("out"), 0);
    assert_int_equal(symlink("elsewhere", "out"), 0);
    assert_int_equal(choose("out", true), -EEXIST);
    assert_int_equal(remove("out"), 0);
    assert_int_equal(mkfifo("out", 0600), 0);
    assert_int_equal(choose("out", true), -EEXIST); /* and does not wait for a writer */
    assert_int_equal(remove("out"), 0);
}

static void a_program_is_named_after_the_last_part_of_its_path(void **state) {
    (void)state;
    char name[METE_PROFILE_PROGRAM_MAX + 1], longer[300] = {0};
    memset(longer, 'x', sizeof longer - 1);
    mete__profile_name_program("/usr/bin/sort", name, sizeof name);
    assert_string_equal(name, "sort");
    mete__profile_name_program("sort", name, sizeof name);
    assert_string_equal(name, "sort");
    mete__profile_name_program("/", name, sizeof name);
    assert_string_equal(name, "program");
    mete__profile_name_program(NULL, name, sizeof name);
    assert_string_equal(name, "program");
    mete__profile_name_program(longer, name, sizeof name);
    assert_int_equal(strlen(name), METE_PROFILE_PROGRAM_MAX);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_process_takes_the_file_others_lie_beside_it),
        cmocka_unit_test(earlier_images_of_this_process_move_aside_under_their_own_names),
        cmocka_unit_test(a_living_process_keeps_its_file),
        cmocka_unit_test(another_mete_in_the_same_program_keeps_its_file),
        cmocka_unit_test(the_file_of_an_ended_process_moves_aside_unchanged),
        cmocka_unit_test(names_that_lead_elsewhere_are_not_believed),
        cmocka_unit_test(what_is_no_profile_is_left_alone),
        cmocka_unit_test(a_program_is_named_after_the_last_part_of_its_path),
    };
    return cmocka_run_group_tests(tests, enter_folder, remove_folder);
}
