#include "cli/preload.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/compiler.h"

#define LIBRARY "libmete_malloc.so"
/* What LD_PRELOAD cannot hold inside a name: ld.so splits at these, and expands $LIB and the like.
 */
#define SPLITTERS " :"
#define SPECIAL   SPLITTERS "$"

/* The library's real path, by its plain name, which may be a link to a versioned one. */
static int locate(char out[PATH_MAX], char *why, size_t why_size) {
    char path[PATH_MAX + 32], folder[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", path, PATH_MAX);
    int error = ENAMETOOLONG;

    if (length < 0) {
        snprintf(why, why_size, "cannot tell where mete lies: /proc/self/exe: %s", strerror(errno));
        return -ENOENT;
    }
    while (length > 0 && path[length - 1] != '/') length--;
    snprintf(path + length, sizeof path - (size_t)length, "../lib");
    bool has_folder = realpath(path, folder) != NULL;
    snprintf(path + length, sizeof path - (size_t)length, "../lib/" LIBRARY);
    if (!has_folder)
        error = errno;
    else if (snprintf(out, PATH_MAX, "%s/" LIBRARY, folder) < PATH_MAX) {
        if (access(out, R_OK) == 0) return 0;
        error = errno;
    }
    snprintf(why, why_size, "cannot find '%s', which belongs beside the command: %s", path,
             strerror(error));
    return -error;
}

/* Makes a folder that only this user can write and everybody can pass, because a child may have
 * changed its user before it loads the library. */
static int make_folder(char out[PATH_MAX]) {
    const char *parents[] = {getenv("TMPDIR"), "/tmp", "/var/tmp", "/dev/shm"};
    int error = ENOENT;

    for (size_t i = 0; i < METE_COUNT_OF(parents); i++) {
        if (!parents[i] || parents[i][0] != '/' || strpbrk(parents[i], SPECIAL)) continue;
        if (snprintf(out, PATH_MAX, "%s/mete-XXXXXX", parents[i]) >= PATH_MAX) continue;
        if (mkdtemp(out)) return chmod(out, 0755) == 0 ? 0 : -errno;
        error = errno;
    }
    out[0] = '\0';
    return -error;
}

static int make_link(struct mete__preload *preload) {
    char target[PATH_MAX];
    int status = make_folder(preload->folder);

    if (status < 0) return status;
    memcpy(target, preload->library, sizeof target);
    snprintf(preload->library, sizeof preload->library, "%.*s/%s",
             (int)(sizeof preload->library - sizeof "/" LIBRARY), preload->folder, LIBRARY);
    if (symlink(target, preload->library) == 0) return 0;
    status = -errno;
    rmdir(preload->folder);
    preload->folder[0] = '\0';
    return status;
}

int mete__preload_find(struct mete__preload *out, char *why, size_t why_size) {
    out->folder[0] = '\0';
    int status = locate(out->library, why, why_size);

    if (status < 0 || !strpbrk(out->library, SPECIAL)) return status;
    status = make_link(out);
    if (status < 0)
        snprintf(why, why_size,
                 "the path of '%s' has a space, colon or $, which LD_PRELOAD cannot name, and no "
                 "folder for a link to it could be made: %s",
                 out->library, strerror(-status));
    return status;
}

void mete__preload_drop(struct mete__preload *preload) {
    if (!preload->folder[0]) return;
    unlink(preload->library);
    rmdir(preload->folder);
    preload->folder[0] = '\0';
}

/* Writes the names of a list as LD_PRELOAD holds it, each behind a colon. A mete that is among them
 * (mete run mete run …) gives way to this one. */
static void write_others(FILE *out, const char *list) {
    while (*list) {
        size_t length = strcspn(list, SPLITTERS);
        const char *base = memrchr(list, '/', length);
        base = base ? base + 1 : list;
        if (length > 0 && strncmp(base, LIBRARY, strlen(LIBRARY)) != 0)
            fprintf(out, ":%.*s", (int)length, list);
        list += length + (list[length] != '\0');
    }
}

int mete__preload_enter(const struct mete__preload *preload) {
    const char *others = getenv("LD_PRELOAD");
    char *value = NULL;
    size_t size;
    FILE *stream = open_memstream(&value, &size);

    if (!stream) return -ENOMEM;
    fputs(preload->library, stream);
    if (others) write_others(stream, others);
    bool failed = fclose(stream) != 0 || setenv("LD_PRELOAD", value, 1) != 0;
    free(value);
    return failed ? -ENOMEM : 0;
}
