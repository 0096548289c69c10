#include "analysis/regular_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

int mete__regular_file_open(const char *path) {
    struct stat status;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

    if (fd < 0) return -errno;
    if (fstat(fd, &status) != 0) status.st_mode = 0;
    if (S_ISREG(status.st_mode)) return fd;
    close(fd);
    return S_ISDIR(status.st_mode) ? -EISDIR : -EINVAL;
}
