/*
 * analysis/open.c - open(2) as elfutils' libraries call it, so that it never waits.
 *
 * Files name others that libdw and libdwfl then open: .dwo files, dwz supplements, separate debug
 * files. Where such a name is that of a pipe nobody writes to, or of a terminal, the command would
 * hang, and no function of theirs can be told otherwise. So the command has an open() of its own,
 * which the dynamic linker gives them before the C library's: what is opened to be read is opened
 * without waiting, which changes nothing for regular files. The command's own calls go to open64().
 */
#include <fcntl.h>
#include <stdarg.h>

int mete__open(const char *path, int flags, ...) __asm__("open");

int mete__open(const char *path, int flags, ...) {
    va_list arguments;
    mode_t mode = 0;

    if ((flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE) {
        va_start(arguments, flags);
        mode = va_arg(arguments, mode_t);
        va_end(arguments);
    } else if ((flags & O_ACCMODE) == O_RDONLY) {
        flags |= O_NONBLOCK | O_NOCTTY;
    }
    return openat(AT_FDCWD, path, flags, mode);
}
