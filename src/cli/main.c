/*
 * cli/main.c - `mete COMMAND …`: finds the command and runs it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/compiler.h"
#include "cli/command.h"
#include "cli/message.h"
#include "cli/nearest.h"

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *summary;
} commands[] = {
    {"run", mete__cmd_run, "run a program and say what its memory did"},
    {"report", mete__cmd_report, "say what a profile holds"},
    {"layout", mete__cmd_layout, "say where the members of structs lie"},
};

/* A standard stream that is closed would be the next file we open, and our messages would go into
 * it. Standard output cannot be written then, which is an error as always. The program we start
 * finds it closed, as it was. */
static void hold_standard_streams(void) {
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
            (void)!open("/dev/null", (fd == STDOUT_FILENO ? O_RDONLY : O_RDWR) | O_CLOEXEC);
}

/* What is still to be written may fail, too. */
static int finish(int code) {
    bool had_failed = ferror(stdout);

    if (fflush(stdout) == 0 && !had_failed) return code;
    if (code == METE__EXIT_OK)
        mete__message_say("cannot write standard output: %s", strerror(errno != 0 ? errno : EIO));
    return code == METE__EXIT_OK ? METE__EXIT_FAILED : code;
}

static void print_usage(FILE *stream) {
    fprintf(stream, "Usage: mete COMMAND [ARG…]\n\n"
                    "Measures the memory of C and C++ programs.\n\nCommands:\n");
    for (size_t i = 0; i < METE_COUNT_OF(commands); i++)
        fprintf(stream, "  %-10s %s\n", commands[i].name, commands[i].summary);
    fprintf(stream, "  %-10s %s\n  %-10s %s\n", "help", "this text, or a command's: mete help run",
            "version", "the version of mete");
}

static int unknown_command(const char *typed) {
    struct mete__nearest nearest = mete__nearest_to(typed);

    for (size_t i = 0; i < METE_COUNT_OF(commands); i++)
        mete__nearest_offer(&nearest, commands[i].name);
    if (nearest.best)
        mete__message_say("unknown command '%s'; did you mean 'mete %s'?", typed, nearest.best);
    else
        mete__message_say("unknown command '%s' ('mete help' lists the commands)", typed);
    return METE__EXIT_USAGE;
}

static int run_command(int argc, char **argv) {
    for (size_t i = 0; i < METE_COUNT_OF(commands); i++)
        if (strcmp(commands[i].name, argv[0]) == 0) return commands[i].run(argc, argv);
    return unknown_command(argv[0]);
}

static bool is_one_of(const char *word, const char *a, const char *b, const char *c) {
    return strcmp(word, a) == 0 || strcmp(word, b) == 0 || strcmp(word, c) == 0;
}

int main(int argc, char **argv) {
    hold_standard_streams();
    if (argc < 2) {
        print_usage(stderr);
        return METE__EXIT_USAGE;
    }
    if (is_one_of(argv[1], "version", "--version", "-V")) {
        printf("mete %s\n", METE_VERSION_STRING);
        return finish(METE__EXIT_OK);
    }
    if (is_one_of(argv[1], "help", "--help", "-h")) {
        if (argc > 2) return finish(run_command(2, (char *[]){argv[2], (char[]){"--help"}, NULL}));
        print_usage(stdout);
        return finish(METE__EXIT_OK);
    }
    if (argv[1][0] == '-') {
        mete__message_say("unknown option '%s': a command comes first ('mete help' lists them)",
                          argv[1]);
        return METE__EXIT_USAGE;
    }
    return finish(run_command(argc - 1, argv + 1));
}
