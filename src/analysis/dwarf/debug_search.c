#include "analysis/dwarf/debug_search.h"

#include <errno.h>
#include <libelf.h>
#include <stdio.h>
#include <stdlib.h>

#define USUAL_PATH ":.debug:/usr/lib/debug" /* libdwfl's default, as gdb's */

int mete__debug_search_open(struct mete__debug_search *search, const char *directory,
                            const struct mete__debug_watch *watch) {
    /* libdwfl looks for build-ids in absolute directories only. */
    char *absolute = directory == NULL ? NULL : realpath(directory, NULL);
    int length = absolute == NULL ? asprintf(&search->path, "%s", USUAL_PATH)
                                  : asprintf(&search->path, "%s:%s", absolute, USUAL_PATH);

    free(absolute);
    if (length < 0) {
        *search = (struct mete__debug_search){0};
        return -ENOMEM;
    }
    search->callbacks = (Dwfl_Callbacks){
        .find_elf = dwfl_build_id_find_elf,
        .find_debuginfo = dwfl_standard_find_debuginfo,
        .section_address = dwfl_offline_section_address,
        .debuginfo_path = &search->path,
    };
    elf_version(EV_CURRENT);
    search->dwfl = dwfl_begin(&search->callbacks);
    if (search->dwfl == NULL) {
        mete__debug_search_close(search);
        return -ENOMEM;
    }
    search->watch = (struct mete__debug_watch){0};
    if (watch != NULL) search->watch = *watch;
    mete__debug_servers_watch(search->dwfl, &search->watch);
    return 0;
}

void mete__debug_search_close(struct mete__debug_search *search) {
    if (search->dwfl != NULL) dwfl_end(search->dwfl);
    free(search->path);
    *search = (struct mete__debug_search){0};
}
