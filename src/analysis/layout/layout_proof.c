#include "analysis/layout/layout_proof.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define FLAGS_MAX 16

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

const char *mete__layout_proof_compiler(const char *producer) {
    return producer != NULL && strstr(producer, "clang") != NULL ? "clang" : "gcc";
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

/* Whether the compiler takes the source open at `fd`: 1, 0, or a negative errno. */
static int compile(const struct call *call, int fd) {
    const char *argv[FLAGS_MAX + 8] = {call->compiler, "-fsyntax-only", "-w", "-std=gnu11"};
    size_t argc = 4;
    posix_spawn_file_actions_t actions;
    pid_t child;
    int status;

    for (size_t i = 0; i < call->flag_count; i++) argv[argc++] = call->flags[i];
    argv[argc++] = "-xc";
    argv[argc++] = "-";
    if (posix_spawn_file_actions_init(&actions) != 0) return -ENOMEM;
    int error = posix_spawn_file_actions_adddup2(&actions, fd, STDIN_FILENO);
    if (error == 0)
        error = posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    if (error == 0)
        error = posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    if (error == 0)
        error = posix_spawnp(&child, call->compiler, &actions, NULL, (char **)argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (error != 0) return -error;
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR) return -errno;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* Where not all of them hold, the halves are asked about. */
static int prove(const struct call *call, const struct mete__type *const *types, size_t count,
                 enum mete__layout_proof *proofs) {
    int fd = write_source(types, count);
    if (fd < 0) return fd;

    int holds = compile(call, fd);
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
 * everything. */
static bool is_usable(const struct call *call, int machine) {
    static const struct mete__type nothing = {.size = 0, .align = 1};
    const struct mete__type *const types[] = {&nothing};
    enum mete__layout_proof proof;
    bool is_host = machine == HOST_MACHINE || (machine == EM_386 && HOST_MACHINE == EM_X86_64);

    return is_host && prove(call, types, 1, &proof) == 0 && proof == METE__LAYOUT_PROOF_HOLDS;
}

int mete__layout_proof_find(const struct mete__type *const *types, size_t count,
                            const char *producer, int machine, enum mete__layout_proof *proofs) {
    struct call call = {.compiler = mete__layout_proof_compiler(producer)};

    for (size_t i = 0; i < count; i++) proofs[i] = METE__LAYOUT_PROOF_NONE;
    add_flags(&call, producer);
    if (machine == EM_386 && HOST_MACHINE == EM_X86_64 &&
        (call.flag_count == 0 || strcmp(call.flags[0], "-m32") != 0))
        call.flags[call.flag_count++] = "-m32"; /* of a compiler that writes no flags down */
    if (count == 0 || !is_usable(&call, machine)) return 0;
    return prove(&call, types, count, proofs);
}
