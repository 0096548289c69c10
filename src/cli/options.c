#include "cli/options.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "cli/command.h"
#include "cli/message.h"
#include "cli/nearest.h"

/* Where a parse stands. */
struct parse {
    const struct mete__usage *usage;
    int argc;
    char **argv;
    int next; /* index of the first argument not read yet */
    void *values;
};

int mete__options_complain(const struct mete__usage *usage, const char *format, ...) {
    char what[4096];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    mete__message_say("%s: %s ('mete %s --help' lists the options)", usage->command, what,
                      usage->command);
    return METE__EXIT_USAGE;
}

static void print_help(const struct mete__usage *usage) {
    printf("Usage: mete %s [OPTIONS] %s\n\n%s\n\nOptions:\n", usage->command, usage->operands,
           usage->summary);
    for (size_t i = 0; i < usage->option_count; i++) {
        const struct mete__option *option = &usage->options[i];
        char left[64];
        int length = option->letter ? snprintf(left, sizeof left, "-%c, ", option->letter)
                                    : snprintf(left, sizeof left, "    ");
        const char *format = !option->value ? "--%s" : !option->without ? "--%s=%s" : "--%s[=%s]";
        snprintf(left + length, sizeof left - (size_t)length, format, option->name, option->value);
        printf("  %-28s %s\n", left, option->help);
    }
    printf("  %-28s %s\n", "-h, --help", "this text");
    printf("\nThe manual: man mete-%s\n", usage->command);
}

/* "'a', 'b' or 'c'" */
static void list_choices(const struct mete__option_choice *choices, char *text, size_t size) {
    size_t length = 0;
    text[0] = '\0';
    for (const struct mete__option_choice *c = choices; c->name && length < size; c++) {
        const char *joint = c == choices ? "" : c[1].name ? ", " : " or ";
        int added = snprintf(text + length, size - length, "%s%s", joint, c->name);
        length += (size_t)added;
    }
}

static int complain_choice(const struct parse *parse, const struct mete__option *option,
                           const char *value) {
    struct mete__nearest nearest = mete__nearest_to(value);
    char choices[256], hint[64] = "";

    for (const struct mete__option_choice *c = option->choices; c->name; c++)
        mete__nearest_offer(&nearest, c->name);
    if (nearest.best) snprintf(hint, sizeof hint, "; did you mean '%s'?", nearest.best);
    list_choices(option->choices, choices, sizeof choices);
    mete__options_complain(parse->usage, "option --%s: unknown %s '%s': it is %s%s", option->name,
                           option->name, value, choices, hint);
    return METE__OPTIONS_BAD;
}

static int complain_unknown(const struct parse *parse, const char *typed, size_t length) {
    char name[64], hint[64] = "";
    snprintf(name, sizeof name, "%.*s", (int)length, typed);
    struct mete__nearest nearest = mete__nearest_to(name);

    for (size_t i = 0; i < parse->usage->option_count; i++)
        mete__nearest_offer(&nearest, parse->usage->options[i].name);
    mete__nearest_offer(&nearest, "help");
    if (nearest.best) snprintf(hint, sizeof hint, "; did you mean '--%s'?", nearest.best);
    mete__options_complain(parse->usage, "unknown option '--%s'%s", name, hint);
    return METE__OPTIONS_BAD;
}

/* The factor a suffix stands for, or 0 where it is none. */
static uint64_t suffix_factor(const char *suffix) {
    static const char units[] = "KMG";
    if (*suffix == '\0') return 1;
    const char *unit = strchr(units, *suffix & ~0x20); /* k counts as K */
    if (!unit || *unit == '\0') return 0;
    const char *rest = suffix + 1;
    if (*rest != '\0' && strcmp(rest, "iB") != 0 && strcmp(rest, "B") != 0) return 0;
    return (uint64_t)1 << (10 * (unit - units + 1));
}

static bool read_number(const struct mete__option *option, const char *text, uint64_t *out) {
    char *end;
    if (*text < '0' || *text > '9') return false; /* strtoull would take signs and spaces */
    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    uint64_t factor = option->is_bytes ? suffix_factor(end) : *end == '\0';
    size_t value;
    if (errno || factor == 0 || mete__mul_overflows(number, factor, &value)) return false;
    if (value < option->min || value > option->max) return false;
    *out = value;
    return true;
}

static int complain_number(const struct parse *parse, const struct mete__option *option,
                           const char *value) {
    char range[96];
    const char *what = option->is_bytes ? "a number (K, M or G may follow)" : "a number";
    if (option->max == UINT64_MAX)
        snprintf(range, sizeof range, "from %llu on", (unsigned long long)option->min);
    else
        snprintf(range, sizeof range, "from %llu to %llu", (unsigned long long)option->min,
                 (unsigned long long)option->max);
    mete__options_complain(parse->usage, "option --%s: '%s' is not %s %s", option->name, value,
                           what, range);
    return METE__OPTIONS_BAD;
}

static int store_value(const struct parse *parse, const struct mete__option *option,
                       const char *value) {
    void *member = (char *)parse->values + option->offset;

    switch (option->kind) {
    case METE__OPTION_FLAG: *(bool *)member = true; return 0;
    case METE__OPTION_TEXT:
    case METE__OPTION_TEXTS:
        if (*value == '\0') {
            mete__options_complain(parse->usage, "option --%s: %s is empty", option->name,
                                   option->value);
            return METE__OPTIONS_BAD;
        }
        if (option->kind == METE__OPTION_TEXT) {
            *(const char **)member = value;
            return 0;
        }
        struct mete__option_texts *texts = member;
        if (texts->count == METE__OPTION_TEXTS_MAX) {
            mete__options_complain(parse->usage, "option --%s: at most %d times", option->name,
                                   METE__OPTION_TEXTS_MAX);
            return METE__OPTIONS_BAD;
        }
        texts->text[texts->count++] = value;
        return 0;
    case METE__OPTION_NUMBER:
        return read_number(option, value, member) ? 0 : complain_number(parse, option, value);
    case METE__OPTION_CHOICE:
        for (const struct mete__option_choice *c = option->choices; c->name; c++) {
            if (strcmp(c->name, value) != 0) continue;
            *(int *)member = c->value;
            return 0;
        }
        return complain_choice(parse, option, value);
    }
    return METE__OPTIONS_BAD; /* not reached */
}

/* Whether the next argument is the value of an option that may have none: a number alone. */
static bool is_value_next(const struct parse *parse) {
    if (parse->next >= parse->argc) return false;
    const char *text = parse->argv[parse->next];
    return text[0] != '\0' && text[strspn(text, "0123456789")] == '\0';
}

/* Stores an option whose value, if it came with it, is `attached`; else takes the next argument. */
static int take_option(struct parse *parse, const struct mete__option *option,
                       const char *attached) {
    if (option->kind == METE__OPTION_FLAG) {
        if (!attached) return store_value(parse, option, "");
        mete__options_complain(parse->usage, "option --%s takes no value", option->name);
        return METE__OPTIONS_BAD;
    }
    if (!attached && option->without && !is_value_next(parse)) attached = option->without;
    if (!attached) {
        if (parse->next >= parse->argc) {
            mete__options_complain(parse->usage, "option --%s needs a value: --%s=%s", option->name,
                                   option->name, option->value);
            return METE__OPTIONS_BAD;
        }
        attached = parse->argv[parse->next++];
    }
    return store_value(parse, option, attached);
}

static int parse_long(struct parse *parse, const char *typed) {
    size_t length = strcspn(typed, "=");
    const char *attached = typed[length] == '=' ? typed + length + 1 : NULL;

    if (strcmp(typed, "help") == 0) {
        print_help(parse->usage);
        return METE__OPTIONS_HELPED;
    }
    for (size_t i = 0; i < parse->usage->option_count; i++) {
        const struct mete__option *option = &parse->usage->options[i];
        if (strncmp(option->name, typed, length) == 0 && option->name[length] == '\0')
            return take_option(parse, option, attached);
    }
    return complain_unknown(parse, typed, length);
}

/* One argument of letters: flags may stand together, a value follows its letter at once or as the
 * next argument. */
static int parse_letters(struct parse *parse, const char *letters) {
    for (; *letters; letters++) {
        const struct mete__option *option = NULL;
        if (*letters == 'h') {
            print_help(parse->usage);
            return METE__OPTIONS_HELPED;
        }
        for (size_t i = 0; i < parse->usage->option_count && !option; i++)
            if (parse->usage->options[i].letter == *letters) option = &parse->usage->options[i];
        if (!option) {
            mete__options_complain(parse->usage, "unknown option '-%c'", *letters);
            return METE__OPTIONS_BAD;
        }
        bool is_flag = option->kind == METE__OPTION_FLAG;
        int status = take_option(parse, option, !is_flag && letters[1] ? letters + 1 : NULL);
        if (status != 0 || !is_flag) return status;
    }
    return 0;
}

int mete__options_parse(const struct mete__usage *usage, int argc, char **argv, void *values,
                        char ***operands) {
    struct parse parse = {.usage = usage, .argc = argc, .argv = argv, .next = 1, .values = values};
    int count = 0;

    /* Operands move to the front, argv[1…], as they are met: never past what was read. */
    while (parse.next < argc) {
        char *argument = argv[parse.next++];
        int status = 0;
        if (strcmp(argument, "--") == 0) break;
        if (strncmp(argument, "--", 2) == 0)
            status = parse_long(&parse, argument + 2);
        else if (argument[0] == '-' && argument[1] != '\0')
            status = parse_letters(&parse, argument + 1);
        else {
            if (usage->stops_at_operand) {
                parse.next--;
                break;
            }
            argv[1 + count++] = argument;
        }
        if (status != 0) return status;
    }
    while (parse.next < argc) argv[1 + count++] = argv[parse.next++];
    argv[1 + count] = NULL;
    *operands = argv + 1;
    return count;
}
