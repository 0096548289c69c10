#include "analysis/dwarf/debug_servers.h"

#include <elfutils/debuginfod.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "analysis/late_library.h"
#include "base/compiler.h"

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

/* debuginfod calls it a few times a second; `of` is 0 while nobody knows. */
static int show(debuginfod_client *client, long done, long of) {
    const struct mete__debug_watch *watch = debuginfod.get_user_data(client);

    if (done >= 0 && of >= 0)
        watch->show(watch->context, of == 0 ? 0 : (size_t)done, (size_t)of,
                    "downloading debug data");
    return 0; /* go on */
}

void mete__debug_servers_watch(Dwfl *dwfl, const struct mete__debug_watch *watch) {
    if (!has_servers() || watch->show == NULL) return;
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
    int found = ask_again(client, id, bytes);
    if (found >= 0) close(found);
    if (found >= 0 || found == -ENOENT || found == -ENOSYS) return NULL;
    snprintf(why, sizeof why, "cannot be asked: %s", strerror(-found));
    return why;
}
