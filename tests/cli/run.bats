#!/usr/bin/env bats
# mete run: the program runs as if it had been started without it, and there is a profile at the end.

load run_helpers

@test "the_program_keeps_its_exit_status" {
    run -3 mete run --quiet sh -c 'exit 3'
    run -255 mete run --quiet sh -c 'exit 255'
}

@test "a_signal_gives_128_and_its_number" {
    run -143 mete run --quiet sh -c 'kill -TERM $$'
    run -137 mete run --quiet sh -c 'kill -KILL $$'
    run -134 mete run --quiet sh -c 'kill -ABRT $$'
}

@test "the_program_keeps_its_streams" {
    printf 'a\nb\n' >in
    mete run sh -c 'cat; echo said >&2' <in >out 2>err
    diff in out
    [ "$(head -1 err)" = said ]
    [ "$(wc -l <err)" -gt 1 ]
}

@test "options_end_at_the_programs_name" {
    run --separate-stderr mete run echo --quiet -o x -- --help
    [ "$output" = "--quiet -o x -- --help" ]
    run --separate-stderr mete run -- echo --quiet
    [ "$output" = "--quiet" ]
    [ ! -e x ]
}

@test "the_program_sees_its_own_name_and_arguments" {
    run --separate-stderr mete run --quiet sh -c 'printf "%s|" "$0" "$@"' name 'a b' '' '*'
    [ "$output" = "name|a b||*|" ]
    ln -s "$(command -v sh)" other-name
    run --separate-stderr mete run --quiet ./other-name -c 'tr "\0" "|" </proc/$$/cmdline'
    [[ "$output" == "./other-name|-c|"* ]]
}

@test "the_default_profile_is_named_after_program_and_process" {
    pid=$(mete run --quiet sh -c 'echo $$')
    [ "$(profiles)" = "mete.sh.$pid.mete" ]
}

@test "output_names_the_profile" {
    mkdir folder
    mete run --quiet -o a.mete true
    mete run --quiet -ob.mete true
    mete run --quiet --output=folder/c true
    mete run --quiet --output "$PWD/a name" true
    [ -s a.mete ] && [ -s b.mete ] && [ -s folder/c ] && [ -s "a name" ]
    [ "$(profiles)" = "$(printf 'a.mete\nb.mete')" ]
}

@test "the_profile_stays_in_its_folder_when_the_program_moves" {
    mete run --quiet -o a.mete sh -c 'cd /; exec true'
    [ -s a.mete ]
}

@test "the_profile_is_a_new_private_file_of_the_size_in_use" {
    echo old >a.mete
    ln a.mete linked
    umask 0
    mete run --quiet -o a.mete true
    [ "$(cat linked)" = old ]
    [ "$(stat -c %a a.mete)" = 600 ]
    [ "$(stat -c %s a.mete)" -lt 4000000 ]
    [ "$(head -c 4 a.mete)" = mete ]
}

@test "a_killed_program_leaves_its_profile" {
    run -137 mete run --quiet --json - -o a.mete sh -c 'x=$(seq 1000); kill -KILL $$'
    holds '.program.signal == 9 and .program.exit_status == null and .totals.allocations > 0
           and .leaks == null' <<<"$output"
}

@test "where_no_leak_check_ran_the_report_says_why" {
    run -137 mete run -o a.mete sh -c 'kill -KILL $$'
    [[ "$output" == *"Leaks  not looked for: the program did not end by exit()"* ]]
    run -0 mete run -o a.mete --no-leaks true
    [[ "$output" != *Leaks* ]]
}

# Under a tool that puts its own malloc before mete's, for example.
@test "a_program_that_allocated_nothing_is_not_praised_for_its_frees" {
    compile nothing <<<'int main(void) { return 0; }'
    run -0 mete run ./nothing
    [[ "$output" == *"No leaks, no errors: nothing was allocated."* ]]
}

@test "the_time_of_a_killed_program_ends_with_it" {
    run -137 mete run --quiet --json - sh -c 'sleep 0.5; kill -KILL $$'
    holds '.program.wall_seconds >= 0.5' <<<"$output"
}

@test "quiet_prints_nothing_but_still_writes" {
    run --separate-stderr mete run --quiet -o a.mete --json a.json echo hello
    [ "$output" = hello ]
    [ -z "$stderr" ]
    [ -s a.mete ] && [ -s a.json ]
}

@test "the_json_says_how_the_program_ended" {
    run -5 --separate-stderr mete run --quiet --json a.json sh -c 'exit 5'
    holds '.program.exit_status == 5 and .program.signal == null and .program.wall_seconds > 0
           and .program.argv == ["sh", "-c", "exit 5"] and .mode == "exact"' a.json
    run --separate-stderr mete run --quiet --json - sh -c 'echo $$ >pid'
    [ "$(jq .program.pid <<<"$output")" = "$(cat pid)" ]
}

@test "the_programs_output_comes_before_the_json_on_standard_output" {
    run --separate-stderr mete run --quiet --json - echo first
    [ "${lines[0]}" = first ]
    tail -n +2 <<<"$output" | holds ".totals != null"
}

@test "the_counts_are_those_of_the_program" {
    compile counts <<'END'
#include <stdlib.h>
int main(void) {
    void *volatile kept = malloc(100);
    void *volatile gone = calloc(10, 5);
    gone = realloc(gone, 77);
    free(gone);
    return kept == NULL;
}
END
    mete run --quiet --json a.json ./counts
    holds '.totals | .allocations == 3 and .frees == 2 and .allocated_bytes == 227
           and .freed_bytes == 127 and .live_bytes == 100 and .live_blocks == 1' a.json
}

@test "error_exitcode_wins_over_status_and_signal_where_something_leaked" {
    compile leak <<'END'
#include <signal.h>
#include <stdlib.h>
int main(int argc, char **argv) {
    static void *volatile leaked;
    leaked = malloc(100);
    leaked = NULL;
    if (argc > 1) exit(atoi(argv[1]));
    return 0;
}
END
    run -9 mete run --quiet --error-exitcode=9 ./leak
    run -9 mete run --quiet --error-exitcode=9 ./leak 4
    run -4 mete run --quiet ./leak 4
    run -4 mete run --quiet --no-leaks --error-exitcode=9 ./leak 4
    run -0 mete run --quiet --error-exitcode=9 true
}

@test "error_exitcode_wins_where_memory_was_misused" {
    compile twice <<'END'
#include <stdlib.h>
int main(void) {
    void *volatile block = malloc(10);
    free(block);
    free(block);
}
END
    run -9 mete run --quiet --error-exitcode=9 ./twice
    run -134 mete run --quiet --json a.json ./twice
    holds '.errors[0].kind == "double-free" and .program.signal == 6' a.json
}

@test "no_leaks_skips_the_leak_check" {
    mete run --quiet --no-leaks --json a.json true
    holds '.leaks == null' a.json
    mete run --quiet --json b.json true
    holds '.leaks.definite.bytes == 0' b.json
}

@test "leaving_in_any_way_ends_with_the_leak_check" {
    compile leave -ldl <<'END'
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
static void *volatile leaked;
static void deeper(const char *how, int depth) {
    volatile char frame[1000] = {0};
    if (depth > 0) deeper(how, depth - 1 + frame[0]);
    else if (!strcmp(how, "exit")) exit(0);
    else if (!strcmp(how, "_exit")) _exit(0);
    else if (!strcmp(how, "_Exit")) _Exit(0);
    else if (!strcmp(how, "quick_exit")) quick_exit(0);
}
int main(int argc, char **argv) {
    leaked = malloc(100);
    leaked = NULL;
    if (argc > 1) deeper(argv[1], 50);
    return 0;
}
END
    for how in exit _exit _Exit quick_exit return; do
        mete run --quiet --json a.json ./leave $how
        holds '.leaks.definite == {"bytes": 100, "blocks": 1}' a.json
    done
}

@test "the_check_comes_after_the_last_destructor_of_every_library" {
    compile libkeep.so -shared -fPIC <<'END'
#include <stdlib.h>
static void *kept;
__attribute__((constructor)) static void take(void) { kept = malloc(50); }
__attribute__((destructor)) static void give(void) { free(kept); }
void use(void);
void use(void) {}
END
    compile keep -L. -lkeep -Wl,-rpath,"$PWD" <<'END'
#include <stdlib.h>
void use(void);
static void *kept;
static void late(void) { free(kept); }
int main(void) {
    use();
    kept = malloc(60);
    atexit(late);
    return 0;
}
END
    mete run --quiet --json a.json ./keep
    holds '.totals.live_blocks == 0 and ([.leaks[] | objects | .blocks] | add) == 0' a.json
}

@test "the_text_report_goes_to_standard_error_after_the_program" {
    run --separate-stderr mete run echo hello
    [ "$output" = hello ]
    [ -n "$stderr" ]
}

@test "a_program_that_never_allocates_has_a_profile" {
    compile nothing <<<'int main(void) { return 0; }'
    mete run --quiet --json a.json ./nothing
    holds '.totals.allocations == 0 and .totals.peak_live_bytes == 0' a.json
}

@test "scripts_are_measured_through_their_interpreter" {
    printf '#!/bin/sh\nexit 6\n' >script
    printf 'exit 7\n' >plain
    chmod +x script plain
    run -6 mete run --quiet ./script
    run -7 mete run --quiet ./plain
    [ "$(profiles | grep -c 'mete\.script\.')" = 1 ]
    [ "$(profiles | grep -c 'mete\.plain\.')" = 1 ]
}

@test "generated_suppressions_silence_what_they_were_generated_for" {
    compile leak <<'END'
#include <stdlib.h>
int main(void) {
    static void *volatile leaked;
    leaked = malloc(100);
    leaked = NULL;
    return 0;
}
END
    mete run --gen-suppressions ./leak 2>&1 | sed -n '/^{/,/^}/p' >known
    [ -s known ]
    run -0 mete run --quiet --error-exitcode=9 --suppressions known ./leak
    run -9 mete run --quiet --error-exitcode=9 ./leak
    printf '{\n  name\n' >broken
    run -125 --separate-stderr mete run --suppressions broken ./leak
    [[ "$stderr" == "mete: "*broken* ]]
    run -125 --separate-stderr mete run --suppressions missing ./leak
    [[ "$stderr" == "mete: "*missing* ]]
}

@test "a_sandboxed_program_ends_as_it_would_without_mete" {
    compile sandboxed <<'END'
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
/* What a program and its C library may need that has opened all its files; the rest kills. */
static const int allowed[] = {SYS_exit_group, SYS_write, SYS_brk, SYS_mmap, SYS_munmap, SYS_madvise,
    SYS_mprotect, SYS_mremap, SYS_newfstatat, SYS_fstat, SYS_futex, SYS_rt_sigprocmask, SYS_getrandom};
int main(int argc, char **argv) {
    enum { COUNT = sizeof allowed / sizeof allowed[0] };
    struct sock_filter filter[2 + 2 * COUNT], *next = filter;
    *next++ = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    for (int i = 0; i < COUNT; i++) {
        *next++ = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)allowed[i], 0, 1);
        *next++ = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    }
    *next++ = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
    struct sock_fprog program = {2 + 2 * COUNT, filter};
    void *volatile early = malloc(10);
    free(early);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return 99;
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) return 99;
    void *volatile block = malloc(1000);
    puts(block ? "works" : "no memory");
    (void)argv;
    if (argc > 1) {
        fflush(stdout);
        _exit(3);
    }
    return 3;
}
END
    run ./sandboxed
    [ "$status" = 3 ] || skip "no seccomp here"
    for argument in '' leave; do
        run -3 --separate-stderr mete run --quiet --json a.json ./sandboxed $argument
        [ "$output" = works ]
        holds '.totals.allocations >= 1 and .leaks == null and .program.reached_exit' a.json
    done
}

@test "what_the_c_library_keeps_for_itself_is_no_leak" {
    compile prints <<'END'
#include <stdio.h>
#include <unistd.h>
int main(int argc, char **argv) {
    printf("kept in a buffer");
    (void)argv;
    if (argc > 1) _exit(0);
    return 0;
}
END
    run --separate-stderr mete run --quiet --json a.json ./prints
    [ "$output" = "kept in a buffer" ]
    holds '.totals | .allocations == 1 and .frees == 1' a.json
    # By _exit what was not written out is lost, as it should be.
    run --separate-stderr mete run --quiet --json a.json ./prints leave
    [ -z "$output" ]
    holds '.totals.frees == 0 and .leaks.reachable.blocks == 1' a.json
}
