#include "cli/debug_directory.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/message.h"

bool mete__debug_directory_find(const char *given, bool quietly, const char **directory) {
    const char *path = given != NULL ? given : getenv("METE_DEBUG_DIR");

    *directory = NULL;
    if (path == NULL || (given == NULL && path[0] == '\0')) return true;
    DIR *opened = opendir(path);
    if (opened == NULL) {
        if (!quietly)
            mete__message_say("%s: cannot look for debug files in '%s': %s",
                              given != NULL ? "--debug-dir" : "METE_DEBUG_DIR", path,
                              strerror(errno));
        return given == NULL;
    }
    closedir(opened);
    *directory = path;
    return true;
}
