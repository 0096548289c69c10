#include "analysis/dwarf/debug_servers.h"

#include <elfutils/debuginfod.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "analysis/late_library.h"
#include "base/compiler.h"

#define TIMEOUT 90 /* seconds, debuginfod's where its variable does not say it */

/* The library's functions; NULL: it is not loaded yet. */
static struct {
    __typeof__(&debuginfod_find_debuginfo) find_debuginfo;
    __typeof__(&debuginfod_set_progressfn) set_progressfn;
    __typeof__(&debuginfod_set_user_data) set_user_data;
    __typeof__(&debuginfod_get_user_data) get_user_data;
} debuginfod;

static bool has_servers(void) {
    const char *servers = getenv(DEBUGINFOD_URLS_ENV_VAR);

    return servers != NULL && servers[0] != '\0';
}

/* libdwfl's own client, which it makes only where it can load the library itself. NULL: none. */
static debuginfod_client *client_of(Dwfl *dwfl) {
    const struct mete__late_function functions[] = {
        {"debuginfod_find_debuginfo", &debuginfod.find_debuginfo},
        {"debuginfod_set_progressfn", &debuginfod.set_progressfn},
        {"debuginfod_set_user_data", &debuginfod.set_user_data},
        {"debuginfod_get_user_data", &debuginfod.get_user_data},
    };

    if (debuginfod.find_debuginfo == NULL &&
        mete__late_library_load(DEBUGINFOD_SONAME, functions, METE_COUNT_OF(functions)) != 0)
        return NULL;
    return dwfl_get_debuginfod_client(dwfl);
}

/* How long servers have been waited for, in all that libdwfl asks them for: it asks for several
 * files, and debuginfod has patience anew for each. Milliseconds. */
static struct {
    int64_t waited;
    int64_t last; /* when that was added to last */
    bool is_over; /* nobody waits any longer */
} silence;

static int64_t now(void) {
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

/* Seconds. */
static long patience(void) {
    const char *text = getenv(DEBUGINFOD_TIMEOUT_ENV_VAR);
    long seconds = text == NULL ? 0 : strtol(text, NULL, 10);

    return seconds > 0 ? seconds : TIMEOUT;
}

/* Whether servers have said nothing for as long as debuginfod waits. */
static bool is_enough(bool is_silent) {
    enum { BETWEEN = 2000 }; /* longer than from one call to the next */
    int64_t time = now();

    if (!is_silent)
        silence.waited = 0;
    else if (time - silence.last < BETWEEN)
        silence.waited += time - silence.last;
    silence.last = time;
    silence.is_over = silence.waited / 1000 >= patience();
    return silence.is_over;
}

/* debuginfod calls it a few times a second; `of` is 0 while nobody knows. Not 0: it gives up. */
static int show(debuginfod_client *client, long done, long of) {
    const struct mete__debug_watch *watch = debuginfod.get_user_data(client);

    if (done >= 0 && of >= 0 && watch->show != NULL)
        watch->show(watch->context, of == 0 ? 0 : (size_t)done, (size_t)of,
                    of == 0 ? "waiting for debuginfod servers" : "downloading debug data");
    return is_enough(of <= 0);
}

void mete__debug_servers_watch(Dwfl *dwfl, const struct mete__debug_watch *watch) {
    if (!has_servers()) return;
    debuginfod_client *client = client_of(dwfl);
    if (client == NULL) return;
    debuginfod.set_user_data(client, (void *)watch);
    debuginfod.set_progressfn(client, show);
}

/* libdwfl keeps no error, so they are asked again. What servers do not have is in the cache; for
 * one that does not answer nobody waits as long a second time. */
static int ask_again(debuginfod_client *client, const unsigned char *id, int bytes) {
    const char *before = getenv(DEBUGINFOD_MAXTIME_ENV_VAR);
    char *kept = before == NULL ? NULL : strdup(before);

    setenv(DEBUGINFOD_MAXTIME_ENV_VAR, "1", true);
    int found = debuginfod.find_debuginfo(client, id, bytes, NULL);
    if (kept != NULL)
        setenv(DEBUGINFOD_MAXTIME_ENV_VAR, kept, true);
    else
        unsetenv(DEBUGINFOD_MAXTIME_ENV_VAR);
    free(kept);
    return found;
}

const char *mete__debug_servers_why(Dwfl *dwfl, Dwfl_Module *module) {
    static char why[256];
    const unsigned char *id;
    GElf_Addr address;

    if (!has_servers()) return NULL;
    int bytes = dwfl_module_build_id(module, &id, &address);
    if (bytes <= 0) return "have files by build-id, and it has none";
    debuginfod_client *client = client_of(dwfl);
    if (client == NULL) return "are not asked: " DEBUGINFOD_SONAME " is not installed";
    if (silence.is_over) {
        snprintf(why, sizeof why, "have not answered in %ld s", patience());
        return why;
    }
    int found = ask_again(client, id, bytes);
    if (found >= 0) close(found);
    if (found >= 0 || found == -ENOENT || found == -ENOSYS) return NULL;
    snprintf(why, sizeof why, "cannot be asked: %s", strerror(-found));
    return why;
}
