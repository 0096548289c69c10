#!/usr/bin/env bats
# The modes of mete run beside exact: statistics, which cost nothing, and samples.

setup() {
    cd "$BATS_TEST_TMPDIR" || exit 1
    mete=$METE_STAGE/bin/mete
    cat >work.c <<'END'
#include <stdlib.h>
int main(void) {
    for (int i = 0; i < 200000; i++) {
        void *volatile block = malloc(48);
        free(block);
    }
    for (int i = 0; i < 1000; i++) {
        void *volatile kept = malloc(4096);
        (void)kept;
    }
    return 0;
}
END
    cc -O1 -g -o work work.c
}

total() { python3 -c "import json; print(json.load(open('$1'))['totals']['$2'])"; }

@test "statistics count every call that exact mode counts" {
    "$mete" run --quiet --mode=stats --json stats.json ./work
    "$mete" run --quiet --mode=exact --json exact.json ./work
    [ "$(total stats.json allocations)" = "$(total exact.json allocations)" ]
    [ "$(total stats.json frees)" = "$(total exact.json frees)" ]
    [ "$(total stats.json live_bytes)" -ge 4096000 ]
    python3 -c "import json; d = json.load(open('stats.json')); assert d['mode'] == 'stats' and d['leaks'] is None and d['sites'] == []"
}

@test "samples estimate the bytes and name the places" {
    "$mete" run --quiet --mode=sampled --sample=16K --json sampled.json ./work
    python3 - <<'END'
import json
d = json.load(open('sampled.json'))
truth = 200000 * 48 + 1000 * 4096
assert d['mode'] == 'sampled' and d['leaks'] is None
# Some 840 samples: five standard deviations are 17 %.
assert abs(d['totals']['allocated_bytes'] / truth - 1) < 0.2, d['totals']
lines = {site['stack'][0]['line'] for site in d['sites'] if site['stack'][0]['function'] == 'main'}
assert lines == {4, 8}, lines
END
}

@test "a distance of samples that is no number of bytes is refused" {
    run "$mete" run --sample=often ./work
    [ "$status" -eq 2 ]
    [[ $output == *"--sample"* ]]
}

@test "a program that is killed leaves the statistics of a moment before" {
    cat >killed.c <<'END'
#include <signal.h>
#include <stdlib.h>
#include <time.h>
static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}
int main(void) {
    for (int i = 0; i < 50000; i++) {
        void *volatile kept = malloc(200);
        (void)kept;
    }
    for (double start = now(); now() - start < 0.3;) {
        void *volatile block = malloc(3000);
        free(block);
    }
    raise(SIGKILL);
}
END
    cc -O1 -o killed killed.c
    run "$mete" run --quiet --mode=stats --json killed.json ./killed
    [ "$status" -eq 137 ]
    [ "$(total killed.json allocations)" -gt 50000 ]
    [ "$(total killed.json live_bytes)" -ge 10000000 ]
    [ "$(total killed.json live_bytes)" -lt 12000000 ]
}

@test "in statistics a child counts its own, and says what it inherited" {
    cat >forking.c <<'END'
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
int main(void) {
    for (int i = 0; i < 30000; i++) {
        void *volatile kept = malloc(100);
        (void)kept;
    }
    if (fork() == 0) {
        for (int i = 0; i < 20000; i++) {
            void *volatile kept = malloc(100);
            (void)kept;
        }
        exit(0);
    }
    wait(NULL);
}
END
    cc -O1 -o forking forking.c
    "$mete" run --quiet --mode=stats -o p.mete ./forking
    rm p.mete
    "$mete" report --json child.json mete.forking.*.mete
    jq -e '([.. | .inherited_allocations? // empty] | first) as $before
        | (.totals.allocations - $before) as $own | $own > 19000 and $own <= 20000' child.json
}
