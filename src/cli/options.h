/*
 * cli/options.h - reading a command's options from a table.
 *
 * An option is written --name=VALUE or --name VALUE, -l VALUE or -lVALUE where it has a letter;
 * flags take no value. "--" ends the options. The last of several wins. --help (-h) is there
 * without being in the table.
 *
 * Everything wrong is one line on standard error that names the option, says what it takes, and
 * asks whether the nearest valid name was meant.
 */
#ifndef METE_CLI_OPTIONS_H
#define METE_CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What an option takes. The type of its member in the command's struct of values decides it:
 * one of any other type does not compile. */
enum mete__option_kind {
    METE__OPTION_FLAG,   /* bool: set to true */
    METE__OPTION_TEXT,   /* const char *: the argument, not empty */
    METE__OPTION_TEXTS,  /* struct mete__option_texts: each use adds one */
    METE__OPTION_NUMBER, /* uint64_t, from min to max */
    METE__OPTION_CHOICE, /* int: the value of one of choices[] */
};

#define METE__OPTION_TEXTS_MAX 32
struct mete__option_texts {
    const char *text[METE__OPTION_TEXTS_MAX];
    size_t count;
};

struct mete__option_choice {
    const char *name;
    int value;
};

struct mete__option {
    const char *name; /* without its dashes */
    char letter;      /* or 0 */
    enum mete__option_kind kind;
    const char *value;   /* what help calls the value; NULL for a flag */
    size_t offset;       /* of the member in the command's struct of values */
    const char *help;    /* a few words for --help */
    uint64_t min, max;   /* of a number */
    bool is_bytes;       /* a number that K, M or G (powers of 1024) may follow, also as KiB, KB */
    const char *without; /* a number may be left out, and is then this one; NULL: it may not */
    const struct mete__option_choice *choices; /* ends with a NULL name */
};

/* clang-format off */
#define METE__OPTION_KIND(type, member) \
    _Generic(((type *)0)->member, \
             bool: METE__OPTION_FLAG, \
             const char *: METE__OPTION_TEXT, \
             struct mete__option_texts: METE__OPTION_TEXTS, \
             uint64_t: METE__OPTION_NUMBER, \
             int: METE__OPTION_CHOICE)
/* clang-format on */

/* A row of a command's table: the type of its struct of values, the option's member there, and its
 * name, value and help; whatever else it has follows as designators. */
#define METE__OPTION(type, member, option, shown, text, ...)                                  \
    {                                                                                         \
        .name = (option), .value = (shown), .help = (text), .offset = offsetof(type, member), \
        .kind = METE__OPTION_KIND(type, member), __VA_ARGS__                                  \
    }

/* A command as its user sees it. */
struct mete__usage {
    const char *command;  /* "run" */
    const char *operands; /* "[--] PROGRAM [ARG…]" */
    const char *summary;  /* one sentence */
    const struct mete__option *options;
    size_t option_count;
    bool stops_at_operand; /* the first operand ends the options: what follows is the program's */
};

/* What mete__options_parse returns instead of a number of operands. */
enum { METE__OPTIONS_HELPED = -1, METE__OPTIONS_BAD = -2 };

/* Reads argv[1…argc) into `values`, a struct with a member for each option, set to the defaults by
 * the caller. Returns the number of operands; *operands points at them, in argv, whose order
 * changes for it. METE__OPTIONS_HELPED: help was asked for and printed. METE__OPTIONS_BAD: the
 * reason was printed. */
int mete__options_parse(const struct mete__usage *usage, int argc, char **argv, void *values,
                        char ***operands);

/* One line: what is wrong (printf-like), and how to get help. Returns METE__EXIT_USAGE. */
int mete__options_complain(const struct mete__usage *usage, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
