#include "cli/program.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/executable.h"

/* A script's interpreter may be a script again, this many times (the kernel's limit). */
#define INTERPRETER_DEPTH 5

#if defined(__x86_64__)
#define LOADER "ld-linux-x86-64.so.2"
#elif defined(__aarch64__)
#define LOADER "ld-linux-aarch64.so.1"
#endif

/* One sentence on why `path` cannot be started under mete. */
struct verdict {
    char *why;
    size_t why_size;
};

static int refuse(struct verdict verdict, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static int refuse(struct verdict verdict, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(verdict.why, verdict.why_size, format, arguments);
    va_end(arguments);
    return METE__EXIT_NOT_STARTED;
}

/* ---- where it is ---- */

/* 0, or the errno exec would give. */
static int check_executable(const char *path) {
    struct stat status;
    if (stat(path, &status) != 0) return errno;
    if (S_ISDIR(status.st_mode)) return EISDIR;
    if (!S_ISREG(status.st_mode)) return EACCES;
    return faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) == 0 ? 0 : errno;
}

/* Searches PATH. 0 with the path in `out`; or ENOENT; or why the first candidate, then in `out`, is
 * no program. */
static int search_path(const char *name, char out[PATH_MAX]) {
    char standard[256] = "/bin:/usr/bin", candidate[PATH_MAX];
    const char *folder = getenv("PATH");
    int error = ENOENT;

    if (!folder) {
        confstr(_CS_PATH, standard, sizeof standard);
        folder = standard;
    }
    for (;; folder++) {
        size_t length = strcspn(folder, ":");
        int size = snprintf(candidate, sizeof candidate, "%.*s%s%s", (int)length, folder,
                            length ? "/" : "", name); /* an empty folder is the working directory */
        int found = size < PATH_MAX ? check_executable(candidate) : ENOENT;
        bool is_missing = found == ENOENT || found == ENOTDIR;
        if (found == 0 || (error == ENOENT && !is_missing)) {
            memcpy(out, candidate, (size_t)size + 1);
            error = found;
        }
        folder += length;
        if (found == 0 || *folder == '\0') return error;
    }
}

static int locate(const char *name, char out[PATH_MAX], struct verdict verdict) {
    int error = ENOENT;

    if (snprintf(out, PATH_MAX, "%s", name) >= PATH_MAX) {
        error = ENAMETOOLONG;
    } else if (strchr(name, '/')) {
        error = check_executable(name);
    } else if (*name) {
        error = search_path(name, out);
    }
    if (error == 0) return 0;
    if (error == EISDIR) return refuse(verdict, "'%s' is a directory, not a program", out);
    if (error == EACCES && access(out, F_OK) == 0)
        return refuse(verdict, "'%s' is not executable", out);
    return mete__program_explain(name, error, verdict.why, verdict.why_size);
}

int mete__program_explain(const char *name, int error, char *why, size_t why_size) {
    bool is_missing = error == ENOENT || error == ENOTDIR;

    if (is_missing && !strchr(name, '/'))
        snprintf(why, why_size, "cannot find a program '%s' in the folders of PATH", name);
    else if (is_missing)
        snprintf(why, why_size, "cannot find the program '%s'", name);
    else
        snprintf(why, why_size, "cannot start '%s': %s", name, strerror(error));
    return is_missing ? METE__EXIT_NOT_FOUND : METE__EXIT_NOT_STARTED;
}

/* ---- whether the loader will take mete in ---- */

/* What makes exec of the file change its privileges, which makes the loader ignore LD_PRELOAD
 * (capabilities(7), ld.so(8)); NULL where nothing does. */
static const char *privilege_of(const char *path) {
    struct stat status;
    struct statvfs mount;
    unsigned char capabilities[64];

    if (stat(path, &status) != 0) return NULL;
    if (statvfs(path, &mount) == 0 && (mount.f_flag & ST_NOSUID)) return NULL;
    if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1) return NULL;
    if ((status.st_mode & S_ISUID) && status.st_uid != getuid()) return "is setuid";
    if ((status.st_mode & S_ISGID) && (status.st_mode & S_IXGRP) && status.st_gid != getgid())
        return "is setgid";
    if (getuid() != 0 &&
        getxattr(path, "security.capability", capabilities, sizeof capabilities) > 0)
        return "has file capabilities";
    return NULL;
}

static int check_loader(const char *path, const struct mete__executable *image,
                        struct verdict verdict) {
    const char *base = strrchr(image->interpreter, '/');

    if (access(image->interpreter, F_OK) != 0)
        return refuse(verdict, "'%s' needs the loader '%s', which does not exist", path,
                      image->interpreter);
    if (strcmp(base ? base + 1 : image->interpreter, LOADER) == 0) return 0;
    return refuse(
        verdict,
        "'%s' uses the loader '%s': it was built for another C library than this mete (%s)", path,
        image->interpreter, LOADER);
}

/* A program whose malloc mete cannot replace, because no loader is asked. */
static int check_static(const char *path, const struct mete__executable *image,
                        struct verdict verdict) {
    if (image->holds_mete) return 0;
    if (image->allocator && strncmp(image->allocator, "Go", 2) == 0)
        return refuse(
            verdict,
            "'%s' is statically linked and allocates through Go's runtime: mete sees none "
            "of its memory",
            path);
    return refuse(verdict,
                  "'%s' is statically linked, so mete cannot be loaded into it; link mete in "
                  "(-lmete_malloc) and run it again",
                  path);
}

static int check_image(const char *path, const struct mete__executable *image,
                       struct verdict verdict) {
    const char *privilege = privilege_of(path);

    if (image->kind == METE__EXECUTABLE_OBJECT)
        return refuse(verdict, "'%s' is an ELF file but not a program", path);
    if (image->machine != mete__executable_own_machine())
        return refuse(verdict, "'%s' is a %s-bit program for %s; this mete measures %s ones", path,
                      image->is_wide ? "64" : "32", mete__executable_machine_name(image->machine),
                      mete__executable_machine_name(mete__executable_own_machine()));
    if (!image->is_wide)
        return refuse(verdict, "'%s' is a 32-bit program; this mete measures 64-bit ones", path);
    if (privilege)
        return refuse(
            verdict,
            "'%s' %s: the loader keeps mete out of programs that change their privileges; "
            "run it as their owner, or run a copy without the privilege",
            path, privilege);
    if (image->kind == METE__EXECUTABLE_STATIC) return check_static(path, image, verdict);
    if (image->kind == METE__EXECUTABLE_LOADER) return 0;
    if (image->jealous_library)
        return refuse(verdict,
                      "'%s' is built with %s, which brings its own malloc and must come first; "
                      "build it without to run it under mete",
                      path, image->jealous_library);
    return check_loader(path, image, verdict);
}

/* ---- both together ---- */

/* Says what is wrong with a script's interpreter; 0 where nothing is. */
static int check_interpreter(const char *script, const char *interpreter, struct verdict verdict) {
    size_t length = strlen(interpreter);
    bool has_return = length > 0 && interpreter[length - 1] == '\r';
    int error = check_executable(interpreter);

    if (error == 0) return 0;
    if (length == 0)
        return refuse(verdict, "the script '%s' names no interpreter after #!", script);
    if (has_return)
        return refuse(verdict,
                      "the script '%s' has DOS line ends: '%.*s' followed by a carriage return "
                      "names no interpreter",
                      script, (int)length - 1, interpreter);
    if (error == ENOENT || error == ENOTDIR)
        return refuse(verdict, "the script '%s' names the interpreter '%s', which does not exist",
                      script, interpreter);
    return refuse(verdict, "the script '%s' names the interpreter '%s', which is %s", script,
                  interpreter, error == EISDIR ? "a directory" : "not executable");
}

int mete__program_find(const char *name, struct mete__program *out, char *why, size_t why_size) {
    struct verdict verdict = {why, why_size};
    struct mete__executable image;
    int code = locate(name, out->path, verdict);

    if (code != 0) return code;
    memcpy(out->image, out->path, sizeof out->image);
    out->needs_shell = false;
    out->holds_mete = false;
    out->allocator = NULL;
    for (int depth = 0; depth <= INTERPRETER_DEPTH; depth++) {
        int status = mete__executable_read(out->image, &image);
        /* A program may be executable without being readable; then exec has the last word. */
        if (status == -EACCES) return 0;
        if (status < 0) return mete__program_explain(name, -status, why, why_size);
        out->allocator = image.allocator;
        out->holds_mete = image.holds_mete;
        if (image.kind == METE__EXECUTABLE_TEXT) {
            out->needs_shell = true;
            snprintf(image.interpreter, sizeof image.interpreter, "/bin/sh");
        } else if (image.kind != METE__EXECUTABLE_SCRIPT) {
            return check_image(out->image, &image, verdict);
        }
        code = check_interpreter(out->image, image.interpreter, verdict);
        if (code != 0) return code;
        memcpy(out->image, image.interpreter, sizeof out->image);
    }
    return refuse(verdict, "'%s': its interpreters are scripts of scripts, too deep to start",
                  name);
}
