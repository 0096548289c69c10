/*
 * cli/command.h - the commands of mete, and what they share.
 *
 * To add a command `frob`:
 *   1. write src/cli/cmd_frob.c with `int mete__cmd_frob(int argc, char **argv)`; argv[0] is
 * "frob", the result is the exit code, options are read by cli/options.h so that --help comes by
 * itself;
 *   2. declare it below and add a row to commands[] in main.c;
 *   3. write docs/man/mete-frob.1;
 *   4. write tests/cli/frob.bats. (A test holds every command's --help against its man page.)
 */
#ifndef METE_CLI_COMMAND_H
#define METE_CLI_COMMAND_H

/* What mete's own exit codes mean. A program's own status (mete run) may be any of them too. */
enum mete__exit {
    METE__EXIT_OK = 0,
    METE__EXIT_LIMIT = 1,         /* a limit that the user set is exceeded (mete layout) */
    METE__EXIT_USAGE = 2,         /* bad usage */
    METE__EXIT_FAILED = 125,      /* mete itself could not do its work */
    METE__EXIT_NOT_STARTED = 126, /* the program was found but cannot be started */
    METE__EXIT_NOT_FOUND = 127,   /* the program was not found */
    METE__EXIT_SIGNAL_BASE = 128, /* 128 + N: signal N ended the program */
};

/* Bytes of a sentence that says why not, with a path or two in it. */
enum { METE__WHY_SIZE = 8192 };

int mete__cmd_run(int argc, char **argv);
int mete__cmd_report(int argc, char **argv);
int mete__cmd_layout(int argc, char **argv);

#endif
