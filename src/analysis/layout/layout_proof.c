#include "analysis/layout/layout_proof.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define FLAGS_MAX 16

/* What a compiler may take, and more for each type; one that hangs is ended then. */
#define SECONDS_MAX      20
#define TYPES_PER_SECOND 100

#if defined __x86_64__
#define HOST_MACHINE EM_X86_64
#elif defined __aarch64__
#define HOST_MACHINE EM_AARCH64
#elif defined __i386__
#define HOST_MACHINE EM_386
#elif defined __riscv
#define HOST_MACHINE EM_RISCV
#else
#define HOST_MACHINE EM_NONE
#endif

/* How to call the compiler. */
struct call {
    const char *compiler;
    const char *flags[FLAGS_MAX];
    size_t flag_count;
};

/* --- Which compiler --- */

#define CROSS(machine, triplet) \
    { machine, triplet "-gcc", "--target=" triplet }

/* What compilers for other machines are called in Debian. */
static const struct cross {
    int machine;
    const char *gcc, *clang_flag;
} crosses[] = {
    CROSS(EM_X86_64, "x86_64-linux-gnu"),         CROSS(EM_386, "i686-linux-gnu"),
    CROSS(EM_AARCH64, "aarch64-linux-gnu"),       CROSS(EM_ARM, "arm-linux-gnueabihf"),
    CROSS(EM_ARM, "arm-linux-gnueabi"),           CROSS(EM_S390, "s390x-linux-gnu"),
    CROSS(EM_PPC64, "powerpc64le-linux-gnu"),     CROSS(EM_PPC64, "powerpc64-linux-gnu"),
    CROSS(EM_PPC, "powerpc-linux-gnu"),           CROSS(EM_RISCV, "riscv64-linux-gnu"),
    CROSS(EM_SPARCV9, "sparc64-linux-gnu"),       CROSS(EM_68K, "m68k-linux-gnu"),
    CROSS(EM_MIPS, "mips64el-linux-gnuabi64"),    CROSS(EM_MIPS, "mipsel-linux-gnu"),
    CROSS(EM_LOONGARCH, "loongarch64-linux-gnu"),
};

static bool is_by_clang(const char *producer) {
    return producer != NULL && strstr(producer, "clang") != NULL;
}

static bool is_host(int machine) {
    return machine == HOST_MACHINE || (machine == EM_386 && HOST_MACHINE == EM_X86_64);
}

/* Those that change how structs are laid out; none of them makes a compiler read or write files. */
static void add_flags(struct call *call, const char *producer) {
    static const char *const known[] = {"-m32", "-mx32", "-fshort-enums", "-fshort-wchar",
                                        "-mms-bitfields"};

    for (size_t i = 0; i < sizeof known / sizeof known[0] && producer != NULL; i++) {
        const char *found = strstr(producer, known[i]);
        size_t length = strlen(known[i]);
        if (found != NULL && (found[length] == ' ' || found[length] == '\0'))
            call->flags[call->flag_count++] = known[i];
    }
}

/* --- The source --- */

static const char *integer_of(uint64_t size) {
    switch (size) {
    case 1: return "unsigned char";
    case 2: return "unsigned short";
    case 4: return "unsigned int";
    case 8: return "unsigned long long";
    default: return "unsigned __int128";
    }
}

static void write_type(FILE *out, const struct mete__type *type, size_t number) {
    fprintf(out, "struct s%zu {\n", number);
    for (uint32_t i = 0; i < type->member_count; i++) {
        const struct mete__member *member = &type->members[i];
        if (member->bit_size != 0)
            fprintf(out, "%s m%u : %u;\n", integer_of(member->size), i, member->bit_size);
        else if (member->size == 0)
            fprintf(out, "_Alignas(%u) char m%u[];\n", member->align, i);
        else
            fprintf(out, "_Alignas(%u) char m%u[%lluu];\n", member->align, i,
                    (unsigned long long)member->size);
    }
    fprintf(out, "} __attribute__((aligned(%u)));\n", type->align);
    fprintf(out, "_Static_assert(sizeof(struct s%zu) == %lluu, \"size\");\n", number,
            (unsigned long long)type->size);
    for (uint32_t i = 0; i < type->member_count; i++) {
        const struct mete__member *member = &type->members[i];
        if (member->bit_size == 0)
            fprintf(out, "_Static_assert(__builtin_offsetof(struct s%zu, m%u) == %lluu, \"m\");\n",
                    number, i, (unsigned long long)member->offset);
    }
}

/* A file in memory with the source, to be read from its start; or a negative errno. */
static int write_source(const struct mete__type *const *types, size_t count) {
    int fd = memfd_create("layout.c", MFD_CLOEXEC);
    if (fd < 0) return -errno;

    int copy = dup(fd);
    FILE *out = copy < 0 ? NULL : fdopen(copy, "w");
    if (out == NULL) {
        int error = errno;
        if (copy >= 0) close(copy);
        close(fd);
        return -error;
    }
    for (size_t i = 0; i < count; i++) write_type(out, types[i], i);
    bool failed = ferror(out) != 0;
    failed = fclose(out) != 0 || failed;
    if (!failed && lseek(fd, 0, SEEK_SET) == 0) return fd;
    close(fd);
    return -EIO;
}

/* --- The compiler --- */

/* Whether it says yes: 1, 0, or a negative errno: -ETIMEDOUT where it said nothing in time and was
 * ended, with all that it had started. */
static int await(pid_t child, int seconds) {
    int fd = pidfd_open(child, 0), ready = 1, status;

    if (fd >= 0) {
        struct pollfd end = {.fd = fd, .events = POLLIN};
        while ((ready = poll(&end, 1, seconds * 1000)) < 0 && errno == EINTR) {
        }
        close(fd);
    }
    if (ready == 0) kill(-child, SIGKILL);
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR) return -errno;
    if (ready == 0) return -ETIMEDOUT;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* In a process group of its own. The child, or a negative errno. */
static pid_t spawn(const char *const *argv, int fd) {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    pid_t child;

    if (posix_spawn_file_actions_init(&actions) != 0) return -ENOMEM;
    int error = posix_spawnattr_init(&attributes);
    if (error != 0) goto fail_attributes;
    error = posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
    if (error == 0) error = posix_spawn_file_actions_adddup2(&actions, fd, STDIN_FILENO);
    if (error == 0)
        error = posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    if (error == 0)
        error = posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    if (error == 0)
        error = posix_spawnp(&child, argv[0], &actions, &attributes, (char **)argv, environ);
    posix_spawnattr_destroy(&attributes);
fail_attributes:
    posix_spawn_file_actions_destroy(&actions);
    return error == 0 ? child : -error;
}

/* Whether the compiler takes the source open at `fd`: 1, 0, or a negative errno. */
static int compile(const struct call *call, int fd, int seconds) {
    const char *argv[FLAGS_MAX + 8] = {call->compiler, "-fsyntax-only", "-w", "-std=gnu11"};
    size_t argc = 4;

    for (size_t i = 0; i < call->flag_count; i++) argv[argc++] = call->flags[i];
    argv[argc++] = "-xc";
    argv[argc++] = "-";
    pid_t child = spawn(argv, fd);
    return child < 0 ? child : await(child, seconds);
}

/* Where not all of them hold, the halves are asked about. */
static int prove(const struct call *call, const struct mete__type *const *types, size_t count,
                 enum mete__layout_proof *proofs) {
    int fd = write_source(types, count);
    if (fd < 0) return fd;

    int holds = compile(call, fd, SECONDS_MAX + (int)(count / TYPES_PER_SECOND));
    close(fd);
    if (holds < 0) return holds;
    if (holds > 0 || count == 1) {
        for (size_t i = 0; i < count; i++)
            proofs[i] = holds ? METE__LAYOUT_PROOF_HOLDS : METE__LAYOUT_PROOF_FAILED;
        return 0;
    }
    int status = prove(call, types, count / 2, proofs);
    if (status != 0) return status;
    return prove(call, types + count / 2, count - count / 2, proofs + count / 2);
}

/* Whether the compiler makes code for the machine at all, with these flags: else it would say no to
 * everything. 1, 0, or a negative errno where there is none, or it does not answer. */
static int is_usable(const struct call *call) {
    static const struct mete__type nothing = {.size = 0, .align = 1};
    const struct mete__type *const types[] = {&nothing};
    enum mete__layout_proof proof;
    int status = prove(call, types, 1, &proof);

    return status < 0 ? status : proof == METE__LAYOUT_PROOF_HOLDS;
}

/* The one for the machine that is here. */
static int find_compiler(struct call *call, bool is_clang, int machine) {
    if (is_host(machine)) {
        call->compiler = is_clang ? "clang" : "gcc";
        return is_usable(call);
    }
    for (size_t i = 0; i < sizeof crosses / sizeof crosses[0]; i++) {
        struct call cross = *call;
        if (crosses[i].machine != machine) continue;
        cross.compiler = is_clang ? "clang" : crosses[i].gcc;
        if (is_clang) cross.flags[cross.flag_count++] = crosses[i].clang_flag;
        int usable = is_usable(&cross);
        *call = cross;
        if (usable == 1 || usable == -ETIMEDOUT) return usable;
    }
    return 0;
}

int mete__layout_proof_find(const struct mete__type *const *types, size_t count,
                            const char *producer, int machine, enum mete__layout_proof *proofs,
                            const char **compiler) {
    struct call call = {.compiler = NULL};

    *compiler = NULL;
    for (size_t i = 0; i < count; i++) proofs[i] = METE__LAYOUT_PROOF_NONE;
    if (count == 0) return 0;
    add_flags(&call, producer);
    if (machine == EM_386 && HOST_MACHINE == EM_X86_64 &&
        (call.flag_count == 0 || strcmp(call.flags[0], "-m32") != 0))
        call.flags[call.flag_count++] = "-m32"; /* of a compiler that writes no flags down */
    int status = find_compiler(&call, is_by_clang(producer), machine);
    *compiler = call.compiler;
    if (status == 1) status = prove(&call, types, count, proofs);
    return status == -ETIMEDOUT ? -ETIMEDOUT : 0;
}
