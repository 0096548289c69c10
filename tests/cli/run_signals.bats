#!/usr/bin/env bats
# mete run: signals reach the program as if mete were not there, and the terminal's job is one job.

load run_helpers

# start COMMAND…: runs it in the background, until it has written "ready" to the fifo; $mete is mete's id.
# A background job of a script ignores INT and QUIT, so both are given back first.
start() {
    mkfifo ready
    python3 -c '
import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
signal.signal(signal.SIGQUIT, signal.SIG_DFL)
os.execvp(sys.argv[1], sys.argv[1:])' "$@" >out 2>err 3>&- &
    mete=$!
    read -r program <ready
}

# Writes the number of each signal it gets to standard output; ends with 7 on USR2.
signals_program() {
    compile listens <<'END'
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
int main(void) {
    static const int all[] = {SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGINT, SIGQUIT};
    sigset_t set;
    sigemptyset(&set);
    for (int i = 0; i < 6; i++) sigaddset(&set, all[i]);
    sigprocmask(SIG_BLOCK, &set, NULL);
    FILE *ready = fopen("ready", "w");
    fprintf(ready, "%d\n", (int)getpid());
    fclose(ready);
    for (int number = 0; number != SIGUSR2;) {
        sigwait(&set, &number);
        printf("%d\n", number);
        fflush(stdout);
    }
    return 7;
}
END
}

@test "term_hup_usr1_usr2_are_passed_on" {
    signals_program
    for number in 15 1 10; do
        start mete run --quiet -o a.mete ./listens
        kill -$number "$mete"
        # Two standard signals have no order: the second is sent when the first has arrived.
        while ! grep -qx $number out; do :; done
        kill -USR2 "$mete"
        ended 7
        [ "$(cat out)" = "$(printf '%s\n12' $number)" ]
        rm ready
    done
}

@test "int_and_quit_are_left_to_the_program" {
    signals_program
    start mete run --quiet -o a.mete ./listens
    kill -INT "$mete"
    kill -QUIT "$mete"
    kill -USR2 "$mete"
    ended 7
    [ "$(cat out)" = 12 ]
}

@test "what_the_terminal_sends_to_the_job_reaches_the_program_once_and_leaves_the_report" {
    signals_program
    start setsid mete run -o a.mete --json a.json ./listens
    kill -INT -- "-$mete"
    while ! grep -qx 2 out; do :; done
    kill -USR2 "$program"
    ended 7
    [ "$(cat out)" = "$(printf '2\n12')" ]
    [ -s err ]
    holds '.program.exit_status == 7' a.json
}

@test "a_program_that_dies_of_what_is_passed_on_still_gets_its_report" {
    mkfifo ready
    mete run -o a.mete --json a.json sh -c 'echo $$ >ready; while :; do :; done' 2>err &
    mete=$!
    read -r _ <ready
    kill -TERM "$mete"
    ended 143
    holds '.program.signal == 15' a.json
    [ -s err ]
}

@test "the_program_finds_signals_as_they_were" {
    shows='grep -E "^Sig(Blk|Ign|Cgt)" /proc/self/status'
    bash -c "$shows" >plain
    mete run --quiet bash -c "$shows" >measured
    diff plain measured
    python3 - "$METE_STAGE/bin/mete" <<'END'
import signal, subprocess, sys
show = ["grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status"]
def odd():
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1, signal.SIGCHLD, signal.SIGTERM})
plain = subprocess.run(show, preexec_fn=odd, stdout=subprocess.PIPE)
measured = subprocess.run([sys.argv[1], "run", "--quiet", *show], preexec_fn=odd, stdout=subprocess.PIPE)
assert measured.returncode == 0, measured
assert measured.stdout == plain.stdout, (plain.stdout, measured.stdout)
END
}

@test "a_hangup_that_is_ignored_stays_ignored" {
    signals_program
    mkfifo ready
    nohup mete run --quiet -o a.mete ./listens >out 2>err 3>&- &
    mete=$!
    read -r _ <ready
    kill -HUP "$mete"
    kill -USR2 "$mete"
    ended 7
    [ "$(cat out)" = 12 ]
}

@test "a_stopped_program_is_waited_for" {
    signals_program
    start mete run --quiet -o a.mete ./listens
    kill -STOP "$program"
    while ! grep -q '^State:.T' "/proc/$program/status"; do :; done
    kill -0 "$mete"
    kill -USR2 "$program"
    kill -CONT "$program"
    ended 7
}

@test "program_and_mete_are_one_job_of_the_terminal" {
    python3 - "$METE_STAGE/bin/mete" <<'END'
import os, pty, sys
# A shell's view: the job's group is in the foreground, reads from the terminal, and ^C ends it.
program = """
import os, signal
assert os.getpgrp() == os.tcgetpgrp(0) == os.getpgid(os.getppid())
print("ready", flush=True)
line = input()
try:
    print("got " + line, flush=True)
    signal.pause()
except KeyboardInterrupt:
    print("interrupted", flush=True)
    raise SystemExit(9)
"""
pid, terminal = pty.fork()
if pid == 0:
    os.execv(sys.argv[1], [sys.argv[1], "run", "-o", "a.mete", "--json", "a.json", sys.executable, "-c", program])
seen = b""
def expect(text):
    global seen
    while text not in seen:
        seen += os.read(terminal, 4096)
expect(b"ready")
os.write(terminal, b"word\n")
expect(b"got word")
os.write(terminal, b"\x03")
expect(b"interrupted")
try:
    while True:
        data = os.read(terminal, 4096)
        if not data: break
        seen += data
except OSError:
    pass
status = os.waitpid(pid, 0)[1]
assert os.WIFEXITED(status) and os.WEXITSTATUS(status) == 9, status
assert seen.count(b"interrupted") == 1
END
    holds '.program.exit_status == 9' a.json
}
