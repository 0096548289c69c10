/*
 * shim/process_exec.c - exec and posix_spawn, which take mete along (shim/inherit.h).
 *
 * Only libmete_malloc.so has this file. Each of the C library's functions is here because they call
 * each other from within. In a vfork child, or in a forked one of a program with threads, nothing
 * may be allocated and no lock taken: the environment is made on the stack, and the C library's own
 * functions are looked up beforehand.
 */
#include <alloca.h>
#include <dlfcn.h>
#include <errno.h>
#include <spawn.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include "base/compiler.h"
#include "shim/inherit.h"

/* A larger environment is passed on as it is: stacks may be small. */
#define ROOM_MAX (256 * 1024)

static struct {
    int (*execve)(const char *, char *const[], char *const[]);
    int (*execvpe)(const char *, char *const[], char *const[]);
    int (*fexecve)(int, char *const[], char *const[]);
    int (*execveat)(int, const char *, char *const[], char *const[], int);
    int (*posix_spawn)(pid_t *, const char *, const posix_spawn_file_actions_t *,
                       const posix_spawnattr_t *, char *const[], char *const[]);
    int (*posix_spawnp)(pid_t *, const char *, const posix_spawn_file_actions_t *,
                        const posix_spawnattr_t *, char *const[], char *const[]);
} next;

/* Called again by whoever comes before the constructor. */
__attribute__((constructor)) static void look_up(void) {
#define LOOK_UP(name) *(void **)&next.name = dlsym(RTLD_NEXT, #name)
    LOOK_UP(execvpe);
    LOOK_UP(fexecve);
    LOOK_UP(execveat);
    LOOK_UP(posix_spawn);
    LOOK_UP(posix_spawnp);
    LOOK_UP(execve);
#undef LOOK_UP
}

/* `variables` with what is missing, in the caller's own stack frame. */
#define EXTENDED(variables, is_exec)                                                  \
    __extension__({                                                                   \
        size_t room = mete__inherit_room(variables, is_exec);                         \
        room == 0 || room > ROOM_MAX ? (char **)(variables)                           \
                                     : mete__inherit_extend(variables, alloca(room)); \
    })

static int missing(void) {
    errno = ENOSYS;
    return -1;
}

METE_EXPORT int execve(const char *path, char *const argv[], char *const variables[]) {
    if (next.execve == NULL) look_up();
    if (next.execve == NULL) return missing();
    return next.execve(path, argv, EXTENDED(variables, true));
}

METE_EXPORT int execv(const char *path, char *const argv[]) {
    return execve(path, argv, environ);
}

METE_EXPORT int execvpe(const char *file, char *const argv[], char *const variables[]) {
    if (next.execvpe == NULL) look_up();
    if (next.execvpe == NULL) return missing();
    return next.execvpe(file, argv, EXTENDED(variables, true));
}

METE_EXPORT int execvp(const char *file, char *const argv[]) {
    return execvpe(file, argv, environ);
}

METE_EXPORT int fexecve(int fd, char *const argv[], char *const variables[]) {
    if (next.fexecve == NULL) look_up();
    if (next.fexecve == NULL) return missing();
    return next.fexecve(fd, argv, EXTENDED(variables, true));
}

METE_EXPORT int execveat(int folder, const char *path, char *const argv[], char *const variables[],
                         int flags) {
    if (next.execveat == NULL) look_up();
    if (next.execveat == NULL) return missing();
    return next.execveat(folder, path, argv, EXTENDED(variables, true), flags);
}

METE_EXPORT int posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
                            const posix_spawnattr_t *attributes, char *const argv[],
                            char *const variables[]) {
    if (next.posix_spawn == NULL) look_up();
    if (next.posix_spawn == NULL) return ENOSYS;
    return next.posix_spawn(pid, path, actions, attributes, argv, EXTENDED(variables, false));
}

METE_EXPORT int posix_spawnp(pid_t *pid, const char *file,
                             const posix_spawn_file_actions_t *actions,
                             const posix_spawnattr_t *attributes, char *const argv[],
                             char *const variables[]) {
    if (next.posix_spawnp == NULL) look_up();
    if (next.posix_spawnp == NULL) return ENOSYS;
    return next.posix_spawnp(pid, file, actions, attributes, argv, EXTENDED(variables, false));
}

/* ---- arguments one by one ---- */

/* How many arguments there are, the NULL that ends them not counted. */
static size_t count_arguments(const char *first, va_list arguments) {
    size_t count = 0;
    for (const char *argument = first; argument != NULL; count++)
        argument = va_arg(arguments, const char *);
    return count;
}

/* NOLINTBEGIN(bugprone-macro-parentheses): the arguments are names. */
/* Declares argv, an array on the stack with the arguments from `first` to the NULL; what `rest`
 * gives next is what follows that. */
#define COLLECT(argv, first, rest)                             \
    va_list rest;                                              \
    va_start(rest, first);                                     \
    size_t argument_count = count_arguments(first, rest);      \
    va_end(rest);                                              \
    char **argv = alloca((argument_count + 1) * sizeof *argv); \
    va_start(rest, first);                                     \
    argv[0] = (char *)(uintptr_t)(first);                      \
    for (size_t i = 1; i <= argument_count; i++) argv[i] = va_arg(rest, char *)
/* NOLINTEND(bugprone-macro-parentheses) */

METE_EXPORT int execl(const char *path, const char *first, ...) {
    COLLECT(argv, first, rest);
    va_end(rest);
    return execve(path, argv, environ);
}

METE_EXPORT int execlp(const char *file, const char *first, ...) {
    COLLECT(argv, first, rest);
    va_end(rest);
    return execvpe(file, argv, environ);
}

METE_EXPORT int execle(const char *path, const char *first, ...) {
    COLLECT(argv, first, rest);
    char *const *variables = va_arg(rest, char *const *);
    va_end(rest);
    return execve(path, argv, variables);
}
