#!/usr/bin/env bats
# mete run: children are followed, each into a profile of its own; FILE is the first process's.

load run_helpers

@test "every_child_has_a_profile_named_after_its_program_and_process" {
    mete run --quiet -o a.mete sh -c 'ls >/dev/null & echo $! >ls.pid; wait; date >/dev/null; true'
    [ -s "mete.ls.$(cat ls.pid).mete" ]
    [ "$(profiles | grep -c '^mete\.date\.')" = 1 ]
    [ -s a.mete ]
}

@test "children_are_listed_at_the_end" {
    run --separate-stderr mete run -o a.mete sh -c 'ls >/dev/null; true'
    [[ "$stderr" == *"mete.ls."* ]]
}

@test "a_forked_child_goes_on_with_its_parents_counts" {
    compile forks <<'END'
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
static void *volatile kept[3];
int main(void) {
    kept[0] = malloc(100);
    if (fork() == 0) {
        kept[1] = malloc(10);
        exit(0);
    }
    wait(NULL);
    kept[2] = malloc(1);
    return 0;
}
END
    mete run --quiet --json a.json -o a.mete ./forks
    holds '.totals.allocations == 2 and .totals.live_bytes == 101' a.json
    child=$(profiles | grep '^mete\.forks\.')
    [ "$(field "$child" '[.totals.allocations, .totals.live_bytes] | @csv')" = "2,110" ]
}

@test "a_child_that_leaves_by__exit_is_checked_for_leaks" {
    compile leaves <<'END'
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
static void *volatile leaked;
int main(void) {
    if (fork() == 0) {
        leaked = malloc(33);
        leaked = NULL;
        _exit(0);
    }
    wait(NULL);
    return 0;
}
END
    mete run --quiet --json a.json -o a.mete ./leaves
    holds '.leaks.definite.bytes == 0' a.json
    [ "$(field "$(profiles | grep '^mete\.leaves\.')" .leaks.definite.bytes)" = 33 ]
}

@test "file_follows_the_first_process_through_exec" {
    mete run --quiet --json a.json -o a.mete sh -c 'echo $$ >pid; exec env NAME=value ls /' >out
    pid=$(cat pid)
    holds --argjson pid "$pid" '.program.pid == $pid and .program.argv == ["ls", "/"]' a.json
    [ "$(profiles)" = "$(printf '%s\n' a.mete "mete.env.$pid.1.mete" "mete.sh.$pid.1.mete" | sort)" ]
}

@test "the_default_file_follows_too_and_earlier_images_are_numbered" {
    mete run --quiet sh -c 'echo $$ >pid; exec sh -c "exec sh -c true"'
    pid=$(cat pid)
    [ "$(profiles)" = "$(printf '%s\n' "mete.sh.$pid".{1.,2.,}mete | sort)" ]
    [ "$(field "mete.sh.$pid.1.mete" '.program.argv[2]')" = 'echo $$ >pid; exec sh -c "exec sh -c true"' ]
    [ "$(stat -c %s "mete.sh.$pid.1.mete")" -lt 4000000 ]
}

@test "a_childs_exec_keeps_its_earlier_profile_too" {
    mete run --quiet -o a.mete sh -c 'sh -c "echo \$\$ >pid; exec sh -c :"; true'
    pid=$(cat pid)
    [ -s "mete.sh.$pid.mete" ] && [ -s "mete.sh.$pid.1.mete" ]
}

@test "no_children_leaves_children_alone" {
    mete run --quiet --no-children -o a.mete \
        sh -c 'env | grep -e METE -e LD_PRELOAD; grep -c mete_malloc /proc/self/maps; (x=$(ls)); true' >out
    [ "$(cat out)" = 0 ]
    [ "$(profiles)" = a.mete ]
}

@test "no_children_takes_only_metes_own_variables" {
    METE_ORITE=1 METE_OUTPUTS=2 mete run --quiet --no-children -o a.mete sh -c 'env | grep ^METE' >out
    [ "$(sort out)" = "$(printf 'METE_ORITE=1\nMETE_OUTPUTS=2')" ]
}

@test "no_children_keeps_what_else_is_preloaded" {
    compile libother.so -shared -fPIC <<<'int other;'
    LD_PRELOAD=$PWD/libother.so mete run --quiet --no-children -o a.mete sh -c 'echo $LD_PRELOAD' >out
    [ "$(cat out)" = "$PWD/libother.so" ]
}

@test "no_children_still_follows_the_first_process_through_exec" {
    mete run --quiet --no-children --json a.json -o a.mete sh -c 'ls >/dev/null; exec ls -d /' >out
    holds '.program.argv == ["ls", "-d", "/"]' a.json
    [ "$(profiles | sed 's/[0-9][0-9]*/N/g')" = "$(printf 'a.mete\nmete.sh.N.N.mete')" ]
}

@test "children_with_an_environment_of_their_own_are_followed" {
    compile clears <<'END'
#define _GNU_SOURCE
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
static char *none[] = {NULL}, *argv[] = {(char *)"true", NULL};
int main(int argc, char **arguments) {
    const char *how = arguments[argc - 1], *path = "/bin/true";
    if (!strcmp(how, "posix_spawn")) posix_spawn(NULL, path, NULL, NULL, argv, none);
    if (!strcmp(how, "posix_spawnp")) posix_spawnp(NULL, path, NULL, NULL, argv, none);
    if (!strcmp(how, "vfork")) {
        if (vfork() == 0) {
            execve(path, argv, none);
            _exit(1);
        }
    }
    if (how[0] == 'e' || how[0] == 'f') {
        if (fork() == 0) {
            if (!strcmp(how, "execve")) execve(path, argv, none);
            if (!strcmp(how, "execle")) execle(path, "true", NULL, none);
            if (!strcmp(how, "execvpe")) execvpe("true", argv, none);
            if (!strcmp(how, "fexecve")) fexecve(open(path, O_RDONLY | O_CLOEXEC), argv, none);
            if (!strcmp(how, "execveat")) execveat(AT_FDCWD, path, argv, none, 0);
            clearenv();
            if (!strcmp(how, "execv")) execv(path, argv);
            if (!strcmp(how, "execvp")) execvp("true", argv);
            if (!strcmp(how, "execl")) execl(path, "true", NULL);
            if (!strcmp(how, "execlp")) execlp("true", "true", NULL);
            _exit(1);
        }
    }
    int status = 1;
    wait(&status);
    return status != 0;
}
END
    for how in posix_spawn posix_spawnp vfork execve execle execvpe fexecve execveat execv execvp \
        execl execlp; do
        run -0 mete run --quiet -o a.mete ./clears $how
        [ "$(profiles | grep -c '^mete\.true\.\|^mete\.[0-9]')" = 1 ] || { echo "$how"; profiles; false; }
        rm -f mete.*
    done
}

@test "what_a_program_preloads_into_its_child_comes_behind_mete" {
    compile libother.so -shared -fPIC <<'END'
#include <unistd.h>
__attribute__((constructor)) static void say(void) { (void)!write(1, "other\n", 6); }
END
    run --separate-stderr mete run --quiet -o a.mete env -i LD_PRELOAD="$PWD/libother.so" /bin/true
    [ "$output" = other ]
    [ "$(field a.mete '.program.argv[0]')" = /bin/true ]
}

@test "a_vfork_childs_end_is_not_its_parents" {
    compile vforks <<'END'
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
static void *volatile kept[2];
int main(void) {
    kept[0] = malloc(10);
    if (vfork() == 0) _exit(0);
    wait(NULL);
    kept[1] = malloc(20);
    return 0;
}
END
    mete run --quiet --json a.json -o a.mete ./vforks
    holds '.totals.live_bytes == 30 and .leaks.reachable.bytes == 30' a.json
    [ "$(profiles)" = a.mete ]
}

@test "a_daemon_is_followed" {
    compile daemon <<'END'
#define _GNU_SOURCE
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
static void *volatile kept;
int main(int argc, char **argv) {
    if (fork() != 0) return 0;
    setsid();
    if (fork() != 0) _exit(0);
    for (int fd = 0; fd < 100; fd++)
        if (fd != 9) close(fd);
    if (chdir("/") != 0) return 1;
    umask(0);
    kept = malloc(12345);
    (void)argc, (void)argv;
    return 0; /* closes 9, which tells the test */
}
END
    mkfifo done
    mete run --quiet -o a.mete ./daemon 9>done &
    cat done
    wait
    # The daemon's end comes a little after its descriptors are closed: wait for the file to say so.
    for _ in {1..500}; do
        for profile in $(profiles); do
            if field "$profile" '.totals.live_bytes >= 12345 and .leaks != null'; then return 0; fi
        done
    done
    false
}

@test "a_run_inside_a_run_keeps_them_apart" {
    mete run --quiet -o outer.mete mete run --quiet -o inner.mete sh -c 'ls >/dev/null; true'
    [ "$(field outer.mete '.program.argv[0]')" = mete ]
    [ "$(field inner.mete '.program.argv[0]')" = sh ]
    [ "$(profiles | grep -c '^mete\.ls\.')" = 1 ]
}

@test "make_like_trees_of_processes_are_whole" {
    mete run --quiet -o a.mete sh -c 'for i in 1 2 3 4; do (sh -c "sh -c :; true"; true) & done; wait'
    for profile in $(profiles); do field "$profile" .totals.allocations >/dev/null; done
    [ "$(profiles | wc -l)" -ge 9 ]
}
