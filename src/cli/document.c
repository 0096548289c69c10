#include "cli/document.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/message.h"

static int complain(const char *path, const char *command, int status) {
    mete__message_say("%s: cannot write %s: %s", command,
                      strcmp(path, "-") == 0 ? "to standard output" : path, strerror(-status));
    return METE__EXIT_FAILED;
}

/* Writes a new file of the same folder, then gives it the name. What is there and no regular file,
 * as /dev/stdout, is written itself. */
static int print_to_file(mete__document_print *print, void *context, const char *path) {
    struct stat there;
    char *temporary = NULL;
    int status;

    bool direct = stat(path, &there) == 0 && !S_ISREG(there.st_mode);
    if (!direct && asprintf(&temporary, "%s.XXXXXX", path) < 0) return -ENOMEM;
    int fd = direct ? -1 : mkstemp(temporary);
    FILE *file = direct ? fopen(path, "we") : fd < 0 ? NULL : fdopen(fd, "w");
    if (file == NULL) {
        status = -errno;
        goto fail_open;
    }
    if (!direct) {
        mode_t mask = umask(0);
        umask(mask);
        (void)!fchmod(fd, 0666 & ~mask);
    }
    status = print(context, file);
    if (fclose(file) != 0 && status == 0) status = -errno;
    if (status == 0 && !direct && rename(temporary, path) != 0) status = -errno;
    if (status != 0 && !direct) unlink(temporary);
fail_open:
    free(temporary);
    return status;
}

int mete__document_write(mete__document_print *print, void *context, const char *path,
                         const char *command) {
    int status =
        strcmp(path, "-") == 0 ? print(context, stdout) : print_to_file(print, context, path);

    return status == 0 ? METE__EXIT_OK : complain(path, command, status);
}
