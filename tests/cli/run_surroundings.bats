#!/usr/bin/env bats
# mete run: wherever it lies, whatever it is started with.

load run_helpers

@test "the_tree_may_be_moved_also_to_a_path_that_ld_preload_cannot_name" {
    for place in moved "a space" "a:colon" '$LIB and $ORIGIN' $'line\nbreak' "ünï"; do
        cp -R "$METE_STAGE" "$place"
        run -0 --separate-stderr "./$place/bin/mete" run --quiet --json a.json sh -c 'x=$(ls); exit 0'
        [ -z "$stderr" ]
        holds '.totals.allocations > 0' a.json
        rm -rf "$place"
    done
}

@test "the_link_for_such_a_path_is_gone_afterwards" {
    cp -R "$METE_STAGE" "a space"
    mkdir tmp
    TMPDIR=$PWD/tmp run -0 --separate-stderr "./a space/bin/mete" run --quiet sh -c 'ls tmp; echo "$LD_PRELOAD"'
    [[ "$output" == *"$PWD/tmp/mete-"*"/libmete_malloc.so" ]]
    [ -z "$(ls tmp)" ]
    TMPDIR=$PWD/tmp run -127 "./a space/bin/mete" run nope
    [ -z "$(ls tmp)" ]
}

@test "the_command_may_be_a_link_to_the_tree" {
    ln -s "$METE_STAGE/bin/mete" m
    run -3 ./m run --quiet sh -c 'exit 3'
    [ -n "$(profiles)" ]
}

@test "what_is_preloaded_already_stays_behind_mete" {
    compile libother.so -shared -fPIC <<'END'
#include <unistd.h>
__attribute__((constructor)) static void say(void) { (void)!write(1, "other\n", 6); }
END
    run --separate-stderr env LD_PRELOAD="$PWD/libother.so" mete run --quiet /bin/echo "hello"
    # Once in mete itself, once in the program.
    [ "$output" = "$(printf 'other\nother\nother\nhello')" ] || [ "$output" = "$(printf 'other\nother\nhello')" ]
    run --separate-stderr env LD_PRELOAD="$PWD/libother.so" mete run --quiet sh -c 'echo $LD_PRELOAD'
    [[ "$output" == *"/libmete_malloc.so:$PWD/libother.so" ]]
}

@test "the_program_inherits_no_descriptor_of_metes" {
    ls -l /proc/self/fd 3>&- 4>&- | sed 's/.* \([0-9]*\) -> /\1 -> /' | grep -- '->' | grep -v /proc >plain
    mete run --quiet ls -l /proc/self/fd 3>&- 4>&- | sed 's/.* \([0-9]*\) -> /\1 -> /' | grep -- '->' | grep -v /proc >measured
    diff <(sed 's/pipe:.*//' plain) <(sed 's/pipe:.*//' measured)
}

@test "closed_standard_streams_stay_closed_and_profiles_whole" {
    compile streams <<'END'
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
int main(int argc, char **argv) {
    int open_streams = 0;
    for (int fd = 0; fd < 3; fd++)
        if (fcntl(fd, F_GETFD) >= 0) open_streams |= 1 << fd;
    void *volatile block = malloc(10); /* volatile: else the pair is optimised away */
    free(block);
    (void)argc, (void)argv;
    return open_streams;
}
END
    run -6 bash -c 'mete run --quiet -o a.mete ./streams <&-'
    run -5 bash -c 'mete run --quiet -o b.mete ./streams >&-'
    run -3 bash -c 'mete run -o c.mete ./streams 2>&-'
    run -0 bash -c 'mete run -o d.mete ./streams <&- >&- 2>&-'
    for profile in [abcd].mete; do
        field "$profile" '.totals.allocations == 1'
    done
    run -125 bash -c 'mete run --quiet --json - ./streams >&-'
}

@test "a_reader_that_goes_away_does_not_end_the_program" {
    mete run -o a.mete --json a.json sh -c 'exit 3' 2> >(exec true) || status=$?
    [ "$status" = 3 ]
}

@test "a_large_environment_is_passed_on" {
    python3 - "$METE_STAGE/bin/mete" <<'END'
import json, os, subprocess, sys
environment = {f"VARIABLE_{i}": "x" * 20 for i in range(20000)}
environment["PATH"] = os.environ["PATH"]
out = subprocess.run([sys.argv[1], "run", "--quiet", "-o", "a.mete", "--json", "a.json",
                      "sh", "-c", "env | grep -c ^VARIABLE; env -i /bin/true"],
                     env=environment, check=True, stdout=subprocess.PIPE)
assert out.stdout == b"20000\n", out
assert json.load(open("a.json"))["totals"]["allocations"] > 0
END
}

@test "an_empty_environment_does_too" {
    run -0 env -i "$METE_STAGE/bin/mete" run --quiet -o a.mete true
    [ -s a.mete ]
}

@test "variables_of_the_users_own_do_not_leak_into_the_run" {
    METE_MODE=nonsense METE_NO_LEAKS=1 METE_QUIET=1 METE_RUN=x \
        run -0 --separate-stderr mete run --json a.json true
    [ -n "$stderr" ]
    holds '.mode == "exact" and .leaks != null' a.json
}

# Mounts a tmpfs of a size on the folder full.
mount_small() {
    [ "$(id -u)" = 0 ] || skip "needs root, to mount"
    mkdir full
    mount -t tmpfs -o "size=$1" none full || skip "cannot mount a tmpfs here"
    mounted=$PWD/full
}

@test "a_full_disk_is_one_line_and_the_program_runs_on" {
    mount_small 16k
    head -c 16k /dev/zero >full/filler || true
    run -3 --separate-stderr mete run -o full/a.mete sh -c 'echo out; exit 3'
    [ "$output" = out ]
    [[ "${stderr_lines[0]}" == "mete: cannot write the profile"*"disk is full"* ]]
    run -125 --separate-stderr mete run --quiet -o full/a.mete --json a.json true
}

@test "a_disk_that_fills_up_drops_records_and_nothing_else" {
    mount_small 256k
    run -0 --separate-stderr mete run --quiet -o full/a.mete --json a.json \
        python3 -c 'import json, email, unittest; print(sum(len(str(i)) for i in range(1000)))'
    [ "$output" = 2890 ]
    holds '.totals.allocations > 1000' a.json
}

@test "limits_on_file_size_and_address_space_are_kept" {
    run -0 --separate-stderr bash -c 'ulimit -f 2000; mete run --quiet -o a.mete --json a.json sh -c "ls >/dev/null; echo fine"'
    [ "$output" = fine ]
    holds '.totals.allocations > 0' a.json
    run -0 --separate-stderr bash -c 'ulimit -v 400000; mete run --quiet -o b.mete --json b.json sh -c "ls >/dev/null; echo fine"'
    [ "$output" = fine ]
    holds '.totals.allocations > 0' b.json
}

@test "a_child_that_may_not_write_runs_on_untracked" {
    share_tree
    mkdir own
    run -0 --separate-stderr mete run -o own/a.mete setpriv --reuid=65534 --clear-groups sh -c 'echo fine; exit 0'
    [ "$output" = fine ]
    [ -s own/a.mete ]
}

linked_program() {
    compile linked -L"$METE_STAGE/lib" -Wl,-rpath,"$METE_STAGE/lib" -Wl,--no-as-needed -lmete_malloc <<'END'
#include <stdlib.h>
#include <unistd.h>
static void *volatile kept;
int main(int argc, char **argv) {
    kept = malloc(123);
    if (argc > 1) execv(argv[1], argv + 1);
    return 0;
}
END
}

@test "a_program_that_is_linked_with_mete_has_one_profile" {
    for flags in "-lmete_malloc" "-lmete" "-l:libmete_malloc.a" "-l:libmete.a"; do
        compile linked -L"$METE_STAGE/lib" -Wl,-rpath,"$METE_STAGE/lib" -Wl,--no-as-needed $flags <<'END'
#include <stdlib.h>
static void *volatile kept;
int main(void) { kept = malloc(123); return 0; }
END
        mete run --quiet -o a.mete --json a.json ./linked
        holds '.totals.live_bytes == 123' a.json
        [ "$(profiles)" = a.mete ]
    done
}

@test "a_linked_program_tracks_only_when_told" {
    linked_program
    ./linked
    METE_NO_LEAKS=1 ./linked
    [ -z "$(profiles)" ]
    METE_MODE=exact ./linked
    [ "$(profiles | sed 's/[0-9][0-9]*/N/')" = mete.linked.N.mete ]
    field mete.linked.*.mete '.totals.live_bytes == 123 and .leaks.reachable.bytes == 123'
    METE_OUTPUT=b.mete METE_NO_LEAKS=1 ./linked
    field b.mete '.leaks == null'
}

@test "a_linked_programs_earlier_profiles_are_kept" {
    linked_program
    METE_OUTPUT=a.mete ./linked
    METE_OUTPUT=a.mete ./linked
    METE_OUTPUT=a.mete ./linked ./linked
    [ "$(profiles | sed 's/\.[0-9]*\./.N./')" = "$(printf 'a.mete\nmete.linked.N.1.mete\nmete.linked.N.1.mete\nmete.linked.N.1.mete')" ]
}

@test "a_wrong_setting_is_one_line_and_the_program_runs_on" {
    linked_program
    METE_MODE=exat run -0 --separate-stderr ./linked
    [ "$stderr" = "mete: METE_MODE=exat: a mode is stats, sampled, exact, check or guard; nothing is tracked" ]
    METE_OUTPUT=/no/such/a.mete run -0 --separate-stderr ./linked
    [[ "$stderr" == "mete: cannot write the profile '/no/such/a.mete': no such directory;"* ]]
    METE_OUTPUT=/no/such/a.mete METE_QUIET=1 run -0 --separate-stderr ./linked
    [ -z "$stderr" ]
    echo precious >text
    METE_OUTPUT=text run -0 --separate-stderr ./linked
    [ "$(cat text)" = precious ]
}

@test "settings_are_ignored_in_a_program_that_gains_privileges" {
    share_tree
    compile linked -static -L"$METE_STAGE/lib" -lmete_malloc <<'END'
#include <stdlib.h>
static void *volatile kept;
int main(void) { kept = malloc(123); return 0; }
END
    chmod 4755 linked
    METE_OUTPUT=$PWD/a.mete run -0 as_nobody ./linked
    [ -z "$(profiles)" ]
    METE_OUTPUT=$PWD/a.mete run -0 ./linked
    [ "$(profiles)" = a.mete ]
}
