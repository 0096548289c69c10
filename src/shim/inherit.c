/* shim/inherit.h */
#include "shim/inherit.h"

#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "os/meta.h"
#include "os/process.h"
#include "shim/settings.h"
#include "shim/startup.h"

#define LIBRARY      "libmete_malloc.so"
#define PRELOAD      "LD_PRELOAD="
#define PRELOAD_SIZE (sizeof PRELOAD - 1)
#define KEPT_MAX     16 /* settings: there are half as many */

/* Copies, because programs that change their title overwrite the original ones. */
static char *kept[KEPT_MAX + 1]; /* METE_*, ends with NULL */
static char *kept_preload;       /* the whole of LD_PRELOAD=…; NULL: nothing is passed on */
static const char *library;      /* our part of it; not terminated */
static size_t library_length;

static bool is_preload(const char *variable) {
    return strncmp(variable, PRELOAD, PRELOAD_SIZE) == 0;
}

/* The first name of libmete_malloc.so in a list as LD_PRELOAD holds, or NULL. */
static const char *find_library(const char *list, size_t *length) {
    while (*list != '\0') {
        *length = strcspn(list, " :");
        const char *base = list;
        for (const char *c = list; c < list + *length; c++)
            if (*c == '/') base = c + 1;
        if (strncmp(base, LIBRARY, strlen(LIBRARY)) == 0) return list;
        list += *length + (list[*length] != '\0');
    }
    return NULL;
}

static char *copy_of(const char *text) {
    size_t size = strlen(text) + 1;
    char *copy = mete__meta_alloc(size);
    return copy != NULL ? memcpy(copy, text, size) : NULL;
}

/* ---- leaving children alone ---- */

/* LD_PRELOAD without our part, in place: it only gets shorter. False where nothing is left of it.
 */
static bool shorten_preload(char *variable) {
    size_t length;
    char *part = variable + PRELOAD_SIZE;
    const char *ours = find_library(part, &length);

    if (ours == NULL) return true;
    part += ours - part;
    const char *rest = part + length;
    if (*rest != '\0')
        rest++; /* the separator behind it */
    else if (part > variable + PRELOAD_SIZE)
        part--; /* or the one before it */
    memmove(part, rest, strlen(rest) + 1);
    return variable[PRELOAD_SIZE] != '\0';
}

static void take_out(void) {
    char **next = environ;
    for (char **variable = environ; *variable != NULL; variable++) {
        if (mete__settings_knows(*variable)) continue;
        if (is_preload(*variable) && !shorten_preload(*variable)) continue;
        *next++ = *variable;
    }
    *next = NULL;
}

void mete__inherit_prepare(void) {
    const struct mete__settings *settings = mete__startup_settings();
    size_t count = 0;

    if (settings->run == 0 || environ == NULL) return;
    for (char **variable = environ; *variable != NULL; variable++) {
        if (is_preload(*variable) && kept_preload == NULL)
            kept_preload = copy_of(*variable);
        else if (mete__settings_knows(*variable) && count < KEPT_MAX)
            kept[count++] = copy_of(*variable);
    }
    kept[count] = NULL;
    if (kept_preload != NULL) library = find_library(kept_preload + PRELOAD_SIZE, &library_length);
    if (library == NULL) kept_preload = NULL;
    if (settings->no_children) take_out();
}

/* ---- passing it on ---- */

static bool is_wanted(bool is_exec) {
    const struct mete__settings *settings = mete__startup_settings();
    if (kept_preload == NULL) return false;
    if (!settings->no_children) return true;
    return is_exec && mete__startup_is_first() && mete__process_id() == settings->first_process;
}

/* What an environment has of ours, and how large it is. */
struct survey {
    size_t count; /* variables */
    bool has_run;
    bool has_library;
    const char *preload; /* its LD_PRELOAD=…, or NULL */
};

static struct survey look_at(char *const *variables) {
    struct survey survey = {.count = 0};
    size_t length;

    if (variables == NULL) return survey; /* as Linux takes it, and what clearenv leaves */
    for (; *variables != NULL; variables++, survey.count++) {
        if (mete__settings_value(*variables, "METE_RUN") != NULL) survey.has_run = true;
        if (is_preload(*variables)) survey.preload = *variables;
    }
    survey.has_library =
        survey.preload != NULL && find_library(survey.preload + PRELOAD_SIZE, &length) != NULL;
    return survey;
}

size_t mete__inherit_room(char *const *variables, bool is_exec) {
    if (!is_wanted(is_exec)) return 0;
    struct survey survey = look_at(variables);
    if (survey.has_run && survey.has_library) return 0;
    size_t text = survey.preload != NULL ? strlen(survey.preload) + library_length + 2 : 0;
    return (survey.count + KEPT_MAX + 2) * sizeof(char *) + text;
}

char **mete__inherit_extend(char *const *variables, void *room) {
    struct survey survey = look_at(variables);
    char **out = room, **next = out;
    char *text = (char *)(out + survey.count + KEPT_MAX + 2);

    for (size_t i = 0; i < survey.count; i++, variables++)
        if (survey.has_library || *variables != survey.preload) *next++ = *variables;
    if (!survey.has_run)
        for (char **variable = kept; *variable != NULL; variable++) *next++ = *variable;
    if (!survey.has_library && survey.preload == NULL) {
        *next++ = kept_preload;
    } else if (!survey.has_library) {
        *next++ = text;
        text = stpcpy(text, PRELOAD);
        text = mempcpy(text, library, library_length);
        *text++ = ':';
        (void)stpcpy(text, survey.preload + PRELOAD_SIZE);
    }
    *next = NULL;
    return out;
}
