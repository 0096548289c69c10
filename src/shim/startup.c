/* shim/startup.h, and where heap and tracker meet. */
#include "shim/startup.h"

#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <string.h>

#include "base/text.h"
#include "guard/guard.h"
#include "heap/cache.h"
#include "heap/checked.h"
#include "heap/watch.h"
#include "os/checkers.h"
#include "os/environment.h"
#include "os/process.h"
#include "profile/writer.h"
#include "registry/registry.h"
#include "shim/finish.h"
#include "shim/inherit.h"
#include "shim/profile_name.h"
#include "track/holders.h"
#include "track/tracker.h"

static struct mete__settings settings;
static bool is_first;
static uint32_t has_started; /* atomic */

const struct mete__settings *mete__startup_settings(void) {
    return &settings;
}

bool mete__startup_is_first(void) {
    return is_first;
}

/* ---- what can go wrong ---- */

static void complain_setting(void) {
    char line[PATH_MAX + 256];
    struct mete__text text = mete__text_in(line, sizeof line);
    mete__text_add(&text, "mete: %s=%s: %s; nothing is tracked\n", settings.wrong_name,
                   settings.wrong_value, settings.wrong_why);
    mete__process_complain(text.start, text.length);
}

static const char *reason(int error) {
    switch (error) {
    case ENOENT: return "no such directory";
    case ENOTDIR: return "a part of its path is no directory";
    case EACCES:
    case EPERM: return "permission denied";
    case EROFS: return "the file system is read-only";
    case EEXIST: return "something that is no profile has that name";
    case EISDIR: return "it is a directory";
    case ENOSPC: return "the disk is full";
    case EDQUOT: return "the disk quota is used up";
    case EFBIG: return "the limit on file sizes or address space leaves no room";
    case ENAMETOOLONG: return "the name is too long";
    case EMFILE:
    case ENFILE: return "too many open files";
    case ENOMEM: return "no memory for it";
    default: return NULL;
    }
}

static void complain_file(const char *path, int error) {
    char line[PATH_MAX + 128];
    struct mete__text text = mete__text_in(line, sizeof line);
    const char *why = reason(error);

    mete__text_add(&text, "mete: cannot write the profile '%s': ", path);
    if (why != NULL)
        mete__text_add(&text, "%s", why);
    else
        mete__text_add(&text, "error %d", error);
    mete__text_add(&text, "; the program runs on untracked\n");
    mete__process_complain(text.start, text.length);
}

/* ---- starting ---- */

/* Whether METE_OUTPUT is this process's own. Outside of `mete run` it is, unless a living process
 * has the file; in a run only the first process's, known by its id and, because other namespaces
 * and later times may give the same id again, its parent's. */
static bool owns_output(void) {
    if (settings.run == 0) return true;
    return settings.first_process == mete__process_id() &&
           settings.first_parent == mete__process_parent_id();
}

static int start_tracker(const struct mete__environment *environment, char *path, size_t size) {
    static char executable[PATH_MAX];
    static char program[METE_PROFILE_PROGRAM_MAX + 1];

    mete__environment_executable(executable, sizeof executable);
    mete__profile_name_program(environment->started_as != NULL ? environment->started_as
                                                               : executable,
                               program, sizeof program);
    int status = mete__profile_name_choose(settings.output, owns_output(), program,
                                           environment->image, path, size);
    if (status < 0) return status;
    struct mete__tracker_options options = {
        .path = path,
        .program = program,
        .executable = executable,
        .argv = environment->argv,
        .argc = environment->argc,
        .run = settings.run,
        .mode = settings.mode,
        .sample_bytes = settings.mode == METE_PROFILE_SAMPLED ? settings.sample_bytes : 0,
        .sample_blocks = settings.mode == METE_PROFILE_GUARD ? settings.sample_blocks : 0,
        .limit_bytes = settings.limit_bytes,
        .no_children = settings.no_children,
        .is_quiet = settings.is_quiet,
    };
    status = mete__tracker_start(&options);
    if (status == 0) mete__writer_header()->image = environment->image;
    return status;
}

/* Whether the program's malloc is another mete's: a library was linked with libmete, in a program
 * under libmete_malloc. One process has one profile, and that is the other's. */
static bool is_second(void) {
    return mete_malloc_family != NULL && &mete__malloc_family_is_own == NULL;
}

static void start_guard(void) {
    if (settings.mode != METE_PROFILE_GUARD && settings.mode != METE_PROFILE_CHECK) return;
    mete__guard_start(settings.mode == METE_PROFILE_GUARD);
    if (settings.sample_blocks > 1) mete__watch_sample_blocks(settings.sample_blocks);
}

static void start(void) {
    static char path[PATH_MAX];
    struct mete__environment environment;

    mete__environment_read(&environment);
    if (environment.is_secure || is_second()) return;
    mete__settings_read(&settings, environment.variables);
    is_first = owns_output();
    if (settings.wrong_name != NULL) {
        settings.is_tracking = false;
        if (!settings.is_quiet) complain_setting();
    }
    if (settings.no_children && !is_first) settings.is_tracking = false;
    if (!settings.is_tracking) return;
    int status = start_tracker(&environment, path, sizeof path);
    if (status < 0) {
        settings.is_tracking = false;
        if (!settings.is_quiet && status != -EALREADY) complain_file(path, -status);
        return;
    }
    mete__registry_watch(mete__holders_hooks());
    if (settings.mode == METE_PROFILE_STATS) {
        /* They need no block to be watched: the heap knows them. */
        mete__watch_set_tick(mete__tracker_tick);
        return;
    }
    start_guard();
    bool is_sampled = settings.mode == METE_PROFILE_SAMPLED || settings.sample_blocks > 1;
    mete__watch_set(is_sampled ? METE__WATCH_SAMPLED : METE__WATCH_ALL, settings.sample_bytes,
                    mete__tracker_hooks());
}

/* Valgrind and AddressSanitizer know a program's malloc themselves; in one that is linked with
 * libmete only, and whose blocks nobody else watches, they are told of mete's. */
static void tell_checkers(void) {
    mete__checkers_settle();
    if (!settings.is_tracking && &mete__malloc_family_is_own == NULL && !METE__SANITIZED)
        mete__checked_start();
}

void mete__startup_run(void) {
    if (__atomic_exchange_n(&has_started, 1, __ATOMIC_ACQ_REL) != 0) return;
    int saved = errno;
    start();
    tell_checkers();
    errno = saved;
}

/* In a static program the first blocks are asked for before the C library can say where its unwind
 * tables are; there the constructor is early enough. */
void mete__heap_starting(void) {
    if (!mete__environment_is_static()) mete__startup_run();
}

/* The C library is ready now, and the program has not begun: in a static one, this comes before its
 * own constructors. */
__attribute__((constructor(101))) static void start_late(void) {
    mete__startup_run();
    mete__inherit_prepare();
    mete__finish_prepare();
}
