#include "cli/layout_names.h"

#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/message.h"
#include "cli/nearest.h"

/* Says that no type has something, or is so; `best` is what may have been meant, or NULL. */
static int complain(const struct mete__layout_file *file, const char *lacks, const char *name,
                    const char *best) {
    mete__message_say("layout: %s %s '%s'%s%s%s", mete__layout_file_path(file), lacks, name,
                      best == NULL ? "" : ": did you mean '", best == NULL ? "" : best,
                      best == NULL ? "" : "'?");
    return METE__EXIT_FAILED;
}

/* A name of C++ without its scopes: what is behind the last "::" that is not inside brackets. */
static const char *own_name(const char *name) {
    const char *own = name;
    int depth = 0;

    for (const char *at = name; *at != '\0'; at++) {
        depth += *at == '<' || *at == '(';
        depth -= *at == '>' || *at == ')';
        if (depth == 0 && at[0] == ':' && at[1] == ':') own = at + 2;
    }
    return own;
}

static int complain_type(const struct mete__layout_file *file, const char *pattern) {
    struct mete__nearest nearest = mete__nearest_to(mete__type_without_keyword(pattern));
    const char *meant = NULL;

    for (size_t i = 0; i < mete__layout_file_count(file); i++) {
        const char *name = mete__type_plain_name(mete__layout_file_type(file, i));
        const char *best = nearest.best;
        mete__nearest_offer(&nearest, name);
        mete__nearest_offer(&nearest, own_name(name));
        if (nearest.best != best) meant = name;
    }
    if (meant == NULL && access(pattern, F_OK) == 0) {
        mete__message_say("layout: one file is taken at a time: '%s' is looked for as a type of %s",
                          pattern, mete__layout_file_path(file));
        return METE__EXIT_FAILED;
    }
    return complain(file, "has no type", pattern, meant);
}

/* The end of a path that has as many slashes as another text. */
static const char *tail_like(const char *path, const char *like) {
    const char *tail = path + strlen(path);
    size_t slashes = 1;

    for (; *like != '\0'; like++) slashes += *like == '/';
    while (tail > path && !(tail[-1] == '/' && --slashes == 0)) tail--;
    return tail;
}

static int complain_file(const struct mete__layout_file *file, const char *pattern) {
    struct mete__nearest nearest = mete__nearest_to(pattern);
    bool has_files = false;

    for (size_t i = 0; i < mete__layout_file_count(file); i++) {
        const char *path = mete__layout_file_type(file, i)->file;
        if (path == NULL) continue;
        has_files = true;
        mete__nearest_offer(&nearest, tail_like(path, pattern));
    }
    return complain(file, has_files ? "has no type that is declared in" : "names no files, not",
                    pattern, nearest.best);
}

static bool passes(const struct mete__layout_file *file, const struct mete__layout_filter *filter) {
    for (size_t i = 0; file != NULL && i < mete__layout_file_count(file); i++)
        if (mete__layout_filter_passes(filter, mete__layout_file_type(file, i))) return true;
    return false;
}

/* Whether a type is named so, or passes a filter that looks for what is named so: a type of another
 * file can be pointed to. */
static int check_type(const struct mete__layout_file *file, const struct mete__layout_file *old,
                      const char *name, const struct mete__layout_filter *filter) {
    const struct mete__layout_filter named = {.names = &name, .name_count = 1};

    return name == NULL || passes(file, &named) || passes(old, &named) || passes(file, filter) ||
                   passes(old, filter)
               ? METE__EXIT_OK
               : complain_type(file, name);
}

int mete__layout_names_check(const struct mete__layout_file *file,
                             const struct mete__layout_file *old,
                             const struct mete__layout_filter *filter) {
    const struct mete__layout_filter declared = {.file = filter->file},
                                     holds = {.contains = filter->contains},
                                     leads = {.points_to = filter->points_to};
    int code = METE__EXIT_OK;

    for (size_t i = 0; i < filter->name_count && code == METE__EXIT_OK; i++) {
        const struct mete__layout_filter named = {.names = &filter->names[i], .name_count = 1};
        code = check_type(file, old, filter->names[i], &named);
    }
    if (code == METE__EXIT_OK) code = check_type(file, old, filter->contains, &holds);
    if (code == METE__EXIT_OK) code = check_type(file, old, filter->points_to, &leads);
    if (code == METE__EXIT_OK && filter->file != NULL && !passes(file, &declared) &&
        !passes(old, &declared))
        code = complain_file(file, filter->file);
    return code;
}

static bool has_member(const struct mete__type *const *types, size_t count, const char *name) {
    for (size_t i = 0; i < count; i++)
        for (uint32_t k = 0; k < types[i]->member_count; k++)
            if (types[i]->members[k].name != NULL && strcmp(types[i]->members[k].name, name) == 0)
                return true;
    return false;
}

int mete__layout_names_check_hot(const struct mete__layout_file *file,
                                 const struct mete__type *const *types, size_t count,
                                 const char *const *hot, size_t hot_count, bool are_all) {
    for (size_t i = 0; i < hot_count; i++)
        if (!has_member(types, count, hot[i])) {
            mete__message_say("layout: --hot: %s of %s has a member '%s'",
                              are_all ? "no type" : "none of these types",
                              mete__layout_file_path(file), hot[i]);
            return METE__EXIT_FAILED;
        }
    return METE__EXIT_OK;
}
